"""Packed codes to 16-bit subcodes, and the search based on them: arrays in, tokens or arrays out.

A subcode with its position is one word, so any inverted index can search codes. Two codes of s subcodes that differ in
r bits differ in at most r subcodes, and so share at least s − r of them (the pigeonhole principle): all codes within
r ≤ s − m bits are among those that share m subcodes with the query.

M. Norouzi, A. Punjani and D. J. Fleet, "Fast Search in Hamming Space with Multi-Index Hashing", CVPR 2012; for an index
of words C. Mu, J. Zhao, G. Yang, J. Zhang and Z. Yan, "Towards Practical Visual Search Engine within Elasticsearch",
SIGIR Workshop on eCommerce 2018 (arXiv:1806.08896).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray


class Ball(NamedTuple):
    """For each query, the codes within a radius, nearest first, equal distances by row.

    Attributes:
        offsets: int64 (q + 1,): the list of query i is `offsets[i]:offsets[i + 1]`.
        rows: int32 (m,).
        distances: int32 (m,), in bits.
    """

    offsets: NDArray[np.int64]
    rows: NDArray[np.int32]
    distances: NDArray[np.int32]


def subcodes_of(codes: NDArray[np.uint8]) -> NDArray[np.uint16]:
    """Splits packed codes, uint8 (n, 2 s), into 16-bit subcodes, uint16 (n, s), the first bit of each highest."""
    return np.ascontiguousarray(codes).view(">u2").astype(np.uint16)


def tokens_of(subcodes: NDArray[np.uint16]) -> list[str]:
    """The words of one code, from its (s,) subcodes: position, then value (`3-51966`)."""
    return [f"{position}-{value}" for position, value in enumerate(subcodes.tolist())]


def guaranteed_radius(subcodes: int, matches: int = 1) -> int:
    """The greatest Hamming distance within which two codes are guaranteed to share `matches` subcodes."""
    return subcodes - matches


@dataclass(frozen=True, eq=False)
class InvertedLists:
    """For each position and value, the codes that have it.

    Attributes:
        values: uint16 (s, n): the values of each position, ascending.
        rows: int32 (s, n): the code that has each.
    """

    values: NDArray[np.uint16]
    rows: NDArray[np.int32]

    @classmethod
    def of(cls, subcodes: NDArray[np.uint16]) -> InvertedLists:
        """Builds the lists of n codes, uint16 (n, s)."""
        order = np.argsort(subcodes, axis=0, kind="stable").T
        return cls(np.take_along_axis(subcodes.T, order, axis=1), order.astype(np.int32))

    def sharing(self, queries: NDArray[np.uint16], matches: int) -> tuple[NDArray[np.int64], NDArray[np.int32]]:
        """The pairs that share at least `matches` subcodes: query positions and rows, ordered by both."""
        positions, n = self.values.shape
        pairs = np.concatenate([np.zeros(0, np.int64), *(self._pairs(queries, p) for p in range(positions))])
        found, shared = np.unique(pairs, return_counts=True)
        query, row = np.divmod(found[shared >= matches], max(n, 1))
        return query, row.astype(np.int32)

    def _pairs(self, queries: NDArray[np.uint16], position: int) -> NDArray[np.int64]:
        values, rows = self.values[position], self.rows[position]
        low, high = (np.searchsorted(values, queries[:, position], side) for side in ("left", "right"))
        sizes = high - low
        ends = np.cumsum(sizes)
        found = rows[np.repeat(low - (ends - sizes), sizes) + np.arange(sizes.sum())]
        pairs: NDArray[np.int64] = np.repeat(np.arange(len(queries)), sizes) * len(values) + found
        return pairs


def pigeonhole_search(codes: NDArray[np.uint8], queries: NDArray[np.uint8], matches: int = 1) -> Ball:
    """All codes within the guaranteed radius of each query, found by shared subcodes.

    Args:
        codes: uint8 (n, 2 s), packed.
        queries: uint8 (q, 2 s), packed.
        matches: Number of subcodes that must be shared, at least 1; a greater number leaves fewer codes to compare but
            a smaller radius.

    Returns:
        The Hamming balls of `guaranteed_radius(s, matches)`, exactly.
    """
    query, row = InvertedLists.of(subcodes_of(codes)).sharing(subcodes_of(queries), matches)
    distance = np.bitwise_count(codes[row] ^ queries[query]).sum(axis=1, dtype=np.int32)
    within = distance <= guaranteed_radius(codes.shape[1] // 2, matches)
    query, row, distance = query[within], row[within], distance[within]
    order = np.lexsort((row, distance, query))
    counts = np.bincount(query, minlength=len(queries))
    return Ball(np.concatenate([[0], np.cumsum(counts)]).astype(np.int64), row[order], distance[order])
