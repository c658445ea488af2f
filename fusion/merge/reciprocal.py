"""Reciprocal rank fusion of any number of lists, each with a weight and the kind of thing it compares.

Cormack, Clarke, Büttcher, "Reciprocal Rank Fusion outperforms Condorcet and individual rank learning methods",
SIGIR 2009.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from candidates.provenance import CandidatePart, Candidates
from candidates.run import Part, Run
from fusion.merge.hop import own_rows
from fusion.merge.tiles import Tile, tiles

Kind = Literal["text", "image"]

K = 10
"""Added to every rank. The paper's 60 all but levels the first ten ranks, where most variants stand."""


@dataclass(frozen=True, eq=False)
class Ranking:
    """One of the lists that are fused.

    Attributes:
        run: The queries' lists, each without the query's own product.
        kind: Whether it compares texts or images: its rank goes into that kind's columns.
        weight: How much it counts beside the others, at least 0.
    """

    run: Run
    kind: Kind
    weight: float = 1.0


def fuse(
    rankings: Sequence[Ranking],
    *,
    k: float = K,
    depth: int = 0,
    own: NDArray[np.int32] | None = None,
    threads: int = 1,
) -> Candidates:
    """The union of each query's lists by Σ weight / (k + rank), ties in the order of the lists.

    A candidate's text rank and score are those of its best rank in any text list, its image rank and score those of
    its best rank in any image list (the first such list where ranks are equal).

    Args:
        rankings: The lists, over the same queries and items; at least one.
        k: Softens the difference between the first ranks.
        depth: Length of the fused lists, at most; 0 cuts nothing.
        own: int32 (q,): each query's own row, −1 for a query that is no product; by default queries are items.
        threads: Threads to use.

    Returns:
        Candidates; `via` of what an image list holds is the query itself.

    Raises:
        AxisMismatch: The lists speak of different products.
    """
    from fusion.merge import reciprocal_kernels

    lead = same_axes(rankings)
    wholes = [one.run.whole() for one in rankings]
    is_image = np.array([one.kind == "image" for one in rankings])
    weights = np.array([one.weight for one in rankings], np.float64)
    own = own_rows(lead) if own is None else own
    longest = depth or len(lead.items)
    slot = np.full((threads, len(lead.items)), -1, np.int32)

    def fill(tile: Tile) -> CandidatePart:
        sums = np.empty(len(tile.columns[0]))
        lists, rows = side_by_side(wholes, tile.start, tile.stop), own[tile.start : tile.stop]
        how = (is_image, weights, float(k), longest)
        place = (tile.region, tile.columns, tile.counts)
        reciprocal_kernels.fuse(tile.bounds, rows, lists, *how, slot, sums, *place)
        return tile.part()

    room = np.sum([whole.counts for whole in wholes], axis=0)
    return Candidates("rrf", lead.queries, lead.items, tuple(fill(tile) for tile in tiles(room, threads)))


def same_axes(rankings: Sequence[Ranking]) -> Run:
    """The first of the runs; raises `AxisMismatch` where another one has other queries or items."""
    lead = rankings[0].run
    for one in rankings[1:]:
        lead.queries.require(one.run.queries, f"lists {lead.name!r} and {one.run.name!r}")
        lead.items.require(one.run.items, f"lists {lead.name!r} and {one.run.name!r}")
    return lead


def side_by_side(
    parts: Sequence[Part], start: int, stop: int
) -> tuple[NDArray[np.int64], NDArray[np.int32], NDArray[np.float32]]:
    """The lists of a range of queries in shared arrays: offsets (lists, q + 1), rows and scores."""
    cuts = [part.offsets[start : stop + 1] for part in parts]
    shifts = np.cumsum([0, *(int(one[-1] - one[0]) for one in cuts)])
    offsets = np.stack([one - one[0] + shift for one, shift in zip(cuts, shifts[:-1], strict=True)])
    rows = np.concatenate([part.rows[one[0] : one[-1]] for part, one in zip(parts, cuts, strict=True)])
    scores = np.concatenate([part.scores[one[0] : one[-1]] for part, one in zip(parts, cuts, strict=True)])
    return offsets, rows, scores
