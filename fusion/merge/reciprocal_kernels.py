"""The compiled loops of reciprocal rank fusion and of the hop on fused lists; import it only where it is used.

Both go through a range of queries and keep each product's position in the current query's list in `slot`. A list may be
cut before the next one begins, so every query clears the slots it used.
"""

from __future__ import annotations

from typing import Any

import numba
import numpy as np
from numpy.typing import NDArray

I32 = NDArray[np.int32]
I64 = NDArray[np.int64]
F32 = NDArray[np.float32]
F64 = NDArray[np.float64]


@numba.njit(cache=True, nogil=True, boundscheck=False)
def _enter(product: int, at: int, seen: I32, sums: F64, out: tuple[Any, ...]) -> tuple[int, int]:
    """The position of `product` in the current query's list, appended if it is new; and the list's new end."""
    if seen[product] >= 0:
        return seen[product], at
    rows, _, text_rank, text_score, image_rank, image_score, via = out
    seen[product], rows[at], sums[at] = at, product, 0.0
    text_rank[at], image_rank[at], via[at] = 0, 0, -1
    text_score[at], image_score[at] = np.nan, np.nan
    return at, at + 1


@numba.njit(cache=True, nogil=True, boundscheck=False)
def _permute(values: Any, low: int, order: I64) -> None:
    before = values[low : low + len(order)].copy()
    for place in range(len(order)):
        values[low + place] = before[order[place]]


@numba.njit(cache=True, nogil=True, boundscheck=False)
def _arrange(low: int, high: int, sums: F64, out: tuple[Any, ...]) -> None:
    """Sorts the entries low … high by falling sums; the sort is stable."""
    rows, _, text_rank, text_score, image_rank, image_score, via = out
    order = np.argsort(-sums[low:high], kind="mergesort")
    _permute(sums, low, order)
    _permute(rows, low, order)
    _permute(text_rank, low, order)
    _permute(text_score, low, order)
    _permute(image_rank, low, order)
    _permute(image_score, low, order)
    _permute(via, low, order)


@numba.njit(cache=True, nogil=True, boundscheck=False)
def _fuse_one(
    query: int,
    own: int,
    first: int,
    lists: tuple[I64, I32, F32],
    is_image: NDArray[np.bool_],
    weights: F64,
    k: float,
    seen: I32,
    sums: F64,
    out: tuple[Any, ...],
) -> int:
    """Fuses the lists of one query, from position `first`; returns the end of its list."""
    offsets, list_rows, list_scores = lists
    rows, scores, text_rank, text_score, image_rank, image_score, via = out
    at = first
    for one in range(len(offsets)):
        for entry in range(offsets[one, query], offsets[one, query + 1]):
            rank = entry - offsets[one, query] + 1
            place, at = _enter(list_rows[entry], at, seen, sums, out)
            sums[place] += weights[one] / (k + rank)
            if is_image[one]:
                via[place] = own
                if image_rank[place] == 0 or rank < image_rank[place]:
                    image_rank[place], image_score[place] = rank, list_scores[entry]
            elif text_rank[place] == 0 or rank < text_rank[place]:
                text_rank[place], text_score[place] = rank, list_scores[entry]
    for place in range(first, at):
        seen[rows[place]] = -1
    _arrange(first, at, sums, out)
    for place in range(first, at):
        scores[place] = sums[place]
    return at


@numba.njit(cache=True, nogil=True, parallel=True, boundscheck=False)
def fuse(
    bounds: I64,
    own: I32,
    lists: tuple[I64, I32, F32],
    is_image: NDArray[np.bool_],
    weights: F64,
    k: float,
    depth: int,
    slot: I32,
    sums: F64,
    region: I64,
    out: tuple[Any, ...],
    counts: I64,
) -> None:
    """Reciprocal rank fusion of each query's lists, with the best rank in either kind of list.

    Args:
        bounds: (threads + 1,) queries `bounds[t]:bounds[t + 1]` belong to thread t.
        own: (q,) each query's own row, −1 for a query that is not a product.
        lists: Offsets (lists, q + 1) into rows (m,) and scores (m,) of all lists.
        is_image: (lists,) whether a list compares images; else it compares texts.
        weights: (lists,) weight of each list.
        k: The constant added to every rank.
        depth: Maximum number of entries kept.
        slot: (threads, n) scratch, −1 before and after.
        sums: (room,) scratch, laid out like the output columns.
        region: (threads, 2) where each thread's output begins, and (filled in) where it ends.
        out: Output columns: rows, scores, text rank, text score, image rank, image score, via.
        counts: (q,) filled with the lengths of the output lists.
    """
    for thread in numba.prange(len(bounds) - 1):
        at = region[thread, 0]
        for query in range(bounds[thread], bounds[thread + 1]):
            end = _fuse_one(query, own[query], at, lists, is_image, weights, k, slot[thread], sums, out)
            counts[query] = min(end - at, depth)
            at += counts[query]
        region[thread, 1] = at


@numba.njit(cache=True, nogil=True, boundscheck=False)
def _copy(entry: int, place: int, mine: tuple[Any, ...], out: tuple[Any, ...]) -> None:
    """Copies all columns of an entry of the query's own list, except row and score."""
    _, _, text_rank, text_score, image_rank, image_score, via = out
    text_rank[place], text_score[place] = mine[2][entry], mine[3][entry]
    image_rank[place], image_score[place], via[place] = mine[4][entry], mine[5][entry], mine[6][entry]


