"""Picture bytes to RGB on white, whatever a feed's owner calls a picture."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from candidates.errors import PictureError

if TYPE_CHECKING:
    from PIL import Image

MAX_PIXELS = 64_000_000
"""Pictures with more pixels are refused by their header: decoded, they would take 192 MB and more."""

_FORMATS = ("JPEG", "PNG", "GIF", "BMP", "PPM", "TIFF", "WEBP", "AVIF")
"""What shops publish. Formats whose readers start other programs (EPS) are not among them."""

_WHITE = (255, 255, 255)


def decode(content: bytes, name: str, size: tuple[int, int] | None = None) -> Image.Image:
    """Decodes a picture to RGB, upright, its transparent parts white.

    Args:
        content: The file's bytes.
        name: How the feed names the picture, for the error.
        size: Width and height into which the picture will be fitted. A much larger JPEG is then decoded
            smaller, still at least twice that size, which saves most of the time and no detail that counts.

    Returns:
        A picture of mode RGB; of an animation its first frame.

    Raises:
        PictureError: The bytes are empty, no picture, cut short, broken, or hold too many pixels.
    """
    from PIL import Image

    if not content:
        raise PictureError(f"{name}: the file is empty", "Fetch or export the picture again")
    try:
        with Image.open(io.BytesIO(content), formats=_FORMATS) as image:
            _refuse_huge(image, name)
            if size:
                image.draft(None, (2 * max(size), 2 * max(size)))
            image.load()
            return _on_white(_upright(image))
    except PictureError:
        raise
    except Exception as error:  # Pillow's readers raise whatever broken bytes make them stumble over.
        raise _problem(content, name, error) from error


def _refuse_huge(image: Image.Image, name: str) -> None:
    width, height = image.size
    if width * height > MAX_PIXELS:
        raise PictureError(
            f"{name}: {width:,} × {height:,} pixels are more than {MAX_PIXELS:,}", "Export the picture smaller"
        )


def _upright(image: Image.Image) -> Image.Image:
    from PIL import ImageOps

    try:
        return ImageOps.exif_transpose(image)
    except Exception:  # A camera's broken notes spoil no picture: it is taken as it lies.
        return image


def _on_white(image: Image.Image) -> Image.Image:
    from PIL import Image

    if image.mode.startswith("I"):
        # Sixteen bits of grey; convert() would cut everything above 255 off instead of scaling it.
        image = Image.fromarray((np.asarray(image).clip(0, 65_535) // 257).astype(np.uint8))
    if not image.has_transparency_data:
        return image.convert("RGB")
    seen = image.convert("RGBA")
    canvas = Image.new("RGB", seen.size, _WHITE)
    canvas.paste(seen, mask=seen.getchannel("A"))
    return canvas


def _problem(content: bytes, name: str, error: Exception) -> PictureError:
    from PIL import Image, UnidentifiedImageError

    head = content[:512].lstrip().lower()
    if head.startswith((b"<!doctype html", b"<html")):
        return PictureError(f"{name}: a web page, not a picture", "Check the address; the shop sent a page instead")
    if head.startswith((b"<svg", b"<?xml")):
        return PictureError(f"{name}: an SVG or XML file, not a photograph", "Export it as JPEG or PNG")
    if isinstance(error, Image.DecompressionBombError | Image.DecompressionBombWarning):
        return PictureError(f"{name}: more than {MAX_PIXELS:,} pixels", "Export the picture smaller")
    if isinstance(error, UnidentifiedImageError):
        return PictureError(f"{name}: no picture of a known kind, or only its first bytes", "Use JPEG, PNG or WebP")
    return PictureError(f"{name}: cut short or broken ({error})", "Fetch or export the picture again")


def padded(image: Image.Image, width: int, height: int) -> NDArray[np.uint8]:
    """Fits a picture of mode RGB or L into a white box, centred, keeping its proportions (bicubic).

    Returns:
        uint8 (height, width, 3), or (height, width) for a grey picture.
    """
    from PIL import Image

    scale = min(width / image.width, height / image.height)
    inner = (max(1, round(image.width * scale)), max(1, round(image.height * scale)))
    # The reducing gap halves a far larger picture by whole steps first: faster, and no different to the eye.
    resized = np.asarray(image.resize(inner, Image.Resampling.BICUBIC, reducing_gap=3.0))
    canvas = np.full((height, width, *resized.shape[2:]), 255, np.uint8)
    left, top = (width - inner[0]) // 2, (height - inner[1]) // 2
    canvas[top : top + inner[1], left : left + inner[0]] = resized
    return canvas
