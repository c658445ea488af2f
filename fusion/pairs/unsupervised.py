"""A score of pairs where nothing is known: no groups, no judgements, nothing to learn from.

It is not a probability, and nothing here can say how many of the pairs above a score are variants. It orders pairs.

Each column that speaks of nearness is brought to normal scores (its ranks among all pairs, laid on the normal curve:
van der Waerden, "Order tests for the two-sample problem and their power", 1952), so that no column's unit or spread
gives it weight; a pair's score is their weighted mean over the columns that have something to say about it. On
garments in a made-up marketplace its average precision was .41, where the fused reciprocal ranks alone came to .37,
the similarity of pictures to .23, and a learned classifier to more than .7. To hear the pairs around a pair as well,
as the classifier's second stage does, made it worse: scores that are wrong half of the time confirm each other.
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
"""The columns heard and their weights; greater values speak for a pair. In each space the similarity with hubs
stepped back and the gap to either side's tenth neighbour, the neighbours shared, and the fused reciprocal ranks.
Pictures count twice, as they do in the strategy `fused`."""


def unsupervised_score(matrix: Matrix, names: Sequence[str]) -> NDArray[np.float32]:
    """Orders the pairs of a catalogue: greater is likelier to be variants; float32 (m,), of no unit.

    Args:
        matrix: float32 (m, f): all candidate pairs, NaN where a feature is absent.
        names: Name of each column; those of `COLUMNS` are used, as many as there are.

    Raises:
        SchemaError: None of the columns is there.
    """
    used = [(place, COLUMNS[name]) for place, name in enumerate(names) if name in COLUMNS]
    if not used:
        raise SchemaError(
            f"the pair table has none of the columns {', '.join(COLUMNS)}, by which pairs are scored",
            "Make the table with all of its features",
        )
    total, weight = np.zeros(len(matrix)), np.zeros(len(matrix))
    for place, share in used:
        heard = normal_scores(matrix[:, place])
        there = ~np.isnan(heard)
        total[there] += share * heard[there]
        weight[there] += share
    return np.divide(total, weight, out=np.zeros(len(matrix)), where=weight > 0).astype(np.float32)


def normal_scores(values: NDArray[np.floating]) -> Values:
    """Each value's rank laid on the normal curve: ties share their mean rank, NaN stays; float64 (m,)."""
    from scipy.special import ndtri
    from scipy.stats import rankdata

    scores = np.full(len(values), np.nan)
    there = ~np.isnan(values)
    # Half a rank off either end, so that neither end lies at infinity.
    scores[there] = ndtri((rankdata(values[there]) - 0.5) / max(int(there.sum()), 1))
    return scores


def contributions_of(matrix: Matrix, names: Sequence[str]) -> NDArray[np.float32]:
    """What each column adds to the score of each pair, among the pairs given; float32 (m, f), zero where unheard."""
    made = np.zeros(matrix.shape, np.float32)
    whole = sum(COLUMNS[name] for name in names if name in COLUMNS)
    for place, name in enumerate(names):
        if name in COLUMNS and len(matrix):
            made[:, place] = np.nan_to_num(normal_scores(matrix[:, place])) * COLUMNS[name] / whole
    return made
