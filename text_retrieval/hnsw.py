"""Approximate neighbours by NMSLIB's hierarchical navigable small world graph."""

from __future__ import annotations

import hashlib
import json
import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from threading import Lock
from typing import Any

import numpy as np
from numpy.typing import NDArray

from candidates.artifacts import atomic_folder, write_json
from candidates.axis import Axis
from candidates.contracts import Select
from candidates.errors import RunFolderError
from candidates.exact import ExactIndex
from candidates.filters import Filter
from candidates.run import Part, Run, joined
from candidates.settings import TextSettings
from candidates.vectors import Vectors

_TILE = 2**22
"""Result items held at once as NMSLIB's own lists."""

_GRAPH, _NODES, _STAMP = "graph.bin", "nodes.npy", "index.json"


@dataclass(frozen=True, eq=False)
class NmslibIndex:
    """Implements `candidates.contracts.Index`: approximate cosine search in a graph that links near vectors.

    Yu. A. Malkov and D. A. Yashunin, "Efficient and robust approximate nearest neighbor search using Hierarchical
    Navigable Small World graphs", IEEE Transactions on Pattern Analysis and Machine Intelligence 42(4), 2020
    (arXiv:1603.09320, 2016). NMSLIB has some peculiarities:

    * The index is static: a changed catalogue gets a new index in a new folder. Two builds over the same vectors
      differ in a few lists, so a saved index is opened, not built again.
    * All-zero rows crash it and are left out. Equal vectors (sizes of one garment with one text) link only to each
      other and become unreachable, so each distinct vector is one node that represents all its rows.
    * Scores are 1 − NMSLIB's distance, within 2e-6 of the cosine.

    With a `Filter` the matching rows are searched exactly, because a graph that may return only some of its nodes
    finds too few of them.

    Attributes:
        vectors: The items.
        graph: NMSLIB's index of the distinct vectors; None if every vector is zero.
        nodes: int32 (n,): the node of each row, −1 for an all-zero row.
        stamp: What it was built from: see `_stamp`.
        effort: Candidates considered during a search (efSearch), at least k; 0: 2k, at least 200.
        threads: Threads of a search; 0: one per core.
        select: Tells which items meet a `Filter`.
    """

    vectors: Vectors
    graph: Any
    nodes: NDArray[np.int32]
    stamp: dict[str, Any]
    effort: int = 0
    threads: int = 0
    select: Select | None = None
    _asking: Lock = field(default_factory=Lock, repr=False)

    @classmethod
    def build(
        cls, vectors: Vectors, settings: TextSettings, threads: int = 0, select: Select | None = None
    ) -> NmslibIndex:
        """Builds an index; takes minutes for a million distinct vectors."""
        nodes, distinct = _distinct(vectors.unit())
        graph = None
        if len(distinct):
            graph = _empty_graph()
            graph.addDataPointBatch(distinct)
            graph.createIndex(
                {
                    "M": settings.links,
                    "efConstruction": settings.build_effort,
                    "post": 0,
                    "indexThreadQty": threads or os.cpu_count() or 1,
                }
            )
        return cls(vectors, graph, nodes, _stamp(vectors, settings), settings.search_effort, threads, select)

    def save(self, folder: Path) -> None:
        """Writes the index atomically as a folder; replaces an existing one."""
        with atomic_folder(folder) as temporary:
            np.save(temporary / _NODES, self.nodes)
            if self.graph is not None:
                self.graph.saveIndex(str(temporary / _GRAPH), save_data=True)
            sizes = {path.name: path.stat().st_size for path in temporary.iterdir()}
            write_json(temporary / _STAMP, self.stamp | {"files": sizes})

    @classmethod
    def open(
        cls, folder: Path, vectors: Vectors, settings: TextSettings, threads: int = 0, select: Select | None = None
    ) -> NmslibIndex:
        """Reads a saved index of exactly these vectors.

        Raises:
            RunFolderError: There is no index, files are missing or truncated, or it was built from other rows, other
                vectors or with another `links` or `build_effort`.
            VersionMismatch: It was built from vectors of another encoder.
        """
        stamp = _read_stamp(folder)
        vectors.require_version(stamp["version"])
        expected = _stamp(vectors, settings)
        differs = [name for name, value in expected.items() if stamp.get(name) != value]
        if differs:
            raise RunFolderError(
                f"{folder}: this index was built with different {', '.join(differs)}", "Build it again"
            )
        graph = None
        if _GRAPH in stamp["files"]:
            graph = _empty_graph()
            graph.loadIndex(str(folder / _GRAPH), load_data=True)
        nodes = np.load(folder / _NODES)
        return cls(vectors, graph, nodes, expected, settings.search_effort, threads, select)

    @property
    def items(self) -> Axis:
        """The items that can be found."""
        return self.vectors.axis

    @property
    def version(self) -> str:
        """The version of the vectors."""
        return self.vectors.version

    def search(self, vectors: Vectors, k: int, where: Filter | None = None) -> Run:
        """The k nearest items of each vector by cosine (see `candidates.contracts.Index`)."""
        vectors.require_version(self.version)
        if where:
            return self._exact.search(vectors, k, where)
        unit = vectors.unit()
        height = max(1, _TILE // max(1, min(k, len(self.items))))
        lists = [self._lists(unit[start : start + height], k) for start in range(0, len(unit), height)]
        return Run("nmslib", vectors.axis, self.items, (joined(Part, lists),))

    @cached_property
    def _exact(self) -> ExactIndex:
        return ExactIndex(self.vectors, self.select)

    @cached_property
    def _rows(self) -> tuple[NDArray[np.int64], NDArray[np.int32]]:
        """The rows of each node: int64 (nodes + 1,) offsets, and int32 rows, ascending within a node."""
        order = np.argsort(self.nodes, kind="stable").astype(np.int32)
        counts = np.bincount(self.nodes + 1, minlength=1)
        return np.cumsum(counts) - counts[0], order[counts[0] :]

    def _lists(self, queries: NDArray[np.float32], k: int) -> Part:
        """The lists of some queries, float32 (q, d) of unit length or zero."""
        present = np.flatnonzero(queries.any(axis=1)) if self.graph is not None else np.zeros(0, np.intp)
        found = self._ask(queries[present], k) if len(present) else []
        counts = np.zeros(len(queries), np.int64)
        counts[present] = [len(nodes) for nodes, _ in found]
        nodes = np.concatenate([np.zeros(0, np.int32), *(nodes for nodes, _ in found)])
        scores = 1 - np.concatenate([np.zeros(0, np.float32), *(distances for _, distances in found)])
        return self._spread(counts, nodes, scores, k)

    def _ask(self, queries: NDArray[np.float32], k: int) -> list[tuple[NDArray[np.int32], NDArray[np.float32]]]:
        # The effort is state of the graph, so concurrent searches must not change it for each other.
        with self._asking:
            self.graph.setQueryTimeParams({"efSearch": max(k, self.effort or max(200, 2 * k))})
            found: list[Any] = self.graph.knnQueryBatch(queries, min(k, len(self.graph)), num_threads=self.threads)
        return found

    def _spread(self, counts: NDArray[np.int64], nodes: NDArray[np.int32], scores: NDArray[np.float32], k: int) -> Part:
        """Turns lists of nodes, best first, into lists of the k best rows, with ties in row order."""
        offsets, rows = self._rows
        sizes = np.minimum(np.diff(offsets), k)[nodes]
        before = np.cumsum(sizes) - sizes
        first = np.cumsum(counts) - counts
        behind = before - np.repeat(np.append(before, 0)[first], counts)
        sizes[behind >= k] = 0  # Enough better rows come before these.
        ends = np.append(0, np.cumsum(sizes))
        found = rows[np.repeat(offsets[nodes] - ends[:-1], sizes) + np.arange(ends[-1])]
        lists = Part(0, ends[np.append(first, len(nodes))], found, np.repeat(scores, sizes))
        lists = _ties_by_row(lists, len(self.items))
        return lists.keep(lists.ranks <= k)


def _ties_by_row(part: Part, n: int) -> Part:
    """Sorts entries with equal scores by row; the lists are already in order of score."""
    changes = np.diff(part.scores, prepend=np.nan) != 0
    changes[part.offsets[:-1][part.counts > 0]] = True
    # One key for both is already nearly sorted, so sorting it is much faster than sorting by two keys.
    order = np.argsort(np.cumsum(changes) * n + part.rows, kind="stable")
    return Part(part.start, part.offsets, part.rows[order], part.scores[order])


def _distinct(unit: NDArray[np.float32]) -> tuple[NDArray[np.int32], NDArray[np.float32]]:
    """The node of each row, −1 for all-zero rows, and the distinct vectors, one per node."""
    present = np.flatnonzero(unit.any(axis=1))
    nodes = np.full(len(unit), -1, np.int32)
    as_bytes = np.ascontiguousarray(unit[present]).view(np.dtype((np.void, unit.shape[1] * unit.itemsize))).reshape(-1)
    _, first, node = np.unique(as_bytes, return_index=True, return_inverse=True)
    nodes[present] = node
    return nodes, unit[present[first]]


def _stamp(vectors: Vectors, settings: TextSettings) -> dict[str, Any]:
    """What an index of these vectors must have been built from."""
    return {
        "version": vectors.version,
        "axis": vectors.axis.digest,
        "vectors": hashlib.sha256(np.ascontiguousarray(vectors.values).data).hexdigest()[:32],
        "links": settings.links,
        "build_effort": settings.build_effort,
    }


def _read_stamp(folder: Path) -> dict[str, Any]:
    try:
        stamp: dict[str, Any] = json.loads((folder / _STAMP).read_text("utf-8"))
        broken = [name for name, size in stamp["files"].items() if (folder / name).stat().st_size != size]
    except (OSError, ValueError, KeyError) as error:
        raise RunFolderError(f"{folder}: contains no complete index ({error})", "Build it") from error
    if broken:
        raise RunFolderError(
            f"{folder}: {', '.join(broken)} is truncated", "Delete the folder and build the index again"
        )
    return stamp


def _empty_graph() -> Any:
    logging.getLogger("nmslib").setLevel(logging.WARNING)  # It logs each of its 65 spaces and methods.
    with _silenced():
        import nmslib
    return nmslib.init(method="hnsw", space="cosinesimil")


@contextmanager
def _silenced() -> Iterator[None]:
    """Suppresses what a C library writes directly to the error stream, bypassing Python."""
    screen, nowhere = os.dup(2), os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(nowhere, 2)
        yield
    finally:
        os.dup2(screen, 2)
        os.close(screen)
        os.close(nowhere)
