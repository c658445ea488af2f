"""The paper's *suggestion of suggestions*: every text neighbour of a query seeds an image look-up.

Stanley, Vanjara, Pan, Pirogova, Chakraborty and Chaudhuri, "SIR: Similar Image Retrieval for Product Search in
E-Commerce", SISAP 2020, arXiv:2009.13836, section 4.2 and figures 5 and 6; see docs/references.md.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from candidates.provenance import CandidatePart, Candidates
from candidates.run import Part, Run
from fusion.merge.tiles import Tile, tiles

BLOCK = 250_000
"""Candidates met in one block of `walks`; larger blocks were slower to count, since they no longer fit the cache."""


class Walk(NamedTuple):
    """The candidates of a block of queries, with the step of the walk at which each of them entered.

    Attributes:
        part: The candidates, in the order of the walk.
        steps: int32 (m,): 0 for the query's own look-up, s for the s-th text neighbour and its look-up. Steps never
            fall along a list, and the candidates at N are those with a step of at most N.
    """

    part: CandidatePart
    steps: NDArray[np.int32]


def expand(
    text: Run, image: Run, n: int, k: int, *, own: NDArray[np.int32] | None = None, threads: int = 1
) -> Candidates:
    """The candidates of every query: its N text neighbours, and the K image neighbours of itself and of each of these.

    The order of a list is that of the walk: the query's own look-up, then the first text neighbour followed by its
    look-up, then the second, and so on; a product found again keeps its first position. So the list for a smaller N is
    a prefix of the list for a greater one, and a budget is a cut.

    Args:
        text: Text neighbours, without the query itself.
        image: Image neighbours of *every* product (queries and items on the text items' axis), likewise.
        n: Text neighbours used, N.
        k: Image neighbours used for each of the N + 1 seeds, K; 0 leaves the text neighbours alone.
        own: int32 (q,): each query's own row, −1 for a query that is not a product; by default queries are items.
        threads: Threads to use.

    Returns:
        Candidates; `via` is the first seed of the walk whose look-up holds the product.

    Raises:
        AxisMismatch: The two runs are over different products.
    """
    blocks = walks(text, image, n, k, own=own, threads=threads, most=0)
    return Candidates("hop", text.queries, text.items, tuple(walk.part for walk in blocks))


def walks(
    text: Run,
    image: Run,
    n: int,
    k: int,
    *,
    own: NDArray[np.int32] | None = None,
    threads: int = 1,
    most: int = BLOCK,
) -> Iterator[Walk]:
    """The candidates of `expand` with their steps, block by block: consecutive queries from the first to the last.

    A caller that only counts may drop each block before it takes the next, so memory stays bounded by one block.

    Args:
        text: As in `expand`.
        image: As in `expand`.
        n: As in `expand`.
        k: As in `expand`.
        own: As in `expand`.
        threads: Threads to use.
        most: Maximum number of candidates in a block of several queries, duplicates counted; 0: as many as `tiles`
            allows.

    Raises:
        AxisMismatch: The two runs are over different products.
    """
    from fusion.merge import kernels

    image.items.require(image.queries, "image lists of every product")
    image.items.require(text.items, "text lists and image lists")
    own = own_rows(text) if own is None else own
    whole = text.whole()
    lists = whole if int(whole.counts.max(initial=0)) <= n else whole.keep(whole.ranks <= n)
    image_rows, image_scores = image.matrix(k)
    expand_tile = kernels.expand if threads == 1 else kernels.expand_parallel
    slot = np.empty((threads, len(text.items)), np.int32)
    steps = np.empty(0, np.int32)
    for tile in tiles(lists.counts + (lists.counts + 1) * k, threads, most):
        slot.fill(-1)
        steps = steps if len(steps) >= len(tile.columns[0]) else np.empty(len(tile.columns[0]), np.int32)
        seeds, mine = _lists(lists, tile.start, tile.stop), own[tile.start : tile.stop]
        place = (slot, tile.region, tile.columns, steps, tile.counts)
        expand_tile(tile.bounds, mine, seeds, image_rows, image_scores, *place)
        yield Walk(tile.part(), tile.filled(steps))


def pool(text: Run, image: Run, *, own: NDArray[np.int32] | None = None, threads: int = 1) -> Candidates:
    """The union of each query's own text and image list, text first, with rank and score in each list.

    `own` and `threads` are those of `expand`; `via` is the query itself for every product in its image list.
    """
    from fusion.merge import kernels

    text.queries.require(image.queries, "text lists and image lists")
    text.items.require(image.items, "text lists and image lists")
    own = own_rows(text) if own is None else own
    texts, images = text.whole(), image.whole()
    slot = np.empty((threads, len(text.items)), np.int32)

    def fill(tile: Tile) -> CandidatePart:
        slot.fill(-1)
        one, two = _lists(texts, tile.start, tile.stop), _lists(images, tile.start, tile.stop)
        mine = own[tile.start : tile.stop]
        kernels.pool(tile.bounds, mine, one, two, slot, tile.region, tile.columns, tile.counts)
        return tile.part()

    room = texts.counts + images.counts
    return Candidates("pool", text.queries, text.items, tuple(fill(tile) for tile in tiles(room, threads)))


def own_rows(run: Run) -> NDArray[np.int32]:
    """Each query's row among the items, −1 for a query that is not an item; int32 (q,)."""
    return run.items.rows if run.queries == run.items else run.items.rows_of(run.queries.ids)


def _lists(part: Part, start: int, stop: int) -> tuple[NDArray[np.int64], NDArray[np.int32], NDArray[np.float32]]:
    offsets = part.offsets[start : stop + 1]
    low, high = offsets[0], offsets[-1]
    return offsets - low, part.rows[low:high], part.scores[low:high]
