"""Oriented gradients in two orders on a grid: the best fingerprint here that needs no weights.

The first order is Dalal and Triggs' (*Histograms of Oriented Gradients for Human Detection*, CVPR 2005), changed
where that measured better on garments: the picture is smoothed first, orientations and places are shared between
neighbours rather than cut, each place is scaled by itself, and the square roots of the shares are taken, as
Arandjelović and Zisserman do with SIFT (*Three Things Everyone Should Know to Improve Object Retrieval*, CVPR 2012).
The second order takes the gradients of the maps of oriented gradients, and so keeps how they change from place to
place. It is the cascade of Bruna and Mallat (*Invariant Scattering Convolution Networks*, PAMI 2013), with
differences in place of wavelets.
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
"""Deviation of the Gaussian before the first differences, in pixels."""

_SMALL = Grid(_WIDTH // 4, _HEIGHT // 4)
"""Places to which the maps of the first order are averaged before the second differences."""

_ROUNDING = 1e-5
"""Gradients shorter than this, of a brightness of 0 to 1, are the arithmetic's and not the picture's."""


@dataclass(frozen=True)
class Order:
    """How gradients are gathered.

    Attributes:
        orientations: Directions without sign from 0° to 180°; a gradient is shared between the nearest two.
        grid: Places across and down.
        floor: Length of a place's histogram above which it counts as much as any other, about.
        weight: Length of the order's part of the vector.
    """

    orientations: int
    grid: tuple[int, int]
    floor: float
    weight: float


FIRST = Order(12, (12, 16), 0.01, 1.0)
SECOND = Order(4, (8, 12), 0.003, 0.7)


@dataclass(frozen=True)
class GradientsEncoder:
    """Two orders of oriented gradients of the grey picture on a white box 128 wide and 192 high.

    Square roots of grey values are smoothed and differentiated. First order: 12 orientations at 12×16 places. Second
    order: neighbouring orientations joined to 6 and averaged over 4×4 pixels, each of those maps differentiated
    again into 4 orientations at 8×12 places. A picture of one colour has no gradients: its row is zero.

    Attributes:
        threads: Pictures encoded at once.
    """

    threads: int = 1

    version: ClassVar[str] = "gradients:128x192:grey:sqrt:blur1:12@12x16:6x4@8x12:root:1"
    size: ClassVar[tuple[int, int]] = (_WIDTH, _HEIGHT)
    dimensions: ClassVar[int] = 12 * 12 * 16 + 6 * 4 * 8 * 12

    def encode(self, batch: Sequence[Image]) -> NDArray[np.float32]:
        """Encodes pictures: float32 (len(batch), 4608), rows at length one (or zero)."""
        rows = each(_row, batch, self.threads)
        return normalised(np.stack(rows)) if rows else np.zeros((0, self.dimensions), np.float32)


def _row(image: Image) -> NDArray[np.float32]:
    from scipy.ndimage import gaussian_filter

    grey = np.sqrt(padded(image.convert("L"), _WIDTH, _HEIGHT).astype(np.float32) / 255)
    smooth = gaussian_filter(grey, _BLUR, mode="nearest", truncate=3.0)
    first = oriented(smooth[None], FIRST.orientations)[0]
    joined = _SMALL.pool((first[0::2] + first[1::2])[None], "gradients")[0]
    second = oriented(joined, SECOND.orientations).reshape(-1, *joined.shape[1:])
    return np.concatenate([gathered(first, FIRST), gathered(second, SECOND)])


def oriented(maps: NDArray[np.float32], count: int) -> NDArray[np.float32]:
    """The lengths of the maps' gradients, each shared between the two orientations it lies between.

    Args:
        maps: (maps, rows, columns).
        count: Orientations, the first of which is across.

    Returns:
        float32 (maps, count, rows, columns).
    """
    framed = np.pad(maps, ((0, 0), (1, 1), (1, 1)), mode="edge")
    across = framed[:, 1:-1, 2:] - framed[:, 1:-1, :-2]
    down = framed[:, 2:, 1:-1] - framed[:, :-2, 1:-1]
    lengths = np.sqrt(across * across + down * down)
    lengths[lengths < _ROUNDING] = 0
    # From -count to count: half a turn is the same orientation again.
    turn = np.arctan2(down, across) * np.float32(count / np.pi)
    lower = np.floor(turn)
    share = lengths * (turn - lower)
    found = np.zeros((len(maps), count, *maps.shape[1:]), np.float32)
    below = lower.astype(np.intp)[:, None] % count
    np.put_along_axis(found, below, (lengths - share)[:, None], axis=1)
    np.put_along_axis(found, (below + 1) % count, share[:, None], axis=1)
    return found


def gathered(maps: NDArray[np.float32], order: Order) -> NDArray[np.float32]:
    """The maps averaged over each place of a grid, scaled place by place, rooted, and in one row."""
    columns, rows = order.grid
    places = _windows(maps.shape[1], rows) @ maps @ _windows(maps.shape[2], columns).T
    lengths = np.sqrt((places * places).sum(axis=0) + order.floor**2)
    row: NDArray[np.float32] = np.float32(order.weight) * normalised(np.sqrt(places / lengths).reshape(1, -1))[0]
    return row


@cache
def _windows(length: int, places: int) -> NDArray[np.float32]:
    """Weights (places, length) of a triangle about each place's middle that reaches to its neighbours' middles."""
    middles = (np.arange(places) + 0.5) * length / places
    off = np.abs(np.arange(length) + 0.5 - middles[:, None]) * places / length
    heights = np.maximum(0, 1 - off)
    weights: NDArray[np.float32] = (heights / heights.sum(axis=1, keepdims=True)).astype(np.float32)
    return weights
