"""The hop on fused lists: candidates of a product's first candidates move up in its own list.

Suggestion of suggestions as in `hop`, with fused lists on both sides. Neighbours of neighbours are evidence where a
single comparison is uncertain, as in average query expansion: Chum, Philbin, Sivic, Isard and Zisserman, "Total Recall:
Automatic Query Expansion with a Generative Feature Model for Object Retrieval", ICCV 2007.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from candidates.provenance import CandidatePart, Candidates
from fusion.merge.hop import own_rows
from fusion.merge.tiles import Tile, tiles

WEIGHT = 0.2
"""Weight of the score that seeds give a candidate, relative to the score in the query's own list."""


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
    """Each query's own first M candidates, then the rest of its list and the candidates of its first N, by score.

    After the first M, a candidate's score is its score in the query's own list (0 if it is not in it) plus
    weight · Σ share of the seed · score in the seed's list, over the first K entries of the lists of the first N. The
    share is the seed's score divided by that of the first seed. The order does not depend on any cut, so a smaller
    budget is a prefix of a greater one.

    Recall must be measured with lists of held-out groups for the seeds too: if the seeds' lists come from a projection
    that learned from the query's group, the hop looks better than it is.

    Args:
        fused: The queries' own lists with scores of zero or more, as from `reciprocal.fuse`.
        of_products: Such lists of *every* product (queries and items on one axis); if the queries are every product,
            the same run.
        n: Number of seeds, N.
        k: Entries read of each seed's list, K.
        m: Entries of a query's own list that keep their place at the front, M; at least N do.
        weight: Weight of the seeds' scores relative to a candidate's own score.
        rest: Whether entries of the own list after the first M are kept if no seed found them; without them a list has
            its first M entries and the candidates of the seeds.
        own: int32 (q,): each query's own row, −1 for a query that is not a product; by default queries are items.
        threads: Threads to use.

    Returns:
        Candidates; scores are 1 / rank. Text rank and score are those in the query's own text lists. A candidate that
        is in none of the query's image lists, but in a seed's list, has the seed with the greatest contribution as
        `via`, and image rank and score from the seed's image lists (rank 0 if only the seed's text lists hold it).

    Raises:
        AxisMismatch: The two runs are over different products.
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
