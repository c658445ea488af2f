"""Strategies that give the union of a query's own two lists one order.

Each is a score computed from the rank and the score in either list; the union, best first, is cut at the
budget. Ties go to the text's order.
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
    """Both lists laid into each other: text 1, image 1, text 2, image 2 and so on.

    Cut at any budget, it holds about half of it from either list.
    """

    def turn(part: CandidatePart) -> Scores:
        text_turn = np.where(part.text_rank > 0, 2.0 * part.text_rank - 1, np.inf)
        image_turn = np.where(part.image_rank > 0, 2.0 * part.image_rank, np.inf)
        return 1 / np.minimum(text_turn, image_turn)

    return _ordered("union", pool(text, image, threads=threads), turn)


def reciprocal_rank(
    text: Run, image: Run, *, k: int = 60, text_weight: float = 1.0, image_weight: float = 1.0, threads: int = 1
) -> Candidates:
    """Reciprocal rank fusion: Σ weight / (k + rank) over the lists that hold the product.

    Cormack, Clarke, Büttcher, "Reciprocal Rank Fusion outperforms Condorcet and individual rank learning
    methods", SIGIR 2009.

    Args:
        text: The queries' text lists.
        image: The queries' image lists.
        k: Softens the difference between the first ranks; 60 in the paper.
        text_weight: Weight of the text list.
        image_weight: Weight of the image list.
        threads: Threads to use.
    """

    def fused(part: CandidatePart) -> Scores:
        in_text = np.where(part.text_rank > 0, text_weight / (k + part.text_rank.astype(float)), 0)
        in_image = np.where(part.image_rank > 0, image_weight / (k + part.image_rank.astype(float)), 0)
        return in_text + in_image

    return _ordered("rrf", pool(text, image, threads=threads), fused)


def weighted(
    text: Run, image: Run, *, text_weight: float = 1.0, image_weight: float = 1.0, threads: int = 1
) -> Candidates:
    """Weighted sum of scores, each list's brought to 0 … 1 within its query (CombSUM on min–max scores).

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
    # A list of one (or of equal scores) has no range: what it holds counts in full.
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
