"""The candidate pairs of a run with their truth and their held-out probabilities."""

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
"""Largest number of resamples for an interval of average precision, since each goes through all pairs."""


@dataclass(frozen=True, eq=False)
class HeldPairs:
    """Candidate pairs with cross-validated probabilities: the classifiers held out the groups of both products.

    Attributes:
        job: The run.
        table: The pairs with their features.
        probabilities: float64 (m,): calibrated probabilities of both stages.
        first: float64 (m,): uncalibrated probabilities of the first stage alone.
    """

    job: Job
    table: PairTable
    probabilities: Values
    first: Values

    @classmethod
    def of(cls, job: Job) -> HeldPairs:
        """Opens the pairs of a finished run; raises `VariantsError` if it trained no classifier."""
        table, judged = judged_held_out(job)
        probabilities = [judged.columns[name].astype(np.float64) for name in ("probability", "first")]
        return cls(job, table, probabilities[0], probabilities[1])

    @property
    def qrels(self) -> Qrels:
        """The known truth: groups, overridden by judgements."""
        return self.job.truth("classifier")

    @cached_property
    def truth(self) -> NDArray[np.int8]:
        """The known truth about each pair, int8 (m,)."""
        return self.qrels.judge(self.table.left, self.table.right)

    @cached_property
    def known(self) -> int:
        """Number of known variant pairs, whether or not they are candidates."""
        return known_pairs(self.qrels)

    @cached_property
    def model(self) -> PairModel:
        """The run's classifier, trained on all groups."""
        model = self.job.pair_model
        assert model is not None
        return model

    @property
    def names(self) -> list[str]:
        """Names of the features."""
        return list(self.table.columns)

    @cached_property
    def likeness(self) -> Values:
        """The unsupervised score of each pair, float64 (m,)."""
        return unsupervised_score(self.table.matrix(), self.names).astype(np.float64)

    @cached_property
    def scored(self) -> ScoredPairs:
        """The pairs as input for reasons: held-out probabilities, the run's classifier and collective features."""
        from fusion.pairs.collective import PairGraph, collective_features

        graph = PairGraph.of(self.table.left, self.table.right, len(self.job.catalogue))
        around = collective_features(graph, self.first, self.job.threads)
        return ScoredPairs(self.table, self.probabilities, self.model, Scores(self.probabilities, self.first, around))

    @cached_property
    def teller(self) -> SuggestionWriter:
        """Describes these pairs as the run describes its suggestions, with the reasons of the run's classifier."""
        return SuggestionWriter(self.job, self.scored)

    @cached_property
    def figures(self) -> PairFigures:
        """Metrics of both stages on these pairs."""
        return pair_figures(self.probabilities, self.truth, self.known)

    @cached_property
    def threshold(self) -> float:
        """The probability from which the run suggests pairs; 2, which no pair has, if its precision is not reached."""
        return self.model.threshold_for(self.job.settings.pairs.precision).probability

    def best(self, value: int, count: int) -> Places:
        """The most probable pairs with this truth, most probable first."""
        places = np.flatnonzero(self.truth == value)
        return places[np.argsort(-self.probabilities[places], kind="stable")][:count]

    def worst(self, value: int, count: int) -> Places:
        """The least probable pairs with this truth, least probable first."""
        places = np.flatnonzero(self.truth == value)
        return places[np.argsort(self.probabilities[places], kind="stable")][:count]


@dataclass(frozen=True)
class Stage:
    """Metrics of one way to rank pairs.

    Attributes:
        name: Name of the ranking.
        average_precision: Average precision; variants that are not candidates count as missed.
        ahead: Difference to the previous stage on the same resamples; None for the first.
        recall_at: Precision → highest recall at that precision.
        reranked: Depth → recall of each product's candidates in this order.
        curve: Precision and recall.
    """

    name: str
    average_precision: Interval
    ahead: Interval | None
    recall_at: dict[float, float]
    reranked: dict[int, float]
    curve: PrecisionRecall


LIKENESS, FIRST, BOTH = "similarity, nothing learned", "first stage: each pair alone", "both stages: with other pairs"
"""The three rankings of pairs, each of which uses more information than the one before."""


def stages(held: HeldPairs) -> list[Stage]:
    """The unsupervised score, the first stage and both stages, measured on the same held-out pairs."""
    scores = {LIKENESS: held.likeness, FIRST: held.first, BOTH: held.probabilities}
    drawn = resampled(held, list(scores.values()))
    results: list[Stage] = []
    for place, (name, values) in enumerate(scores.items()):
        curve = PrecisionRecall.of(values, held.truth, held.known)
        ahead = None
        if place:
            gain = curve.average_precision - results[-1].average_precision.mean
            ahead = _spread(gain, drawn[:, place] - drawn[:, place - 1])
        results.append(
            Stage(
                name,
                _spread(curve.average_precision, drawn[:, place]),
                ahead,
                {precision: curve.recall_at(precision) for precision in (0.9, 0.95)},
                reranked(held.table, values, held.qrels),
                curve,
            )
        )
    return results


def _spread(mean: float, drawn: Values) -> Interval:
    low, high = np.percentile(drawn, [2.5, 97.5])
    return Interval(mean, float(low), float(high))


def resampled(held: HeldPairs, scores: Sequence[Values]) -> Values:
    """Average precision of each score on resampled groups, float64 (draws, scores).

    A pair has the weight of its left product's group in the resample, and so have the variants that are not candidates.
    """
    judged = np.flatnonzero(held.truth != 0)
    right = held.truth[judged] == VARIANT
    owners = group_numbers(held.qrels.groups[held.table.left[judged]])
    count = int(owners.max(initial=-1)) + 1
    share = np.bincount(owners, right, minlength=count) / max(1, right.sum())
    orders = [np.argsort(-values[judged], kind="stable") for values in scores]
    random = np.random.default_rng(held.job.settings.run.seed)
    draws = min(MOST_RESAMPLES, held.job.settings.evaluation.bootstrap)
    results = np.empty((draws, len(scores)))
    for draw in range(draws):
        times = random.multinomial(count, np.full(count, 1 / count))
        known = held.known * float(times @ share)
        for place, order in enumerate(orders):
            weights = times[owners[order]].astype(np.float64)
            hits = np.cumsum(weights * right[order])
            taken = np.maximum(np.cumsum(weights), 1e-9)
            results[draw, place] = float(np.sum(weights * right[order] * hits / taken)) / max(known, 1e-9)
    return results
