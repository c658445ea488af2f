"""Separates a garment from its background without labels: the foreground differs in colour from the picture's border.

Shops photograph on a plain background, often unevenly lit. So the background is modelled as a plane of brightness per
colour channel, fitted to the border pixels except those that the garment covers.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from PIL.Image import Image

SUBJECT = "subject96x144:1"
"""Part of the version of every encoder that uses `subject_of`; changes whenever masks or boxes may change."""

_WIDTH, _HEIGHT = 96, 144
"""The size to which a picture is reduced to find its foreground."""

_RING = 3
"""Width of the border in pixels."""

_ROUNDS = 4
"""Number of fits of the background, each to the pixels that the previous fit explains."""

_FAINTEST, _TIMES_NOISE = 6.0, 4.0
"""A pixel is foreground if it differs from the background by at least this many of 255 levels, and this many times the
background's own deviation."""

_SPECK = 0.002
"""Patches smaller than this share of the picture are removed as specks."""

_MARGIN = 0.03
"""Margin around the subject when it is cropped, as a share of its width and height."""


@dataclass(frozen=True)
class Subject:
    """Where a picture's subject is.

    Attributes:
        mask: bool (rows, columns), for the reduced picture: true for the subject; all false if nothing was found.
        box: Left, top, right and bottom in pixels of the picture, with a margin; the whole picture if nothing was
            found.
    """

    mask: NDArray[np.bool_]
    box: tuple[int, int, int, int]


def subject_of(image: Image) -> Subject:
    """Finds the subject of a picture of mode RGB."""
    from PIL.Image import Resampling

    scale = min(_WIDTH / image.width, _HEIGHT / image.height)
    size = (max(1, round(image.width * scale)), max(1, round(image.height * scale)))
    pixels = np.asarray(image.resize(size, Resampling.BOX, reducing_gap=3.0), np.float32)
    mask = _solid(_foreground(pixels))
    return Subject(mask, _box(mask, *image.size))


def _foreground(pixels: NDArray[np.float32]) -> NDArray[np.bool_]:
    """The pixels whose colour differs from the background."""
    rows, columns = pixels.shape[:2]
    down = np.repeat(np.linspace(-1, 1, rows, dtype=np.float32), columns)
    across = np.tile(np.linspace(-1, 1, columns, dtype=np.float32), rows)
    places = np.stack([np.ones_like(down), down, across])
    border = np.ones((rows, columns), bool)
    border[_RING:-_RING, _RING:-_RING] = False
    colours = np.ascontiguousarray(pixels.reshape(-1, 3).T)
    at, seen = places[:, border.ravel()], colours[:, border.ravel()]
    off = np.abs(seen - np.median(seen, axis=1, keepdims=True)).max(axis=0)
    for _ in range(_ROUNDS):
        ground = off <= _threshold(off)
        plane = np.linalg.lstsq(at[:, ground].T, seen[:, ground].T, rcond=None)[0].T
        off = np.abs(seen - plane @ at).max(axis=0)
    foreground: NDArray[np.bool_] = np.abs(colours - plane @ places).max(axis=0) > _threshold(off)
    return foreground.reshape(rows, columns)


def _threshold(off: NDArray[np.float32]) -> float:
    return max(_FAINTEST, _TIMES_NOISE * float(np.median(off)))


def _solid(mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """The mask without specks and holes."""
    from scipy import ndimage

    patches, count = ndimage.label(mask, np.ones((3, 3)))
    large = np.bincount(patches.ravel(), minlength=count + 1) >= max(2, _SPECK * mask.size)
    large[0] = False
    solid: NDArray[np.bool_] = ndimage.binary_fill_holes(large[patches])
    return solid


def _box(mask: NDArray[np.bool_], width: int, height: int) -> tuple[int, int, int, int]:
    if not mask.any():
        return 0, 0, width, height
    top, bottom = _extent(mask, 0, height)
    left, right = _extent(mask, 1, width)
    return left, top, right, bottom


def _extent(mask: NDArray[np.bool_], axis: int, length: int) -> tuple[int, int]:
    """Where the subject begins and ends along one side of the picture, in the picture's pixels."""
    found = np.flatnonzero(mask.any(axis=1 - axis))
    start, stop, scale = found[0], found[-1] + 1, length / mask.shape[axis]
    margin = _MARGIN * (stop - start)
    return max(0, round((start - margin) * scale)), min(length, round((stop + margin) * scale))
