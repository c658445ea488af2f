"""Feature maps averaged to a grid of places: what is where in a picture, in few numbers.

Pooling a map to a single cell forgets where on a garment its collar is. A coarse grid keeps it.
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
    """So many places across and down a picture.

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

        Place i of n along a side of length m is the mean of ⌊i·m/n⌋ up to, not including, ⌈(i+1)·m/n⌉, as torch's
        adaptive average pooling has it: places overlap by one where n does not divide m, and repeat where n > m.

        Args:
            maps: (pictures, channels, rows, columns).
            name: What gave the maps, for the error.

        Returns:
            float32 (pictures, channels, height, width).

        Raises:
            SettingsError: These are no maps: they have other than four axes, or no extent.
        """
        if maps.ndim != 4 or 0 in maps.shape[1:]:
            raise SettingsError(
                f"{name} has the shape {maps.shape}, not (pictures, channels, rows, columns): no grid {self} fits",
                f"Leave @{self} out, or name a layer before the pooling",
            )
        down, across = _means(maps.shape[2], self.height), _means(maps.shape[3], self.width)
        pooled: NDArray[np.float32] = down @ maps.astype(np.float32, copy=False) @ across.T
        return pooled


def split_grid(text: str) -> tuple[str, Grid | None]:
    """Takes `@7x7` (width, height) off the end of a layer's name; None where there is none."""
    found = _GRID.fullmatch(text)
    if found is None:
        return text, None
    return found["rest"], Grid(int(found["width"]), int(found["height"]))


def flattened(maps: NDArray[np.floating], grid: Grid | None, name: str) -> NDArray[np.float32]:
    """One row a picture: the maps averaged to a grid, or as they are."""
    pooled = maps if grid is None else grid.pool(maps, name)
    return pooled.reshape(len(pooled), -1).astype(np.float32, copy=False)


@cache
def _means(length: int, places: int) -> NDArray[np.float32]:
    """The matrix (places, length) that averages a side of a map to its places."""
    weights = np.zeros((places, length), np.float32)
    for place in range(places):
        start, stop = place * length // places, -(-(place + 1) * length // places)
        weights[place, start:stop] = 1 / (stop - start)
    return weights
