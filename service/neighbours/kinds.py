"""The kinds of look-up: neighbours of products by text vectors, by TF-IDF, and by pictures."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Protocol

import numpy as np
from numpy.typing import NDArray

from candidates.axis import Axis
from candidates.collapse import Owners, search_products
from candidates.contracts import Index
from candidates.exact import ExactIndex
from candidates.filters import Filter
from candidates.run import Run
from candidates.vectors import Vectors

if TYPE_CHECKING:
    from scipy.sparse import csr_matrix

    from text_retrieval.tfidf import TfidfIndex


class Lookup(Protocol):
    """Finds the neighbours of products of the catalogue."""

    def neighbours(self, rows: NDArray[np.integer], depth: int, where: Filter | None = None) -> Run:
        """The `depth` nearest other products of some products.

        Args:
            rows: int (q,): the query products.
            depth: How many neighbours of each.
            where: Only neighbours that match this filter.

        Returns:
            A run over `axis.take(rows)` and the axis.
        """
        ...

    def exact(self) -> Lookup | None:
        """Exact search of the same vectors, to compare with; None if this search is itself exact."""
        ...


@dataclass(frozen=True, eq=False)
class TextLookup:
    """Neighbours by the vectors of product texts; row i of the vectors is product i."""

    vectors: Vectors
    index: Index

    @property
    def weights(self) -> NDArray[np.floating]:
        """The vectors by which texts are compared, one row per product."""
        return self.vectors.values

    def neighbours(self, rows: NDArray[np.integer], depth: int, where: Filter | None = None) -> Run:
        """See `Lookup`."""
        run = self.index.search(self.vectors.take(rows), depth + 1, where)
        return run.excluding(rows).top(depth)

    def exact(self) -> TextLookup:
        """See `Lookup`."""
        return TextLookup(self.vectors, ExactIndex(self.vectors))


@dataclass(frozen=True, eq=False)
class TfidfLookup:
    """Neighbours by TF-IDF of product texts: the baseline for text models, and the lexical list."""

    texts: Sequence[str]
    products: Axis
    select: Callable[[Filter], NDArray[np.bool_]]

    @property
    def weights(self) -> csr_matrix:
        """The vectors by which texts are compared, one row per product."""
        return self.index.weights

    def neighbours(self, rows: NDArray[np.integer], depth: int, where: Filter | None = None) -> Run:
        """See `Lookup`."""
        return self.index.neighbours(rows, depth + 1, where).excluding(rows).top(depth)

    @cached_property
    def index(self) -> TfidfIndex:
        """The weights of the texts, and their search."""
        from text_retrieval.tfidf import TfidfIndex

        return TfidfIndex.build(self.texts, self.products, select=self.select)

    def exact(self) -> None:
        """See `Lookup`."""


ByText = TextLookup | TfidfLookup
"""Finds products by their texts."""


@dataclass(frozen=True, eq=False)
class ImageLookup:
    """Neighbours by pictures: products are ranked by their best pair of pictures."""

    vectors: Vectors
    index: Index
    owners: Owners

    def neighbours(self, rows: NDArray[np.integer], depth: int, where: Filter | None = None) -> Run:
        """See `Lookup`."""
        place = np.full(len(self.owners.products), -1, np.int32)
        place[rows] = np.arange(len(rows), dtype=np.int32)
        pictures = np.flatnonzero(place[self.owners.rows] >= 0)
        queries = Owners(self.owners.products.take(rows), place[self.owners.rows[pictures]])
        run = search_products(self.index, self.vectors.take(pictures), queries, self.owners, depth + 1, where)
        return run.excluding(rows).top(depth)

    def exact(self) -> ImageLookup:
        """See `Lookup`."""
        return ImageLookup(self.vectors, ExactIndex(self.vectors), self.owners)
