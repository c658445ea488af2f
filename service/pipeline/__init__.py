"""Whole runs: run, estimate, preview and train."""
