"""The compiled loops of pair features. Import this module only where it is used: numba takes half a second.

The data of a pair's left product (its list, its words) is written into `slot` once and read from there for all its
pairs. So kernels are fastest if pairs are ordered by their left product; results don't depend on the order.

A kernel runs on one thread and releases the GIL, so that `table` can compute blocks of pairs in parallel.
"""

from __future__ import annotations

import numba
import numpy as np
from numpy.typing import NDArray

I32 = NDArray[np.int32]
I64 = NDArray[np.int64]
F32 = NDArray[np.float32]


@numba.njit(cache=True, nogil=True, boundscheck=False)
def _lay_out(slot: I32, offsets: I64, rows: I32, query: int, depth: int) -> None:
    """Writes the rank of each product in one list into `slot`, up to a depth."""
    low = offsets[query]
    for at in range(low, min(offsets[query + 1], low + depth)):
        slot[rows[at]] = at - low + 1


@numba.njit(cache=True, nogil=True, boundscheck=False)
def _clear(slot: I32, offsets: I64, rows: I32, query: int, depth: int) -> None:
    low = offsets[query]
    for at in range(low, min(offsets[query + 1], low + depth)):
        slot[rows[at]] = 0


@numba.njit(cache=True, nogil=True, boundscheck=False)
def _rank_of(offsets: I64, rows: I32, query: int, wanted: int, depth: int) -> int:
    low = offsets[query]
    for at in range(low, min(offsets[query + 1], low + depth)):
        if rows[at] == wanted:
            return at - low + 1
    return 0


@numba.njit(cache=True, nogil=True, boundscheck=False)
def ranks(left: I32, right: I32, offsets: I64, rows: I32, depth: int, slot: I32, forward: I32, backward: I32) -> None:
    """The rank of the right product in the left one's list, and vice versa; 0 where it is not listed.

    Args:
        left: (m,): rows of the left products.
        right: (m,): rows of the right products.
        offsets: (n + 1,): offsets of the lists.
        rows: Entries of the lists.
        depth: Number of entries of a list that are read.
        slot: (n,): zeros.
        forward: (m,): filled in.
        backward: (m,): filled in.
    """
    current = -1
    for pair in range(len(left)):
        first, second = left[pair], right[pair]
        if first != current:
            if current >= 0:
                _clear(slot, offsets, rows, current, depth)
            _lay_out(slot, offsets, rows, first, depth)
            current = first
        forward[pair] = slot[second]
        backward[pair] = _rank_of(offsets, rows, second, first, depth)


@numba.njit(cache=True, nogil=True, boundscheck=False)
def shared(left: I32, right: I32, offsets: I64, rows: I32, depths: I64, slot: I32, counts: I32) -> None:
    """Number of products that are among the first 10, 20, … of both lists.

    Args:
        left: (m,): rows of the left products.
        right: (m,): rows of the right products.
        offsets: (n + 1,): offsets of the lists.
        rows: Entries of the lists.
        depths: (d,): depths, ascending.
        slot: (n,): zeros.
        counts: (m, d): zeros, filled in.
    """
    deepest = depths[-1]
    current = -1
    for pair in range(len(left)):
        first, second = left[pair], right[pair]
        if first != current:
            if current >= 0:
                _clear(slot, offsets, rows, current, deepest)
            _lay_out(slot, offsets, rows, first, deepest)
            current = first
        low = offsets[second]
        for at in range(low, min(offsets[second + 1], low + deepest)):
            rank_in_first = slot[rows[at]]
            if rank_in_first:
                # The pair shares this product from the depth at which both lists contain it.
                needed = max(rank_in_first, at - low + 1)
                for place in range(len(depths)):
                    if needed <= depths[place]:
                        counts[pair, place] += 1


@numba.njit(cache=True, nogil=True, boundscheck=False, fastmath={"reassoc", "contract"})
def _dot(first: F32, second: F32) -> np.float32:
    total = np.float32(0)
    for place in range(len(first)):
        total += first[place] * second[place]
    return total


@numba.njit(cache=True, nogil=True, boundscheck=False)
def dense(left: I32, right: I32, starts: I64, order: I32, values: F32, out: F32) -> None:
    """The largest dot product between the vectors of two products; NaN if one of them has none.

    Args:
        left: (m,): rows of the left products.
        right: (m,): rows of the right products.
        starts: (n + 1,): product p has the vectors `order[starts[p]:starts[p + 1]]`.
        order: Rows of `values`.
        values: (r, d): the vectors.
        out: (m,): filled in.
    """
    for pair in range(len(left)):
        first, second = left[pair], right[pair]
        best = np.float32(np.nan)
        for i in range(starts[first], starts[first + 1]):
            for j in range(starts[second], starts[second + 1]):
                found = _dot(values[order[i]], values[order[j]])
                if not found <= best:
                    best = found
        out[pair] = best


