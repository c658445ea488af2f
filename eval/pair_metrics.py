"""Metrics of the precision stage: of pairs with a score or a probability, and of the groups made of them.

A true pair that is no candidate counts as missed: what is known to be true is given as a number beside the pairs.
Unjudged pairs are neither right nor wrong and are left out everywhere.
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
"""Precisions at which recall is told."""

LIKELY = 0.05
"""Calibration is told of pairs above this probability: nearly all others are far below, and drown them."""

BINS = 10


@dataclass(frozen=True, eq=False)
class PrecisionRecall:
    """Precision and recall at every score from which on pairs may be taken, greatest score first.

    Attributes:
        scores: float64 (s,), distinct and falling: what is at least this is taken.
        precision: float64 (s,): share of variants among the judged pairs taken.
        recall: float64 (s,): variants taken, over all that are known.
    """

    scores: Values
    precision: Values
    recall: Values

    @classmethod
    def of(cls, scores: NDArray[np.floating], truth: Truth, known: int) -> PrecisionRecall:
        """The curve of some pairs.

        Args:
            scores: (m,): greater is likelier to be a variant.
            truth: int8 (m,): `VARIANT`, `UNJUDGED` or `NOT_A_VARIANT`.
            known: How many variants are known in all, those that are no candidates among them.

        Raises:
            VariantsError: A score is NaN, or more of the pairs are variants than are known.
        """
        judged, right = _judged(scores, truth)
        if right.sum() > known:
            raise VariantsError(f"{right.sum():,} of the pairs are variants, but only {known:,} are known in all")
        order = np.argsort(-judged, kind="stable")
        ordered, hits = judged[order], np.cumsum(right[order])
        # Equal scores are taken together or not at all.
        last = np.flatnonzero(np.diff(ordered, append=-np.inf) != 0) if len(ordered) else np.zeros(0, np.int64)
        return cls(ordered[last], hits[last] / (last + 1), hits[last] / max(known, 1))

    @property
    def average_precision(self) -> float:
        """Mean precision over the recall gained: Σ (recall gained) · precision; what was missed adds nothing."""
        return float(np.sum(np.diff(self.recall, prepend=0.0) * self.precision))

    def recall_at(self, precision: float) -> float:
        """The greatest recall at which precision is at least this; 0 where it is nowhere."""
        return float(self.recall[self.precision >= precision].max(initial=0.0))


@dataclass(frozen=True)
class Bin:
    """Pairs of about equal probability.

    Attributes:
        pairs: How many.
        probability: Their mean probability.
        share: Share of them that are variants.
    """

    pairs: int
    probability: float
    share: float


@dataclass(frozen=True)
class PairFigures:
    """How well pairs were told apart.

    Attributes:
        pairs: Judged pairs.
        variants: How many of them are variants.
        known: Variants known in all.
        average_precision: See `PrecisionRecall`.
        recall_at: Wanted precision → recall.
        brier: Mean squared difference of probability and truth; NaN without a pair.
        brier_skill: 1 − that over the score of telling every pair the share of variants; 0 is of no use.
        calibration_error: Expected calibration error above `LIKELY`; NaN without a pair there.
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
    """All figures of some pairs; the arguments are those of `PrecisionRecall.of`."""
    curve = PrecisionRecall.of(probabilities, truth, known)
    return PairFigures(
        pairs=int((truth != UNJUDGED).sum()),
        variants=int((truth == VARIANT).sum()),
        known=known,
        average_precision=curve.average_precision,
        recall_at={wanted: curve.recall_at(wanted) for wanted in PRECISIONS},
        brier=brier(probabilities, truth),
        brier_skill=brier_skill(probabilities, truth),
        calibration_error=expected_calibration_error(probabilities, truth),
    )


def brier(probabilities: NDArray[np.floating], truth: Truth) -> float:
    """Mean squared difference of probability and truth (Brier, 1950); NaN without a judged pair."""
    told, right = _judged(probabilities, truth)
    return float(np.mean((told - right) ** 2)) if len(told) else float("nan")


def brier_skill(probabilities: NDArray[np.floating], truth: Truth) -> float:
    """1 − Brier score over that of the share of variants told for every pair; NaN where there is but one kind."""
    _, right = _judged(probabilities, truth)
    share = float(right.mean()) if len(right) else 0.0
    spread = share * (1 - share)
    return 1 - brier(probabilities, truth) / spread if spread > 0 else float("nan")


