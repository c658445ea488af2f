"""Choosing thresholds: precision and recall at every probability, the cost of review, and the resulting groups."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from analysis.held_pairs import HeldPairs
from candidates.qrels import NOT_A_VARIANT, VARIANT, Qrels
from eval.bootstrap import Interval, interval
from eval.pair_metrics import LIKELY, GroupFigures, PrecisionRecall, calibration_bins
from fusion.groups.linkage import Grouping
from fusion.groups.varying import sentence, what_varies
from fusion.pairs.calibration import Threshold, Thresholds
from fusion.pairs.classifier import bound_products, deal
from service.pairs.precision import hidden_groups
from service.pairs.suggesting import mean_lab

WANTED = (0.8, 0.9, 0.95, 0.99)
"""Wanted precisions."""

REVIEW_PROBABILITIES = (0.9, 0.8, 0.7, 0.6, 0.5, 0.4, 0.3, 0.2, 0.1, 0.05)
"""Probabilities at which the cost of review is computed."""

LINKAGE = (0.05, 0.1, 0.15, 0.2, 0.25, 0.3, 0.35, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9)
"""Linkage thresholds to compare."""

SIZES = ((2, 2), (3, 3), (4, 4), (5, 6), (7, 10), (11, None))
"""Classes of group sizes; None means no upper bound."""


def curve(held: HeldPairs) -> PrecisionRecall:
    """Precision and recall at every probability, on held-out groups."""
    return PrecisionRecall.of(held.probabilities, held.truth, held.known)


@dataclass(frozen=True)
class AtPrecision:
    """The threshold for a wanted precision, and what it achieves.

    Attributes:
        wanted: The wanted precision.
        threshold: The probability from which pairs are accepted; None if no threshold reaches the precision.
        pairs: Number of accepted pairs.
        precision: Share of variants among them, groups resampled.
        recall: Share of all known variants that are accepted, groups resampled.
        elsewhere: Precision if one half of the groups chooses the threshold and the other half measures it, both ways;
            NaN if a half doesn't reach the wanted precision.
    """

    wanted: float
    threshold: float | None
    pairs: int
    precision: Interval
    recall: Interval
    elsewhere: float


_UNKNOWN = Interval(float("nan"), float("nan"), float("nan"))


def at_precisions(held: HeldPairs, wanted: Sequence[float] = WANTED) -> list[AtPrecision]:
    """The thresholds for wanted precisions, as the run chooses them, and what they achieve."""
    measured = Thresholds.measured(held.probabilities, held.truth)
    halves = _halves(held)
    results = []
    for target in wanted:
        found, elsewhere = measured.for_precision(target), _elsewhere(held, halves, target)
        if not found.reached:
            results.append(AtPrecision(target, None, 0, _UNKNOWN, _UNKNOWN, elsewhere))
            continue
        precision, recall = _at(held, found.probability)
        results.append(AtPrecision(target, found.probability, found.pairs, precision, recall, elsewhere))
    return results


def _at(held: HeldPairs, threshold: float) -> tuple[Interval, Interval]:
    """Precision and recall at a threshold; a pair is resampled with the group of its left product."""
    options = {"resamples": held.job.settings.evaluation.bootstrap, "seed": held.job.settings.run.seed}
    owners = held.qrels.groups[held.table.left]
    judged = (held.probabilities >= threshold) & (held.truth != 0)
    precision = interval((held.truth[judged] == VARIANT).astype(np.float64), owners[judged], **options)
    variants = held.truth == VARIANT
    found, owners_of = (held.probabilities[variants] >= threshold).astype(np.float64), owners[variants]
    groups = held.qrels.groups
    sizes = np.bincount(groups[groups >= 0]).astype(np.int64)
    lacking = np.maximum(sizes * (sizes - 1) // 2 - np.bincount(owners_of[owners_of >= 0], minlength=len(sizes)), 0)
    missed = np.repeat(np.arange(len(sizes)), lacking).astype(np.int32)
    recall = interval(np.concatenate([found, np.zeros(len(missed))]), np.concatenate([owners_of, missed]), **options)
    return precision, recall


def _halves(held: HeldPairs) -> NDArray[np.bool_]:
    """Splits groups into two halves and assigns each pair to the half of its left product; bool (m,)."""
    left, truth = held.table.left, held.truth
    bound = bound_products(left, held.table.right, truth, held.qrels.groups)
    dealt = deal(bound, np.unique(bound[left[truth == VARIANT]]), 2, held.job.settings.run.seed)
    half: NDArray[np.bool_] = dealt[left] == 0
    return half


def _elsewhere(held: HeldPairs, halves: NDArray[np.bool_], wanted: float) -> float:
    right = taken = 0
    for choosing in (halves, ~halves):
        found = Thresholds.measured(held.probabilities[choosing], held.truth[choosing]).for_precision(wanted)
        if not found.reached:
            return float("nan")
        judged_by_other = ~choosing & (held.probabilities >= found.probability)
        right += int((held.truth[judged_by_other] == VARIANT).sum())
        taken += int((held.truth[judged_by_other] != 0).sum())
    return right / taken if taken else float("nan")


def chosen(held: HeldPairs) -> Threshold:
    """The run's threshold for suggestions."""
    return held.model.threshold_for(held.job.settings.pairs.precision)


