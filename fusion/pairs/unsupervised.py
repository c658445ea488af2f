"""An unsupervised score of pairs, for catalogues without known groups and judgements.

It orders pairs. It is not a probability, so it can't tell how many of the pairs above a threshold are variants.

Each column is converted to normal scores (ranks among all pairs, mapped to quantiles of the normal distribution: van
der Waerden, "Order tests for the two-sample problem and their power", 1952), so that units and spreads don't matter. A
pair's score is the weighted mean over the columns that have a value for it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from candidates.errors import SchemaError

Matrix = NDArray[np.float32]
Values = NDArray[np.float64]

COLUMNS: Mapping[str, float] = {
    "image_corrected_sum": 2.0,
    "text_corrected_sum": 1.0,
    "lexical_corrected_sum": 1.0,
    "image_above_tenth_sum": 2.0,
    "text_above_tenth_sum": 1.0,
    "lexical_above_tenth_sum": 1.0,
    "fused_above_tenth_sum": 1.0,
    "image_shared_20_share": 1.0,
    "fused_shared_20_share": 1.0,
    "fused_score_sum": 1.0,
}
"""The columns used and their weights; higher values count for a pair. In each space these are the hub-corrected
similarity and the gap to the tenth neighbour, then the shared neighbours and the fused reciprocal ranks. Pictures
count twice, as in the strategy `fused`."""


def unsupervised_score(matrix: Matrix, names: Sequence[str]) -> NDArray[np.float32]:
    """Scores the pairs of a catalogue, float32 (m,), without a unit; higher means more likely to be variants.

    Args:
        matrix: float32 (m, f): all candidate pairs, NaN where a feature is absent.
        names: Name of each column; those in `COLUMNS` are used.

    Raises:
        SchemaError: The matrix has none of these columns.
    """
    used = [(place, COLUMNS[name]) for place, name in enumerate(names) if name in COLUMNS]
    if not used:
        raise SchemaError(
            f"the pair table has none of the columns {', '.join(COLUMNS)}, by which pairs are scored",
            "Compute the table with all features",
        )
    total, weight = np.zeros(len(matrix)), np.zeros(len(matrix))
    for place, share in used:
        scores = normal_scores(matrix[:, place])
        present = ~np.isnan(scores)
        total[present] += share * scores[present]
        weight[present] += share
    return np.divide(total, weight, out=np.zeros(len(matrix)), where=weight > 0).astype(np.float32)


def normal_scores(values: NDArray[np.floating]) -> Values:
    """Normal quantiles at the values' ranks, float64 (m,); ties share their mean rank, NaN stays NaN."""
    from scipy.special import ndtri
    from scipy.stats import rankdata

    scores = np.full(len(values), np.nan)
    present = ~np.isnan(values)
    # Half a rank is subtracted so that neither end is at infinity.
    scores[present] = ndtri((rankdata(values[present]) - 0.5) / max(int(present.sum()), 1))
    return scores


def contributions_of(matrix: Matrix, names: Sequence[str]) -> NDArray[np.float32]:
    """Contribution of each column to the scores of these pairs, float32 (m, f); zero for unused columns."""
    contributions = np.zeros(matrix.shape, np.float32)
    whole = sum(COLUMNS[name] for name in names if name in COLUMNS)
    for place, name in enumerate(names):
        if name in COLUMNS and len(matrix):
            contributions[:, place] = np.nan_to_num(normal_scores(matrix[:, place])) * COLUMNS[name] / whole
    return contributions
