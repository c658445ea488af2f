"""Fusion: what becomes of a text list and an image list.

`merge` makes candidates of them; `pairs` (features and classifier) and `groups` (linkage) will be its
neighbours. Fusion sees ranks and scores, never models.
"""
