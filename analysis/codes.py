"""Search among binary codes as the paper's Table 2 asks: by codes alone, or with the head put in order by vectors."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from candidates.axis import Axis
from candidates.filters import Filter
from candidates.run import Run
from candidates.vectors import Vectors, normalised

if TYPE_CHECKING:
    from image_retrieval.lsh import Hyperplanes

_TILE = 2**22
"""Numbers gathered at once while rescoring (16 MiB of float32)."""


@dataclass(frozen=True, eq=False)
class Codes:
    """Binary codes of pictures, compared one with all.

    Attributes:
        vectors: The pictures' vectors.
        planes: What makes codes of them.
    """

    vectors: Vectors
    planes: Hyperplanes
    _last: dict[tuple[str, int], tuple[NDArray[np.int32], NDArray[np.int32]]] = field(
        default_factory=dict, init=False, repr=False
    )

    @cached_property
    def _there(self) -> NDArray[np.int32]:
        return np.flatnonzero(self.vectors.values.any(axis=1)).astype(np.int32)

    @cached_property
    def _codes(self) -> NDArray[np.uint8]:
        return self.planes.codes(self.vectors.values[self._there])

    @cached_property
    def unit(self) -> NDArray[np.float32]:
        """The pictures' vectors at length one."""
        return self.vectors.unit()

    def nearest(self, vectors: Vectors, depth: int) -> tuple[NDArray[np.int32], NDArray[np.int32]]:
        """Rows of the nearest pictures by Hamming distance, and the distances, (q, depth) or as many as there are.

        Equal distances come in faiss' order. The last answer is kept, since codes alone and codes with a head put in
        order by cosine begin with the same question.
        """
        import faiss

        asked = (vectors.axis.digest, depth)
        if asked not in self._last:
            self._last.clear()
            codes = self.planes.codes(normalised(vectors.values))
            distances, found = faiss.knn_hamming(codes, self._codes, min(depth, len(self._there)))
            self._last[asked] = self._there[found], distances.astype(np.int32)
        return self._last[asked]


@dataclass(frozen=True, eq=False)
class CodeIndex:
    """Search among binary codes by Hamming distance alone, or with the head of the list put in order by cosine.

    Attributes:
        codes: The codes.
        rescored: How many of the first are put in order by cosine; 0 for none.
    """

    codes: Codes
    rescored: int = 0

    @property
    def items(self) -> Axis:
        """What the index finds."""
        return self.codes.vectors.axis

    @property
    def version(self) -> str:
        """What the vectors were made by."""
        return self.codes.vectors.version

    def search(self, vectors: Vectors, k: int, where: Filter | None = None) -> Run:
        """The k nearest items of each vector by their codes (see `candidates.contracts.Index`); takes no filter.

        Scores fall along a list: cosines where they were computed, and below them all the rest by distance.
        """
        assert where is None, "codes are compared here to measure them, never within a filter"
        vectors.require_version(self.version)
        found, distances = self.codes.nearest(vectors, max(k, self.rescored))
        rows, scores, queries = found.copy(), -2 - distances.astype(np.float32), vectors.unit()
        head = min(self.rescored, rows.shape[1])
        height = max(1, _TILE // max(1, head * queries.shape[1]))
        for start in range(0, len(rows) if head else 0, height):
            tile = slice(start, start + height)
            cosines = (self.codes.unit[rows[tile, :head]] @ queries[tile, :, None])[:, :, 0]
            order = np.lexsort((rows[tile, :head], -cosines), axis=1)
            rows[tile, :head] = np.take_along_axis(rows[tile, :head], order, axis=1)
            scores[tile, :head] = np.take_along_axis(cosines, order, axis=1)
        rows[~queries.any(axis=1)] = -1
        return Run.from_matrix("codes", vectors.axis, self.items, rows[:, :k], scores[:, :k])