@dataclass(frozen=True)
class CalibrationBin:
    """Pairs of similar probability.

    Attributes:
        pairs: Number of pairs.
        probability: Their mean probability.
        share: Share of variants among them, groups resampled.
    """

    pairs: int
    probability: float
    share: Interval


def calibration(held: HeldPairs) -> list[CalibrationBin]:
    """The pairs above `LIKELY` in ten bins of equal size, least probable first."""
    judged = np.flatnonzero((held.truth != 0) & (held.probabilities > LIKELY))
    order = judged[np.argsort(held.probabilities[judged], kind="stable")]
    owners = held.qrels.groups[held.table.left]
    options = {"resamples": held.job.settings.evaluation.bootstrap, "seed": held.job.settings.run.seed}
    results, start = [], 0
    for part in calibration_bins(held.probabilities, held.truth):
        inside = order[start : start + part.pairs]
        right = (held.truth[inside] == VARIANT).astype(np.float64)
        results.append(CalibrationBin(part.pairs, part.probability, interval(right, owners[inside], **options)))
        start += part.pairs
    return results


@dataclass(frozen=True)
class ReviewCost:
    """The cost of reviewing every pair of at least a probability.

    Attributes:
        probability: Lowest probability of reviewed pairs.
        pairs: Number of reviewed pairs with known truth.
        accepted: Number of variants among them.
        known: Number of known variants.
        further: Pairs reviewed per further variant since the next higher probability; NaN if there is none.
    """

    probability: float
    pairs: int
    accepted: int
    known: int
    further: float

    @property
    def each(self) -> float:
        """Pairs reviewed per accepted pair; NaN if none is accepted."""
        return self.pairs / self.accepted if self.accepted else float("nan")

    @property
    def recall(self) -> float:
        """Share of the known variants that are accepted."""
        return self.accepted / self.known if self.known else float("nan")


def review_costs(held: HeldPairs, probabilities: Sequence[float] = REVIEW_PROBABILITIES) -> list[ReviewCost]:
    """The cost of review at each probability, highest first; pairs of unknown truth are not counted."""
    results: list[ReviewCost] = []
    for probability in sorted(probabilities, reverse=True):
        reviewed = held.probabilities >= probability
        right, wrong = (int((reviewed & (held.truth == value)).sum()) for value in (VARIANT, NOT_A_VARIANT))
        before = (results[-1].pairs, results[-1].accepted) if results else (0, 0)
        gained = right - before[1]
        further = (right + wrong - before[0]) / gained if gained else float("nan")
        results.append(ReviewCost(probability, right + wrong, right, held.known, further))
    return results


@dataclass(frozen=True, eq=False)
class LinkedGroups:
    """The groups at one linkage threshold, built without the known groups.

    Attributes:
        threshold: Lowest mean probability at which two groups are joined.
        grouping: The groups.
        figures: Their agreement with the known groups.
    """

    threshold: float
    grouping: Grouping
    figures: GroupFigures

    @cached_property
    def sizes(self) -> NDArray[np.int64]:
        """Number of products of each group, int64 (groups,)."""
        return np.bincount(self.grouping.groups[self.grouping.groups >= 0], minlength=len(self.grouping)).astype(
            np.int64
        )


