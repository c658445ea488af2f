"""Grouping with known groups, which are kept, used for training only, or hidden, and what happened to each of them.

A known group is valid within its scope (a seller, or the whole feed if groups are declared global), as in
`candidates.qrels`: two of its members are variants, members of two groups of one scope are not, and it says nothing
about products of two scopes. Judged pairs take priority over groups, and rejected pairs over everything else.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from enum import IntFlag
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from candidates.qrels import NOT_A_VARIANT, VARIANT, Qrels
from fusion.groups.linkage import THRESHOLD, Constraints, Grouping, average_linkage, mean_within

I32 = NDArray[np.int32]
I64 = NDArray[np.int64]

Known = Literal["keep", "learn", "hide"]
"""How known groups are used: with `keep` they stay whole, gain products without a group and are merged with groups of
other scopes; with `learn` they are only used for training, and differences are reported; with `hide` they have no
effect at all."""


class Fate(IntFlag):
    """What happened to a known group, as bits."""

    KEPT = 1
    EXTENDED = 2
    MERGED = 4
    SPLIT = 8
    WEAK = 16
    REJECTED = 32


DOUBTS = Fate.SPLIT | Fate.WEAK | Fate.REJECTED
"""The fates that make a known group doubtful."""


@dataclass(frozen=True)
class KnownGroup:
    """What happened to one known group.

    Attributes:
        number: Its number in `Qrels.groups`.
        scope: Its source, as in `Qrels.scopes`.
        members: Its rows.
        fate: What happened to it.
        mean: Mean probability of the pairs within it; NaN for a single product.
        added: Rows of products without a known group that are now in a group with its members.
        merged: Numbers of other known groups whose members are now in a group with its members.
    """

    number: int
    scope: int
    members: tuple[int, ...]
    fate: Fate
    mean: float
    added: tuple[int, ...]
    merged: tuple[int, ...]

    @property
    def doubts(self) -> tuple[str, ...]:
        """Why it is doubtful, in words; empty if it is not."""
        words = {
            Fate.REJECTED: "contains a rejected pair",
            Fate.SPLIT: "its products are in different groups now",
            Fate.WEAK: f"the mean probability of its pairs is only {self.mean:.2f}",
        }
        return tuple(reason for fate, reason in words.items() if fate & self.fate)


@dataclass(frozen=True, eq=False)
class KnownGroups:
    """What happened to each of k known groups, in ascending order of their numbers.

    Attributes:
        numbers: int32 (k,): number in `Qrels.groups`.
        scopes: int32 (k,): source of the group.
        fates: uint8 (k,): `Fate`.
        mean: float32 (k,): mean probability of the pairs within it.
        members: int64 (k + 1) offsets and int32 rows.
        added: int64 (k + 1) offsets and int32 rows of products without a known group.
        merged: int64 (k + 1) offsets and int32 numbers of other known groups.
    """

    numbers: I32
    scopes: I32
    fates: NDArray[np.uint8]
    mean: NDArray[np.float32]
    members: tuple[I64, I32]
    added: tuple[I64, I32]
    merged: tuple[I64, I32]

    def __len__(self) -> int:
        return len(self.numbers)

    def __getitem__(self, position: int) -> KnownGroup:
        return KnownGroup(
            number=int(self.numbers[position]),
            scope=int(self.scopes[position]),
            members=_row(self.members, position),
            fate=Fate(int(self.fates[position])),
            mean=float(self.mean[position]),
            added=_row(self.added, position),
            merged=_row(self.merged, position),
        )

    def __iter__(self) -> Iterator[KnownGroup]:
        return (self[position] for position in range(len(self)))

    def doubtful(self) -> I32:
        """Positions of the doubtful groups."""
        return np.flatnonzero(self.fates & np.uint8(DOUBTS)).astype(np.int32)


def group_products(
    qrels: Qrels,
    left: NDArray[np.integer],
    right: NDArray[np.integer],
    probability: NDArray[np.floating],
    *,
    known: Known = "keep",
    threshold: float = THRESHOLD,
    prior: float = 0.0,
    most: int = 0,
) -> tuple[Grouping, KnownGroups]:
    """Groups products by average linkage, with known groups kept, learned or hidden.

    Args:
        qrels: The products, their known groups and judged pairs. Accepted pairs are kept together and rejected ones
            apart, whatever `known` is.
        left: (m,): one row of each candidate pair.
        right: (m,): the other row.
        probability: (m,): probability that the two are variants.
        known: How known groups are used.
        threshold: Lowest mean probability at which clusters are joined; known groups with a lower mean are doubtful.
        prior: Probability of a pair that is not a candidate.
        most: Largest number of products in a group made by joining; 0 for no limit.

    Returns:
        The groups, and what happened to each known group (empty if they are hidden).
    """
    n = len(qrels.items)
    rules = _constraints(qrels, known)
    options = {"threshold": threshold, "prior": prior}
    grouping = average_linkage(n, left, right, probability, most=most, constraints=rules, **options)
    groups = qrels.groups if known != "hide" else np.full(n, -1, np.int32)
    mean = mean_within(left, right, probability, groups, int(groups.max(initial=-1)) + 1, prior)
    return grouping, _fates(grouping, groups, qrels.scopes, mean, threshold, (rules.cannot_left, rules.cannot_right))


def _constraints(qrels: Qrels, known: Known) -> Constraints:
    left, right = (part.astype(np.int32) for part in np.divmod(qrels.keys, max(1, len(qrels.items))))
    accepted, rejected = ((qrels.values == value) & (left != right) for value in (VARIANT, NOT_A_VARIANT))
    judged = Constraints(left[accepted], right[accepted], left[rejected], right[rejected])
    return replace(judged, groups=qrels.groups, scopes=qrels.scopes) if known == "keep" else judged


def _fates(
    grouping: Grouping,
    groups: I32,
    scopes: I32,
    mean: NDArray[np.float32],
    threshold: float,
    rejected: tuple[I32, I32],
) -> KnownGroups:
    rows = np.flatnonzero(groups >= 0).astype(np.int32)
    numbers, first, which = np.unique(groups[rows], return_index=True, return_inverse=True)
    which = which.reshape(-1)
    place = np.full(int(groups.max(initial=-1)) + 1, -1, np.int64)
    place[numbers] = np.arange(len(numbers))
    found = grouping.groups[rows]
    met = np.unique(np.stack([which, np.where(found >= 0, found, -1 - rows)]), axis=1)
    added, merged = _added(grouping, groups, met), _merged(met, numbers)
    fates = np.zeros(len(numbers), np.uint8)
    fates[np.bincount(met[0], minlength=len(numbers)) > 1] |= np.uint8(Fate.SPLIT)
    fates[(fates & np.uint8(Fate.SPLIT)) == 0] |= np.uint8(Fate.KEPT)
    fates[np.diff(added[0]) > 0] |= np.uint8(Fate.EXTENDED)
    fates[np.diff(merged[0]) > 0] |= np.uint8(Fate.MERGED)
    fates[mean[numbers] < threshold] |= np.uint8(Fate.WEAK)
    left_group, right_group = groups[rejected[0]], groups[rejected[1]]
    fates[place[left_group[(left_group == right_group) & (left_group >= 0)]]] |= np.uint8(Fate.REJECTED)
    members = _lists(np.stack([which, rows]), len(numbers))
    return KnownGroups(numbers, scopes[rows[first]], fates, mean[numbers], members, added, merged)


def _added(grouping: Grouping, groups: I32, met: I64) -> tuple[I64, I32]:
    """Products without a known group in the groups that each known group's members are in."""
    offsets, members = grouping.members()
    known_place, group = met[:, met[1] >= 0]
    sizes = np.diff(offsets)[group]
    ends = np.cumsum(sizes)
    rows = members[np.repeat(offsets[group] - (ends - sizes), sizes) + np.arange(ends[-1] if len(ends) else 0)]
    pairs = np.stack([np.repeat(known_place, sizes), rows])
    return _lists(pairs[:, groups[rows] < 0], int(met[0].max(initial=-1)) + 1)


