"""The compiled loops of merging; import this module only where it is used, since numba takes half a second.

`expand` and `pool` go through a range of queries and keep each product's position in the output in `slot`. A position
before the current query's first one belongs to an earlier query, so nothing has to be cleared between queries. Each
thread owns a contiguous range of queries, a row of `slot`, and a region of the output, which it fills without gaps.
"""

from __future__ import annotations

from typing import Any

import numba
import numpy as np
from numpy.typing import NDArray

I32 = NDArray[np.int32]
I64 = NDArray[np.int64]
F32 = NDArray[np.float32]


@numba.njit(cache=True, boundscheck=False)
def _place(product: int, first: int, at: int, seen: I32, out: tuple[Any, ...]) -> tuple[int, int]:
    """The position of `product` in the current query's list, appended if it is new; and the list's new end."""
    if seen[product] >= first:
        return seen[product], at
    rows, scores, text_rank, text_score, image_rank, image_score, via = out
    seen[product], rows[at], scores[at] = at, product, 1 / (at - first + 1)
    text_rank[at], image_rank[at], via[at] = 0, 0, -1
    text_score[at], image_score[at] = np.nan, np.nan
    return at, at + 1


@numba.njit(cache=True, nogil=True, boundscheck=False)
def _expand(
    thread: int,
    bounds: I64,
    own: I32,
    text: tuple[I64, I32, F32],
    image_rows: I32,
    image_scores: F32,
    slot: I32,
    region: I64,
    out: tuple[Any, ...],
    steps: I32,
    counts: I64,
) -> None:
    """The queries of one thread."""
    offsets, text_rows, text_scores = text
    _, _, text_rank, text_score, image_rank, image_score, via = out
    at = region[thread, 0]
    seen = slot[thread]
    for query in range(bounds[thread], bounds[thread + 1]):
        first, low = at, offsets[query]
        for seed_rank in range(offsets[query + 1] - low + 1):
            seed = own[query] if seed_rank == 0 else text_rows[low + seed_rank - 1]
            entered = at
            if seed_rank > 0:
                place, at = _place(seed, first, at, seen, out)
                text_rank[place], text_score[place] = seed_rank, text_scores[low + seed_rank - 1]
            for j in range(image_rows.shape[1] if seed >= 0 else 0):
                found = image_rows[seed, j]
                if found < 0 or found == own[query]:
                    continue
                place, at = _place(found, first, at, seen, out)
                if via[place] < 0:
                    image_rank[place], image_score[place], via[place] = j + 1, image_scores[seed, j], seed
            for place in range(entered, at):
                steps[place] = seed_rank
        counts[query] = at - first
    region[thread, 1] = at


@numba.njit(cache=True, nogil=True, boundscheck=False)
def expand(
    bounds: I64,
    own: I32,
    text: tuple[I64, I32, F32],
    image_rows: I32,
    image_scores: F32,
    slot: I32,
    region: I64,
    out: tuple[Any, ...],
    steps: I32,
    counts: I64,
) -> None:
    """Suggestion of suggestions: the query's look-up, then each text neighbour and its look-up.

    Args:
        bounds: (threads + 1,) queries `bounds[t]:bounds[t + 1]` belong to thread t.
        own: (q,) each query's own row, −1 for a query that is not a product.
        text: Offsets (q + 1,), rows (m,) and scores (m,) of the text lists.
        image_rows: (n, k) image neighbours of every product, short lists filled up with −1.
        image_scores: (n, k) their scores.
        slot: (threads, n) scratch, filled with −1.
        region: (threads, 2) where each thread's output begins, and (filled in) where it ends.
        out: Output columns: rows, scores (1 / rank), text rank, text score, image rank, image score, via.
        steps: (room,) output: the step of the walk at which each candidate entered.
        counts: (q,) filled with the lengths of the output lists.
    """
    for thread in range(len(bounds) - 1):
        _expand(thread, bounds, own, text, image_rows, image_scores, slot, region, out, steps, counts)


@numba.njit(cache=True, nogil=True, parallel=True, boundscheck=False)
def expand_parallel(
    bounds: I64,
    own: I32,
    text: tuple[I64, I32, F32],
    image_rows: I32,
    image_scores: F32,
    slot: I32,
    region: I64,
    out: tuple[Any, ...],
    steps: I32,
    counts: I64,
) -> None:
    """`expand` with one thread for each range of `bounds`. Starting threads takes milliseconds on a busy machine."""
    for thread in numba.prange(len(bounds) - 1):
        _expand(thread, bounds, own, text, image_rows, image_scores, slot, region, out, steps, counts)


@numba.njit(cache=True, nogil=True, parallel=True, boundscheck=False)
def pool(
    bounds: I64,
    own: I32,
    text: tuple[I64, I32, F32],
    image: tuple[I64, I32, F32],
    slot: I32,
    region: I64,
    out: tuple[Any, ...],
    counts: I64,
) -> None:
    """The union of each query's own two lists, text first, with rank and score in each.

    The arguments are those of `expand`, but `image` holds the queries' own image lists: offsets, rows and scores.
    """
    _, _, text_rank, text_score, image_rank, image_score, via = out
    for thread in numba.prange(len(bounds) - 1):
        at = region[thread, 0]
        seen = slot[thread]
        for query in range(bounds[thread], bounds[thread + 1]):
            first = at
            for entry in range(text[0][query], text[0][query + 1]):
                place, at = _place(text[1][entry], first, at, seen, out)
                text_rank[place], text_score[place] = entry - text[0][query] + 1, text[2][entry]
            for entry in range(image[0][query], image[0][query + 1]):
                place, at = _place(image[1][entry], first, at, seen, out)
                image_rank[place], image_score[place] = entry - image[0][query] + 1, image[2][entry]
                via[place] = own[query]
            counts[query] = at - first
        region[thread, 1] = at


@numba.njit(cache=True, nogil=True, parallel=True)
def order_lists(offsets: I64, scores: NDArray[np.float64], order: I64) -> None:
    """Fills `order` (m,) with the positions of each list's entries, highest score first; the sort is stable."""
    for query in numba.prange(len(offsets) - 1):
        low, high = offsets[query], offsets[query + 1]
        order[low:high] = low + np.argsort(-scores[low:high], kind="mergesort")