def calibration_bins(
    probabilities: NDArray[np.floating], truth: Truth, above: float = LIKELY, bins: int = BINS
) -> list[Bin]:
    """The pairs above a probability in bins of equal number, least probable first.

    Equal probabilities stay in one bin, so that no order among them matters; where there are many, there are
    fewer bins, of unequal number.
    """
    told, right = _judged(probabilities, truth)
    order = np.argsort(told, kind="stable")
    order = order[told[order] > above]
    ordered = told[order]
    if not len(ordered):
        return []
    cuts = (np.arange(1, bins) * len(ordered)) // bins
    cuts = np.unique(np.searchsorted(ordered, ordered[np.maximum(cuts - 1, 0)], "right"))
    starts = np.unique(np.concatenate([[0], cuts[cuts < len(ordered)]]))
    counts = np.diff(starts, append=len(ordered))
    means, shares = (np.add.reduceat(one, starts) / counts for one in (ordered, right[order].astype(np.float64)))
    return [Bin(int(n), float(mean), float(share)) for n, mean, share in zip(counts, means, shares, strict=True)]


def expected_calibration_error(
    probabilities: NDArray[np.floating], truth: Truth, above: float = LIKELY, bins: int = BINS
) -> float:
    """Mean over pairs of how far their bin's share of variants is from its mean probability; NaN without a pair.

    Naeini, Cooper, Hauskrecht, "Obtaining well calibrated probabilities using Bayesian binning", AAAI 2015, with
    `calibration_bins`.
    """
    found = calibration_bins(probabilities, truth, above, bins)
    off = sum(one.pairs * abs(one.share - one.probability) for one in found)
    return off / sum(one.pairs for one in found) if found else float("nan")


def _judged(scores: NDArray[np.floating], truth: Truth) -> tuple[Values, NDArray[np.bool_]]:
    if len(scores) != len(truth):
        raise VariantsError(f"{len(scores):,} scores can't be compared with the truth about {len(truth):,} pairs")
    judged = truth != UNJUDGED
    told = scores[judged].astype(np.float64)
    if np.isnan(told).any():
        raise VariantsError(f"{int(np.isnan(told).sum()):,} pairs have a score that is no number")
    return told, truth[judged] == VARIANT


@dataclass(frozen=True)
class GroupFigures:
    """How well groups that were made agree with known ones, over the products whose group is known.

    Attributes:
        products: Products whose group is known; one that is alone in its group counts too.
        groups: Known groups of two or more.
        precision: B-cubed precision.
        recall: B-cubed recall.
        b_cubed: Their harmonic mean.
        pair_precision: Share of the pairs within made groups that are variants; NaN without such a pair.
        pair_recall: Share of the known variants that are within one made group; NaN without one.
        pair_f1: Their harmonic mean.
        exactly_right: Share of the known groups of two or more that were made, no more and no less; NaN without one.
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


def group_figures(made: NDArray[np.integer], known: NDArray[np.integer]) -> GroupFigures:
    """Compares groups by pairs, by products and as wholes.

    B-cubed: Bagga and Baldwin, "Entity-based cross-document coreferencing using the vector space model", 1998.

    Args:
        made: Made group of each product, −1 where it is in none, (n,).
        known: Known group of each product, −1 where nothing is known: such products are left out, (n,).
    """
    if len(made) != len(known):
        raise VariantsError(f"{len(made):,} products can't be compared with {len(known):,}")
    told = known >= 0
    one, two = _numbered(made[told]), _numbered(known[told])
    cells, counts = np.unique(one * (two.max(initial=0) + 1) + two, return_counts=True)
    rows, columns = np.divmod(cells, two.max(initial=0) + 1)
    made_sizes, known_sizes = np.bincount(one), np.bincount(two)
    n = int(told.sum())
    precision = float(np.sum(counts**2 / made_sizes[rows]) / n) if n else float("nan")
    recall = float(np.sum(counts**2 / known_sizes[columns]) / n) if n else float("nan")
    together, made_pairs, known_pairs = (_pairs(sizes) for sizes in (counts, made_sizes, known_sizes))
    several = int((known_sizes >= 2).sum())
    exact = (counts == made_sizes[rows]) & (counts == known_sizes[columns]) & (counts >= 2)
    return GroupFigures(
        products=n,
        groups=several,
        precision=precision,
        recall=recall,
        b_cubed=_ratio(2 * precision * recall, precision + recall),
        pair_precision=_ratio(together, made_pairs),
        pair_recall=_ratio(together, known_pairs),
        pair_f1=_ratio(2 * together, made_pairs + known_pairs),
        exactly_right=_ratio(int(exact.sum()), several),
    )


def _numbered(groups: NDArray[np.integer]) -> NDArray[np.int64]:
    """Groups numbered without gaps; a product in none (−1) is a group by itself."""
    alone = groups < 0
    keys = np.where(alone, groups.max(initial=0) + np.cumsum(alone), groups.astype(np.int64))
    return np.unique(keys, return_inverse=True)[1].astype(np.int64)


def _pairs(sizes: NDArray[np.integer]) -> int:
    return int(np.sum(sizes.astype(np.int64) * (sizes - 1) // 2))


def _ratio(part: float, whole: float) -> float:
    return part / whole if whole else float("nan")
