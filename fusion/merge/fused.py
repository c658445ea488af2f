"""Merging a query's own text list and image list by rank or by score.

Each method scores the union of the two lists and sorts it by that score; ties keep the text list's order. Reciprocal
rank fusion, which takes any number of lists, is in `reciprocal`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from candidates.provenance import CandidatePart, Candidates
from candidates.run import Run
from fusion.merge.hop import pool

Scores = NDArray[np.float64]


def union(text: Run, image: Run, *, threads: int = 1) -> Candidates:
    """Interleaves the lists: text 1, image 1, text 2, image 2 and so on.

    Wherever it is cut, about half of the candidates come from each list.
    """

    def turn(part: CandidatePart) -> Scores:
        text_turn = np.where(part.text_rank > 0, 2.0 * part.text_rank - 1, np.inf)
        image_turn = np.where(part.image_rank > 0, 2.0 * part.image_rank, np.inf)
        return 1 / np.minimum(text_turn, image_turn)

    return _ordered("union", pool(text, image, threads=threads), turn)


def weighted(
    text: Run, image: Run, *, text_weight: float = 1.0, image_weight: float = 1.0, threads: int = 1
) -> Candidates:
    """Weighted sum of scores, each list scaled to 0 … 1 within its query (CombSUM on min–max scores).

    Fox and Shaw, "Combination of multiple searches", TREC-2, 1994.
    """

    def summed(part: CandidatePart) -> Scores:
        in_text = _min_max(part, part.text_score, part.text_rank > 0)
        in_image = _min_max(part, part.image_score, part.image_rank > 0)
        return text_weight * in_text + image_weight * in_image

    return _ordered("weighted", pool(text, image, threads=threads), summed)


def _min_max(part: CandidatePart, scores: NDArray[np.float32], present: NDArray[np.bool_]) -> Scores:
    if not len(scores):
        return np.zeros(0)
    filled = part.counts > 0
    starts = part.offsets[:-1][filled]
    lows = np.minimum.reduceat(np.where(present, scores, np.inf), starts)
    highs = np.maximum.reduceat(np.where(present, scores, -np.inf), starts)
    low, high = (np.repeat(bound, part.counts[filled]) for bound in (lows, highs))
    # A list with one entry (or equal scores) has no range: its entries count in full.
    ranged = present & (high > low)
    span = np.subtract(high, low, out=np.ones(len(scores)), where=ranged)
    return np.where(present, np.where(ranged, (scores - low) / span, 1.0), 0.0)


def _ordered(name: str, pooled: Candidates, score: Callable[[CandidatePart], Scores]) -> Candidates:
    from fusion.merge.kernels import order_lists

    parts = []
    for part in pooled.parts:
        assert isinstance(part, CandidatePart)
        scores = score(part)
        order = np.empty(len(scores), np.int64)
        order_lists(part.offsets, scores, order)
        columns = {column: getattr(part, column)[order] for column in part.columns()}
        parts.append(replace(part, **(columns | {"scores": scores[order].astype(np.float32)})))
    return Candidates(name, pooled.queries, pooled.items, tuple(parts))
