"""Metrics of scored pairs, and of the groups built from them.

A known variant pair that is not a candidate counts as missed, so the total number of known variants is an argument
beside the pairs. Unjudged pairs are neither right nor wrong and are left out everywhere.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from candidates.errors import VariantsError
from candidates.qrels import UNJUDGED, VARIANT

Values = NDArray[np.float64]
Truth = NDArray[np.int8]

PRECISIONS = (0.9, 0.95, 0.99)
"""Precisions at which recall is reported."""

LIKELY = 0.05
"""Calibration is reported for pairs above this probability; most pairs are far below and would dominate the mean."""

BINS = 10
"""Number of calibration bins."""


@dataclass(frozen=True, eq=False)
class PrecisionRecall:
    """Precision and recall at every possible threshold, highest threshold first.

    Attributes:
        scores: float64 (s,): the thresholds, distinct and falling; pairs with at least this score are accepted.
        precision: float64 (s,): share of variants among the judged pairs accepted.
        recall: float64 (s,): variants accepted, over all known variants.
    """

    scores: Values
    precision: Values
    recall: Values

    @classmethod
    def of(cls, scores: NDArray[np.floating], truth: Truth, known: int) -> PrecisionRecall:
        """The curve of a set of pairs.

        Args:
            scores: (m,): higher means more likely to be a variant.
            truth: int8 (m,): `VARIANT`, `UNJUDGED` or `NOT_A_VARIANT`.
            known: Number of known variant pairs, including those that are not candidates.

        Raises:
            VariantsError: A score is NaN, or the pairs contain more variants than `known`.
        """
        judged_scores, right = _judged(scores, truth)
        if right.sum() > known:
            raise VariantsError(f"{right.sum():,} of the pairs are variants, but only {known:,} are known in total")
        order = np.argsort(-judged_scores, kind="stable")
        ordered, hits = judged_scores[order], np.cumsum(right[order])
        # Pairs with equal scores are accepted together or not at all.
        last = np.flatnonzero(np.diff(ordered, append=-np.inf) != 0) if len(ordered) else np.zeros(0, np.int64)
        return cls(ordered[last], hits[last] / (last + 1), hits[last] / max(known, 1))

    @property
    def average_precision(self) -> float:
        """Average precision: Σ (recall gained) · precision; missed variants add nothing."""
        return float(np.sum(np.diff(self.recall, prepend=0.0) * self.precision))

    def recall_at(self, precision: float) -> float:
        """The highest recall at this precision or better; 0 where no threshold reaches it."""
        return float(self.recall[self.precision >= precision].max(initial=0.0))


@dataclass(frozen=True)
class Bin:
    """A calibration bin: pairs of similar probability.

    Attributes:
        pairs: Number of pairs.
        probability: Their mean probability.
        share: Share of them that are variants.
    """

    pairs: int
    probability: float
    share: float


@dataclass(frozen=True)
class PairFigures:
    """Metrics of scored pairs.

    Attributes:
        pairs: Number of judged pairs.
        variants: Number of variants among them.
        known: Number of known variant pairs, candidates or not.
        average_precision: See `PrecisionRecall`.
        recall_at: Precision → highest recall at that precision.
        brier: Brier score; NaN without pairs.
        brier_skill: 1 − Brier score over that of a constant prediction of the share of variants; 0 is no better.
        calibration_error: Expected calibration error above `LIKELY`; NaN without pairs there.
    """

    pairs: int
    variants: int
    known: int
    average_precision: float
    recall_at: dict[float, float]
    brier: float
    brier_skill: float
    calibration_error: float


def pair_figures(probabilities: NDArray[np.floating], truth: Truth, known: int) -> PairFigures:
    """All metrics of a set of pairs; the arguments are those of `PrecisionRecall.of`."""
    curve = PrecisionRecall.of(probabilities, truth, known)
    return PairFigures(
        pairs=int((truth != UNJUDGED).sum()),
        variants=int((truth == VARIANT).sum()),
        known=known,
        average_precision=curve.average_precision,
        recall_at={precision: curve.recall_at(precision) for precision in PRECISIONS},
        brier=brier(probabilities, truth),
        brier_skill=brier_skill(probabilities, truth),
        calibration_error=expected_calibration_error(probabilities, truth),
    )


def brier(probabilities: NDArray[np.floating], truth: Truth) -> float:
    """Mean squared difference of probability and truth (Brier, 1950); NaN without a judged pair."""
    judged, right = _judged(probabilities, truth)
    return float(np.mean((judged - right) ** 2)) if len(judged) else float("nan")


def brier_skill(probabilities: NDArray[np.floating], truth: Truth) -> float:
    """1 − Brier score over that of a constant prediction of the share of variants; NaN without both classes."""
    _, right = _judged(probabilities, truth)
    share = float(right.mean()) if len(right) else 0.0
    spread = share * (1 - share)
    return 1 - brier(probabilities, truth) / spread if spread > 0 else float("nan")


def calibration_bins(
    probabilities: NDArray[np.floating], truth: Truth, above: float = LIKELY, bins: int = BINS
) -> list[Bin]:
    """The pairs above a probability, in bins of equal size, least probable first.

    Equal probabilities stay in one bin, so the order of ties doesn't matter. With many ties there are fewer bins, of
    different sizes.
    """
    judged, right = _judged(probabilities, truth)
    order = np.argsort(judged, kind="stable")
    order = order[judged[order] > above]
    ordered = judged[order]
    if not len(ordered):
        return []
    cuts = (np.arange(1, bins) * len(ordered)) // bins
    cuts = np.unique(np.searchsorted(ordered, ordered[np.maximum(cuts - 1, 0)], "right"))
    starts = np.unique(np.concatenate([[0], cuts[cuts < len(ordered)]]))
    counts = np.diff(starts, append=len(ordered))
    means, shares = (np.add.reduceat(values, starts) / counts for values in (ordered, right[order].astype(np.float64)))
    return [Bin(int(n), float(mean), float(share)) for n, mean, share in zip(counts, means, shares, strict=True)]


def expected_calibration_error(
    probabilities: NDArray[np.floating], truth: Truth, above: float = LIKELY, bins: int = BINS
) -> float:
    """Mean difference, over pairs, of their bin's share of variants and its mean probability; NaN without pairs.

    Naeini, Cooper, Hauskrecht, "Obtaining well calibrated probabilities using Bayesian binning", AAAI 2015, with the
    bins of `calibration_bins`.
    """
    found = calibration_bins(probabilities, truth, above, bins)
    error = sum(each.pairs * abs(each.share - each.probability) for each in found)
    return error / sum(each.pairs for each in found) if found else float("nan")


def _judged(scores: NDArray[np.floating], truth: Truth) -> tuple[Values, NDArray[np.bool_]]:
    if len(scores) != len(truth):
        raise VariantsError(f"{len(scores):,} scores can't be compared with the truth about {len(truth):,} pairs")
    judged = truth != UNJUDGED
    judged_scores = scores[judged].astype(np.float64)
    if np.isnan(judged_scores).any():
        raise VariantsError(f"{int(np.isnan(judged_scores).sum()):,} pairs have a score that is not a number")
    return judged_scores, truth[judged] == VARIANT


@dataclass(frozen=True)
class GroupFigures:
    """Agreement of predicted groups with known ones, over the products whose group is known.

    Attributes:
        products: Number of products whose group is known, including those alone in their group.
        groups: Number of known groups of two or more.
        precision: B-cubed precision.
        recall: B-cubed recall.
        b_cubed: Their harmonic mean.
        pair_precision: Share of the pairs within predicted groups that are variants; NaN without such a pair.
        pair_recall: Share of the known variant pairs that are within one predicted group; NaN without one.
        pair_f1: Their harmonic mean.
        exactly_right: Share of the known groups of two or more that equal a predicted group; NaN without one.
    """

    products: int
    groups: int
    precision: float
    recall: float
    b_cubed: float
    pair_precision: float
    pair_recall: float
    pair_f1: float
    exactly_right: float


def group_figures(predicted: NDArray[np.integer], known: NDArray[np.integer]) -> GroupFigures:
    """Compares predicted with known groups: by pairs, by products (B-cubed) and as a whole.

    B-cubed: Bagga and Baldwin, "Entity-based cross-document coreferencing using the vector space model", 1998.

    Args:
        predicted: (n,): predicted group of each product, −1 for none.
        known: (n,): known group of each product; products with −1 (unknown) are left out.

    Raises:
        VariantsError: The two differ in length.
    """
    if len(predicted) != len(known):
        raise VariantsError(f"{len(predicted):,} products can't be compared with {len(known):,}")
    measured = known >= 0
    predicted_numbers, known_numbers = _numbered(predicted[measured]), _numbered(known[measured])
    width = known_numbers.max(initial=0) + 1
    cells, counts = np.unique(predicted_numbers * width + known_numbers, return_counts=True)
    rows, columns = np.divmod(cells, width)
    predicted_sizes, known_sizes = np.bincount(predicted_numbers), np.bincount(known_numbers)
    n = int(measured.sum())
    precision = float(np.sum(counts**2 / predicted_sizes[rows]) / n) if n else float("nan")
    recall = float(np.sum(counts**2 / known_sizes[columns]) / n) if n else float("nan")
    shared_pairs, predicted_pairs, known_pairs = (_pairs(sizes) for sizes in (counts, predicted_sizes, known_sizes))
    several = int((known_sizes >= 2).sum())
    exact = (counts == predicted_sizes[rows]) & (counts == known_sizes[columns]) & (counts >= 2)
    return GroupFigures(
        products=n,
        groups=several,
        precision=precision,
        recall=recall,
        b_cubed=_ratio(2 * precision * recall, precision + recall),
        pair_precision=_ratio(shared_pairs, predicted_pairs),
        pair_recall=_ratio(shared_pairs, known_pairs),
        pair_f1=_ratio(2 * shared_pairs, predicted_pairs + known_pairs),
        exactly_right=_ratio(int(exact.sum()), several),
    )


def _numbered(groups: NDArray[np.integer]) -> NDArray[np.int64]:
    """Numbers the groups without gaps; a product in none (−1) becomes a group of one."""
    alone = groups < 0
    keys = np.where(alone, groups.max(initial=0) + np.cumsum(alone), groups.astype(np.int64))
    return np.unique(keys, return_inverse=True)[1].astype(np.int64)


def _pairs(sizes: NDArray[np.integer]) -> int:
    return int(np.sum(sizes.astype(np.int64) * (sizes - 1) // 2))


def _ratio(part: float, whole: float) -> float:
    return part / whole if whole else float("nan")
