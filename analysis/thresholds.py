"""Where to cut: precision and recall at every probability, what a cut costs an expert, and the groups that follow."""

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
"""Precisions that are asked for."""

LOOKS = (0.9, 0.8, 0.7, 0.6, 0.5, 0.4, 0.3, 0.2, 0.1, 0.05)
"""Probabilities at which an expert's work is counted."""

LINKAGE = (0.05, 0.1, 0.15, 0.2, 0.25, 0.3, 0.35, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9)
"""Thresholds of linkage that are compared."""

SIZES = ((2, 2), (3, 3), (4, 4), (5, 6), (7, 10), (11, None))
"""Classes of group sizes; None is no bound."""


def curve(held: HeldPairs) -> PrecisionRecall:
    """Precision and recall at every probability, on groups held out."""
    return PrecisionRecall.of(held.probabilities, held.truth, held.known)


@dataclass(frozen=True)
class AtPrecision:
    """What asking for a precision comes to.

    Attributes:
        wanted: The precision asked for.
        threshold: The probability from which pairs are taken; None where no threshold reaches that precision.
        pairs: Pairs taken.
        precision: Share of variants among them, groups resampled.
        recall: Share of all known variants that are taken, groups resampled.
        elsewhere: Precision where half of the groups choose the threshold and the other half are judged by it, both
            ways; NaN where a half reaches it nowhere.
    """

    wanted: float
    threshold: float | None
    pairs: int
    precision: Interval
    recall: Interval
    elsewhere: float


_UNKNOWN = Interval(float("nan"), float("nan"), float("nan"))


def at_precisions(held: HeldPairs, wanted: Sequence[float] = WANTED) -> list[AtPrecision]:
    """The thresholds of wanted precisions, as the run chooses them, and what they come to."""
    measured = Thresholds.measured(held.probabilities, held.truth)
    halves = _halves(held)
    made = []
    for one in wanted:
        found, elsewhere = measured.for_precision(one), _elsewhere(held, halves, one)
        if not found.reached:
            made.append(AtPrecision(one, None, 0, _UNKNOWN, _UNKNOWN, elsewhere))
            continue
        precision, recall = _at(held, found.probability)
        made.append(AtPrecision(one, found.probability, found.pairs, precision, recall, elsewhere))
    return made


