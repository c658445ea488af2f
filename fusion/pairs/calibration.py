"""Calibration of a classifier's log-odds to probabilities, and thresholds for a wanted precision.

A classifier may rank well while its probabilities are off, because of sample weights, early stopping and groups it has
not seen. The calibration is fitted on held-out pairs. Three methods are tried, and the one with the lowest Brier score
on other held-out groups is used:

* Platt: a straight line through log-odds (Platt, "Probabilistic outputs for support vector machines", 1999).
* Beta: two slopes, for likely and for unlikely pairs (Kull, Silva Filho, Flach, "Beta calibration", AISTATS 2017).
* Centred isotonic: any rising line (Oron, Flournoy, "Centered isotonic regression", 2017). It interpolates between the
  middles of its steps, so it keeps the order of pairs where a step function would create ties.
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
"""Slope of an isotonic map beyond its outermost knots; it only keeps the order of pairs."""

_FARTHEST = 30.0
"""Log-odds are clipped to this range, beyond which no probability could be verified."""

_LEAST_PAIRS = 50
"""Fewest pairs from which a precision is reported."""

_POINTS = 1000
"""Largest number of points on a threshold curve."""


@dataclass(frozen=True, eq=False)
class Calibration:
    """A rising map from log-odds to probabilities.

    Attributes:
        method: `platt`, `beta` or `isotonic`.
        knots: float64 (k,), rising: log-odds of the knots of `isotonic`; empty for the other methods.
        heights: float64 (k,): calibrated log-odds at the knots. For the other methods three parameters: the slope for
            unlikely pairs, the slope for likely ones, and the intercept.
    """

    method: str
    knots: Values
    heights: Values

    def __post_init__(self) -> None:
        """Checks that the map is rising; this fails only on a bug or a changed file."""
        isotonic = self.method == "isotonic"
        fits = len(self.knots) == len(self.heights) > 0 if isotonic else (len(self.knots), len(self.heights)) == (0, 3)
        rising = (np.diff(self.knots) > 0).all() and (np.diff(self.heights if isotonic else self.knots) >= 0).all()
        known = self.method in _METHODS and np.isfinite(self.heights).all() and np.isfinite(self.knots).all()
        if not (fits and rising and known) or (not isotonic and min(self.heights[:2]) < 0):
            raise ModelMissing(f"the calibration {self.method!r} is not a rising map", "Train the model again")

    def apply(self, log_odds: Values) -> Values:
        """The probability for each log-odds, float64 (m,), monotonically rising."""
        z = np.clip(log_odds, -_FARTHEST, _FARTHEST)
        if self.method == "isotonic":
            beyond = np.minimum(z - self.knots[0], 0) + np.maximum(z - self.knots[-1], 0)
            calibrated = np.interp(z, self.knots, self.heights) + _SLOPE * beyond
        else:
            unlikely, likely, height = self.heights
            calibrated = unlikely * -np.logaddexp(0, -z) + likely * np.logaddexp(0, z) + height
        return probability(calibrated)


def probability(log_odds: Values) -> Values:
    """1 / (1 + exp(−log-odds)), without overflow."""
    from scipy.special import expit

    return np.asarray(expit(log_odds))


@dataclass(frozen=True, eq=False)
class Calibrated:
    """A calibration, and its cross-validated probabilities.

    Attributes:
        calibration: The chosen calibration, fitted on all pairs.
        held_out: float64 (m,): probabilities by the chosen method, fitted on the other folds.
        brier: Method → Brier score of these probabilities.
    """

    calibration: Calibration
    held_out: Values
    brier: dict[str, float]


def calibrate(log_odds: Values, truth: Truth, folds: NDArray[np.integer]) -> Calibrated:
    """Fits a calibration on pairs with cross-validated log-odds.

    Every pair counts once, whatever its training weight: weights express importance, not frequency.

    Args:
        log_odds: float64 (m,): cross-validated log-odds.
        truth: int8 (m,): known truth; unjudged pairs are not used for fitting but get a probability.
        folds: int (m,): fold of each pair; its probability comes from a map fitted on the other folds.
    """
    judged = truth != UNJUDGED
    right = truth == VARIANT
    held_out: dict[str, Values] = {}
    for method, learn in _METHODS.items():
        predicted = np.empty(len(truth))
        for fold in np.unique(folds):
            inside, outside = folds == fold, judged & (folds != fold)
            predicted[inside] = learn(log_odds[outside], right[outside]).apply(log_odds[inside])
        held_out[method] = predicted
    brier = {method: float(np.mean((predicted - right)[judged] ** 2)) for method, predicted in held_out.items()}
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
        # As the authors suggest, a negative slope is set to zero and the other is fitted alone.
        kept = int(np.argmax(slopes))
        (slope,), height = _logistic(columns[:, [kept]], right)
        slopes = np.zeros(2)
        slopes[kept] = max(slope, 0.0)
    return Calibration("beta", np.zeros(0), np.array([*slopes, height]))


def _logistic(columns: Values, right: NDArray[np.bool_]) -> tuple[Values, float]:
    """Logistic regression with little regularisation; with a single class, the smoothed share as a constant."""
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
    # Adding half a pair of each class keeps heights finite, but it can reverse the order of two short steps.
    heights = np.maximum.accumulate(logit(shares))
    return Calibration("isotonic", middles, heights)


_METHODS: Mapping[str, Callable[[Values, NDArray[np.bool_]], Calibration]] = {
    "platt": _platt,
    "beta": _beta,
    "isotonic": _isotonic,
}


@dataclass(frozen=True)
class Threshold:
    """The probability threshold for a wanted precision.

    Attributes:
        probability: Accept pairs of at least this probability; 2, which no pair has, if the precision is not reached.
        precision: Share of variants among the accepted held-out pairs.
        recall: Share of the held-out variant pairs that are accepted.
        pairs: Number of accepted held-out pairs.
        reached: Whether the wanted precision was reached on held-out pairs.
    """

    probability: float
    precision: float
    recall: float
    pairs: int
    reached: bool


@dataclass(frozen=True, eq=False)
class Thresholds:
    """Precision and recall on held-out pairs at every probability.

    Caveats:

    * This is the precision among the *judged* pairs of this catalogue. If groups are only valid within a seller,
      nothing is known about pairs of two sellers, whose precision may be lower.
    * It is measured against the known groups. Variants that the feed lists under two codes count as errors, so the
      true precision is higher, and 99% may be out of reach if even perfect suggestions disagree with the labels.
    * Another catalogue with fewer variants among its candidates has a lower precision at the same probability.
    * Above the highest thresholds there are few pairs; see `Threshold.pairs`.

    Attributes:
        probabilities: float64 (s,): thresholds, falling.
        precision: float64 (s,): precision of the pairs of at least that probability.
        recall: float64 (s,): recall of these pairs.
        pairs: int64 (s,): number of these pairs.
    """

    probabilities: Values
    precision: Values
    recall: Values
    pairs: NDArray[np.int64]

    def __post_init__(self) -> None:
        """Checks that the arrays form a curve; this fails only on a bug or a changed file."""
        curve = (self.probabilities, self.precision, self.recall, self.pairs)
        valid = all(column.shape == self.pairs.shape and np.isfinite(column).all() for column in curve)
        if not valid or self.pairs.ndim != 1 or (np.diff(self.probabilities) > 0).any():
            raise ModelMissing("the thresholds are not a curve", "Train the model again")

    @classmethod
    def measured(cls, probabilities: Values, truth: Truth) -> Thresholds:
        """The curve of held-out pairs, with at most a thousand points."""
        judged = truth != UNJUDGED
        judged_probabilities, right = probabilities[judged], truth[judged] == VARIANT
        order = np.argsort(-judged_probabilities, kind="stable")
        ordered, hits = judged_probabilities[order], np.cumsum(right[order])
        last = np.flatnonzero(np.diff(ordered, append=-1.0) != 0)
        kept = last[last + 1 >= _LEAST_PAIRS]
        # One point for each step of recall; among thresholds of equal recall the one of highest precision.
        steps = min(_POINTS, max(int(right.sum()), 1))
        _, first = np.unique((hits[kept] * steps) // max(int(right.sum()), 1), return_index=True)
        kept = kept[first]
        return cls(ordered[kept], hits[kept] / (kept + 1), hits[kept] / max(int(right.sum()), 1), kept + 1)

    def for_precision(self, precision: float) -> Threshold:
        """The threshold of highest recall with at least this precision."""
        enough = np.flatnonzero(self.precision >= precision)
        if not len(enough):
            return Threshold(2.0, float("nan"), 0.0, 0, False)
        last = enough[-1]
        figures = float(self.precision[last]), float(self.recall[last]), int(self.pairs[last])
        return Threshold(float(self.probabilities[last]), *figures, True)

    def arrays(self) -> dict[str, NDArray[Any]]:
        """The curve by name, for `numpy.savez`."""
        return {name: getattr(self, name) for name in ("probabilities", "precision", "recall", "pairs")}