def linked(held: HeldPairs, threshold: float) -> LinkedGroups:
    """The groups built from held-out probabilities at one threshold."""
    most = held.job.settings.groups.largest
    grouping, figures = hidden_groups(held.table, held.probabilities, held.qrels, threshold=threshold, most=most)
    return LinkedGroups(threshold, grouping, figures)


def linkage(held: HeldPairs, thresholds: Sequence[float] = LINKAGE) -> list[LinkedGroups]:
    """The groups at every threshold, including that of the run."""
    every = sorted({*thresholds, held.job.settings.groups.threshold})
    return [linked(held, threshold) for threshold in every]


def size_classes(groups: NDArray[np.integer]) -> list[tuple[str, int]]:
    """Number of groups of two or more in each size class; −1 means no group."""
    sizes = np.bincount(groups[groups >= 0]) if (groups >= 0).any() else np.zeros(0, np.int64)
    classes = []
    for low, high in SIZES:
        name = str(low) if low == high else f"{low}–{high}" if high else f"{low} or more"
        classes.append((name, int(((sizes >= low) & (sizes <= (high or sizes.max(initial=0)))).sum())))
    return classes


RIGHT, TOO_MUCH, TOO_LITTLE, UNJUDGED = "exactly right", "too large", "incomplete", "unknown"
"""How a group compares with the known ones: `too large` means that it contains two products known not to be variants;
`incomplete` means that known variants of its products are missing."""


@dataclass(frozen=True)
class GroupExample:
    """A group to show in a notebook.

    Attributes:
        rows: Its products.
        judged: One of `RIGHT`, `TOO_MUCH`, `TOO_LITTLE`.
        strength: Mean probability of its pairs.
        varies: What varies in it, in words; empty if nothing is known to vary.
        known: Number of each product's known group, −1 for none.
        lacking: Number of products that belong to it but are in other groups.
    """

    rows: tuple[int, ...]
    judged: str
    strength: float
    varies: str
    known: tuple[int, ...]
    lacking: int


def groups_of_each_kind(held: HeldPairs, linked: LinkedGroups, each: int = 3) -> list[GroupExample]:
    """A seeded random sample of groups that are exactly right, too large, and incomplete.

    Args:
        held: The pairs.
        linked: The groups.
        each: Number of groups of each kind.
    """
    kinds = [_kind(held.qrels, rows) for rows in _members(linked)]
    random = np.random.default_rng(held.job.settings.run.seed)
    chosen: list[int] = []
    for kind in (RIGHT, TOO_MUCH, TOO_LITTLE):
        own = [number for number, (judged, _) in enumerate(kinds) if judged == kind]
        chosen += sorted(random.permutation(own)[:each].astype(int).tolist())
    varying = what_varies(held.job.catalogue, linked.grouping.groups, mean_lab(held.job))
    members = list(_members(linked))
    return [
        GroupExample(
            tuple(members[number].tolist()),
            kinds[number][0],
            float(linked.grouping.strength[number]),
            sentence(varying.get(number, ())),
            tuple(held.qrels.groups[members[number]].tolist()),
            kinds[number][1],
        )
        for number in chosen
    ]


def _members(linked: LinkedGroups) -> Iterator[NDArray[np.int32]]:
    offsets, rows = linked.grouping.members()
    return (rows[low:high] for low, high in pairwise(offsets.tolist()))


def _kind(truth: Qrels, rows: NDArray[np.int32]) -> tuple[str, int]:
    """How a group compares with the known ones, and how many products it lacks."""
    left, right = np.triu_indices(len(rows), 1)
    variants = truth.variants(rows)[1]
    lacking = len(np.setdiff1d(variants, rows))
    judged = truth.judge(rows[left], rows[right])
    if (judged == NOT_A_VARIANT).any():
        return TOO_MUCH, lacking
    if lacking:
        return TOO_LITTLE, lacking
    return (RIGHT if (judged == VARIANT).any() else UNJUDGED), 0
