"""Features that compare the colours and the framing of two products' pictures.

`describe` reduces a picture to a few numbers. Pixels that differ from the colour of the border count as the product.
Colours are in CIELAB under D65 (CIE 015, *Colorimetry*), in which distances roughly match perceived differences.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache, partial

import numpy as np
from numpy.typing import NDArray

from fusion.pairs.feature import Block, Column, Feature, Speaks

DESCRIPTOR = "look-1"
"""Version of the descriptor; it changes whenever the numbers may."""

_SIDE = 96
"""Pictures are subsampled to at most this many pixels per side."""

_BORDER = 0.03
"""Share of a side that counts as border, at least one pixel."""

_FAINTEST, _TIMES_NOISE = 8.0, 3.0
"""A pixel belongs to the product if its distance from the border's colour exceeds both the first number and the second
number times the median distance within the border."""

_LEAST = 0.01
"""If the product covers a smaller share of the picture than this, the whole picture counts as the product."""

_BINS = 8
_BAND = 8
_RANGES = ((0.0, 100.0), (-64.0, 64.0), (-64.0, 64.0))
"""Ranges of the colour histograms: lightness, green to red, blue to yellow; values beyond count in the end bins."""


@dataclass(frozen=True)
class Part:
    """A slice of the descriptor, and how two pictures are compared in it.

    Attributes:
        name: Name of the feature.
        start: First column.
        stop: Column after the last.
        kind: 0 Euclidean distance, 1 mean of absolute differences, 2 one minus the overlap of two boxes.
        words: What it measures, in words a merchandiser uses.
    """

    name: str
    start: int
    stop: int
    kind: int
    words: str


_FRAMING = 6 + 3 * _BINS
"""Columns before the framing: mean and spread of three colour axes, and their distributions."""

PARTS = (
    Part("picture_colour", 0, 3, 0, "how different the colours in the pictures are"),
    Part("picture_lightness", 0, 1, 0, "how much lighter one picture's product is"),
    Part("picture_spread", 3, 6, 0, "how much the patterns in the pictures differ"),
    Part("picture_palette", 6, _FRAMING, 1, "how different the palettes of the pictures are"),
    Part("picture_box", _FRAMING, _FRAMING + 4, 2, "how much the positions of the products in the pictures differ"),
    Part("picture_fill", _FRAMING + 4, _FRAMING + 5, 1, "how much the shares of the pictures they fill differ"),
    Part("picture_solidity", _FRAMING + 5, _FRAMING + 6, 1, "how much the shares of the boxes they fill differ"),
    Part(
        "picture_aspect",
        _FRAMING + 6,
        _FRAMING + 7,
        1,
        "how much their proportions in the pictures differ",
    ),
    Part(
        "picture_outline", _FRAMING + 7, _FRAMING + 7 + 2 * _BAND, 1, "how different the outlines in the pictures are"
    ),
)
"""The parts of a descriptor. Palettes are compared by cumulative shares, so distant colours differ more."""

_COLOURS = 4
"""Number of leading parts that compare colours, in which variants often differ."""

WIDTH = PARTS[-1].stop
"""Length of a descriptor."""


def describe(picture: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Describes the colours and the framing of a picture by a few numbers.

    Args:
        picture: RGB, uint8 (height, width, 3).

    Returns:
        float32 (`WIDTH`,): mean, standard deviation and cumulative histograms of the product's colours, its bounding
        box, the shares of picture and box that it fills, the logarithm of its height by its width, and its outline;
        all NaN for a picture without pixels.
    """
    height, width = picture.shape[:2]
    if not height or not width:
        return np.full(WIDTH, np.nan, np.float32)
    small = picture[:: -(-height // _SIDE), :: -(-width // _SIDE)]
    colours = lab(small)
    mask = foreground(colours)
    seen = colours[mask]
    framing = _framing(mask, height / width)
    return np.concatenate([seen.mean(axis=0), seen.std(axis=0), _palette(seen), framing]).astype(np.float32)


@lru_cache(maxsize=1)
def _linear() -> NDArray[np.float32]:
    """Linear light for each of the 256 levels of sRGB (IEC 61966-2-1)."""
    level = np.arange(256) / 255
    return np.where(level <= 0.04045, level / 12.92, ((level + 0.055) / 1.055) ** 2.4).astype(np.float32)


_TO_XYZ = np.array(
    [[0.4124564, 0.2126729, 0.0193339], [0.3575761, 0.7151522, 0.1191920], [0.1804375, 0.0721750, 0.9503041]]
)
_WHITE = np.array([0.95047, 1.0, 1.08883])


def lab(picture: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Converts sRGB, uint8 (…, 3), to CIELAB under D65, float32 (…, 3)."""
    xyz = _linear()[picture] @ (_TO_XYZ / _WHITE).astype(np.float32)
    bent = np.where(xyz > (6 / 29) ** 3, np.cbrt(xyz), xyz * np.float32((29 / 6) ** 2 / 3) + np.float32(4 / 29))
    x, y, z = np.moveaxis(bent, -1, 0)
    return np.stack([116 * y - 16, 500 * (x - y), 200 * (y - z)], axis=-1).astype(np.float32)


def foreground(colours: NDArray[np.float32]) -> NDArray[np.bool_]:
    """The pixels whose colour differs from the border's, bool (height, width); all if almost none do.

    Args:
        colours: CIELAB, float32 (height, width, 3).
    """
    rows, columns = (max(1, round(_BORDER * side)) for side in colours.shape[:2])
    border = np.concatenate(
        [
            colours[:rows].reshape(-1, 3),
            colours[-rows:].reshape(-1, 3),
            colours[:, :columns].reshape(-1, 3),
            colours[:, -columns:].reshape(-1, 3),
        ]
    )
    ground = np.median(border, axis=0)
    noise = float(np.median(np.linalg.norm(border - ground, axis=1)))
    mask: NDArray[np.bool_] = np.linalg.norm(colours - ground, axis=2) > max(_FAINTEST, _TIMES_NOISE * noise)
    return mask if mask.mean() >= _LEAST else np.ones_like(mask)


def _palette(seen: NDArray[np.float32]) -> NDArray[np.float64]:
    """Cumulative histograms of the three colour axes, float64 (3 · `_BINS`,)."""
    counted = []
    for axis, (low, high) in enumerate(_RANGES):
        place = ((seen[:, axis] - low) * (_BINS / (high - low))).astype(np.int64)
        counted.append(np.cumsum(np.bincount(np.clip(place, 0, _BINS - 1), minlength=_BINS)) / len(seen))
    return np.concatenate(counted)


def _framing(mask: NDArray[np.bool_], upright: float) -> NDArray[np.float64]:
    """Box (left, top, right, bottom as shares), fill of picture and box, log of height by width, and outline.

    Args:
        mask: bool (height, width): the pixels of the product.
        upright: Height divided by width of the picture.
    """
    (top, bottom), (left, right) = _extent(mask, 0), _extent(mask, 1)
    inside = mask[top:bottom, left:right]
    rows, columns = mask.shape
    box = [left / columns, top / rows, right / columns, bottom / rows]
    aspect = np.log((box[3] - box[1]) / (box[2] - box[0]) * upright)
    outline = [_bands(inside.mean(axis=1)), _bands(inside.mean(axis=0))]
    return np.concatenate([box, [mask.mean(), inside.mean(), aspect], *outline])


def _extent(mask: NDArray[np.bool_], axis: int) -> tuple[int, int]:
    """Start and end of the product along an axis."""
    found = np.flatnonzero(mask.any(axis=1 - axis))
    return int(found[0]), int(found[-1]) + 1


def _bands(profile: NDArray[np.floating]) -> NDArray[np.float64]:
    """A profile resampled to `_BAND` values."""
    at = (np.arange(_BAND) + 0.5) / _BAND * len(profile) - 0.5
    return np.interp(at, np.arange(len(profile)), profile)


def _difference(block: Block, place: int) -> Column:
    return block.once("looks", lambda: _differences(block))[:, place]


def _differences(block: Block) -> NDArray[np.float32]:
    """The smallest difference between the pictures of two products in each part, float32 (m, parts)."""
    from fusion.pairs import feature_kernels

    out = np.full((len(block), len(PARTS)), np.nan, np.float32)
    looks = block.context.looks
    if looks is not None:
        parts = np.array([(part.start, part.stop, part.kind) for part in PARTS])
        sides = (block.left, block.right)
        values = np.ascontiguousarray(looks.values, np.float32)
        feature_kernels.looks(*sides, looks.places.starts, looks.places.order, values, parts, out)
    return out


def _features() -> Iterator[Feature]:
    for place, part in enumerate(PARTS):
        speaks: Speaks = "neither" if place < _COLOURS else "against"
        lacking = "one of the two has no described picture"
        yield Feature(part.name, "pictures", part.words, speaks, lacking, partial(_difference, place=place))


PICTURES: tuple[Feature, ...] = tuple(_features())
"""The features of this room."""
