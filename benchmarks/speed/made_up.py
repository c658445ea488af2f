"""Made-up catalogues to measure on: lists, vectors and codes that cluster as real ones do."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from candidates.axis import Axis
from candidates.run import Run
from candidates.vectors import Vectors, normalised
from fusion.merge.lists import QueryLists

_BLOCK = 100
"""Products that share one draw of their neighbours' distances."""


def products(count: int) -> Axis:
    """An axis of made-up ids."""
    return Axis.of(f"p{number:07d}" for number in range(count))


def made_lists(count: int, n: int, k: int, seed: int = 7) -> QueryLists:
    """Every product's text list of n and image list of k neighbours, without itself and without duplicates.

    All products are placed on a line; text neighbours are within 1.2 n places, the nearer ones rather first. The image
    lists come from the same line, slightly shuffled, so look-ups find the same products again and again: at N = 500
    and K = 4 a walk finds 1,360 different products, on the real garments of `known_figures` 1,380. Row numbers are
    random, so that neighbours lie anywhere in memory.
    """
    rng = np.random.default_rng(seed)
    axis, row_at = products(count), rng.permutation(count).astype(np.int32)
    nearly = np.argsort(np.arange(count) + rng.normal(0, 0.8 * n, count))
    text = _neighbours(row_at, round(1.2 * n), n, rng)
    image = _neighbours(row_at[nearly], 5 * k, k, rng)
    return QueryLists(_run("text", text, axis), _run("image", image, axis))


def _neighbours(row_at: NDArray[np.int32], reach: int, depth: int, rng: np.random.Generator) -> NDArray[np.int32]:
    """For each product the rows of `depth` others within `reach` places of it, int32 (n, depth)."""
    count = len(row_at)
    reach = min(reach, (count - 1) // 2)
    steps = np.concatenate([np.arange(-reach, 0), np.arange(1, reach + 1)])
    lists = np.empty((count, min(depth, len(steps))), np.int32)
    for start in range(0, count, _BLOCK):
        places = np.arange(start, min(start + _BLOCK, count))
        order = np.argsort(np.abs(steps) * rng.uniform(0.5, 1.5, len(steps)))[: lists.shape[1]]
        lists[row_at[places]] = row_at[(places[:, None] + steps[order]) % count]
    return lists


def random_lists(name: str, axis: Axis, longest: int, rng: np.random.Generator) -> Run:
    """Lists of random lengths up to `longest`, some of them empty, for small checks."""
    others = [rng.permutation(np.delete(axis.rows, row))[: rng.integers(0, longest + 1)] for row in axis.rows]
    offsets = np.concatenate([[0], np.cumsum([len(one) for one in others])]).astype(np.int64)
    rows = np.concatenate(others).astype(np.int32)
    return Run.of(name, axis, axis, offsets, rows, rng.random(len(rows), np.float32))


def _run(name: str, rows: NDArray[np.int32], axis: Axis) -> Run:
    scores = np.broadcast_to(np.linspace(1, 0.1, rows.shape[1], dtype=np.float32), rows.shape)
    offsets = np.arange(len(rows) + 1, dtype=np.int64) * rows.shape[1]
    return Run.of(name, axis, axis, offsets, rows.reshape(-1), np.ascontiguousarray(scores).reshape(-1))


def made_vectors(count: int, dimensions: int, seed: int = 7) -> Vectors:
    """Vectors at length one in clusters within clusters: about 20 in each, about 25 of these in a greater one."""
    rng = np.random.default_rng(seed)
    values = np.zeros((1, dimensions), np.float32)
    for size, spread in ((max(1, count // 500), 1.0), (max(1, count // 20), 0.8), (count, 0.6)):
        around = values[rng.integers(0, len(values), size)]
        values = around + spread * rng.standard_normal((size, dimensions), np.float32)
    return Vectors(products(count), normalised(values), "made up")


def made_codes(count: int, bits: int, seed: int = 7) -> NDArray[np.uint8]:
    """Packed codes in clusters within clusters, uint8 (count, bits / 8).

    Two of about 50 neighbours differ in three bits of ten, two of the about 40 clusters of a greater one in
    nine of twenty, two strangers in half.
    """
    rng = np.random.default_rng(seed)
    words = np.zeros((1, bits // 64), np.uint64)
    for size, sixteenths in ((max(1, count // 2000), 8), (max(1, count // 50), 4), (count, 3)):
        around = words[rng.integers(0, len(words), size)]
        words = around ^ _random_words((size, bits // 64), sixteenths, rng)
    return words.view(np.uint8)


def _random_words(shape: tuple[int, int], sixteenths: int, rng: np.random.Generator) -> NDArray[np.uint64]:
    """Random words in which each bit is set with a probability of so many sixteenths (below 16)."""
    words = np.zeros(shape, np.uint64)
    # With each draw a bit's chance is halved, and where the binary digit is 1 a half is added to it.
    for digit in range(4):
        drawn = rng.integers(0, 2**64, shape, np.uint64)
        words = words | drawn if sixteenths >> digit & 1 else words & drawn
    return words
