"""Nearest neighbours of products: the kinds of look-up, the vectors they search, and their indexes."""
