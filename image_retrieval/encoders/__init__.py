"""Encoders: each file turns decoded pictures into vectors in one way; `encoder_for` picks one by its name."""

from image_retrieval.encoders.registry import encoder_for

__all__ = ["encoder_for"]
