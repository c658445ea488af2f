"""Reciprocal rank fusion (RRF) of any number of weighted lists, each of texts or of images.

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
from candidates.settings import FusedSettings
from fusion.merge.hop import own_rows
from fusion.merge.tiles import Tile, tiles

Kind = Literal["text", "image"]

K = FusedSettings().k
"""The constant added to every rank if none is given: the default of the setting `fused.k`.

The paper uses 60, which gives the first ten ranks, where most variants are, almost the same score. The strategy `rrf`
keeps the paper's constant (the setting `merge.rrf_k`).
"""


@dataclass(frozen=True, eq=False)
class Ranking:
    """One run to fuse, with its weight.

    Attributes:
        run: The queries' lists, without the query itself.
        kind: Whether it compares texts or images; its ranks fill the columns of that kind.
        weight: Its weight in the sum, at least 0.
    """

    run: Run
    kind: Kind
    weight: float = 1.0


def fuse(
    rankings: Sequence[Ranking],
    *,
    k: float = K,
    name: str = "rrf",
    depth: int = 0,
    own: NDArray[np.int32] | None = None,
    threads: int = 1,
) -> Candidates:
    """The union of each query's lists, sorted by Σ weight / (k + rank); ties keep the order of the lists.

    A candidate's text rank and score come from the text list that ranks it best, its image rank and score from the
    image list that ranks it best (the first such list on a tie).

    Args:
        rankings: The runs, over the same queries and items; at least one.
        k: The constant: the greater it is, the less the first ranks differ.
        name: Name of the fused run.
        depth: Maximum length of the fused lists; 0 cuts nothing.
        own: int32 (q,): each query's own row, −1 for a query that is not a product; by default queries are items.
        threads: Threads to use.

    Returns:
        Candidates; `via` is the query itself for every candidate in one of its image lists.

    Raises:
        AxisMismatch: The runs are over different products.
    """
    from fusion.merge import reciprocal_kernels

    lead = same_axes(rankings)
    wholes = [ranking.run.whole() for ranking in rankings]
    is_image = np.array([ranking.kind == "image" for ranking in rankings])
    weights = np.array([ranking.weight for ranking in rankings], np.float64)
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
    return Candidates(name, lead.queries, lead.items, tuple(fill(tile) for tile in tiles(room, threads)))


def same_axes(rankings: Sequence[Ranking]) -> Run:
    """The first of the runs; raises `AxisMismatch` if another run has other queries or items."""
    lead = rankings[0].run
    for ranking in rankings[1:]:
        lead.queries.require(ranking.run.queries, f"lists {lead.name!r} and {ranking.run.name!r}")
        lead.items.require(ranking.run.items, f"lists {lead.name!r} and {ranking.run.name!r}")
    return lead


def side_by_side(
    parts: Sequence[Part], start: int, stop: int
) -> tuple[NDArray[np.int64], NDArray[np.int32], NDArray[np.float32]]:
    """The lists of a range of queries in shared arrays: offsets (lists, q + 1), rows and scores."""
    cuts = [part.offsets[start : stop + 1] for part in parts]
    shifts = np.cumsum([0, *(int(cut[-1] - cut[0]) for cut in cuts)])
    offsets = np.stack([cut - cut[0] + shift for cut, shift in zip(cuts, shifts[:-1], strict=True)])
    rows = np.concatenate([part.rows[cut[0] : cut[-1]] for part, cut in zip(parts, cuts, strict=True)])
    scores = np.concatenate([part.scores[cut[0] : cut[-1]] for part, cut in zip(parts, cuts, strict=True)])
    return offsets, rows, scores
