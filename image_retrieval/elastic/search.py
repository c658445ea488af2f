"""`ElasticIndex`: finds neighbours of images on a cluster by codes, and can order them by cosine."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from candidates.axis import Axis
from candidates.contracts import Select
from candidates.errors import VariantsError, VersionMismatch
from candidates.filters import Filter
from candidates.run import Run
from candidates.vectors import Vectors, normalised
from image_retrieval.elastic.documents import keys_of
from image_retrieval.elastic.filters import Clause, clauses_of
from image_retrieval.elastic.nearest import USUAL, CodeSearch, Effort, Hits
from image_retrieval.elastic.slices import Window
from image_retrieval.hamming import HammingIndex, best_first
from image_retrieval.lsh import Hyperplanes

_TILE = 2**22
"""Result rows held at once before they are rescored (16 MiB of int32)."""


@dataclass(frozen=True, eq=False)
class ElasticIndex:
    """Implements `candidates.contracts.Index` with a window on a cluster.

    With vectors, a search takes the `max(shortlist, 4 k)` nearest images by code and keeps the k best of these by exact
    cosine, as the embedded index does. Without vectors, the score is the share of equal bits. Images on the cluster
    that this index does not know are skipped, and the search goes deeper to make up for them.

    Attributes:
        window: The window with the images; `open` checks it first.
        planes: The planes that code queries, which must be those that coded the images.
        items: The images that may be found.
        vectors: Their vectors, for scores that are cosines; may be memory-mapped.
        shortlist: Minimum number of codes rescored.
        select: Tells which images meet a `Filter`. With it filters are exact; the cluster alone matches a little more
            (see `elastic.filters`).
        effort: The effort of a search.
        track: Called with 1 after each query.
    """

    window: Window
    planes: Hyperplanes
    items: Axis
    vectors: Vectors | None = None
    shortlist: int = 800
    select: Select | None = None
    effort: Effort = USUAL
    track: Callable[[int], object] | None = None

    @classmethod
    def open(
        cls,
        window: Window,
        planes: Hyperplanes,
        vectors: Vectors,
        shortlist: int = 800,
        select: Select | None = None,
        effort: Effort = USUAL,
        track: Callable[[int], object] | None = None,
    ) -> ElasticIndex:
        """Opens a window for the images with these vectors.

        Raises:
            VersionMismatch: The window, or the index with its name, has codes of another version.
            RunFolderError: There is no index with its name.
        """
        vectors.require_version(window.layout.fingerprint)
        if planes.version != window.layout.codes or planes.bits != window.layout.bits:
            raise VersionMismatch(
                f"the index has codes of {window.layout.codes!r}, the queries of {planes.version!r}",
                "Use the index's planes",
            )
        window.require()
        return cls(window, planes, vectors.axis, vectors, shortlist, select, effort, track)

    @property
    def version(self) -> str:
        """The version of the vectors that were coded."""
        return self.window.layout.fingerprint

    def search(self, vectors: Vectors, k: int, where: Filter | None = None) -> Run:
        """The k nearest images of each vector (see `candidates.contracts.Index`).

        Raises:
            ServerUnreachable: The cluster does not respond, or not with all of its shards.
        """
        vectors.require_version(self.version)
        clauses, admitted = self._conditions(where)
        depth = min(max(self.shortlist, 4 * k) if self.vectors is not None else k, len(self.items))
        length = min(k, depth)
        best = np.full((len(vectors), length), -1, np.int32)
        scores = np.zeros((len(vectors), length), np.float32)
        if not depth:
            return Run.from_matrix("elasticsearch", vectors.axis, self.items, best, scores)
        with ThreadPoolExecutor(self.effort.clients) as pool:
            for tile in _tiles(len(vectors), max(1, _TILE // depth)):
                queries = normalised(vectors.values[tile])
                there = np.flatnonzero(queries.any(axis=1))
                codes = self.planes.codes(queries[there])
                found = pool.map(lambda code: self._rows(code, depth, clauses, admitted), codes)
                rows, similar = _stacked(found, there, len(queries), depth, self.planes.bits)
                if self._embedded is not None:
                    best[tile], scores[tile] = best_first(rows, self._embedded.cosines(queries, rows), length)
                else:
                    best[tile], scores[tile] = rows[:, :length], similar[:, :length]
        return Run.from_matrix("elasticsearch", vectors.axis, self.items, best, scores)

    def _conditions(self, where: Filter | None) -> tuple[list[Clause], NDArray[np.bool_] | None]:
        """A filter as clauses for the cluster, and the images that meet it exactly, if known."""
        if not where:
            return [], None
        if not self.window.layout.products:
            raise VariantsError(
                "this index was built without its products, so it can't be filtered", "Load it with the products"
            )
        return clauses_of(where), self.select(where) if self.select else None

    @property
    def _codes(self) -> CodeSearch:
        return CodeSearch(self.window, self.effort)

    @cached_property
    def _embedded(self) -> HammingIndex | None:
        # Reuses the embedded index's arithmetic, so that both give a pair bit-identical scores.
        if self.vectors is None:
            return None
        nothing = np.zeros((0, self.planes.bits // 8), np.uint8)
        return HammingIndex(self.vectors, self.planes, np.zeros(0, np.int32), nothing, None, self.shortlist)

    @cached_property
    def _keys(self) -> tuple[NDArray[np.int64], NDArray[np.int32]]:
        """The keys of the items, ascending, and the row of each."""
        keys = keys_of(self.items)
        order = np.argsort(keys).astype(np.int32)
        return keys[order], order

    def _rows(
        self, code: NDArray[np.uint8], depth: int, clauses: list[Clause], admitted: NDArray[np.bool_] | None
    ) -> tuple[NDArray[np.int32], NDArray[np.int32]]:
        """Rows and distances of the nearest images that are known and meet the filter, equal distances by row."""
        asked = depth
        while True:
            hits = self._codes.nearest(code, asked, clauses)
            rows, distances = self._known(hits, admitted)
            if len(rows) >= depth or len(hits.keys) < asked:
                break
            asked *= 2
        order = np.lexsort((rows, distances))[:depth]
        if self.track:
            self.track(1)
        return rows[order], distances[order]

    def _known(self, hits: Hits, admitted: NDArray[np.bool_] | None) -> tuple[NDArray[np.int32], NDArray[np.int32]]:
        keys, order = self._keys
        # An image that is being replaced may be in two slices; its nearer hit counts.
        keys_found, first = np.unique(hits.keys, return_index=True)
        place = np.minimum(np.searchsorted(keys, keys_found), len(keys) - 1)
        rows = order[place]
        kept = keys[place] == keys_found
        if admitted is not None:
            kept &= admitted[rows]
        return rows[kept], hits.distances[first[kept]]


def _tiles(count: int, height: int) -> Iterator[slice]:
    return (slice(start, start + height) for start in range(0, count, height))


def _stacked(
    found: Iterator[tuple[NDArray[np.int32], NDArray[np.int32]]],
    there: NDArray[np.intp],
    count: int,
    depth: int,
    bits: int,
) -> tuple[NDArray[np.int32], NDArray[np.float32]]:
    """Lists as matrices, padded with −1; queries that are not in `there` have empty lists."""
    rows = np.full((count, depth), -1, np.int32)
    similar = np.zeros((count, depth), np.float32)
    for query, (nearest, distances) in zip(there.tolist(), found, strict=True):
        rows[query, : len(nearest)] = nearest
        similar[query, : len(nearest)] = 1 - distances / bits
    return rows, similar
