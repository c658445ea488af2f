"""Collective features: what a first classifier's probabilities of neighbouring pairs say about a pair.

If two products are both variants of a third, they are variants of each other; if one has ten better matches that the
other does not share, they probably are not. The first classifier scores each pair on its own. Its probabilities on the
graph of pairs become features of a second one (Kou and Cohen, "Stacked graphical models for efficient inference in
Markov random fields", SDM 2007). They must come from classifiers that were not trained on the pair's own groups, which
`fusion.pairs.classifier` ensures.

Import this module only where it is used: numba takes half a second.
"""

from __future__ import annotations

from dataclasses import dataclass

import numba
import numpy as np
from numpy.typing import NDArray

I32 = NDArray[np.int32]
I64 = NDArray[np.int64]
F64 = NDArray[np.float64]

NAMES = (
    "first_log_odds",
    "shared_sum",
    "shared_best",
    "shared_overlap",
    "friend_low",
    "friend_high",
    "lead_low",
    "lead_high",
    "rank_low",
    "rank_high",
    "row_low",
    "row_high",
    "share_low",
    "share_high",
    "degree_low",
    "degree_high",
)
"""The columns of `collective_features`. Here p is a first-stage probability, c runs over products that form a pair with
both sides, and "low" and "high" are the smaller and the larger of the two sides' values:

first_log_odds: log-odds of the pair's own p.
shared_sum: Σ p(i,c) · p(c,j).
shared_best: max over c of min(p(i,c), p(c,j)).
shared_overlap: Σ min(p(i,c), p(c,j)) over Σ max, where other pairs count as p = 0: the weighted Jaccard index.
friend: p between one side's best partner (other than the other side) and the other side; 0 if they form no pair.
lead: p(i,j) minus the side's best other p.
rank: 1 + the number of the side's pairs with higher p.
row: sum of the side's other p, about the number of its other variants.
share: p(i,j) as a share of the sum of all of the side's p.
degree: number of pairs of the side."""

_SMALLEST = 1e-7
"""Probabilities are clipped this far from 0 and 1, where log-odds are infinite."""


@dataclass(frozen=True, eq=False)
class PairGraph:
    """Pairs as a graph of products, in compressed-sparse-row form.

    Attributes:
        left: int32 (m,): the lower row of each pair.
        right: int32 (m,): the higher row.
        offsets: int64 (n + 1,): product i has the entries `offsets[i]` … `offsets[i + 1] - 1`.
        others: int32 (2 m,): the other product of each entry, ascending within a product.
        pairs: int32 (2 m,): the pair of each entry.
    """

    left: I32
    right: I32
    offsets: I64
    others: I32
    pairs: I32

    @classmethod
    def of(cls, left: I32, right: I32, n: int) -> PairGraph:
        """Builds the graph of pairs of n products; each pair once, in any order and direction."""
        assert len(left) == 0 or (min(left.min(), right.min()) >= 0 and max(left.max(), right.max()) < n)
        low, high = np.minimum(left, right).astype(np.int32), np.maximum(left, right).astype(np.int32)
        order = np.lexsort((high, low))
        counts = np.bincount(low, minlength=n) + np.bincount(high, minlength=n)
        offsets = np.concatenate([[0], np.cumsum(counts)]).astype(np.int64)
        others, pairs = (np.empty(2 * len(left), np.int32) for _ in range(2))
        _fill(low, high, order, offsets[:-1].copy(), others, pairs)
        return cls(low, high, offsets, others, pairs)

    def __len__(self) -> int:
        return len(self.left)


def collective_features(graph: PairGraph, probabilities: F64, threads: int = 0) -> NDArray[np.float32]:
    """The columns `NAMES` for each pair of the graph, float32 (m, columns).

    Args:
        graph: All scored pairs, including those without a known truth.
        probabilities: float64 (m,): the first classifier's probabilities.
        threads: Number of threads; 0 uses numba's default.
    """
    p = np.clip(probabilities.astype(np.float64), _SMALLEST, 1 - _SMALLEST)
    n, count = len(graph.offsets) - 1, max(1, threads or numba.get_num_threads())
    values = p[graph.pairs]
    sides = (np.empty(2 * len(graph), np.int32), np.empty((n, 2), np.int32), np.empty((n, 2)), np.empty(n))
    _sides(graph.offsets, graph.others, values, sides)
    columns = np.empty((len(graph), len(NAMES)), np.float32)
    bounds = np.searchsorted(graph.offsets, np.linspace(0, 2 * len(graph), count + 1)).astype(np.int64)
    bounds[0], bounds[-1] = 0, n
    _around((graph.offsets, graph.others, graph.pairs, values), sides, bounds, np.zeros((count, n)), columns)
    columns[:, 0] = np.log(p / (1 - p))
    return columns


