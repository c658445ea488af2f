"""Turns lists of pictures into lists of products; two products score as their best pair of pictures does."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from candidates.axis import Axis
from candidates.contracts import Index
from candidates.filters import Filter
from candidates.run import Part, Run, joined
from candidates.vectors import Vectors


@dataclass(frozen=True, eq=False)
class Owners:
    """Which product each row (picture) belongs to.

    Attributes:
        products: The products.
        rows: int32 (m,): the product's row for each of m pictures.
    """

    products: Axis
    rows: NDArray[np.int32]

    @property
    def one_each(self) -> bool:
        """Whether no product has two pictures and the pictures are in the order of their products."""
        return bool((np.diff(self.rows) > 0).all())


def collapse(run: Run, queries: Owners, items: Owners, k: int) -> Run:
    """Turns lists of pictures into lists of the k best distinct products.

    Args:
        run: Picture queries against picture items.
        queries: Which product each query picture belongs to (several pictures may share one).
        items: Which product each item picture belongs to.
        k: Maximum length of a list.

    Returns:
        A run of query products against item products. A product's score is that of its best pair of pictures. A
        query product without a picture has an empty list.
    """
    part = run.whole()
    if queries.one_each and items.one_each:
        return Run(run.name, queries.products, items.products, (_renamed(part, queries, items, k),))
    query = queries.rows[part.query_rows].astype(np.int64)
    item = items.rows[part.rows]
    # Best first within a query product, so a product first appears with its best pair of pictures.
    order = np.lexsort((item, -part.scores, query))
    query, item, scores = query[order], item[order], part.scores[order]
    _, first = np.unique(query * len(items.products) + item, return_index=True)
    first.sort()
    query, item, scores = query[first], item[first], scores[first]
    offsets = np.concatenate([[0], np.cumsum(np.bincount(query, minlength=len(queries.products)))]).astype(np.int64)
    best = Part(0, offsets, item.astype(np.int32), scores)
    return Run(run.name, queries.products, items.products, (best.keep(best.ranks <= k),))


def _renamed(part: Part, queries: Owners, items: Owners, k: int) -> Part:
    """The lists where every product has one picture: only the row numbers change."""
    lengths = np.zeros(len(queries.products), np.int64)
    lengths[queries.rows] = part.counts
    offsets = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64)
    renamed = Part(0, offsets, items.rows[part.rows], part.scores)
    return renamed if lengths.max(initial=0) <= k else renamed.keep(renamed.ranks <= k)


def search_products(
    index: Index, vectors: Vectors, queries: Owners, items: Owners, k: int, where: Filter | None = None
) -> Run:
    """The k nearest products: searches a picture index deeper until each query picture has found k distinct ones.

    It is not enough that a query product has found k through all its pictures together: one product's many
    pictures can crowd one list and hide a product that is nearer than those found by the other pictures.

    Raises:
        VersionMismatch: The vectors are of another version than the index.
    """
    depth = k
    found = index.search(vectors, depth, where)
    while True:
        # A list shorter than the depth already holds everything there is.
        pending = np.flatnonzero((_distinct(found, items) < k) & (found.counts >= depth))
        if not len(pending) or depth >= len(index.items):
            return collapse(found, queries, items, k)
        depth = min(4 * depth, len(index.items))
        found = _replaced(found, pending, index.search(vectors.take(pending), depth, where))


def _distinct(run: Run, items: Owners) -> NDArray[np.int64]:
    """The number of distinct products in each list, int64 (q,)."""
    if items.one_each:
        return run.counts
    part = run.whole()
    pairs = np.unique(part.query_rows.astype(np.int64) * len(items.products) + items.rows[part.rows])
    return np.bincount(pairs // max(1, len(items.products)), minlength=len(run)).astype(np.int64)


def _replaced(run: Run, query_rows: NDArray[np.intp], deeper: Run) -> Run:
    """`run` with the lists of some queries replaced by those of `deeper`."""
    source = np.arange(len(run))
    source[query_rows] = len(run) + np.arange(len(query_rows))
    return run.replace_parts((joined(Part, (run.whole(), deeper.whole())).take(source),))
