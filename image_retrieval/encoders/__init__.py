"""Image encoders: each module turns decoded pictures into vectors; `encoder_for` selects one by name."""

from image_retrieval.encoders.registry import encoder_for

__all__ = ["encoder_for"]