def _merged(met: I64, numbers: I32) -> tuple[I64, I32]:
    """Other known groups with members in the same groups."""
    order = np.argsort(met[1], kind="stable")
    known_place, group = met[:, order][:, met[1, order] >= 0]
    sizes = np.bincount(group, minlength=1)[group]
    starts = np.searchsorted(group, group)
    others = known_place[np.repeat(starts - (np.cumsum(sizes) - sizes), sizes) + np.arange(int(sizes.sum()))]
    pairs = np.stack([np.repeat(known_place, sizes), others])
    pairs = np.unique(pairs[:, pairs[0] != pairs[1]], axis=1)
    offsets, places = _lists(pairs, len(numbers))
    return offsets, numbers[places]


def _lists(pairs: NDArray[np.integer], count: int) -> tuple[I64, I32]:
    """The second numbers of each of `count` first numbers, ascending, in compressed-sparse-row form."""
    ordered = pairs[:, np.lexsort((pairs[1], pairs[0]))]
    return np.searchsorted(ordered[0], np.arange(count + 1)).astype(np.int64), ordered[1].astype(np.int32)


def _row(lists: tuple[I64, I32], position: int) -> tuple[int, ...]:
    offsets, values = lists
    return tuple(values[offsets[position] : offsets[position + 1]].tolist())
