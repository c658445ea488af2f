"""From lists of pictures to lists of products: the score of two products is that of their best pair of pictures."""

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
    def is_identity(self) -> bool:
        """Whether picture i is product i and its only one."""
        return len(self.rows) == len(self.products) and bool(np.array_equal(self.rows, self.products.rows))


def collapse(run: Run, queries: Owners, items: Owners, k: int) -> Run:
    """Turns lists of pictures into lists of the k best distinct products.

    Args:
        run: Picture queries against picture items.
        queries: Which product each query picture belongs to (several pictures may share one).
        items: Which product each found picture belongs to.
        k: Length of the lists, at most.

    Returns:
        A run of query products against item products; a product's score is its best picture pair's. A
        query product without a picture has an empty list.
    """
    part = run.whole()
    query = queries.rows[part.query_rows].astype(np.int64)
    item = items.rows[part.rows]
    # Best first within a query product; the first time a product appears is its best pair of pictures.
    order = np.lexsort((item, -part.scores, query))
    query, item, scores = query[order], item[order], part.scores[order]
    _, first = np.unique(query * len(items.products) + item, return_index=True)
    first.sort()
    query, item, scores = query[first], item[first], scores[first]
    offsets = np.concatenate([[0], np.cumsum(np.bincount(query, minlength=len(queries.products)))]).astype(np.int64)
    best = Part(0, offsets, item.astype(np.int32), scores)
    return Run(run.name, queries.products, items.products, (best.keep(best.ranks <= k),))


def search_products(
    index: Index, vectors: Vectors, queries: Owners, items: Owners, k: int, where: Filter | None = None
) -> Run:
    """The k nearest products, asking a picture index deeper until k distinct ones are there.

    Raises:
        VersionMismatch: The vectors are of another version than the index.
    """
    depth = k
    found = index.search(vectors, depth, where)
    products = collapse(found, queries, items, k)
    while True:
        asked = np.bincount(queries.rows, minlength=len(queries.products)) > 0
        short = asked & (products.counts < k)
        pending = np.flatnonzero(short[queries.rows])
        # A list shorter than what was asked for holds all there is.
        pending = pending[found.counts[pending] >= depth]
        if not len(pending) or depth >= len(index.items):
            return products
        depth = min(4 * depth, len(index.items))
        deeper = index.search(vectors.take(pending), depth, where)
        found = _replaced(found, pending, deeper)
        products = collapse(found, queries, items, k)


def _replaced(run: Run, query_rows: NDArray[np.intp], deeper: Run) -> Run:
    """`run` with the lists of some queries replaced by those of `deeper`."""
    source = np.arange(len(run))
    source[query_rows] = len(run) + np.arange(len(query_rows))
    return run.replace_parts((joined(Part, (run.whole(), deeper.whole())).take(source),))
