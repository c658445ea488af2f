"""Average linkage over candidate pairs: groups whose products are probable variants of each other on average.

The method is UPGMA (Sokal and Michener, "A statistical method for evaluating systematic relationships", University
of Kansas Science Bulletin 38, 1958): the two clusters whose pairs have the highest mean probability are joined, until
no two reach the threshold. A pair that is not a candidate counts in the mean as the prior, by default 0. So one wrong
pair does not join two groups, as it would if groups were connected components.

**An exact shortcut.** The prior is below the threshold, so a mean reaches the threshold only if one of its pairs does.
Every group therefore lies within one component of the graph of pairs that reach the threshold. Pairs between two
components and products without such a pair can be ignored. Within a component all pairs count, weak ones too.

**Ties and rounding.** Probabilities are rounded to multiples of 2⁻³⁰ and summed as integers, so no result depends on
the order of sums or pairs. Among pairs of clusters with equal linkage, the one with the smallest row is joined first.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from enum import IntFlag

import numpy as np
from numpy.typing import NDArray

from candidates.errors import VariantsError

I32 = NDArray[np.int32]
I64 = NDArray[np.int64]

THRESHOLD = 0.25
"""Lowest mean probability at which two clusters are joined."""

_UNIT = float(2**30)
"""Probabilities are counted in units of 2⁻³⁰, which is exact for float32 values from 2⁻⁷ upwards."""


class Note(IntFlag):
    """Remarks about a group for the person who reviews it, as bits."""

    REJECTED = 1
    KNOWN = 2
    SIZE = 4
    CONTRADICTION = 8
    LARGE = 16


WORDS = {
    Note.REJECTED: "not joined with other products because of a rejected pair",
    Note.KNOWN: "not joined with another known group of the same seller",
    Note.SIZE: "not joined with other products because the group would be too large",
    Note.CONTRADICTION: "doubtful: a rejected pair, which was followed, contradicts accepted pairs or known groups",
    Note.LARGE: "larger than the limit, because accepted pairs and known groups are kept together",
}
"""The text of each note."""


def _none() -> I32:
    return np.zeros(0, np.int32)


@dataclass(frozen=True, eq=False)
class Constraints:
    """What grouping must respect, whatever the probabilities.

    Attributes:
        must_left: int32: one row of each pair that belongs together. If such pairs contradict a rejected pair, earlier
            ones have priority.
        must_right: int32: the other row.
        cannot_left: int32: one row of each rejected pair; the two are never in one group, not even through other pairs.
        cannot_right: int32: the other row.
        groups: int32 (n,): known group of each product, −1 for none; empty if no known groups are kept. The products of
            a group belong together, with lower priority than the pairs above.
        scopes: int32 (n,): source of the known group. Linkage never joins two groups of one scope.
    """

    must_left: I32 = field(default_factory=_none)
    must_right: I32 = field(default_factory=_none)
    cannot_left: I32 = field(default_factory=_none)
    cannot_right: I32 = field(default_factory=_none)
    groups: I32 = field(default_factory=_none)
    scopes: I32 = field(default_factory=_none)


@dataclass(frozen=True, eq=False)
class Grouping:
    """The groups of a catalogue's products.

    Attributes:
        groups: int32 (n,): number of each product's group, −1 for none. Groups are numbered by their smallest row.
        strength: float32 (groups,): mean probability of the pairs within each group.
        notes: uint8 (n,): `Note` bits of each product's group, or of a product without one; equal within a group.
    """

    groups: I32
    strength: NDArray[np.float32]
    notes: NDArray[np.uint8]

    def __len__(self) -> int:
        return len(self.strength)

    def members(self) -> tuple[I64, I32]:
        """Rows of each group, ascending: int64 (groups + 1) offsets and int32 rows."""
        order = np.argsort(self.groups, kind="stable").astype(np.int32)
        alone = int((self.groups < 0).sum())
        sizes = np.bincount(self.groups[self.groups >= 0], minlength=len(self))
        return np.concatenate([[0], np.cumsum(sizes)]).astype(np.int64), order[alone:]

    def notes_of(self, row: int) -> tuple[str, ...]:
        """The texts of the notes on a product and its group."""
        return tuple(words for note, words in WORDS.items() if note & int(self.notes[row]))


def average_linkage(
    n: int,
    left: NDArray[np.integer],
    right: NDArray[np.integer],
    probability: NDArray[np.floating],
    *,
    threshold: float = THRESHOLD,
    prior: float = 0.0,
    most: int = 0,
    constraints: Constraints | None = None,
) -> Grouping:
    """Groups products by average linkage over candidate pairs.

    Args:
        n: Number of products.
        left: (m,): one row of each candidate pair; each pair once.
        right: (m,): the other row.
        probability: (m,): probability that the two are variants.
        threshold: Lowest mean probability at which two clusters are joined.
        prior: Probability of a pair that is not a candidate; must be below the threshold.
        most: Largest number of products in a group made by joining; 0 for no limit. Products that belong together by
            `constraints` stay together even if they exceed it.
        constraints: Pairs that belong together, rejected pairs, and known groups to keep apart.

    Raises:
        VariantsError: A row is not a product, a pair occurs twice or joins a product with itself, a probability is not
            between 0 and 1, or the threshold is not above the prior.
    """
    pairs = _checked(n, left, right, probability, threshold, prior)
    rules = _with_known(constraints or Constraints(), pairs)
    units, contradicted = units_of(n, rules)
    nodes, inverse = np.unique(units, return_inverse=True)
    node_of: I32 = inverse.reshape(-1).astype(np.int32)
    cluster_of_node, why = _linked(pairs, node_of, len(nodes), most or n, rules, threshold, prior)
    roots, cluster = np.unique(cluster_of_node[node_of], return_inverse=True)
    return _grouping(pairs, cluster.reshape(-1), why[roots], contradicted, most or n, prior)


@dataclass(frozen=True, eq=False)
class _Pairs:
    """Validated candidate pairs, rows as int32."""

    left: I32
    right: I32
    probability: NDArray[np.floating]


def _checked(
    n: int,
    left: NDArray[np.integer],
    right: NDArray[np.integer],
    probability: NDArray[np.floating],
    threshold: float,
    prior: float,
) -> _Pairs:
    if not len(left) == len(right) == len(probability):
        raise VariantsError(f"{len(left):,} and {len(right):,} rows with {len(probability):,} probabilities")
    if not 0 <= prior < threshold <= 1:
        raise VariantsError(
            f"threshold {threshold} with prior {prior}", "Choose 0 ≤ prior < threshold ≤ 1, the threshold above 0"
        )
    pairs = _Pairs(np.asarray(left), np.asarray(right), np.asarray(probability))
    _raise_if(pairs, (pairs.left < 0) | (pairs.left >= n) | (pairs.right < 0) | (pairs.right >= n), f"not in 0…{n - 1}")
    _raise_if(pairs, pairs.left == pairs.right, "a product with itself")
    _raise_if(pairs, ~((pairs.probability >= 0) & (pairs.probability <= 1)), "not a probability between 0 and 1")
    narrow = [side.astype(np.int32, copy=False) for side in (pairs.left, pairs.right)]
    pairs = _Pairs(narrow[0], narrow[1], pairs.probability)
    keys = np.sort(_keys(n, pairs.left, pairs.right))
    twice = np.flatnonzero(keys[1:] == keys[:-1])
    if len(twice):
        first, second = divmod(int(keys[twice[0]]), n)
        raise VariantsError(f"the pair of rows {first} and {second} occurs more than once", "List each pair once")
    return pairs


def _with_known(rules: Constraints, pairs: _Pairs) -> Constraints:
    """Adds pairs that keep each known group together, after the accepted pairs.

    A group's candidate pairs come first, most probable first, then all its rows with its first row. The order matters
    only if a group contains a rejected pair: then the most probable pairs stay together.
    """
    groups = rules.groups
    if not len(groups):
        return rules
    inside = np.flatnonzero((groups[pairs.left] == groups[pairs.right]) & (groups[pairs.left] >= 0))
    left, right = pairs.left[inside], pairs.right[inside]
    left, right = np.minimum(left, right), np.maximum(left, right)
    order = np.lexsort((right, left, -pairs.probability[inside].astype(np.float64)))
    rows = np.flatnonzero(groups >= 0).astype(np.int32)
    _, first, which = np.unique(groups[rows], return_index=True, return_inverse=True)
    firsts = rows[first[which.reshape(-1)]]
    others = firsts != rows
    return replace(
        rules,
        must_left=np.concatenate([rules.must_left, left[order], firsts[others]]),
        must_right=np.concatenate([rules.must_right, right[order], rows[others]]),
    )


def _raise_if(pairs: _Pairs, broken: NDArray[np.bool_], why: str) -> None:
    if broken.any():
        first = int(np.argmax(broken))
        shown = f"{pairs.left[first]}, {pairs.right[first]}, probability {pairs.probability[first]}"
        raise VariantsError(f"pair {first} of {len(broken):,} ({shown}): {why}", "Remove it or classify it again")


def _keys(n: int, left: I32, right: I32) -> I64:
    """One number for each undirected pair."""
    keys = np.minimum(left, right).astype(np.int64)
    keys *= n
    keys += np.maximum(left, right)
    return keys


def units_of(n: int, rules: Constraints) -> tuple[I32, NDArray[np.bool_]]:
    """Units of products that belong together whatever the probabilities; rejected pairs take priority.

    If a connected set of such products contains a rejected pair, its pairs are joined one by one in order, skipping
    those that would bring a rejected pair together.

    Returns:
        int32 (n,): the smallest row of each product's unit, and bool (n,): whether pairs that belong together
        contradict a rejected pair there.
    """
    from scipy.sparse import coo_matrix
    from scipy.sparse.csgraph import connected_components

    units, contradicted = np.arange(n, dtype=np.int32), np.zeros(n, bool)
    if not len(rules.must_left):
        return units, contradicted
    linked = coo_matrix((np.ones(len(rules.must_left), np.int8), (rules.must_left, rules.must_right)), shape=(n, n))
    component = connected_components(linked, directed=False)[1]
    smallest = np.full(n, n, np.int32)
    np.minimum.at(smallest, component, units)
    contradictory = np.zeros(n, bool)
    contradictory[component[rules.cannot_left[component[rules.cannot_left] == component[rules.cannot_right]]]] = True
    contradicted = contradictory[component]
    units = np.where(contradicted, units, smallest[component]).astype(np.int32)
    pairs = contradicted[rules.must_left]
    for root, rows in _joined_in_order(rules.must_left[pairs], rules.must_right[pairs], _enemies(rules, contradicted)):
        units[rows] = root
    return units, contradicted


def _enemies(rules: Constraints, among: NDArray[np.bool_]) -> dict[int, set[int]]:
    enemies: dict[int, set[int]] = defaultdict(set)
    kept = among[rules.cannot_left] & among[rules.cannot_right]
    for left, right in zip(rules.cannot_left[kept].tolist(), rules.cannot_right[kept].tolist(), strict=True):
        enemies[left].add(right)
        enemies[right].add(left)
    return enemies


def _joined_in_order(left: I32, right: I32, enemies: dict[int, set[int]]) -> Iterator[tuple[int, list[int]]]:
    """Joins pairs in order, except those that would bring enemies together; yields smallest rows and members."""
    unit = {row: row for row in np.unique(np.concatenate([left, right])).tolist()}
    members = {row: [row] for row in unit}
    for low, high in zip(left.tolist(), right.tolist(), strict=True):
        low, high = sorted((unit[low], unit[high]))
        if low == high or high in enemies[low]:
            continue
        for row in members[high]:
            unit[row] = low
        members[low] += members.pop(high)
        for enemy in enemies.pop(high, set()):
            enemies[enemy].remove(high)
            enemies[enemy].add(low)
            enemies[low].add(enemy)
    yield from members.items()


def _linked(
    pairs: _Pairs, node_of: I32, nodes: int, most: int, rules: Constraints, threshold: float, prior: float
) -> tuple[I32, NDArray[np.int8]]:
    """Average linkage of units: the first node of each node's cluster and, for first nodes, what kept it apart."""
    from fusion.groups import kernels

    left, right = node_of[pairs.left], node_of[pairs.right]
    share = _shares(pairs.probability, prior)
    least = round(threshold * _UNIT) - round(prior * _UNIT)
    component, order, bounds = _components(left, right, share >= least, nodes)
    place = np.full(nodes, -1, np.int32)
    place[order] = np.arange(len(order), dtype=np.int32)
    rejected = (node_of[rules.cannot_left], node_of[rules.cannot_right], np.zeros(len(rules.cannot_left), np.int32))
    offsets, lists = _lists((left, right, share), rejected, component, place, len(order))
    del left, right, share
    sizes = np.bincount(node_of, minlength=nodes)[order]
    labels = _labels(rules, node_of, place, len(order))
    parent, ended = np.empty(len(order), np.int32), np.zeros(len(order), np.int8)
    kernels.link(bounds, float(least), most, sizes, offsets, lists, labels, parent, ended)
    clusters, why = np.arange(nodes, dtype=np.int32), np.zeros(nodes, np.int8)
    clusters[order], why[order] = order[parent], ended
    return clusters, why