@numba.njit(cache=True, nogil=True, boundscheck=False)
def sparse(left: I32, right: I32, offsets: I64, columns: I32, weights: F32, slot: F32, out: F32) -> None:
    """The dot product of two sparse rows; NaN if one of them is empty.

    Args:
        left: (m,): rows of the left products.
        right: (m,): rows of the right products.
        offsets: (n + 1,): offsets of the sparse rows.
        columns: Column numbers of each row, ascending within it.
        weights: The values in these columns.
        slot: (columns,): zeros.
        out: (m,): filled in.
    """
    current = -1
    for pair in range(len(left)):
        first, second = left[pair], right[pair]
        if first != current:
            if current >= 0:
                for at in range(offsets[current], offsets[current + 1]):
                    slot[columns[at]] = 0
            for at in range(offsets[first], offsets[first + 1]):
                slot[columns[at]] = weights[at]
            current = first
        if offsets[first] == offsets[first + 1] or offsets[second] == offsets[second + 1]:
            out[pair] = np.nan
            continue
        total = 0.0
        for at in range(offsets[second], offsets[second + 1]):
            total += slot[columns[at]] * weights[at]
        out[pair] = total


@numba.njit(cache=True, nogil=True, boundscheck=False)
def common(left: I32, right: I32, offsets: I64, columns: I32, rarity: F32, slot: I32, counts: I32, rarest: F32) -> None:
    """Number of members that two sets share, and the rarity of the rarest shared one (0 if there is none).

    Args:
        left: (m,): rows of the left products.
        right: (m,): rows of the right products.
        offsets: (n + 1,): offsets of the sets.
        columns: Members of each product's set, each once.
        rarity: (members,): rarity of each possible member, above 0.
        slot: (members,): zeros.
        counts: (m,): zeros, filled in.
        rarest: (m,): zeros, filled in.
    """
    current = -1
    for pair in range(len(left)):
        first, second = left[pair], right[pair]
        if first != current:
            if current >= 0:
                for at in range(offsets[current], offsets[current + 1]):
                    slot[columns[at]] = 0
            for at in range(offsets[first], offsets[first + 1]):
                slot[columns[at]] = 1
            current = first
        count, rare = 0, np.float32(0)
        for at in range(offsets[second], offsets[second + 1]):
            member = columns[at]
            if slot[member]:
                count += 1
                rare = max(rare, rarity[member])
        counts[pair], rarest[pair] = count, rare


@numba.njit(cache=True, nogil=True, boundscheck=False)
def agreements(left: I32, right: I32, offsets: I64, names: I32, values: I32, out: I32) -> None:
    """Number of attributes that agree, that differ, and that only one of the two products has.

    Args:
        left: (m,): rows of the left products.
        right: (m,): rows of the right products.
        offsets: (n + 1,): offsets of the products' attributes.
        names: Name codes of each product's attributes, ascending within it, each once.
        values: Value codes of these attributes.
        out: (m, 3): zeros, filled in.
    """
    for pair in range(len(left)):
        i, j = offsets[left[pair]], offsets[right[pair]]
        i_end, j_end = offsets[left[pair] + 1], offsets[right[pair] + 1]
        in_first, in_second = i_end - i, j_end - j
        while i < i_end and j < j_end:
            if names[i] < names[j]:
                i += 1
            elif names[i] > names[j]:
                j += 1
            else:
                out[pair, 0 if values[i] == values[j] else 1] += 1
                i += 1
                j += 1
        out[pair, 2] = in_first + in_second - 2 * (out[pair, 0] + out[pair, 1])


@numba.njit(cache=True, nogil=True, boundscheck=False)
def _box_difference(first: F32, second: F32) -> float:
    """One minus the intersection over union of two boxes (left, top, right, bottom)."""
    across = min(first[2], second[2]) - max(first[0], second[0])
    down = min(first[3], second[3]) - max(first[1], second[1])
    both = max(across, 0) * max(down, 0)
    either = (first[2] - first[0]) * (first[3] - first[1]) + (second[2] - second[0]) * (second[3] - second[1]) - both
    return 1 - both / either if either > 0 else 0.0


@numba.njit(cache=True, nogil=True, boundscheck=False)
def _look_difference(kind: int, first: F32, second: F32) -> float:
    """Difference of two descriptors in one part; for `kind` see `looks`."""
    if kind == 2:
        return _box_difference(first, second)
    total = 0.0
    for place in range(len(first)):
        apart = first[place] - second[place]
        total += apart * apart if kind == 0 else abs(apart)
    return np.sqrt(total) if kind == 0 else total / len(first)


@numba.njit(cache=True, nogil=True, boundscheck=False)
def looks(left: I32, right: I32, starts: I64, order: I32, values: F32, parts: I64, out: F32) -> None:
    """The smallest difference between the pictures of two products in each part; NaN if one has no picture.

    Args:
        left: (m,): rows of the left products.
        right: (m,): rows of the right products.
        starts: (n + 1,): product p has the descriptors `order[starts[p]:starts[p + 1]]`.
        order: Rows of `values`.
        values: (r, c): descriptors of pictures.
        parts: (d, 3): first column, column after the last, and kind: 0 Euclidean distance, 1 mean absolute
            difference, 2 boxes.
        out: (m, d): filled in.
    """
    for pair in range(len(left)):
        first, second = left[pair], right[pair]
        for part in range(len(parts)):
            low, high, kind = parts[part, 0], parts[part, 1], parts[part, 2]
            best = np.nan
            for i in range(starts[first], starts[first + 1]):
                for j in range(starts[second], starts[second + 1]):
                    found = _look_difference(kind, values[order[i], low:high], values[order[j], low:high])
                    if not found >= best:
                        best = found
            out[pair, part] = best