@numba.njit(cache=True, nogil=True, boundscheck=False)
def _look_up(
    seed: int,
    weight: float,
    own: int,
    first: int,
    at: int,
    second: tuple[Any, ...],
    seen: I32,
    sums: F64,
    best: F64,
    out: tuple[Any, ...],
) -> int:
    """Adds the entries of one seed's list after position `first`; returns the new end."""
    offsets, rows, scores, ranks, image_scores = second
    _, _, _, _, image_rank, image_score, via = out
    for entry in range(offsets[seed], offsets[seed + 1]):
        if rows[entry] == own:
            continue
        end = at
        place, at = _enter(rows[entry], at, seen, sums, out)
        if place < first:
            continue
        path = weight * scores[entry]
        sums[place] += path
        if place == end or path > best[place]:
            best[place], via[place] = path, seed
            image_rank[place], image_score[place] = ranks[entry], image_scores[entry]
    return at


@numba.njit(cache=True, nogil=True, boundscheck=False)
def _hop_one(
    span: tuple[int, int],
    own: int,
    first: int,
    mine: tuple[Any, ...],
    limits: tuple[int, int, float, bool],
    second: tuple[Any, ...],
    seen: I32,
    sums: F64,
    best: F64,
    out: tuple[Any, ...],
) -> int:
    """Builds the list of one query, whose own list is the `span` of `mine`; returns the end of its list."""
    low, high = span
    n, m, weight, rest = limits
    rows, scores, text_rank, text_score, image_rank, image_score, via = out
    at, middle = first, min(high, low + m)
    for entry in range(low, middle):
        place, at = _enter(mine[0][entry], at, seen, sums, out)
        _copy(entry, place, mine, out)
    brought = at
    for entry in range(low, min(high, low + n)):
        share = weight * mine[1][entry] / max(mine[1][low], 1e-30)
        at = _look_up(mine[0][entry], share, own, brought, at, second, seen, sums, best, out)
    for entry in range(middle, high):
        place = seen[mine[0][entry]]
        if place < 0 and rest:
            place, at = _enter(mine[0][entry], at, seen, sums, out)
        if place < 0:
            continue
        sums[place] += mine[1][entry]
        text_rank[place], text_score[place] = mine[2][entry], mine[3][entry]
        if mine[4][entry] > 0:
            image_rank[place], image_score[place], via[place] = mine[4][entry], mine[5][entry], mine[6][entry]
    for place in range(first, at):
        seen[rows[place]] = -1
        scores[place] = 1 / (place - first + 1)
    _arrange(brought, at, sums, out)
    return at


@numba.njit(cache=True, nogil=True, parallel=True, boundscheck=False)
def hop(
    bounds: I64,
    own: I32,
    offsets: I64,
    mine: tuple[Any, ...],
    limits: tuple[int, int, float, bool],
    second: tuple[Any, ...],
    slot: I32,
    scratch: F64,
    region: I64,
    out: tuple[Any, ...],
    counts: I64,
) -> None:
    """The query's first m; then the entries of its first n's lists and, with `rest`, the query's others, by score.

    Args:
        bounds: (threads + 1,) queries `bounds[t]:bounds[t + 1]` belong to thread t.
        own: (q,) each query's own row, −1 for a query that is not a product.
        offsets: (q + 1,) the queries' own lists.
        mine: Their columns: rows, scores, text rank, text score, image rank, image score, via.
        limits: n, the number of seeds; m, the number of entries that keep their place at the front; weight of the
            seeds' scores relative to the query's own; rest, whether the list's entries after the first m are kept if
            no seed found them.
        second: Offsets, rows, scores, image ranks and image scores of the seeds' lists.
        slot: (threads, products) scratch, −1 before and after.
        scratch: (2, room) scratch, laid out like the output columns.
        region: (threads, 2) where each thread's output begins, and (filled in) where it ends.
        out: Output columns, as in `mine`.
        counts: (q,) filled with the lengths of the output lists.
    """
    for thread in numba.prange(len(bounds) - 1):
        at = region[thread, 0]
        for query in range(bounds[thread], bounds[thread + 1]):
            span = (offsets[query], offsets[query + 1])
            end = _hop_one(span, own[query], at, mine, limits, second, slot[thread], scratch[0], scratch[1], out)
            counts[query] = end - at
            at = end
        region[thread, 1] = at


@numba.njit(cache=True, nogil=True, parallel=True, boundscheck=False)
def count_hits(
    offsets: I64, ranks: I32, relevant: NDArray[np.bool_], weights: F64, k: float, budget: int, hits: I64
) -> None:
    """Counts, for each query, the relevant entries among the first `budget` of its fused list.

    Args:
        offsets: (q + 1,) the union of each query's lists.
        ranks: (m, lists) rank of each entry in each list, 0 if it is not in it.
        relevant: (m,) which entries count.
        weights: (lists,) weight of each list.
        k: The constant added to every rank.
        budget: Length of the fused list.
        hits: (q,) filled with the counts.
    """
    for query in numba.prange(len(offsets) - 1):
        low, high = offsets[query], offsets[query + 1]
        scores = np.zeros(high - low)
        for entry in range(low, high):
            for one in range(len(weights)):
                if ranks[entry, one] > 0:
                    scores[entry - low] += weights[one] / (k + ranks[entry, one])
        for entry in range(low, high):
            if relevant[entry]:
                mine, before = scores[entry - low], 0
                for place in range(high - low):
                    before += scores[place] > mine or (scores[place] == mine and place < entry - low)
                hits[query] += before < budget
