"""Merging ranked lists into one list of candidates per query; one method per file."""