def _lists(
    pairs: tuple[I32, I32, I32], rejected: tuple[I32, I32, I32], component: I32, place: I32, count: int
) -> tuple[I64, tuple[I32, I64, NDArray[np.int8]]]:
    """Neighbours of each node within its component, in compressed-sparse-row form.

    A rejected pair has a share of 0 and its own entry, beside that of the candidate pair if there is one.
    """
    from fusion.groups import kernels

    offsets = np.zeros(count + 1, np.int64)
    for left, right, _ in (pairs, rejected):
        kernels.count_neighbours(left, right, component, place, offsets)
    offsets = np.cumsum(offsets)
    entries, filled = int(offsets[-1]), offsets[:-1].copy()
    lists = (np.empty(entries, np.int32), np.empty(entries, np.int64), np.empty(entries, np.int8))
    for (left, right, share), flag in ((pairs, False), (rejected, True)):
        kernels.fill_neighbours(left, right, share, flag, component, place, filled, lists)
    return offsets, lists


def _shares(probability: NDArray[np.floating], prior: float) -> I32:
    """How much more each pair adds to a sum than a pair that is not a candidate, in integer units."""
    shares = np.empty(len(probability), np.int32)
    for start in range(0, len(shares), 2**22):  # In blocks: all pairs as float64 would be the largest array of all.
        block = probability[start : start + 2**22].astype(np.float64)
        shares[start : start + 2**22] = np.rint(block * _UNIT) - round(prior * _UNIT)
    return shares


