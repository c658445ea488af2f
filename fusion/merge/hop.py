"""The paper's *suggestion of suggestions*: text neighbours seed image look-ups."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from candidates.provenance import CandidatePart, Candidates
from candidates.run import Part, Run
from fusion.merge.tiles import Tile, tiles


def expand(
    text: Run, image: Run, n: int, k: int, *, own: NDArray[np.int32] | None = None, threads: int = 1
) -> Candidates:
    """For each query its N text neighbours, and the K image neighbours of itself and of each of these.

    The order of a list is that of the walk: the query's own look-up, then the first text neighbour
    followed by its look-up, then the second, and so on; what comes again stays where it came first. So the
    list for a smaller N is the beginning of the list for a greater one, and a budget is a cut.

    Similar image retrieval by example, "Similar Image Retrieval … variant detection" (Walmart), section
    4.2 and figures 5 and 6.

    Args:
        text: Text neighbours, the query's own product left out.
        image: Image neighbours of *every* product (queries and items on the text items' axis), likewise.
        n: Text neighbours used, N.
        k: Image neighbours used for each of N + 1 seeds, K; 0 is text alone.
        own: int32 (q,): each query's own row, −1 for a query that is no product; by default queries are items.
        threads: Threads to use.

    Returns:
        Candidates; `via` is the first seed of the walk whose look-up holds the product.

    Raises:
        AxisMismatch: The two runs speak of different products.
    """
    from fusion.merge import kernels

    image.items.require(image.queries, "image lists of every product")
    image.items.require(text.items, "text lists and image lists")
    own = own_rows(text) if own is None else own
    whole = text.whole()
    lists = whole if int(whole.counts.max(initial=0)) <= n else whole.keep(whole.ranks <= n)
    image_rows, image_scores = image.matrix(k)
    slot = np.empty((threads, len(text.items)), np.int32)

    def fill(tile: Tile) -> CandidatePart:
        slot.fill(-1)
        seeds = _lists(lists, tile.start, tile.stop)
        mine = own[tile.start : tile.stop]
        kernels.expand(tile.bounds, mine, seeds, image_rows, image_scores, slot, tile.region, tile.columns, tile.counts)
        return tile.part()

    room = lists.counts + (lists.counts + 1) * k
    return Candidates("hop", text.queries, text.items, tuple(fill(tile) for tile in tiles(room, threads)))


def pool(text: Run, image: Run, *, own: NDArray[np.int32] | None = None, threads: int = 1) -> Candidates:
    """The union of each query's own text and image list, with rank and score in either, text first.

    The fused strategies give it an order. `own` and `threads` are those of `expand`; `via` of what the
    image list holds is the query itself.
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
    """Each query's row among the items, −1 for a query that is none of them; int32 (q,)."""
    return run.items.rows if run.queries == run.items else run.items.rows_of(run.queries.ids)


def _lists(part: Part, start: int, stop: int) -> tuple[NDArray[np.int64], NDArray[np.int32], NDArray[np.float32]]:
    offsets = part.offsets[start : stop + 1]
    low, high = offsets[0], offsets[-1]
    return offsets - low, part.rows[low:high], part.scores[low:high]
