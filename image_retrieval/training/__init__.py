"""How the fingerprint `own` came to be: photographs, a teacher, and a small network that learns to look past colour.

`python -m image_retrieval.training --photos DIR --teacher FILE --out DIR` makes the shipped weights anew. Nothing here
is imported when products are searched.
"""