def _components(left: I32, right: I32, strong: NDArray[np.bool_], nodes: int) -> tuple[I32, I32, I64]:
    """Components of the graph of strong pairs.

    Returns:
        The component of each node; the nodes of components of two or more, component by component and ascending in
        each; and the start of each of these components, with the end of the last.
    """
    from scipy.sparse import coo_matrix
    from scipy.sparse.csgraph import connected_components

    ends = (left[strong], right[strong])
    linked = coo_matrix((np.ones(len(ends[0]), np.int8), ends), shape=(nodes, nodes))
    component: I32 = connected_components(linked, directed=False)[1].astype(np.int32, copy=False)
    sizes = np.bincount(component, minlength=1)
    order = np.argsort(component, kind="stable").astype(np.int32)
    order = order[sizes[component[order]] > 1]
    bounds = np.concatenate([[0], np.cumsum(sizes[sizes > 1])]).astype(np.int64)
    return component, order, bounds


def _labels(rules: Constraints, node_of: I32, place: I32, count: int) -> tuple[I64, I32, I32]:
    """Distinct known groups and scopes in each node, in compressed-sparse-row form."""
    rows = np.flatnonzero(rules.groups >= 0) if len(rules.groups) else np.zeros(0, np.int64)
    rows = rows[place[node_of[rows]] >= 0]
    stated = np.stack([place[node_of[rows]], rules.scopes[rows], rules.groups[rows]]) if len(rows) else np.zeros((3, 0))
    stated = np.unique(stated.astype(np.int32), axis=1)
    offsets = np.searchsorted(stated[0], np.arange(count + 1)).astype(np.int64)
    return offsets, np.ascontiguousarray(stated[1]), np.ascontiguousarray(stated[2])


