"""Readers and writers of the public files of a run."""
