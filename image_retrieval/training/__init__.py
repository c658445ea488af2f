"""Trains the fingerprint `own`: from photographs and a teacher, a small network learns to ignore colour.

`python -m image_retrieval.training --photos DIR --teacher FILE --out DIR` reproduces the shipped weights. Nothing here
is imported when products are searched.
"""