def _grouping(
    pairs: _Pairs, cluster: I64, why: NDArray[np.int8], contradicted: NDArray[np.bool_], most: int, prior: float
) -> Grouping:
    sizes = np.bincount(cluster)
    first = np.full(len(sizes), len(cluster), np.int64)
    np.minimum.at(first, cluster, np.arange(len(cluster)))
    several = np.flatnonzero(sizes > 1)
    several = several[np.argsort(first[several], kind="stable")]
    number = np.full(len(sizes), -1, np.int32)
    number[several] = np.arange(len(several), dtype=np.int32)
    notes = why.astype(np.uint8)
    notes[sizes > most] |= np.uint8(Note.LARGE)
    notes[np.unique(cluster[contradicted])] |= np.uint8(Note.CONTRADICTION)
    groups = number[cluster]
    strength = mean_within(pairs.left, pairs.right, pairs.probability, groups, len(several), prior)
    return Grouping(groups, strength, notes[cluster])


def mean_within(
    left: NDArray[np.integer],
    right: NDArray[np.integer],
    probability: NDArray[np.floating],
    groups: I32,
    count: int,
    prior: float = 0.0,
) -> NDArray[np.float32]:
    """Mean probability of the pairs within each of `count` groups, float32; NaN for groups of a single product.

    Args:
        left: (m,): one row of each candidate pair.
        right: (m,): the other row.
        probability: (m,).
        groups: (n,): group of each product, −1 for none.
        count: Number of groups.
        prior: Probability of a pair that is not a candidate.
    """
    inside = np.flatnonzero((groups[left] == groups[right]) & (groups[left] >= 0))
    where = groups[left[inside]]
    sums = np.bincount(where, probability[inside].astype(np.float64) - prior, minlength=count)
    sizes = np.bincount(groups[groups >= 0], minlength=count).astype(np.float64)
    means: NDArray[np.float64] = np.full(count, np.nan)
    np.divide(sums, sizes * (sizes - 1) / 2, out=means, where=sizes > 1)
    return (means + prior).astype(np.float32)