@numba.njit(cache=True, nogil=True, boundscheck=False)
def _fill(low: I32, high: I32, order: I64, free: I64, others: I32, pairs: I32) -> None:
    """Adds each pair to both of its products, lower rows first, so that entries are in ascending order."""
    for pair in order:
        place = free[high[pair]]
        others[place], pairs[place] = low[pair], pair
        free[high[pair]] = place + 1
    for pair in order:
        place = free[low[pair]]
        others[place], pairs[place] = high[pair], pair
        free[low[pair]] = place + 1


@numba.njit(cache=True, nogil=True, parallel=True, boundscheck=False)
def _sides(offsets: I64, others: I32, values: F64, sides: tuple[I32, I32, F64, F64]) -> None:
    """For each product: its entries' ranks, its two best partners and their probabilities, and the sum of all."""
    ranks, partners, best, total = sides
    for i in numba.prange(len(offsets) - 1):
        low, high = offsets[i], offsets[i + 1]
        order = np.argsort(-values[low:high], kind="mergesort")
        partners[i, :], best[i, :], total[i] = -1, 0.0, 0.0
        for place in range(high - low):
            entry = low + order[place]
            total[i] += values[entry]
            tied = place > 0 and values[entry] == values[low + order[place - 1]]
            ranks[entry] = ranks[low + order[place - 1]] if tied else place + 1
            if place < 2:
                partners[i, place], best[i, place] = others[entry], values[entry]


@numba.njit(cache=True, nogil=True, boundscheck=False)
def _low_high(row: NDArray[np.float32], column: int, first: float, second: float) -> None:
    row[column], row[column + 1] = min(first, second), max(first, second)


@numba.njit(cache=True, nogil=True, boundscheck=False)
def _beyond(
    graph: tuple[I64, I32, I32, F64], slot: F64, i: int, entry: int, friend: int
) -> tuple[float, float, float, float, int]:
    """Visits the products paired with j, the entry's other product, and sums over those also paired with i."""
    offsets, others, _, values = graph
    j = others[entry]
    together, strongest, overlap, met, back = 0.0, 0.0, 0.0, 0.0, 0
    for beyond in range(offsets[j], offsets[j + 1]):
        c = others[beyond]
        if c == i:
            back = beyond
            continue
        lesser = min(slot[c], values[beyond])
        together += slot[c] * values[beyond]
        overlap += lesser
        strongest = max(strongest, lesser)
        if c == friend:
            met = values[beyond]
    return together, strongest, overlap, met, back


@numba.njit(cache=True, nogil=True, parallel=True, boundscheck=False)
def _around(
    graph: tuple[I64, I32, I32, F64],
    sides: tuple[I32, I32, F64, F64],
    bounds: I64,
    slots: F64,
    columns: NDArray[np.float32],
) -> None:
    """Fills the columns; each thread handles a range of products, a row of `slots`, and their pairs with later ones."""
    offsets, others, pairs, values = graph
    ranks, partners, best, total = sides
    for thread in numba.prange(len(bounds) - 1):
        slot = slots[thread]
        for i in range(bounds[thread], bounds[thread + 1]):
            for entry in range(offsets[i], offsets[i + 1]):
                slot[others[entry]] = values[entry]
            for entry in range(offsets[i], offsets[i + 1]):
                j, p, row = others[entry], values[entry], columns[pairs[entry]]
                if j < i:
                    continue
                # Position, among each side's two best partners, of the best one outside this pair.
                first, second = int(partners[i, 0] == j), int(partners[j, 0] == i)
                together, strongest, overlap, met, back = _beyond(graph, slot, i, entry, partners[i, first])
                around = total[i] + total[j] - 2 * p - overlap
                row[1], row[2], row[3] = together, strongest, overlap / around if around > 0 else 0.0
                theirs = slot[partners[j, second]] if partners[j, second] >= 0 else 0.0
                _low_high(row, 4, met, theirs)
                _low_high(row, 6, p - best[i, first], p - best[j, second])
                _low_high(row, 8, ranks[entry], ranks[back])
                _low_high(row, 10, total[i] - p, total[j] - p)
                _low_high(row, 12, p / total[i], p / total[j])
                _low_high(row, 14, offsets[i + 1] - offsets[i], offsets[j + 1] - offsets[j])
            for entry in range(offsets[i], offsets[i + 1]):
                slot[others[entry]] = 0.0
