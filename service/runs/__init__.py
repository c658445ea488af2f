"""A run on disk: its folder, the store, the shelf of vectors, and learned models."""
