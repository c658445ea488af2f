"""The compiled loops of average linkage; import this module only where it is used, since numba takes half a second.

A cluster is known by its smallest node. Its list of neighbours (node, sum of shares, whether a pair between the two
was rejected) lies in the room that its members' lists had, chained: joining two clusters hangs one chain behind the
other, and the next scan of the list brings what points into one cluster together and moves it to the front. A list
therefore never grows beyond the pairs it came from, and nothing is allocated while clusters are joined.

Sums are whole numbers, so they do not depend on the order in which they were made, and neither do ties.
"""

from __future__ import annotations

import heapq
from typing import Any

import numba
import numpy as np
from numpy.typing import NDArray

I8 = NDArray[np.int8]
I32 = NDArray[np.int32]
I64 = NDArray[np.int64]

REJECTED, KNOWN, SIZE = 1, 2, 4
"""What keeps two clusters apart: a rejected pair, two groups of one scope, the greatest size."""


@numba.njit(cache=True, nogil=True, boundscheck=False)
def count_neighbours(left: I32, right: I32, component: I32, place: I32, offsets: I64) -> None:
    """Counts, behind each node's offset, the pairs it is in; those within a node or between components are left out.

    Args:
        left: (m,) one node of each pair.
        right: (m,) the other.
        component: (n,) component of each node.
        place: (n,) where its list stands among all lists.
        offsets: (lists + 1,) counted up.
    """
    for pair in range(len(left)):
        one, two = left[pair], right[pair]
        if one != two and component[one] == component[two]:
            offsets[place[one] + 1] += 1
            offsets[place[two] + 1] += 1


@numba.njit(cache=True, nogil=True, boundscheck=False)
def fill_neighbours(
    left: I32,
    right: I32,
    share: I32,
    rejected: bool,
    component: I32,
    place: I32,
    filled: I64,
    lists: tuple[I32, I64, I8],
) -> None:
    """Writes the pairs that were counted into the lists of both their ends, at `filled` (lists,), which moves on."""
    nodes, sums, flags = lists
    for pair in range(len(left)):
        one, two = left[pair], right[pair]
        if one != two and component[one] == component[two]:
            one, two = place[one], place[two]
            nodes[filled[one]], sums[filled[one]], flags[filled[one]] = two, share[pair], rejected
            nodes[filled[two]], sums[filled[two]], flags[filled[two]] = one, share[pair], rejected
            filled[one] += 1
            filled[two] += 1


@numba.njit(cache=True, nogil=True, boundscheck=False)
def find(node: int, parent: I32) -> int:
    """The cluster that a node is in now; shortens the way to it."""
    while parent[node] != node:
        parent[node] = parent[parent[node]]
        node = parent[node]
    return node


@numba.njit(cache=True, nogil=True, boundscheck=False)
def _gather(own: int, state: tuple[Any, ...], lists: tuple[I32, I64, I8]) -> int:
    """Brings the list of a cluster together, one entry a neighbouring cluster; returns how many there are.

    What is written never overtakes what is read: both go along the same chain, and entries only become fewer.
    """
    parent, _, offsets, used, following, last, _, _, slot = state
    nodes, sums, flags = lists
    into, at, count = own, offsets[own], 0
    segment = own
    while segment >= 0:
        end = offsets[segment] + used[segment]
        for entry in range(offsets[segment], end):
            other = find(nodes[entry], parent)
            if other == own:
                continue
            if slot[other] >= 0:
                sums[slot[other]] += sums[entry]
                flags[slot[other]] |= flags[entry]
                continue
            while at == offsets[into + 1]:
                used[into] = offsets[into + 1] - offsets[into]
                into = following[into]
                at = offsets[into]
            nodes[at], sums[at], flags[at] = other, sums[entry], flags[entry]
            slot[other] = at
            at += 1
            count += 1
        segment = following[segment]
    used[into] = at - offsets[into]
    following[into], last[own] = -1, into
    return count


@numba.njit(cache=True, nogil=True, boundscheck=False)
def _same_scope(one: int, two: int, state: tuple[Any, ...], labels: tuple[I64, I32, I32]) -> bool:
    """Whether one scope states two different groups for the two clusters."""
    label_head, label_next = state[6], state[7]
    starts, scopes, groups = labels
    mine = label_head[one]
    while mine >= 0:
        other = label_head[two]
        while other >= 0:
            for i in range(starts[mine], starts[mine + 1]):
                for j in range(starts[other], starts[other + 1]):
                    if scopes[i] == scopes[j] and groups[i] != groups[j]:
                        return True
            other = label_next[other]
        mine = label_next[mine]
    return False


@numba.njit(cache=True, nogil=True, boundscheck=False)
def _apart(one: int, two: int, flag: int, most: int, state: tuple[Any, ...], labels: tuple[I64, I32, I32]) -> int:
    """What keeps two clusters apart, as bits; 0 where they may be joined."""
    size = state[1]
    why = REJECTED if flag else 0
    if size[one] + size[two] > most:
        why |= SIZE
    if _same_scope(one, two, state, labels):
        why |= KNOWN
    return why


