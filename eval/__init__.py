"""Evaluation: how much of what is known each strategy finds, and what it costs in candidates."""
