"""Pairs of products: their features, probabilities, suggestions, and the ids of the groups they form."""
