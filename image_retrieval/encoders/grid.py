"""Averages feature maps to a coarse grid: what is where in a picture, in few numbers.

Pooling a map to a single cell would lose where on a garment its collar is; a coarse grid keeps it.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray

from candidates.errors import SettingsError

_GRID = re.compile(r"(?P<rest>.*)@(?P<width>[1-9]\d?)x(?P<height>[1-9]\d?)", re.DOTALL)


@dataclass(frozen=True)
class Grid:
    """A grid of places over a picture.

    Attributes:
        width: Places across, 1 to 99.
        height: Places down, 1 to 99.
    """

    width: int
    height: int

    def __str__(self) -> str:
        return f"{self.width}x{self.height}"

    def pool(self, maps: NDArray[np.floating], name: str) -> NDArray[np.float32]:
        """Averages feature maps over each place of the grid.

        Place i of n along a side of length m is the mean from ⌊i·m/n⌋ up to (not including) ⌈(i+1)·m/n⌉, as in torch's
        adaptive average pooling: places overlap by one if n does not divide m, and repeat if n > m.

        Args:
            maps: (pictures, channels, rows, columns).
            name: Where the maps come from, for the error.

        Returns:
            float32 (pictures, channels, height, width).

        Raises:
            SettingsError: The array is not maps: it does not have four axes, or is empty.
        """
        if maps.ndim != 4 or 0 in maps.shape[1:]:
            raise SettingsError(
                f"{name} has the shape {maps.shape}, not (pictures, channels, rows, columns), so it can't be averaged "
                f"to a {self} grid",
                f"Leave out @{self}, or name a layer before the pooling",
            )
        down, across = _means(maps.shape[2], self.height), _means(maps.shape[3], self.width)
        pooled: NDArray[np.float32] = down @ maps.astype(np.float32, copy=False) @ across.T
        return pooled


def split_grid(text: str) -> tuple[str, Grid | None]:
    """Splits `@7x7` (width, height) off the end of a layer's name; the grid is None if there is none."""
    found = _GRID.fullmatch(text)
    if found is None:
        return text, None
    return found["rest"], Grid(int(found["width"]), int(found["height"]))


def flattened(maps: NDArray[np.floating], grid: Grid | None, name: str) -> NDArray[np.float32]:
    """One row per picture: the maps averaged to a grid, or as they are, flattened."""
    pooled = maps if grid is None else grid.pool(maps, name)
    return pooled.reshape(len(pooled), -1).astype(np.float32, copy=False)


@cache
def _means(length: int, places: int) -> NDArray[np.float32]:
    """The matrix (places, length) that averages one side of a map to places."""
    weights = np.zeros((places, length), np.float32)
    for place in range(places):
        start, stop = place * length // places, -(-(place + 1) * length // places)
        weights[place, start:stop] = 1 / (stop - start)
    return weights
