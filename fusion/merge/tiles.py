"""Working memory for the merging kernels: output regions a thread, a bounded number of queries at a time."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from candidates.provenance import CandidatePart

_ROOM = 8_000_000
"""Entries of output held at once, at most (24 bytes each), unless one query alone needs more."""

MERGED = ("rows", "text_rank", "text_score", "image_rank", "image_score", "via")
"""The columns a kernel fills."""


@dataclass(frozen=True, eq=False)
class Tile:
    """A range of queries with room for all they may yield.

    Attributes:
        start: First query.
        stop: Behind the last query.
        bounds: int64 (threads + 1), within the tile: which queries each thread takes.
        region: int64 (threads, 2): where each thread's output begins and, once filled, ends.
        columns: One array for each of `MERGED`.
        counts: int64 (stop − start): filled by the kernel.
    """

    start: int
    stop: int
    bounds: NDArray[np.int64]
    region: NDArray[np.int64]
    columns: tuple[NDArray[np.generic], ...]
    counts: NDArray[np.int64]

    def filled(self) -> dict[str, NDArray[np.generic]]:
        """The filled part of every column, threads behind each other."""
        return {
            name: np.concatenate([column[low:high] for low, high in self.region])
            for name, column in zip(MERGED, self.columns, strict=True)
        }


def tiles(room: NDArray[np.int64], threads: int) -> Iterator[Tile]:
    """Cuts queries into tiles.

    Args:
        room: int64 (q,): the most entries each query may yield.
        threads: Threads among which each tile's queries are shared.
    """
    ends = np.cumsum(room)
    columns: tuple[NDArray[np.generic], ...] = ()
    allocated = start = 0
    while start < len(room):
        behind = int(ends[start - 1]) if start else 0
        stop = max(start + 1, int(np.searchsorted(ends, behind + _ROOM, "right")))
        size = int(ends[stop - 1]) - behind
        if size > allocated or not columns:
            columns = tuple(np.empty(size, CandidatePart.dtypes[name]) for name in MERGED)
            allocated = size
        bounds = np.linspace(0, stop - start, threads + 1).astype(np.int64)
        begins = np.concatenate([[0], ends[start:stop] - behind])[bounds[:-1]]
        yield Tile(start, stop, bounds, np.stack([begins, begins], axis=1), columns, np.zeros(stop - start, np.int64))
        start = stop


def part_of(tiled: list[tuple[NDArray[np.int64], dict[str, NDArray[np.generic]]]]) -> CandidatePart:
    """Joins what the tiles yielded; scores follow the order of the list (1 / rank)."""
    counts = np.concatenate([np.zeros(0, np.int64), *(one for one, _ in tiled)])
    columns = {
        name: np.concatenate([np.empty(0, CandidatePart.dtypes[name]), *(filled.pop(name) for _, filled in tiled)])
        for name in MERGED
    }
    offsets = np.concatenate([[0], np.cumsum(counts)]).astype(np.int64)
    starts = np.repeat(offsets[:-1], counts)
    scores = (1 / (np.arange(offsets[-1]) - starts + 1)).astype(np.float32)
    return CandidatePart(start=0, offsets=offsets, scores=scores, **columns)