@numba.njit(cache=True, nogil=True, boundscheck=False)
def _best(
    own: int,
    threshold: float,
    most: int,
    state: tuple[Any, ...],
    lists: tuple[I32, I64, I8],
    labels: tuple[I64, I32, I32],
) -> tuple[float, int]:
    """The linkage to the best later cluster that `own` may be joined with, and that cluster; −1 where there is none.

    Clears `slot` on the way, so a call of `_gather` must come before each call.
    """
    _, size, offsets, used, following, _, _, _, slot = state
    nodes, sums, flags = lists
    best, partner = threshold, -1
    segment = own
    while segment >= 0:
        for entry in range(offsets[segment], offsets[segment] + used[segment]):
            other = nodes[entry]
            slot[other] = -1
            if other < own or flags[entry]:
                continue
            linkage = sums[entry] / (np.float64(size[own]) * np.float64(size[other]))
            better = linkage > best or (linkage == best and (partner < 0 or other < partner))
            if better and _apart(own, other, 0, most, state, labels) == 0:
                best, partner = linkage, other
        segment = following[segment]
    return best, partner


@numba.njit(cache=True, nogil=True, boundscheck=False)
def _note(
    own: int,
    threshold: float,
    most: int,
    state: tuple[Any, ...],
    lists: tuple[I32, I64, I8],
    labels: tuple[I64, I32, I32],
) -> int:
    """What keeps a finished cluster from clusters that it reaches the threshold with, as bits; clears `slot`."""
    _, size, offsets, used, following, _, _, _, slot = state
    nodes, sums, flags = lists
    why = 0
    segment = own
    while segment >= 0:
        for entry in range(offsets[segment], offsets[segment] + used[segment]):
            other = nodes[entry]
            slot[other] = -1
            if sums[entry] / (np.float64(size[own]) * np.float64(size[other])) >= threshold:
                why |= _apart(own, other, flags[entry], most, state, labels)
        segment = following[segment]
    return why


@numba.njit(cache=True, nogil=True, boundscheck=False)
def _join(one: int, two: int, state: tuple[Any, ...]) -> None:
    """Joins the cluster `two` to `one`, which is the earlier."""
    parent, size, _, _, following, last, label_head, label_next, _ = state
    parent[two] = one
    size[one] += size[two]
    following[last[one]] = two
    last[one] = last[two]
    if label_head[one] < 0:
        label_head[one] = label_head[two]
    elif label_head[two] >= 0:
        tail = label_head[one]
        while label_next[tail] >= 0:
            tail = label_next[tail]
        label_next[tail] = label_head[two]


@numba.njit(cache=True, nogil=True, boundscheck=False)
def link(
    bounds: I64,
    threshold: float,
    most: int,
    size: I64,
    offsets: I64,
    lists: tuple[I32, I64, I8],
    labels: tuple[I64, I32, I32],
    parent: I32,
    why: I8,
) -> None:
    """Average linkage, one component after the other: the best pair of clusters that may be joined is, until none is.

    Each cluster stands in a heap by a bound: its linkage to its best later cluster when its list was last scanned.
    Joining others can't raise that (the average of two is no greater than the greater), so a cluster whose best
    neighbour is unchanged when it comes to the top has the greatest linkage of all, and any other is scanned again.

    Args:
        bounds: (components + 1,) component c has the nodes `bounds[c]:bounds[c + 1]`.
        threshold: Least linkage.
        most: Greatest number of products in a cluster that is made by joining.
        size: (nodes,) products of each node; becomes those of the cluster for its smallest node.
        offsets: (nodes + 1,) of the lists.
        lists: Neighbour, sum of shares and whether it was rejected, for each entry; overwritten.
        labels: Offsets (nodes + 1,), scopes and groups: what is said of each node.
        parent: (nodes,) filled with the cluster of each node, its smallest one.
        why: (nodes,) filled, for smallest nodes, with what kept the cluster from others.
    """
    n = len(offsets) - 1
    used, following = np.diff(offsets), np.full(n, -1, np.int32)
    label_head, label_next, slot = np.full(n, -1, np.int32), np.full(n, -1, np.int32), np.full(n, -1, np.int64)
    for node in range(n):
        parent[node] = node
        if labels[0][node + 1] > labels[0][node]:
            label_head[node] = node
    state = (parent, size, offsets, used, following, parent.copy(), label_head, label_next, slot)
    partner, seen = np.full(n, -1, np.int32), np.zeros(n, np.int64)
    for component in range(len(bounds) - 1):
        low, high = bounds[component], bounds[component + 1]
        heap = [(0.0, low) for _ in range(0)]
        for node in range(low, high):
            _scan(node, threshold, most, state, lists, labels, partner, seen, heap)
        while len(heap) > 0:
            _, node = heapq.heappop(heap)
            if parent[node] != node:
                continue
            other = partner[node]
            if parent[other] == other and size[other] == seen[node]:
                _join(node, other, state)
            _scan(node, threshold, most, state, lists, labels, partner, seen, heap)
        for node in range(low, high):
            parent[node] = find(node, parent)
            if parent[node] == node and _gather(node, state, lists) > 0:
                why[node] = _note(node, threshold, most, state, lists, labels)


@numba.njit(cache=True, nogil=True, boundscheck=False)
def _scan(
    node: int,
    threshold: float,
    most: int,
    state: tuple[Any, ...],
    lists: tuple[I32, I64, I8],
    labels: tuple[I64, I32, I32],
    partner: I32,
    seen: I64,
    heap: Any,
) -> None:
    """Finds the best neighbour of a cluster and enters it in the heap, where it has one."""
    if _gather(node, state, lists) == 0:
        return
    linkage, other = _best(node, threshold, most, state, lists, labels)
    if other >= 0:
        partner[node], seen[node] = other, state[1][other]
        heapq.heappush(heap, (-linkage, node))
