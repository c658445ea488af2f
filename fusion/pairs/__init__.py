"""Pairs of products: their features, the probability that the two are variants, and the reasons for it."""
