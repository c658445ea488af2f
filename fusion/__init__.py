"""Fusion of ranked lists into candidates, pairs and groups.

`merge` turns text and image lists into candidates, `pairs` scores candidate pairs, and `groups` links pairs into
groups. Fusion sees ranks and scores, never models.
"""
