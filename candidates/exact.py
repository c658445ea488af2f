"""Exact search by cosine: the slow reference that every other index is compared with."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from candidates.axis import Axis
from candidates.contracts import Select
from candidates.errors import VariantsError
from candidates.filters import Filter
from candidates.run import Run
from candidates.vectors import Vectors

_TILE = 2**22
"""Scores held at once (16 MiB of float32): those of one tile of queries against all items."""


@dataclass(frozen=True, eq=False)
class ExactIndex:
    """Cosine against every item, in tiles of torch matrix products.

    Attributes:
        vectors: The items, float16 or float32 (n, d).
        select: Which items meet a `Filter`.
    """

    vectors: Vectors
    select: Select | None = None

    @property
    def items(self) -> Axis:
        """The items that can be found."""
        return self.vectors.axis

    @property
    def version(self) -> str:
        """The version of the vectors."""
        return self.vectors.version

    @cached_property
    def _unit(self) -> NDArray[np.float32]:
        return self.vectors.unit()

    def search(self, vectors: Vectors, k: int, where: Filter | None = None) -> Run:
        """The k nearest items of each vector by cosine (see `candidates.contracts.Index`)."""
        vectors.require_version(self.version)
        admitted = self._unit.any(axis=1)
        if where:
            admitted &= selected(self.select, where)
        rows = np.flatnonzero(admitted)
        tiles = list(_tiles(vectors.unit(), self._unit if len(rows) == len(self._unit) else self._unit[rows], k))
        depth = min(k, len(rows))
        # Without queries or items there are no tiles, but every query still needs its (empty) list.
        found = np.concatenate([tile_rows for tile_rows, _ in tiles] or [np.zeros((len(vectors), depth), np.int64)])
        scores = np.concatenate(
            [tile_scores for _, tile_scores in tiles] or [np.zeros((len(vectors), depth), np.float32)]
        )
        items = np.where(found < 0, -1, rows[found] if len(rows) else found)
        return Run.from_matrix("exact", vectors.axis, self.items, items, scores)


def selected(select: Select | None, where: Filter) -> NDArray[np.bool_]:
    """The rows that meet `where`, bool (n,); raises `VariantsError` if the index does not know its products."""
    if select is None:
        raise VariantsError(
            "this index was built without its products, so it can't be filtered", "Build it with `select`"
        )
    return select(where)


def _tiles(
    queries: NDArray[np.float32], items: NDArray[np.float32], k: int
) -> Iterator[tuple[NDArray[np.int64], NDArray[np.float32]]]:
    import torch

    depth = min(k, len(items))
    height = max(1, _TILE // max(1, len(items)))
    transposed = torch.from_numpy(items).T
    # One block for all tiles: a new one for each, between the small lists that stay, would fragment the heap.
    block = torch.empty((min(height, len(queries)), len(items)))
    for start in range(0, len(queries) if depth else 0, height):
        tile = queries[start : start + height]
        product = torch.mm(torch.from_numpy(tile), transposed, out=block[: len(tile)])
        best = torch.topk(product, depth, dim=1)
        rows, scores = _ordered(best.indices.numpy(), best.values.numpy(), product.numpy())
        yield np.where(tile.any(axis=1, keepdims=True), rows, -1), scores


def _ordered(
    rows: NDArray[np.int64], scores: NDArray[np.float32], product: NDArray[np.float32]
) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    # topk returns equal scores in any order; sorted by row they are the same in every torch build.
    order = np.lexsort((rows, -scores), axis=1)
    rows, scores = np.take_along_axis(rows, order, axis=1), np.take_along_axis(scores, order, axis=1)
    # Of the items that tie for the last score topk keeps any; keep those with the lowest rows.
    last = scores[:, -1:]
    sure = (scores > last).sum(axis=1)
    query, tied = np.nonzero(product == last)
    place = sure[query] + np.arange(len(query)) - np.searchsorted(query, query)
    kept = place < scores.shape[1]
    rows[query[kept], place[kept]] = tied[kept]
    return rows, scores
