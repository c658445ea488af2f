"""The pairs that a run's classifier was measured on: what is known of each, and what was said by who did not know."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from candidates.pairs import PairTable
from candidates.qrels import VARIANT, Qrels
from eval.bootstrap import Interval
from eval.metrics import group_numbers
from eval.pair_metrics import PairFigures, PrecisionRecall, pair_figures
from fusion.pairs.classifier import PairModel, Scores
from fusion.pairs.unsupervised import unsupervised_score
from service.pairs.learned_pairs import judged_held_out
from service.pairs.precision import known_pairs, reranked
from service.pairs.scored import ScoredPairs
from service.pairs.suggesting import SuggestionWriter
from service.runs.job import Job

Values = NDArray[np.float64]
Places = NDArray[np.int64]

MOST_RESAMPLES = 200
"""Draws of groups behind an interval of average precision, at most: each goes through all pairs."""


@dataclass(frozen=True, eq=False)
class HeldPairs:
    """The candidate pairs of groups held out, judged by classifiers that neither product's group had a part in.

    Attributes:
        job: The run.
        table: The pairs with their features.
        probabilities: float64 (m,): of both stages, calibrated.
        first: float64 (m,): what the first stage came to by itself, not calibrated.
    """

    job: Job
    table: PairTable
    probabilities: Values
    first: Values

    @classmethod
    def of(cls, job: Job) -> HeldPairs:
        """Opens those of a finished run; raises `VariantsError` where it learned no classifier."""
        table, judged = judged_held_out(job)
        told = [judged.columns[name].astype(np.float64) for name in ("probability", "first")]
        return cls(job, table, told[0], told[1])

    @property
    def qrels(self) -> Qrels:
        """What is known: groups, and judgements, which come before them."""
        return self.job.truth("classifier")

    @cached_property
    def truth(self) -> NDArray[np.int8]:
        """What is known about each pair, int8 (m,)."""
        return self.qrels.judge(self.table.left, self.table.right)

    @cached_property
    def known(self) -> int:
        """Pairs known to be variants, those that are no candidates among them."""
        return known_pairs(self.qrels)

    @cached_property
    def model(self) -> PairModel:
        """The classifier that the run uses, learned from all groups."""
        model = self.job.pair_model
        assert model is not None
        return model

    @property
    def names(self) -> list[str]:
        """Names of the features."""
        return list(self.table.columns)

    @cached_property
    def likeness(self) -> Values:
        """The score by which pairs would be ordered if nothing had been learned, float64 (m,)."""
        return unsupervised_score(self.table.matrix(), self.names).astype(np.float64)

    @cached_property
    def scored(self) -> ScoredPairs:
        """The pairs as reasons are found for: held-out probabilities, the classifier in use, the pairs around each."""
        from fusion.pairs.collective import PairGraph, collective_features

        graph = PairGraph.of(self.table.left, self.table.right, len(self.job.catalogue))
        around = collective_features(graph, self.first, self.job.threads)
        return ScoredPairs(self.table, self.probabilities, self.model, Scores(self.probabilities, self.first, around))

    @cached_property
    def teller(self) -> SuggestionWriter:
        """Says of these pairs what the run says of its own; reasons are those of the classifier in use."""
        return SuggestionWriter(self.job, self.scored)

    @cached_property
    def figures(self) -> PairFigures:
        """How well both stages tell these pairs apart."""
        return pair_figures(self.probabilities, self.truth, self.known)

    @cached_property
    def threshold(self) -> float:
        """The probability from which the run suggests pairs; 2, which none has, where its precision is out of reach."""
        return self.model.threshold_for(self.job.settings.pairs.precision).probability

    def best(self, value: int, count: int) -> Places:
        """The most probable pairs of one truth, the most probable first."""
        places = np.flatnonzero(self.truth == value)
        return places[np.argsort(-self.probabilities[places], kind="stable")][:count]

    def worst(self, value: int, count: int) -> Places:
        """The least probable pairs of one truth, the least probable first."""
        places = np.flatnonzero(self.truth == value)
        return places[np.argsort(self.probabilities[places], kind="stable")][:count]


@dataclass(frozen=True)
class Stage:
    """How well one way of ordering pairs tells them apart.

    Attributes:
        name: What is ordered by.
        average_precision: Of all pairs; what was missed by the candidates counts as missed.
        ahead: By how much it is ahead of the one before, on the same draws of groups; None for the first.
        recall_at: Wanted precision → recall.
        reranked: Depth → recall of each product's candidates in this order.
        curve: Its precision and recall.
    """

    name: str
    average_precision: Interval
    ahead: Interval | None
    recall_at: dict[float, float]
    reranked: dict[int, float]
    curve: PrecisionRecall


LIKENESS, FIRST, BOTH = "likeness, nothing learned", "first stage: each pair by itself", "both stages: the pairs around"
"""The three ways of ordering pairs, each of which knows more than the one before."""


def stages(held: HeldPairs) -> list[Stage]:
    """What learning gives, and what the second stage adds, on the same pairs of groups held out."""
    scores = {LIKENESS: held.likeness, FIRST: held.first, BOTH: held.probabilities}
    drawn = resampled(held, list(scores.values()))
    made: list[Stage] = []
    for at, (name, values) in enumerate(scores.items()):
        curve = PrecisionRecall.of(values, held.truth, held.known)
        ahead = None
        if at:
            gain = curve.average_precision - made[-1].average_precision.mean
            ahead = _spread(gain, drawn[:, at] - drawn[:, at - 1])
        made.append(
            Stage(
                name,
                _spread(curve.average_precision, drawn[:, at]),
                ahead,
                {wanted: curve.recall_at(wanted) for wanted in (0.9, 0.95)},
                reranked(held.table, values, held.qrels),
                curve,
            )
        )
    return made


def _spread(mean: float, drawn: Values) -> Interval:
    low, high = np.percentile(drawn, [2.5, 97.5])
    return Interval(mean, float(low), float(high))


def resampled(held: HeldPairs, scores: Sequence[Values]) -> Values:
    """Average precision of each order of the pairs, groups drawn again and again; float64 (draws, scores).

    A pair counts as often as the group of its left product is drawn, and so does what the candidates missed.
    """
    judged = np.flatnonzero(held.truth != 0)
    right = held.truth[judged] == VARIANT
    owners = group_numbers(held.qrels.groups[held.table.left[judged]])
    count = int(owners.max(initial=-1)) + 1
    share = np.bincount(owners, right, minlength=count) / max(1, right.sum())
    orders = [np.argsort(-values[judged], kind="stable") for values in scores]
    random = np.random.default_rng(held.job.settings.run.seed)
    draws = min(MOST_RESAMPLES, held.job.settings.evaluation.bootstrap)
    made = np.empty((draws, len(scores)))
    for draw in range(draws):
        times = random.multinomial(count, np.full(count, 1 / count))
        known = held.known * float(times @ share)
        for at, order in enumerate(orders):
            weights = times[owners[order]].astype(np.float64)
            hits = np.cumsum(weights * right[order])
            taken = np.maximum(np.cumsum(weights), 1e-9)
            made[draw, at] = float(np.sum(weights * right[order] * hits / taken)) / max(known, 1e-9)
    return made
