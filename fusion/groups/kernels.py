"""The compiled loops of average linkage. Import this module only where it is used: numba takes half a second.

A cluster is identified by its smallest node. Its list of neighbours (node, sum of shares, whether a pair between the
two was rejected) uses the memory of its members' lists, as a chain of segments. Joining two clusters appends one chain
to the other; the next scan of the list merges the entries for one cluster and moves them to the front. So a list never
grows beyond the pairs it came from, and nothing is allocated while clusters are joined.

Sums are integers, so neither they nor ties depend on the order of addition.
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
"""What keeps two clusters apart: a rejected pair, two known groups of one scope, the size limit."""


@numba.njit(cache=True, nogil=True, boundscheck=False)
def count_neighbours(left: I32, right: I32, component: I32, place: I32, offsets: I64) -> None:
    """Counts the pairs of each node, except pairs within a node or between components.

    Args:
        left: (m,): one node of each pair.
        right: (m,): the other node.
        component: (n,): component of each node.
        place: (n,): position of each node's list among all lists.
        offsets: (lists + 1,): filled in; the count of list i is added to `offsets[i + 1]`.
    """
    for pair in range(len(left)):
        first, second = left[pair], right[pair]
        if first != second and component[first] == component[second]:
            offsets[place[first] + 1] += 1
            offsets[place[second] + 1] += 1


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
    """Writes the counted pairs into the lists of both nodes, from position `filled` (lists,) on, which is advanced."""
    nodes, sums, flags = lists
    for pair in range(len(left)):
        first, second = left[pair], right[pair]
        if first != second and component[first] == component[second]:
            first, second = place[first], place[second]
            nodes[filled[first]], sums[filled[first]], flags[filled[first]] = second, share[pair], rejected
            nodes[filled[second]], sums[filled[second]], flags[filled[second]] = first, share[pair], rejected
            filled[first] += 1
            filled[second] += 1


@numba.njit(cache=True, nogil=True, boundscheck=False)
def find(node: int, parent: I32) -> int:
    """The cluster that a node is in now; shortens the path to it."""
    while parent[node] != node:
        parent[node] = parent[parent[node]]
        node = parent[node]
    return node


@numba.njit(cache=True, nogil=True, boundscheck=False)
def _gather(own: int, state: tuple[Any, ...], lists: tuple[I32, I64, I8]) -> int:
    """Merges a cluster's list into one entry per neighbouring cluster and returns their number.

    Writing never overtakes reading: both follow the same chain, and the number of entries only shrinks.
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
def _same_scope(first: int, second: int, state: tuple[Any, ...], labels: tuple[I64, I32, I32]) -> bool:
    """Whether the two clusters contain different known groups of one scope."""
    label_head, label_next = state[6], state[7]
    starts, scopes, groups = labels
    mine = label_head[first]
    while mine >= 0:
        other = label_head[second]
        while other >= 0:
            for i in range(starts[mine], starts[mine + 1]):
                for j in range(starts[other], starts[other + 1]):
                    if scopes[i] == scopes[j] and groups[i] != groups[j]:
                        return True
            other = label_next[other]
        mine = label_next[mine]
    return False


@numba.njit(cache=True, nogil=True, boundscheck=False)
def _apart(first: int, second: int, flag: int, most: int, state: tuple[Any, ...], labels: tuple[I64, I32, I32]) -> int:
    """What keeps two clusters apart, as bits; 0 where they may be joined."""
    size = state[1]
    why = REJECTED if flag else 0
    if size[first] + size[second] > most:
        why |= SIZE
    if _same_scope(first, second, state, labels):
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
    """The linkage to the best later cluster that `own` may be joined with, and that cluster; −1 if there is none.

    Clears `slot`, so `_gather` must be called before each call.
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
    """What keeps a finished cluster apart from others at or above the threshold, as bits; clears `slot`."""
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
def _join(first: int, second: int, state: tuple[Any, ...]) -> None:
    """Joins the cluster `second` to `first`, which comes before it."""
    parent, size, _, _, following, last, label_head, label_next, _ = state
    parent[second] = first
    size[first] += size[second]
    following[last[first]] = second
    last[first] = last[second]
    if label_head[first] < 0:
        label_head[first] = label_head[second]
    elif label_head[second] >= 0:
        tail = label_head[first]
        while label_next[tail] >= 0:
            tail = label_next[tail]
        label_next[tail] = label_head[second]


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
    """Average linkage, component by component: joins the best pair of clusters that may be joined until there is none.

    The heap orders clusters by an upper bound: their linkage to their best later cluster when their list was last
    scanned. Joining other clusters can't raise it (an average of two is never above the larger). So if the best
    neighbour of the top cluster is unchanged, that linkage is the highest of all; otherwise the cluster is rescanned.

    Args:
        bounds: (components + 1,): component c has the nodes `bounds[c]:bounds[c + 1]`.
        threshold: Lowest linkage at which clusters are joined.
        most: Largest number of products in a cluster made by joining.
        size: (nodes,): products in each node; updated to those of the cluster for its smallest node.
        offsets: (nodes + 1,): offsets of the lists.
        lists: Neighbour, sum of shares, and whether the pair was rejected, for each entry; overwritten.
        labels: Offsets (nodes + 1,), scopes and groups: the known groups in each node.
        parent: (nodes,): filled in with the cluster of each node, its smallest node.
        why: (nodes,): filled in, for smallest nodes, with what kept the cluster apart from others.
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
    """Finds the best neighbour of a cluster and, if it has one, pushes the cluster onto the heap."""
    if _gather(node, state, lists) == 0:
        return
    linkage, other = _best(node, threshold, most, state, lists, labels)
    if other >= 0:
        partner[node], seen[node] = other, state[1][other]
        heapq.heappush(heap, (-linkage, node))
