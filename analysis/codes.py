"""Search among binary codes as in the paper's Table 2: by codes alone, or with the first results rescored."""

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
"""Numbers held at once while rescoring (16 MiB of float32)."""


@dataclass(frozen=True, eq=False)
class Codes:
    """Binary codes of pictures, searched exhaustively.

    Attributes:
        vectors: The pictures' vectors.
        planes: Computes codes from vectors.
    """

    vectors: Vectors
    planes: Hyperplanes
    _cached: dict[tuple[str, int], tuple[NDArray[np.int32], NDArray[np.int32]]] = field(
        default_factory=dict, init=False, repr=False
    )

    @cached_property
    def _usable(self) -> NDArray[np.int32]:
        return np.flatnonzero(self.vectors.values.any(axis=1)).astype(np.int32)

    @cached_property
    def _codes(self) -> NDArray[np.uint8]:
        return self.planes.codes(self.vectors.values[self._usable])

    @cached_property
    def unit(self) -> NDArray[np.float32]:
        """The pictures' vectors, normalised to unit length."""
        return self.vectors.unit()

    def nearest(self, vectors: Vectors, depth: int) -> tuple[NDArray[np.int32], NDArray[np.int32]]:
        """Rows of the nearest pictures by Hamming distance, and the distances, (q, min(depth, pictures)).

        Ties are in faiss' order. The last result is cached, because codes alone and rescored codes start with the same
        search.
        """
        import faiss

        key = (vectors.axis.digest, depth)
        if key not in self._cached:
            self._cached.clear()
            codes = self.planes.codes(normalised(vectors.values))
            distances, rows = faiss.knn_hamming(codes, self._codes, min(depth, len(self._usable)))
            self._cached[key] = self._usable[rows], distances.astype(np.int32)
        return self._cached[key]


@dataclass(frozen=True, eq=False)
class CodeIndex:
    """Search among binary codes by Hamming distance alone, or with the first results rescored by cosine.

    Attributes:
        codes: The codes.
        rescored: Number of first results rescored by cosine; 0 for none.
    """

    codes: Codes
    rescored: int = 0

    @property
    def items(self) -> Axis:
        """The pictures in the index."""
        return self.codes.vectors.axis

    @property
    def version(self) -> str:
        """Version of the vectors."""
        return self.codes.vectors.version

    def search(self, vectors: Vectors, k: int, where: Filter | None = None) -> Run:
        """The k nearest items of each vector by their codes (see `candidates.contracts.Index`), without a filter.

        Scores fall along a list: first cosines where they were computed, then lower values by distance.
        """
        assert where is None, "this search supports no filter"
        vectors.require_version(self.version)
        nearest, distances = self.codes.nearest(vectors, max(k, self.rescored))
        rows, scores, queries = nearest.copy(), -2 - distances.astype(np.float32), vectors.unit()
        rescored = min(self.rescored, rows.shape[1])
        height = max(1, _TILE // max(1, rescored * queries.shape[1]))
        for start in range(0, len(rows) if rescored else 0, height):
            tile = slice(start, start + height)
            cosines = (self.codes.unit[rows[tile, :rescored]] @ queries[tile, :, None])[:, :, 0]
            order = np.lexsort((rows[tile, :rescored], -cosines), axis=1)
            rows[tile, :rescored] = np.take_along_axis(rows[tile, :rescored], order, axis=1)
            scores[tile, :rescored] = np.take_along_axis(cosines, order, axis=1)
        rows[~queries.any(axis=1)] = -1
        return Run.from_matrix("codes", vectors.axis, self.items, rows[:, :k], scores[:, :k])
