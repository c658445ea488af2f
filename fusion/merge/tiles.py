"""Working memory for the merging kernels: a bounded number of queries at a time, one output region per thread."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from candidates.provenance import CandidatePart

_ROOM = 4_000_000
"""Maximum number of output entries held at once (28 bytes each), unless a single query needs more."""


@dataclass(frozen=True, eq=False)
class Tile:
    """A range of queries with room for all their candidates.

    Attributes:
        start: First query.
        stop: One past the last query.
        bounds: int64 (threads + 1), within the tile: thread t takes the queries `bounds[t]:bounds[t + 1]`.
        region: int64 (threads, 2): where each thread's output begins and, once filled, ends.
        columns: One array for each column of a `CandidatePart`, int32 or float32 (room,).
        counts: int64 (stop − start): length of each list, filled by the kernel.
    """

    start: int
    stop: int
    bounds: NDArray[np.int64]
    region: NDArray[np.int64]
    columns: tuple[NDArray[Any], ...]
    counts: NDArray[np.int64]

    def filled(self, column: NDArray[Any]) -> NDArray[Any]:
        """The filled regions of an array that is laid out like the columns, copied."""
        return np.concatenate([column[low:high] for low, high in self.region])

    def part(self) -> CandidatePart:
        """The candidates that the kernel filled in, copied out of the working memory."""
        filled = {name: self.filled(column) for name, column in zip(CandidatePart.columns(), self.columns, strict=True)}
        offsets = np.concatenate([[0], np.cumsum(self.counts)]).astype(np.int64)
        return CandidatePart(start=self.start, offsets=offsets, **filled)


def tiles(room: NDArray[np.int64], threads: int, most: int = 0) -> Iterator[Tile]:
    """Cuts queries into tiles that share one piece of working memory; a tile is valid until the next is taken.

    Args:
        room: int64 (q,): the maximum number of candidates of each query.
        threads: Threads among which each tile's queries are divided.
        most: Maximum number of entries in a tile; 0: `_ROOM`.
    """
    most = most or _ROOM
    ends = np.cumsum(room)
    columns: tuple[NDArray[Any], ...] = ()
    allocated = start = 0
    while start < len(room):
        behind = int(ends[start - 1]) if start else 0
        stop = max(start + 1, int(np.searchsorted(ends, behind + most, "right")))
        size = int(ends[stop - 1]) - behind
        if size > allocated or not columns:
            columns = tuple(np.empty(size, dtype) for dtype in CandidatePart.dtypes.values())
            allocated = size
        bounds = np.linspace(0, stop - start, threads + 1).astype(np.int64)
        begins = np.concatenate([[0], ends[start:stop] - behind])[bounds[:-1]]
        yield Tile(start, stop, bounds, np.stack([begins, begins], axis=1), columns, np.zeros(stop - start, np.int64))
        start = stop
