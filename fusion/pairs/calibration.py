"""Turns a classifier's log-odds into probabilities that hold, and wanted precisions into thresholds.

A classifier ranks well before its probabilities are right: weights, trees that stopped early and groups it never
saw all move them. The map is learned from pairs whose groups the classifier had no part of. Three are tried, and
the one whose probabilities are nearest to the truth on yet other groups is taken:

* Platt's: a straight line through log-odds ("Probabilistic outputs for support vector machines", 1999).
* Beta: two slopes, for likely and for unlikely pairs (Kull, Silva Filho, Flach, "Beta calibration", AISTATS 2017).
* Centred isotonic: any rising line (Oron, Flournoy, "Centered isotonic regression", 2017); between the middles of
  its steps it rises, so that it keeps the order of pairs where a staircase would tie them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from candidates.errors import ModelMissing
from candidates.qrels import UNJUDGED, VARIANT

Values = NDArray[np.float64]
Truth = NDArray[np.int8]

_SLOPE = 0.01
"""Beyond the outermost knots an isotonic map rises by so much a unit: pairs keep their order, no more is claimed."""

_FARTHEST = 30.0
"""Log-odds are cut here; no probability is nearer to 0 or 1 than anybody could check."""

_LEAST_PAIRS = 50
"""A precision is not told of fewer pairs than this."""

_POINTS = 1000
"""Points of a threshold curve that are kept."""


@dataclass(frozen=True, eq=False)
class Calibration:
    """A rising map from log-odds to probabilities.

    Attributes:
        method: `platt`, `beta` or `isotonic`.
        knots: float64 (k,), rising: log-odds where the line bends; empty for the two with a formula.
        heights: float64 (k,): calibrated log-odds there; for a formula its three numbers: the slope for unlikely
            pairs, the slope for likely ones, and the height.
    """

    method: str
    knots: Values
    heights: Values

    def __post_init__(self) -> None:
        """Checks that the numbers are a rising map; only a fault of ours or a changed file fails."""
        isotonic = self.method == "isotonic"
        fits = len(self.knots) == len(self.heights) > 0 if isotonic else (len(self.knots), len(self.heights)) == (0, 3)
        rising = (np.diff(self.knots) > 0).all() and (np.diff(self.heights if isotonic else self.knots) >= 0).all()
        known = self.method in _METHODS and np.isfinite(self.heights).all() and np.isfinite(self.knots).all()
        if not (fits and rising and known) or (not isotonic and min(self.heights[:2]) < 0):
            raise ModelMissing(f"a calibration {self.method!r} that is no rising map", "Learn the model again")

    def apply(self, log_odds: Values) -> Values:
        """The probability of each, float64 (m,), never below that of lesser log-odds."""
        z = np.clip(log_odds, -_FARTHEST, _FARTHEST)
        if self.method == "isotonic":
            beyond = np.minimum(z - self.knots[0], 0) + np.maximum(z - self.knots[-1], 0)
            told = np.interp(z, self.knots, self.heights) + _SLOPE * beyond
        else:
            unlikely, likely, height = self.heights
            told = unlikely * -np.logaddexp(0, -z) + likely * np.logaddexp(0, z) + height
        return probability(told)


def probability(log_odds: Values) -> Values:
    """1 / (1 + exp(−log-odds)), without overflow."""
    from scipy.special import expit

    return np.asarray(expit(log_odds))


@dataclass(frozen=True, eq=False)
class Calibrated:
    """A calibration, and what it comes to on groups that it was not learned from.

    Attributes:
        calibration: The one chosen, learned from all pairs.
        held_out: float64 (m,): probabilities of the pairs by maps of the chosen kind that other folds gave.
        brier: Method → Brier score of such probabilities.
    """

    calibration: Calibration
    held_out: Values
    brier: dict[str, float]


def calibrate(log_odds: Values, truth: Truth, folds: NDArray[np.integer]) -> Calibrated:
    """Learns a map from pairs scored by classifiers that had no part of their groups.

    Every pair counts once, whatever weight it had in learning: weights are about what matters, not about how often
    it happens.

    Args:
        log_odds: float64 (m,).
        truth: int8 (m,): unjudged pairs teach nothing, but get a probability.
        folds: int (m,): pairs of one fold are judged by maps that the others gave.
    """
    judged = truth != UNJUDGED
    right = truth == VARIANT
    held_out: dict[str, Values] = {}
    for method, learn in _METHODS.items():
        told = np.empty(len(truth))
        for fold in np.unique(folds):
            inside, outside = folds == fold, judged & (folds != fold)
            told[inside] = learn(log_odds[outside], right[outside]).apply(log_odds[inside])
        held_out[method] = told
    brier = {method: float(np.mean((told - right)[judged] ** 2)) for method, told in held_out.items()}
    best = min(brier, key=lambda method: brier[method])
    return Calibrated(_METHODS[best](log_odds[judged], right[judged]), held_out[best], brier)


def _platt(log_odds: Values, right: NDArray[np.bool_]) -> Calibration:
    z = np.clip(log_odds, -_FARTHEST, _FARTHEST)
    (slope,), height = _logistic(z[:, None], right)
    return Calibration("platt", np.zeros(0), np.array([max(slope, 0.0), max(slope, 0.0), height]))


def _beta(log_odds: Values, right: NDArray[np.bool_]) -> Calibration:
    z = np.clip(log_odds, -_FARTHEST, _FARTHEST)
    columns = np.stack([-np.logaddexp(0, -z), np.logaddexp(0, z)], axis=1)
    slopes, height = _logistic(columns, right)
    if slopes.min() < 0:
        # The authors' remedy: a slope that would fall is none, and the other is fitted alone.
        kept = int(np.argmax(slopes))
        (slope,), height = _logistic(columns[:, [kept]], right)
        slopes = np.zeros(2)
        slopes[kept] = max(slope, 0.0)
    return Calibration("beta", np.zeros(0), np.array([*slopes, height]))


def _logistic(columns: Values, right: NDArray[np.bool_]) -> tuple[Values, float]:
    """Logistic regression, hardly held back; where there is but one kind of pair, its smoothed share."""
    if right.all() or not right.any():
        from scipy.special import logit

        return np.zeros(columns.shape[1]), float(logit((right.sum() + 0.5) / (len(right) + 1)))
    from sklearn.linear_model import LogisticRegression

    model = LogisticRegression(C=1e4, max_iter=1000).fit(columns, right)
    return model.coef_[0].astype(np.float64), float(model.intercept_[0])


def _isotonic(log_odds: Values, right: NDArray[np.bool_]) -> Calibration:
    from scipy.special import logit
    from sklearn.isotonic import isotonic_regression

    z = np.clip(log_odds, -_FARTHEST, _FARTHEST)
    places, of = np.unique(z, return_inverse=True)
    counts, hits = np.bincount(of), np.bincount(of, right)
    if not len(places):
        return Calibration("isotonic", np.zeros(1), np.zeros(1))
    steps = np.unique(isotonic_regression(hits / counts, sample_weight=counts), return_inverse=True)[1]
    totals = np.bincount(steps, counts)
    middles = np.bincount(steps, counts * places) / totals
    shares = (np.bincount(steps, hits) + 0.5) / (totals + 1)
    # Half a pair of either kind keeps heights finite; it can upset the order of two short steps.
    heights = np.maximum.accumulate(logit(shares))
    return Calibration("isotonic", middles, heights)


_METHODS: Mapping[str, Callable[[Values, NDArray[np.bool_]], Calibration]] = {
    "platt": _platt,
    "beta": _beta,
    "isotonic": _isotonic,
}


@dataclass(frozen=True)
class Threshold:
    """Where to cut so that a wanted precision holds.

    Attributes:
        probability: Take pairs of at least this probability; 2, which none has, where the precision is out of reach.
        precision: Share of variants among the held-out pairs taken.
        recall: Share taken of the variants among the held-out pairs.
        pairs: Held-out pairs taken.
        reached: Whether the wanted precision was reached on held-out pairs.
    """

    probability: float
    precision: float
    recall: float
    pairs: int
    reached: bool


@dataclass(frozen=True, eq=False)
class Thresholds:
    """Precision and recall, on pairs whose groups were not learned from, at every probability.

    What holds there need not hold elsewhere:

    * it is precision among the *judged* pairs of this catalogue; where groups count within a seller only, nothing is
      known about pairs of two sellers, and theirs may be lower;
    * it is measured against groups as given: variants filed under two codes count as errors, so true precision is
      rather higher, and 99 % may be out of reach where even perfect suggestions disagree with the labels so often;
    * another catalogue, with fewer true pairs among its candidates, has a lower precision at the same probability;
    * above the highest thresholds there are few pairs: `Threshold.pairs` says how many.

    Attributes:
        probabilities: float64 (s,), falling.
        precision: float64 (s,): of the pairs of at least that probability.
        recall: float64 (s,).
        pairs: int64 (s,): how many they are.
    """

    probabilities: Values
    precision: Values
    recall: Values
    pairs: NDArray[np.int64]

    def __post_init__(self) -> None:
        """Checks that the numbers are a curve; only a fault of ours or a changed file fails."""
        curve = (self.probabilities, self.precision, self.recall, self.pairs)
        alike = all(one.shape == self.pairs.shape and np.isfinite(one).all() for one in curve) and self.pairs.ndim == 1
        if not alike or (np.diff(self.probabilities) > 0).any():
            raise ModelMissing("thresholds that are no curve", "Learn the model again")

    @classmethod
    def measured(cls, probabilities: Values, truth: Truth) -> Thresholds:
        """The curve of held-out pairs, at no more than a thousand probabilities."""
        judged = truth != UNJUDGED
        told, right = probabilities[judged], truth[judged] == VARIANT
        order = np.argsort(-told, kind="stable")
        ordered, hits = told[order], np.cumsum(right[order])
        last = np.flatnonzero(np.diff(ordered, append=-1.0) != 0)
        kept = last[last + 1 >= _LEAST_PAIRS]
        # One point for each stretch of recall, and of the cuts of equal recall the one of greatest precision.
        steps = min(_POINTS, max(int(right.sum()), 1))
        _, first = np.unique((hits[kept] * steps) // max(int(right.sum()), 1), return_index=True)
        kept = kept[first]
        return cls(ordered[kept], hits[kept] / (kept + 1), hits[kept] / max(int(right.sum()), 1), kept + 1)

    def for_precision(self, wanted: float) -> Threshold:
        """Where to cut for the most variants with a precision of at least `wanted`."""
        enough = np.flatnonzero(self.precision >= wanted)
        if not len(enough):
            return Threshold(2.0, float("nan"), 0.0, 0, False)
        last = enough[-1]
        measured = float(self.precision[last]), float(self.recall[last]), int(self.pairs[last])
        return Threshold(float(self.probabilities[last]), *measured, True)

    def arrays(self) -> dict[str, NDArray[Any]]:
        """The curve by name, for `numpy.savez`."""
        return {name: getattr(self, name) for name in ("probabilities", "precision", "recall", "pairs")}
