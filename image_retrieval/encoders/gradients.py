"""Oriented gradients of two orders on a grid: the best fingerprint here that needs no weights.

The first order is that of N. Dalal and B. Triggs, "Histograms of Oriented Gradients for Human Detection", CVPR 2005,
with changes that measured better on garments: the picture is smoothed first, gradients are interpolated between
orientations and between places, each place is normalised separately, and square roots are taken, as R. Arandjelović and
A. Zisserman do with SIFT ("Three things everyone should know to improve object retrieval", CVPR 2012). The second order
takes the gradients of the maps of oriented gradients, which captures how they change from place to place. It is the
cascade of J. Bruna and S. Mallat, "Invariant Scattering Convolution Networks", IEEE TPAMI 35(8), 2013, with differences
instead of wavelets. docs/own-fingerprint.md compares the fingerprints.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, ClassVar

import numpy as np
from numpy.typing import NDArray

from candidates.vectors import normalised
from image_retrieval.encoders.batches import each
from image_retrieval.encoders.grid import Grid
from image_retrieval.pictures import padded

if TYPE_CHECKING:
    from PIL.Image import Image

_WIDTH, _HEIGHT = 128, 192

_BLUR = 1.0
"""Standard deviation of the Gaussian before the first differences, in pixels."""

_SMALL = Grid(_WIDTH // 4, _HEIGHT // 4)
"""Grid to which the maps of the first order are averaged before the second differences."""

_ROUNDING = 1e-5
"""Gradients shorter than this, for brightness from 0 to 1, are rounding errors."""


@dataclass(frozen=True)
class Order:
    """How the gradients of one order are collected.

    Attributes:
        orientations: Number of unsigned directions from 0° to 180°; a gradient is split between the nearest two.
        grid: Places across and down.
        floor: Added (squared) to the length of a place's histogram before normalising; much weaker places count less.
        weight: Length of this order's part of the vector.
    """

    orientations: int
    grid: tuple[int, int]
    floor: float
    weight: float


FIRST = Order(12, (12, 16), 0.01, 1.0)
SECOND = Order(4, (8, 12), 0.003, 0.7)


@dataclass(frozen=True)
class GradientsEncoder:
    """Two orders of oriented gradients of the grey picture in a white box of 128×192 pixels.

    Square roots of grey values are smoothed and differentiated. First order: 12 orientations at 12×16 places. Second
    order: pairs of neighbouring orientations are added, which gives 6 maps, and averaged over 4×4 pixels; each map is
    differentiated again into 4 orientations at 8×12 places. A picture of one colour has no gradients; its row is zero.

    Attributes:
        threads: Pictures encoded in parallel.
    """

    threads: int = 1

    version: ClassVar[str] = "gradients:128x192:grey:sqrt:blur1:12@12x16:6x4@8x12:root:1"
    size: ClassVar[tuple[int, int]] = (_WIDTH, _HEIGHT)
    dimensions: ClassVar[int] = 12 * 12 * 16 + 6 * 4 * 8 * 12

    def encode(self, batch: Sequence[Image]) -> NDArray[np.float32]:
        """Encodes pictures: float32 (len(batch), 4608), rows of unit length (or zero)."""
        rows = each(_row, batch, self.threads)
        return normalised(np.stack(rows)) if rows else np.zeros((0, self.dimensions), np.float32)


def _row(image: Image) -> NDArray[np.float32]:
    from scipy.ndimage import gaussian_filter

    grey = np.sqrt(padded(image.convert("L"), _WIDTH, _HEIGHT).astype(np.float32) / 255)
    smooth = gaussian_filter(grey, _BLUR, mode="nearest", truncate=3.0)
    first = oriented(smooth[None], FIRST.orientations)[0]
    pooled = _SMALL.pool((first[0::2] + first[1::2])[None], "gradients")[0]
    second = oriented(pooled, SECOND.orientations).reshape(-1, *pooled.shape[1:])
    return np.concatenate([gathered(first, FIRST), gathered(second, SECOND)])


def oriented(maps: NDArray[np.float32], count: int) -> NDArray[np.float32]:
    """The lengths of the maps' gradients, each split between the two nearest orientations.

    Args:
        maps: (maps, rows, columns).
        count: Number of orientations; the first one is horizontal.

    Returns:
        float32 (maps, count, rows, columns).
    """
    framed = np.pad(maps, ((0, 0), (1, 1), (1, 1)), mode="edge")
    across = framed[:, 1:-1, 2:] - framed[:, 1:-1, :-2]
    down = framed[:, 2:, 1:-1] - framed[:, :-2, 1:-1]
    lengths = np.sqrt(across * across + down * down)
    lengths[lengths < _ROUNDING] = 0
    # From -count to count, because after half a turn the orientation is the same again.
    turn = np.arctan2(down, across) * np.float32(count / np.pi)
    lower = np.floor(turn)
    share = lengths * (turn - lower)
    found = np.zeros((len(maps), count, *maps.shape[1:]), np.float32)
    below = lower.astype(np.intp)[:, None] % count
    np.put_along_axis(found, below, (lengths - share)[:, None], axis=1)
    np.put_along_axis(found, (below + 1) % count, share[:, None], axis=1)
    return found


def gathered(maps: NDArray[np.float32], order: Order) -> NDArray[np.float32]:
    """The maps averaged over each place of a grid, normalised per place, square-rooted, and flattened to one row."""
    columns, rows = order.grid
    places = _windows(maps.shape[1], rows) @ maps @ _windows(maps.shape[2], columns).T
    lengths = np.sqrt((places * places).sum(axis=0) + order.floor**2)
    row: NDArray[np.float32] = np.float32(order.weight) * normalised(np.sqrt(places / lengths).reshape(1, -1))[0]
    return row


@cache
def _windows(length: int, places: int) -> NDArray[np.float32]:
    """Triangular weights (places, length) around each place's centre, reaching to the neighbours' centres."""
    middles = (np.arange(places) + 0.5) * length / places
    off = np.abs(np.arange(length) + 0.5 - middles[:, None]) * places / length
    heights = np.maximum(0, 1 - off)
    weights: NDArray[np.float32] = (heights / heights.sum(axis=1, keepdims=True)).astype(np.float32)
    return weights
