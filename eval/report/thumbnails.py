"""Thumbnails to embed in the page."""

from __future__ import annotations

import base64
import io
from pathlib import Path

from PIL import Image, ImageOps

_UNREADABLE = (OSError, ValueError, SyntaxError, MemoryError, Image.DecompressionBombError)
"""What Pillow raises on files that are missing, truncated, far too large or not pictures."""


def thumbnail(path: Path, width: int = 120, height: int = 160) -> str | None:
    """Makes a small JPEG of a picture, as a `data:` URI.

    Args:
        path: The picture. Transparency becomes white, and the EXIF orientation is applied.
        width: Greatest width in pixels.
        height: Greatest height in pixels. The picture keeps its proportions and is never enlarged.

    Returns:
        The URI, or None where the picture can't be read.
    """
    try:
        with Image.open(path) as picture:
            picture.draft("RGB", (2 * width, 2 * height))
            small = _small(picture, width, height)
    except _UNREADABLE:
        return None
    buffer = io.BytesIO()
    small.save(buffer, "JPEG", quality=78, optimize=True)
    return "data:image/jpeg;base64," + base64.b64encode(buffer.getvalue()).decode("ascii")


def _small(picture: Image.Image, width: int, height: int) -> Image.Image:
    upright = ImageOps.exif_transpose(picture)
    if upright.has_transparency_data:
        upright = upright.convert("RGBA")
        white = Image.new("RGBA", upright.size, "white")
        upright = Image.alpha_composite(white, upright)
    flat = upright.convert("RGB")
    flat.thumbnail((width, height))
    return flat
