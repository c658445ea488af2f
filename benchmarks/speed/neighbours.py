"""NMSLIB beside exact tiles and hnswlib: what a graph costs to build, how fast it answers, what it misses."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from benchmarks.speed.made_up import made_vectors
from benchmarks.speed.page import Table
from benchmarks.speed.timing import Seconds, Spread, cores, interleaved
from candidates.exact import ExactIndex
from candidates.run import Part, Run, joined
from candidates.settings import TextSettings
from candidates.vectors import Vectors
from eval.slices import index_recall
from text_retrieval.hnsw import NmslibIndex

EXACT, NMSLIB, HNSWLIB = "exact tiles", "NMSLIB", "hnswlib"

_AT = (10, 50)
"""Depths at which an index is compared with exact search."""


@dataclass(frozen=True)
class Searching:
    """One kind of index on the self-join.

    Attributes:
        name: The kind.
        building: Seconds to build it; None where there is nothing to build.
        per_second: Queries answered a second.
        against_exact: How many times faster than exact tiles, part by part.
        index_recall: At each depth of `_AT`, against exact tiles.
    """

    name: str
    building: Spread | None
    per_second: Spread
    against_exact: Spread
    index_recall: tuple[float, ...]


@dataclass(frozen=True)
class Neighbours:
    """All three kinds over the same vectors.

    Attributes:
        vectors: How many.
        dimensions: Of how many numbers each.
        k: Neighbours asked for.
        parts: The self-join was done in so many parts.
        settings: NMSLIB's and hnswlib's.
        effort: What both keep while searching (efSearch).
        kinds: The figures of each.
    """

    vectors: int
    dimensions: int
    k: int
    parts: int
    settings: TextSettings
    effort: int
    kinds: tuple[Searching, ...]


def measure(count: int = 30_000, dimensions: int = 384, k: int = 50, parts: int = 6, builds: int = 2) -> Neighbours:
    """Builds each graph `builds` times in turns, then joins the vectors with themselves, part by part in turns."""
    vectors = made_vectors(count, dimensions)
    # As deep as the pipeline asks: one more than is wanted, since a vector finds itself.
    depth, settings = k + 1, TextSettings(search_effort=max(200, 2 * (k + 1)))
    built: dict[str, Any] = {}
    builders = {
        NMSLIB: lambda _: NmslibIndex.build(vectors, settings, cores()),
        HNSWLIB: lambda _: _hnswlib(vectors, settings),
    }
    building = interleaved(builders, builds, warm=False, keep=built.__setitem__)
    queries = [vectors.take(rows) for rows in np.array_split(vectors.axis.rows, parts)]
    exact = ExactIndex(vectors)
    searches = {
        EXACT: lambda turn: exact.search(queries[turn], depth),
        NMSLIB: lambda turn: built[NMSLIB].search(queries[turn], depth),
        HNSWLIB: lambda turn: _ask(built[HNSWLIB], vectors, queries[turn], depth),
    }
    lists: dict[str, list[Part]] = {name: [] for name in searches}
    spent = interleaved(searches, parts, keep=lambda name, run: lists[name].append(run.whole()))
    found = {name: _without_self(vectors, parts_of) for name, parts_of in lists.items()}
    sizes = np.array([len(one) for one in queries])
    kinds = tuple(_searching(name, building.get(name), spent, sizes, found) for name in searches)
    return Neighbours(count, dimensions, k, parts, settings, settings.search_effort, kinds)


def _hnswlib(vectors: Vectors, settings: TextSettings) -> Any:
    import hnswlib

    graph = hnswlib.Index(space="cosine", dim=vectors.dimensions)
    graph.init_index(max_elements=len(vectors), M=settings.links, ef_construction=settings.build_effort)
    graph.add_items(vectors.unit(), num_threads=cores())
    graph.set_ef(settings.search_effort)
    return graph


def _ask(graph: Any, vectors: Vectors, queries: Vectors, depth: int) -> Run:
    rows, distances = graph.knn_query(queries.unit(), k=depth, num_threads=cores())
    return Run.from_matrix("hnswlib", queries.axis, vectors.axis, rows.astype(np.int32), 1 - distances)


def _without_self(vectors: Vectors, lists: list[Part]) -> Run:
    axis = vectors.axis
    return Run("joined", axis, axis, (joined(Part, lists),)).excluding(axis.rows)


def _searching(
    name: str, building: Seconds | None, spent: dict[str, Seconds], sizes: Seconds, found: dict[str, Run]
) -> Searching:
    return Searching(
        name,
        Spread.of(building) if building is not None else None,
        Spread.of(sizes / spent[name]),
        Spread.of(spent[EXACT] / spent[name]),
        tuple(index_recall(found[name], found[EXACT], at) for at in _AT),
    )


def table(found: Neighbours) -> Table:
    """The figures as a page shows them."""
    rows = tuple(
        (
            kind.name,
            str(kind.building or ""),
            str(kind.per_second),
            str(kind.against_exact),
            *(f"{recall:.4f}" for recall in kind.index_recall),
        )
        for kind in found.kinds
    )
    notes = (
        f"{found.vectors:,} made-up vectors of {found.dimensions} dimensions joined with themselves at k = {found.k}, "
        f"on all cores. NMSLIB and hnswlib with the same M = {found.settings.links}, efConstruction = "
        f"{found.settings.build_effort}, efSearch = {found.effort}.",
        f"Median (least–greatest): builds taken in turns, then {found.parts} parts of the join, the three kinds taken "
        "in turns at each. NMSLIB and exact tiles are timed as the pipeline calls them, lists made and ties ordered.",
    )
    columns = ("index", "build, s", "queries/s", "× exact", *(f"index recall@{at}" for at in _AT))
    return Table("Text neighbours: NMSLIB against exact search and hnswlib", columns, rows, notes)
