"""Grouping beside known groups: they are kept, learned from, or not looked at; and what became of each of them.

A known group is a statement within its scope (a seller, or the whole feed where groups are declared global), as in
`candidates.qrels`: two of its members are variants, members of two groups of one scope are not, and about products
of two scopes it says nothing. Pairs judged one by one come before groups, and a rejected pair before all else.
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
"""What is done with known groups: `keep`, they stay whole, are extended by products without a group and merged with
groups of other scopes; `learn`, they served learning alone and may come out otherwise, which is reported; `hide`,
they are not looked at, and nothing depends on them."""


class Fate(IntFlag):
    """What became of a known group, as bits."""

    KEPT = 1
    EXTENDED = 2
    MERGED = 4
    SPLIT = 8
    WEAK = 16
    REJECTED = 32


DOUBTS = Fate.SPLIT | Fate.WEAK | Fate.REJECTED
"""What makes a known group doubtful."""


@dataclass(frozen=True)
class KnownGroup:
    """What became of one known group.

    Attributes:
        number: Its number in `Qrels.groups`.
        scope: Who states it, as in `Qrels.scopes`.
        members: Its rows.
        fate: What became of it.
        mean: Mean probability of the pairs within it; NaN for a single product.
        added: Rows of products without a known group that stand with its members now.
        merged: Numbers of other known groups whose members stand with its members now.
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
        """Why it is doubtful, in words; empty where it is not."""
        said = {
            Fate.REJECTED: "holds a rejected pair",
            Fate.SPLIT: "its products stand in different groups",
            Fate.WEAK: f"mean probability within it is only {self.mean:.2f}",
        }
        return tuple(words for fate, words in said.items() if fate & self.fate)


@dataclass(frozen=True, eq=False)
class KnownGroups:
    """What became of every known group; by position 0 … k, in ascending order of their numbers.

    Attributes:
        numbers: int32 (k,): number in `Qrels.groups`.
        scopes: int32 (k,): who states it.
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
        """Positions of the doubtful ones."""
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
    """Groups products by average linkage, with known groups treated as the setting says.

    Args:
        qrels: The products, their known groups, and pairs judged one by one. Accepted pairs are kept together and
            rejected ones apart whatever `known` says.
        left: (m,): one row of each candidate pair.
        right: (m,): the other row.
        probability: (m,): how probable it is that the two are variants.
        known: What is done with known groups.
        threshold: Least mean probability between clusters that are joined; known groups whose own mean is lower are
            doubtful.
        prior: Probability of a pair that is no candidate.
        most: Greatest number of products in a group made by joining; 0: no limit.

    Returns:
        The groups, and what became of each known group (of none where they are hidden).
    """
    n = len(qrels.items)
    rules = _constraints(qrels, known)
    options = {"threshold": threshold, "prior": prior}
    grouping = average_linkage(n, left, right, probability, most=most, constraints=rules, **options)
    groups = qrels.groups if known != "hide" else np.full(n, -1, np.int32)
    mean = mean_within(left, right, probability, groups, int(groups.max(initial=-1)) + 1, prior)
    return grouping, _fates(grouping, groups, qrels.scopes, mean, threshold, (rules.cannot_left, rules.cannot_right))


def _constraints(qrels: Qrels, known: Known) -> Constraints:
    one, two = (part.astype(np.int32) for part in np.divmod(qrels.keys, max(1, len(qrels.items))))
    accepted, rejected = ((qrels.values == value) & (one != two) for value in (VARIANT, NOT_A_VARIANT))
    judged = Constraints(one[accepted], two[accepted], one[rejected], two[rejected])
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
    one, two = groups[rejected[0]], groups[rejected[1]]
    fates[place[one[(one == two) & (one >= 0)]]] |= np.uint8(Fate.REJECTED)
    members = _lists(np.stack([which, rows]), len(numbers))
    return KnownGroups(numbers, scopes[rows[first]], fates, mean[numbers], members, added, merged)


def _added(grouping: Grouping, groups: I32, met: I64) -> tuple[I64, I32]:
    """Products without a known group in the groups that each known group's members stand in."""
    offsets, members = grouping.members()
    one, two = met[:, met[1] >= 0]
    sizes = np.diff(offsets)[two]
    ends = np.cumsum(sizes)
    rows = members[np.repeat(offsets[two] - (ends - sizes), sizes) + np.arange(ends[-1] if len(ends) else 0)]
    pairs = np.stack([np.repeat(one, sizes), rows])
    return _lists(pairs[:, groups[rows] < 0], int(met[0].max(initial=-1)) + 1)


def _merged(met: I64, numbers: I32) -> tuple[I64, I32]:
    """Other known groups that stand in the same groups."""
    order = np.argsort(met[1], kind="stable")
    one, two = met[:, order][:, met[1, order] >= 0]
    sizes = np.bincount(two, minlength=1)[two]
    starts = np.searchsorted(two, two)
    others = one[np.repeat(starts - (np.cumsum(sizes) - sizes), sizes) + np.arange(int(sizes.sum()))]
    pairs = np.stack([np.repeat(one, sizes), others])
    pairs = np.unique(pairs[:, pairs[0] != pairs[1]], axis=1)
    offsets, places = _lists(pairs, len(numbers))
    return offsets, numbers[places]


def _lists(pairs: NDArray[np.integer], count: int) -> tuple[I64, I32]:
    """Second numbers of each of `count` first numbers, ascending, in compressed-sparse-row form."""
    ordered = pairs[:, np.lexsort((pairs[1], pairs[0]))]
    return np.searchsorted(ordered[0], np.arange(count + 1)).astype(np.int64), ordered[1].astype(np.int32)


def _row(lists: tuple[I64, I32], position: int) -> tuple[int, ...]:
    offsets, values = lists
    return tuple(values[offsets[position] : offsets[position + 1]].tolist())
