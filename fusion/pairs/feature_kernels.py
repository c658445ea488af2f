"""The compiled loops of pair features; import this module only where it is used, since numba takes half a second.

What belongs to the left product of a pair (its list, its words) is laid out in `slot` and read from there for all
pairs of this product. Pairs that ascend by their left product are therefore fast; others come out the same.

A kernel runs on one thread and lets go of Python's lock: `table` computes blocks of pairs side by side.
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
    """Writes the rank of each product in one list, up to a depth."""
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
    """The rank of the right product in the left one's list, and the other way round; 0 where it is not listed.

    Args:
        left: (m,).
        right: (m,).
        offsets: (n + 1,) of the lists.
        rows: Their entries.
        depth: Entries of a list that are read.
        slot: (n,) of zeros.
        forward: (m,), filled in.
        backward: (m,), filled in.
    """
    held = -1
    for pair in range(len(left)):
        one, other = left[pair], right[pair]
        if one != held:
            if held >= 0:
                _clear(slot, offsets, rows, held, depth)
            _lay_out(slot, offsets, rows, one, depth)
            held = one
        forward[pair] = slot[other]
        backward[pair] = _rank_of(offsets, rows, other, one, depth)


@numba.njit(cache=True, nogil=True, boundscheck=False)
def shared(left: I32, right: I32, offsets: I64, rows: I32, depths: I64, slot: I32, counts: I32) -> None:
    """How many products stand among the first 10, 20, … of both lists.

    Args:
        left: (m,).
        right: (m,).
        offsets: (n + 1,) of the lists.
        rows: Their entries.
        depths: (d,), ascending.
        slot: (n,) of zeros.
        counts: (m, d) of zeros, filled in.
    """
    deepest = depths[-1]
    held = -1
    for pair in range(len(left)):
        one, other = left[pair], right[pair]
        if one != held:
            if held >= 0:
                _clear(slot, offsets, rows, held, deepest)
            _lay_out(slot, offsets, rows, one, deepest)
            held = one
        low = offsets[other]
        for at in range(low, min(offsets[other + 1], low + deepest)):
            there = slot[rows[at]]
            if there:
                # The pair shares it from that depth on at which both lists hold it.
                needed = max(there, at - low + 1)
                for place in range(len(depths)):
                    if needed <= depths[place]:
                        counts[pair, place] += 1


@numba.njit(cache=True, nogil=True, boundscheck=False, fastmath={"reassoc", "contract"})
def _dot(one: F32, other: F32) -> np.float32:
    total = np.float32(0)
    for place in range(len(one)):
        total += one[place] * other[place]
    return total


@numba.njit(cache=True, nogil=True, boundscheck=False)
def dense(left: I32, right: I32, starts: I64, order: I32, values: F32, out: F32) -> None:
    """The greatest dot product among the vectors of two products; NaN where one of them has none.

    Args:
        left: (m,).
        right: (m,).
        starts: (n + 1,): product p has the vectors `order[starts[p]:starts[p + 1]]`.
        order: Rows of `values`.
        values: (r, d).
        out: (m,), filled in.
    """
    for pair in range(len(left)):
        one, other = left[pair], right[pair]
        best = np.float32(np.nan)
        for i in range(starts[one], starts[one + 1]):
            for j in range(starts[other], starts[other + 1]):
                found = _dot(values[order[i]], values[order[j]])
                if not found <= best:
                    best = found
        out[pair] = best


@numba.njit(cache=True, nogil=True, boundscheck=False)
def sparse(left: I32, right: I32, offsets: I64, columns: I32, weights: F32, slot: F32, out: F32) -> None:
    """The dot product of two sparse rows; NaN where one of them is empty.

    Args:
        left: (m,).
        right: (m,).
        offsets: (n + 1,).
        columns: Of the numbers of each row, ascending within it.
        weights: The numbers.
        slot: (columns,) of zeros.
        out: (m,), filled in.
    """
    held = -1
    for pair in range(len(left)):
        one, other = left[pair], right[pair]
        if one != held:
            if held >= 0:
                for at in range(offsets[held], offsets[held + 1]):
                    slot[columns[at]] = 0
            for at in range(offsets[one], offsets[one + 1]):
                slot[columns[at]] = weights[at]
            held = one
        if offsets[one] == offsets[one + 1] or offsets[other] == offsets[other + 1]:
            out[pair] = np.nan
            continue
        total = 0.0
        for at in range(offsets[other], offsets[other + 1]):
            total += slot[columns[at]] * weights[at]
        out[pair] = total


@numba.njit(cache=True, nogil=True, boundscheck=False)
def common(left: I32, right: I32, offsets: I64, columns: I32, rarity: F32, slot: I32, counts: I32, rarest: F32) -> None:
    """How many members two sets have in common, and how rare the rarest of these is (0 where there is none).

    Args:
        left: (m,).
        right: (m,).
        offsets: (n + 1,).
        columns: Members of each product's set, each once.
        rarity: Of each member there can be, above 0.
        slot: (members,) of zeros.
        counts: (m,) of zeros, filled in.
        rarest: (m,) of zeros, filled in.
    """
    held = -1
    for pair in range(len(left)):
        one, other = left[pair], right[pair]
        if one != held:
            if held >= 0:
                for at in range(offsets[held], offsets[held + 1]):
                    slot[columns[at]] = 0
            for at in range(offsets[one], offsets[one + 1]):
                slot[columns[at]] = 1
            held = one
        count, rare = 0, np.float32(0)
        for at in range(offsets[other], offsets[other + 1]):
            member = columns[at]
            if slot[member]:
                count += 1
                rare = max(rare, rarity[member])
        counts[pair], rarest[pair] = count, rare


@numba.njit(cache=True, nogil=True, boundscheck=False)
def agreements(left: I32, right: I32, offsets: I64, names: I32, values: I32, out: I32) -> None:
    """Over all attributes: how many agree, how many differ, and how many only one of the two products has.

    Args:
        left: (m,).
        right: (m,).
        offsets: (n + 1,).
        names: Of each product's attributes, ascending within it, each once.
        values: Of these attributes.
        out: (m, 3) of zeros, filled in.
    """
    for pair in range(len(left)):
        i, j = offsets[left[pair]], offsets[right[pair]]
        i_end, j_end = offsets[left[pair] + 1], offsets[right[pair] + 1]
        in_one, in_other = i_end - i, j_end - j
        while i < i_end and j < j_end:
            if names[i] < names[j]:
                i += 1
            elif names[i] > names[j]:
                j += 1
            else:
                out[pair, 0 if values[i] == values[j] else 1] += 1
                i += 1
                j += 1
        out[pair, 2] = in_one + in_other - 2 * (out[pair, 0] + out[pair, 1])


@numba.njit(cache=True, nogil=True, boundscheck=False)
def _box_difference(one: F32, other: F32) -> float:
    """One less the shared part of two boxes (left, top, right, bottom), by the area of both together."""
    across = min(one[2], other[2]) - max(one[0], other[0])
    down = min(one[3], other[3]) - max(one[1], other[1])
    both = max(across, 0) * max(down, 0)
    either = (one[2] - one[0]) * (one[3] - one[1]) + (other[2] - other[0]) * (other[3] - other[1]) - both
    return 1 - both / either if either > 0 else 0.0


@numba.njit(cache=True, nogil=True, boundscheck=False)
def _look_difference(kind: int, one: F32, other: F32) -> float:
    """How far two looks are apart in one of the parts of a look: by length, in sum, by box."""
    if kind == 2:
        return _box_difference(one, other)
    total = 0.0
    for place in range(len(one)):
        apart = one[place] - other[place]
        total += apart * apart if kind == 0 else abs(apart)
    return np.sqrt(total) if kind == 0 else total / len(one)


@numba.njit(cache=True, nogil=True, boundscheck=False)
def looks(left: I32, right: I32, starts: I64, order: I32, values: F32, parts: I64, out: F32) -> None:
    """The least difference among the pictures of two products in each part of a look; NaN where one has none.

    Args:
        left: (m,).
        right: (m,).
        starts: (n + 1,): product p has the looks `order[starts[p]:starts[p + 1]]`.
        order: Rows of `values`.
        values: (r, c).
        parts: (d, 3): first column, column behind the last, and kind: 0 Euclidean, 1 mean of differences, 2 box.
        out: (m, d), filled in.
    """
    for pair in range(len(left)):
        one, other = left[pair], right[pair]
        for part in range(len(parts)):
            low, high, kind = parts[part, 0], parts[part, 1], parts[part, 2]
            best = np.nan
            for i in range(starts[one], starts[one + 1]):
                for j in range(starts[other], starts[other + 1]):
                    found = _look_difference(kind, values[order[i], low:high], values[order[j], low:high])
                    if not found >= best:
                        best = found
            out[pair, part] = best
