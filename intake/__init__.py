"""Feeds in and out, fetching, and picture files."""