def _at(held: HeldPairs, threshold: float) -> tuple[Interval, Interval]:
    """Precision and recall at a threshold; a pair is resampled with the group of its left product."""
    options = {"resamples": held.job.settings.evaluation.bootstrap, "seed": held.job.settings.run.seed}
    owners = held.qrels.groups[held.table.left]
    judged = (held.probabilities >= threshold) & (held.truth != 0)
    precision = interval((held.truth[judged] == VARIANT).astype(np.float64), owners[judged], **options)
    variants = held.truth == VARIANT
    found, of = (held.probabilities[variants] >= threshold).astype(np.float64), owners[variants]
    groups = held.qrels.groups
    sizes = np.bincount(groups[groups >= 0]).astype(np.int64)
    lacking = np.maximum(sizes * (sizes - 1) // 2 - np.bincount(of[of >= 0], minlength=len(sizes)), 0)
    missed = np.repeat(np.arange(len(sizes)), lacking).astype(np.int32)
    recall = interval(np.concatenate([found, np.zeros(len(missed))]), np.concatenate([of, missed]), **options)
    return precision, recall


def _halves(held: HeldPairs) -> NDArray[np.bool_]:
    """Deals groups to two halves, and each pair to the half of its left product; bool (m,)."""
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
        there = ~choosing & (held.probabilities >= found.probability)
        right += int((held.truth[there] == VARIANT).sum())
        taken += int((held.truth[there] != 0).sum())
    return right / taken if taken else float("nan")


def chosen(held: HeldPairs) -> Threshold:
    """The threshold that the run suggests by."""
    return held.model.threshold_for(held.job.settings.pairs.precision)


@dataclass(frozen=True)
class Calibrated:
    """Pairs of about equal probability.

    Attributes:
        pairs: How many.
        probability: Their mean probability.
        share: Share of variants among them, groups resampled.
    """

    pairs: int
    probability: float
    share: Interval


def calibration(held: HeldPairs) -> list[Calibrated]:
    """The pairs above `LIKELY` in ten bins of equal number, least probable first."""
    judged = np.flatnonzero((held.truth != 0) & (held.probabilities > LIKELY))
    order = judged[np.argsort(held.probabilities[judged], kind="stable")]
    owners = held.qrels.groups[held.table.left]
    options = {"resamples": held.job.settings.evaluation.bootstrap, "seed": held.job.settings.run.seed}
    made, start = [], 0
    for one in calibration_bins(held.probabilities, held.truth):
        inside = order[start : start + one.pairs]
        right = (held.truth[inside] == VARIANT).astype(np.float64)
        made.append(Calibrated(one.pairs, one.probability, interval(right, owners[inside], **options)))
        start += one.pairs
    return made


@dataclass(frozen=True)
class Looked:
    """An expert's work where he looks at every pair from a probability on.

    Attributes:
        probability: From which on.
        pairs: Pairs of known truth that he looks at.
        accepted: Variants among them.
        known: Variants known in all.
        further: Pairs that he looks at for each further variant, beyond the probability before; NaN without one.
    """

    probability: float
    pairs: int
    accepted: int
    known: int
    further: float

    @property
    def each(self) -> float:
        """Pairs that he looks at for each that he accepts; NaN without one."""
        return self.pairs / self.accepted if self.accepted else float("nan")

    @property
    def recall(self) -> float:
        """Share of the known variants that he has accepted."""
        return self.accepted / self.known if self.known else float("nan")


def looks(held: HeldPairs, probabilities: Sequence[float] = LOOKS) -> list[Looked]:
    """What each probability costs an expert, the highest first; pairs of unknown truth are not counted."""
    made: list[Looked] = []
    for one in sorted(probabilities, reverse=True):
        taken = held.probabilities >= one
        right, wrong = (int((taken & (held.truth == value)).sum()) for value in (VARIANT, NOT_A_VARIANT))
        before = (made[-1].pairs, made[-1].accepted) if made else (0, 0)
        gained = right - before[1]
        further = (right + wrong - before[0]) / gained if gained else float("nan")
        made.append(Looked(one, right + wrong, right, held.known, further))
    return made


@dataclass(frozen=True, eq=False)
class Linked:
    """The groups that one threshold of linkage makes, known groups hidden.

    Attributes:
        threshold: Least mean probability at which two groups are joined.
        made: The groups.
        figures: How well they agree with the known ones.
    """

    threshold: float
    made: Grouping
    figures: GroupFigures

    @cached_property
    def sizes(self) -> NDArray[np.int64]:
        """Products of each group, int64 (groups,)."""
        return np.bincount(self.made.groups[self.made.groups >= 0], minlength=len(self.made)).astype(np.int64)


def linked(held: HeldPairs, threshold: float) -> Linked:
    """The groups of held-out probabilities at one threshold."""
    most = held.job.settings.groups.largest
    made, figures = hidden_groups(held.table, held.probabilities, held.qrels, threshold=threshold, most=most)
    return Linked(threshold, made, figures)


def linkage(held: HeldPairs, thresholds: Sequence[float] = LINKAGE) -> list[Linked]:
    """The groups at every threshold, that of the run among them."""
    every = sorted({*thresholds, held.job.settings.groups.threshold})
    return [linked(held, one) for one in every]


def size_classes(groups: NDArray[np.integer]) -> list[tuple[str, int]]:
    """How many groups of two or more there are of each class of sizes; −1 is no group."""
    sizes = np.bincount(groups[groups >= 0]) if (groups >= 0).any() else np.zeros(0, np.int64)
    made = []
    for low, high in SIZES:
        name = str(low) if low == high else f"{low}–{high}" if high else f"{low} or more"
        made.append((name, int(((sizes >= low) & (sizes <= (high or sizes.max(initial=0)))).sum())))
    return made


RIGHT, TOO_MUCH, TOO_LITTLE, UNJUDGED = "exactly right", "too much in one", "a part only", "nothing is known"
"""What a made group is beside the known ones: `too much in one` holds two products that are known not to be variants;
`a part only` lacks products that are known to be variants of one that it holds."""


@dataclass(frozen=True)
class MadeGroup:
    """A made group to be looked at.

    Attributes:
        rows: Its products.
        judged: One of `RIGHT`, `TOO_MUCH`, `TOO_LITTLE`.
        strength: Mean probability of the pairs within.
        varies: What varies in it, in words; empty where nothing is known to.
        known: Number of each product's known group, −1 without.
        lacking: Products known to belong to it that stand elsewhere.
    """

    rows: tuple[int, ...]
    judged: str
    strength: float
    varies: str
    known: tuple[int, ...]
    lacking: int


def groups_of_each_kind(held: HeldPairs, linked: Linked, each: int = 3) -> list[MadeGroup]:
    """A seeded draw of groups that came out right, that hold too much, and that are a part only.

    Args:
        held: The pairs.
        linked: The groups that they make.
        each: How many of each kind.
    """
    kinds = [_kind(held.qrels, rows) for rows in _members(linked)]
    random = np.random.default_rng(held.job.settings.run.seed)
    chosen: list[int] = []
    for kind in (RIGHT, TOO_MUCH, TOO_LITTLE):
        own = [number for number, (judged, _) in enumerate(kinds) if judged == kind]
        chosen += sorted(random.permutation(own)[:each].astype(int).tolist())
    varying = what_varies(held.job.catalogue, linked.made.groups, mean_lab(held.job))
    members = list(_members(linked))
    return [
        MadeGroup(
            tuple(members[number].tolist()),
            kinds[number][0],
            float(linked.made.strength[number]),
            sentence(varying.get(number, ())),
            tuple(held.qrels.groups[members[number]].tolist()),
            kinds[number][1],
        )
        for number in chosen
    ]


def _members(linked: Linked) -> Iterator[NDArray[np.int32]]:
    offsets, rows = linked.made.members()
    return (rows[low:high] for low, high in pairwise(offsets.tolist()))


def _kind(truth: Qrels, rows: NDArray[np.int32]) -> tuple[str, int]:
    """What a group is beside the known ones, and how many products it lacks."""
    one, other = np.triu_indices(len(rows), 1)
    variants = truth.variants(rows)[1]
    lacking = len(np.setdiff1d(variants, rows))
    judged = truth.judge(rows[one], rows[other])
    if (judged == NOT_A_VARIANT).any():
        return TOO_MUCH, lacking
    if lacking:
        return TOO_LITTLE, lacking
    return (RIGHT if (judged == VARIANT).any() else UNJUDGED), 0
