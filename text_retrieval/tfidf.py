"""Neighbours by TF-IDF of character n-grams: the baseline that a text model has to beat."""

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
"""Scores held at once (16 MiB of float32): a tile of queries meets all items."""


@dataclass(frozen=True, eq=False)
class TfidfIndex:
    """Exact cosine of TF-IDF vectors over the 3- and 4-grams of characters within words.

    It does not meet `candidates.contracts.Index`: the weights are sparse, one column an n-gram, so no
    `Vectors` hold them, and only products that were there when it was built can be asked for. Its lists
    are runs like all others. Every query meets every item: time grows with the square of the catalogue.

    Attributes:
        items: The products.
        weights: float32 (n, n-grams), rows at length one, zero where a text has no words.
        select: Which items meet a `Filter`.
    """

    items: Axis
    weights: csr_matrix
    select: Select | None = None

    @classmethod
    def build(cls, texts: Sequence[str], axis: Axis, select: Select | None = None) -> TfidfIndex:
        """Weighs the n-grams of one text a row of `axis`; raises `AxisMismatch` where their numbers differ."""
        if len(texts) != len(axis):
            raise AxisMismatch(f"{len(texts):,} texts can't stand for {len(axis):,} products")
        return cls(axis, _weighed(texts), select)

    def neighbours(self, query_rows: NDArray[np.integer], k: int, where: Filter | None = None) -> Run:
        """The k items nearest to each of some products, best first; ties in the order of rows.

        Args:
            query_rows: The products asked for, (q,). Each finds itself too: see `Run.excluding`.
            k: At most so many items a list; items that share no n-gram with the query are not found.
            where: Only items that meet this condition.

        Returns:
            A run of q queries; scores are cosines.
        """
        rows = np.flatnonzero(selected(self.select, where)) if where else self.items.rows
        depth = min(k, len(rows))
        tiles = list(_tiles(self.weights[query_rows], self.weights[rows], depth))
        places = np.concatenate([one for one, _ in tiles] or [np.zeros((len(query_rows), 0), np.int64)])
        scores = np.concatenate([two for _, two in tiles] or [np.zeros((len(query_rows), 0), np.float32)])
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
    """The `depth` greatest scores of each row and their columns, ties by column; for scores of zero or more.

    Such floats are ordered like their bits, so one integer holds the score and, below it, the column counted
    from the right: its order is the one wanted, and a partition needs no care for ties.
    """
    n = scores.shape[1]
    keys = (scores.view(np.int32).astype(np.int64) << 32) + np.arange(n - 1, -1, -1)
    best = np.partition(keys, n - depth, axis=1)[:, n - depth :]
    best = np.sort(best, axis=1)[:, ::-1]
    return n - 1 - (best & 0xFFFFFFFF), np.take_along_axis(scores, n - 1 - (best & 0xFFFFFFFF), axis=1)
