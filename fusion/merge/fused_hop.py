"""The hop on fused lists: what a product's first candidates find speaks for products further down its own list.

Suggestion of suggestions as in `hop`, with the fused list on both sides; that a neighbour's neighbours are evidence
for what a single comparison leaves in doubt is the idea of average query expansion (Chum, Philbin, Sivic, Isard,
Zisserman, "Total Recall", ICCV 2007), and of diffusion on neighbour graphs after it.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from candidates.provenance import CandidatePart, Candidates
from fusion.merge.hop import own_rows
from fusion.merge.tiles import Tile, tiles

WEIGHT = 0.2
"""How much what the seeds find counts beside a candidate's own score."""


def hop_fused(
    fused: Candidates,
    of_products: Candidates,
    n: int,
    k: int,
    m: int,
    *,
    weight: float = WEIGHT,
    rest: bool = True,
    own: NDArray[np.int32] | None = None,
    threads: int = 1,
) -> Candidates:
    """Each query's own first M, then what its first N find in their fused lists and what else it found itself.

    Behind the first M candidates stand by their own score (0 where the query's list does not hold them) and what the
    seeds add: weight · Σ share of the seed · score in the seed's list, over the first K of each of the first N, the
    share being the seed's score against that of the first seed. The whole order is there before any cut, so a smaller
    budget is the beginning of a greater one.

    Gains are to be judged on products of which no map behind the lists has seen any: where each product's list comes
    from a map learned without that product, but with others of its group or beside it, the seeds' lists know the
    query's group, and the hop seems to find what it would not.

    Args:
        fused: The queries' own lists with scores of zero or more, as `reciprocal.fuse` makes them.
        of_products: Such lists of *every* product (queries and items on one axis); for a catalogue asked for all of
            its own products this is `fused` itself.
        n: Seeds, N.
        k: Entries used of each seed's list, K.
        m: Entries of a query's own list that stand first in their order, M; at least N do.
        weight: How much what the seeds find counts beside a candidate's own score.
        rest: Whether entries of the own list behind the first M stay where no seed found them; without them lists
            have M entries and what the hop brought, and no more.
        own: int32 (q,): each query's own row, −1 for a query that is no product; by default queries are items.
        threads: Threads to use.

    Returns:
        Candidates; scores are 1 / rank. Text rank and score are those in the query's own text lists. `via` of what
        the query's own image lists do not hold, but a seed's list does, is the seed that counts most for it, and
        image rank and score are those in the seed's image lists (rank 0 where the seed's texts alone hold it).

    Raises:
        AxisMismatch: The two runs speak of different products.
    """
    from fusion.merge import reciprocal_kernels

    of_products.items.require(of_products.queries, "fused lists of every product")
    of_products.items.require(fused.items, "fused lists")
    whole, asked = fused.whole(), of_products.top(k).whole()
    assert isinstance(whole, CandidatePart)
    assert isinstance(asked, CandidatePart)
    second = (asked.offsets, asked.rows, asked.scores, asked.image_rank, asked.image_score)
    mine = tuple(getattr(whole, name) for name in whole.columns())
    own = own_rows(fused) if own is None else own
    slot = np.full((threads, len(fused.items)), -1, np.int32)
    limits = (n, max(n, m), float(weight), rest)

    def fill(tile: Tile) -> CandidatePart:
        scratch = np.empty((2, len(tile.columns[0])))
        offsets, rows = whole.offsets[tile.start : tile.stop + 1], own[tile.start : tile.stop]
        place = (tile.region, tile.columns, tile.counts)
        reciprocal_kernels.hop(tile.bounds, rows, offsets, mine, limits, second, slot, scratch, *place)
        return tile.part()

    room = (whole.counts if rest else np.minimum(whole.counts, max(n, m))) + np.minimum(whole.counts, n) * k
    return Candidates("fused-hop", fused.queries, fused.items, tuple(fill(tile) for tile in tiles(room, threads)))
