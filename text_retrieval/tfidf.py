"""Nearest neighbours by TF-IDF of character n-grams: the baseline that a text model has to beat."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from candidates.axis import Axis
from candidates.contracts import Select
from candidates.errors import AxisMismatch
from candidates.exact import selected
from candidates.filters import Filter
from candidates.run import Run

if TYPE_CHECKING:
    from scipy.sparse import csr_matrix

_TILE = 2**22
"""Scores held at once (16 MiB of float32): those of one tile of queries against all items."""


@dataclass(frozen=True, eq=False)
class TfidfIndex:
    """Exact cosine of TF-IDF vectors over character 3-grams and 4-grams within words.

    It does not implement `candidates.contracts.Index`: its weights are sparse, with one column per n-gram, so they
    are not `Vectors`, and queries can only be products that were there when it was built. Its results are ordinary
    runs. Every query is compared with every item, so time grows with the square of the catalogue.

    Attributes:
        items: The products.
        weights: float32 (n, n-grams), rows of unit length, zeros for a text without words.
        select: Tells which items meet a `Filter`.
    """

    items: Axis
    weights: csr_matrix
    select: Select | None = None

    @classmethod
    def build(cls, texts: Sequence[str], axis: Axis, select: Select | None = None) -> TfidfIndex:
        """Builds an index from one text per row of `axis`; raises `AxisMismatch` if their numbers differ."""
        if len(texts) != len(axis):
            raise AxisMismatch(f"{len(texts):,} texts don't fit {len(axis):,} products", "Pass one text per product")
        return cls(axis, _weighed(texts), select)

    def neighbours(self, query_rows: NDArray[np.integer], k: int, where: Filter | None = None) -> Run:
        """The k items nearest to each of these products, best first; ties are in row order.

        Args:
            query_rows: The query products, (q,). Each finds itself too: see `Run.excluding`.
            k: Maximum length of a list; items that share no n-gram with the query are not found.
            where: Only items that meet this condition.

        Returns:
            A run of q queries; scores are cosines.
        """
        rows = np.flatnonzero(selected(self.select, where)) if where else self.items.rows
        depth = min(k, len(rows))
        tiles = list(_tiles(self.weights[query_rows], self.weights[rows], depth))
        places = np.concatenate([columns for columns, _ in tiles] or [np.zeros((len(query_rows), 0), np.int64)])
        scores = np.concatenate([values for _, values in tiles] or [np.zeros((len(query_rows), 0), np.float32)])
        found = np.where(scores > 0, rows[places] if len(rows) else places, -1)
        return Run.from_matrix("tfidf", self.items.take(query_rows), self.items, found, scores)


def _weighed(texts: Sequence[str]) -> csr_matrix:
    from scipy.sparse import csr_matrix
    from sklearn.feature_extraction.text import TfidfVectorizer

    if not any(text.strip() for text in texts):
        return csr_matrix((len(texts), 1), dtype=np.float32)
    return TfidfVectorizer(analyzer="char_wb", ngram_range=(3, 4), dtype=np.float32).fit_transform(texts)


def _tiles(
    queries: csr_matrix, items: csr_matrix, depth: int
) -> Iterator[tuple[NDArray[np.int64], NDArray[np.float32]]]:
    transposed = items.T.tocsr()
    height = max(1, _TILE // max(1, items.shape[0]))
    for start in range(0, queries.shape[0] if depth else 0, height):
        yield _best((queries[start : start + height] @ transposed).toarray(), depth)


def _best(scores: NDArray[np.float32], depth: int) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    """The `depth` greatest scores of each row and their columns, ties by column; scores must not be negative.

    Non-negative floats sort like their bits. So one integer holds the score and, in its lower half, the column counted
    from the right; sorting these integers also breaks ties, so a partition needs no special care.
    """
    n = scores.shape[1]
    keys = (scores.view(np.int32).astype(np.int64) << 32) + np.arange(n - 1, -1, -1)
    best = np.partition(keys, n - depth, axis=1)[:, n - depth :]
    best = np.sort(best, axis=1)[:, ::-1]
    return n - 1 - (best & 0xFFFFFFFF), np.take_along_axis(scores, n - 1 - (best & 0xFFFFFFFF), axis=1)
