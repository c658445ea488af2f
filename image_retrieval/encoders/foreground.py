"""The garment without what is around it, found without labels: what differs from the colour of the picture's border.

Shops photograph on a plain ground, often not quite evenly lit. So the ground is a plane of brightness per colour,
fitted to the border's pixels without those that the garment covers.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from PIL.Image import Image

SUBJECT = "subject96x144:1"
"""Goes into the version of every encoder that uses `subject_of`; changes whenever a mask or a box may."""

_WIDTH, _HEIGHT = 96, 144
"""The box into which a picture is fitted to look for its foreground."""

_RING = 3
"""Pixels on each side that are taken for border."""

_ROUNDS = 4
"""Fits of the ground, each to the pixels that the last one explains."""

_FAINTEST, _TIMES_NOISE = 6.0, 4.0
"""A pixel stands out when it is so many of 255 levels off the ground, and so many times the ground's own spread."""

_SPECK = 0.002
"""Patches of less than this share of the picture are specks."""

_MARGIN = 0.03
"""Ground left around the subject when it is cropped, of its width and height."""


@dataclass(frozen=True)
class Subject:
    """Where a picture's subject is.

    Attributes:
        mask: (rows, columns), the picture in small: True where the subject is. Nowhere, where nothing stands out.
        box: Left, top, right and bottom in pixels of the picture, with a margin; all of it, where nothing stands out.
    """

    mask: NDArray[np.bool_]
    box: tuple[int, int, int, int]


def subject_of(image: Image) -> Subject:
    """Finds the subject of a picture of mode RGB."""
    from PIL.Image import Resampling

    scale = min(_WIDTH / image.width, _HEIGHT / image.height)
    size = (max(1, round(image.width * scale)), max(1, round(image.height * scale)))
    pixels = np.asarray(image.resize(size, Resampling.BOX, reducing_gap=3.0), np.float32)
    mask = _solid(_standing_out(pixels))
    return Subject(mask, _box(mask, *image.size))


def _standing_out(pixels: NDArray[np.float32]) -> NDArray[np.bool_]:
    """The pixels whose colour is off the ground's."""
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
    outstanding: NDArray[np.bool_] = np.abs(colours - plane @ places).max(axis=0) > _threshold(off)
    return outstanding.reshape(rows, columns)


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
    """Where along a side of the picture, in its pixels, the subject begins and ends."""
    found = np.flatnonzero(mask.any(axis=1 - axis))
    start, stop, scale = found[0], found[-1] + 1, length / mask.shape[axis]
    margin = _MARGIN * (stop - start)
    return max(0, round((start - margin) * scale)), min(length, round((stop + margin) * scale))
