"""Evaluation: the recall of each strategy on known variants, and its cost in candidates."""
