"""Hub correction: products that are near to everything (hubs) move down in the lists of others.

A candidate's score is lowered by half of its nearness, the mean score of its own ten nearest neighbours. This is
cross-domain similarity local scaling (CSLS): Conneau, Lample, Ranzato, Denoyer and Jégou, "Word translation without
parallel data", ICLR 2018; scaling by the neighbourhood goes back to Zelnik-Manor and Perona, "Self-tuning spectral
clustering", NIPS 2004. CSLS also subtracts the query's own nearness, which is the same for all of its candidates and
changes no order.

Only lists are read, so it works with any index, approximate ones included.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from candidates.run import AnyRun, Part, Run

BEST = 10
"""Number of best scores whose mean is an item's nearness."""

WEIGHT = 0.5
"""Share of the nearness that is subtracted."""


def nearness(run: Run, best: int = BEST) -> NDArray[np.float32]:
    """How near each item's neighbours are: the mean of its ten best scores, float32 (n,).

    An item with a shorter list has the mean of its scores, an item without neighbours the mean over the other items.

    Args:
        run: Lists of every item (queries and items on one axis), deeper than `best`; an item in its own list is
            ignored.
        best: Number of best scores.

    Raises:
        AxisMismatch: The queries are not the items.
    """
    run.items.require(run.queries, "lists of every item")
    _, scores = run.top(best + 1).excluding(run.items.rows).matrix(best)
    there = ~np.isnan(scores)
    counts = there.sum(axis=1)
    sums = np.where(there, scores, 0).sum(axis=1, dtype=np.float64)
    means = np.divide(sums, counts, out=np.zeros(len(sums)), where=counts > 0)
    listed = counts > 0
    means[~listed] = means[listed].mean() if listed.any() else 0.0
    return means.astype(np.float32)


def correct_hubs(run: AnyRun, near: NDArray[np.floating], k: int = 0, *, weight: float = WEIGHT) -> AnyRun:
    """Each list sorted by score − weight · nearness of the candidate; the sort is stable.

    Items outside a list never enter it, so lists must be deeper than the result: `depth_for` gives the depth.

    Args:
        run: Ranked lists, of any queries.
        near: Float (n,): the `nearness` of every item, by the same kind of score.
        k: Maximum length of the lists afterwards; 0 cuts nothing.
        weight: Share of the nearness that is subtracted.

    Returns:
        The run with the new scores in the new order; other columns are permuted alike.
    """
    return run.replace_parts(tuple(_corrected(part, near, k, weight) for part in run.parts))


def depth_for(k: int) -> int:
    """Depth of lists whose first k entries after correction are nearly those of much deeper lists: 4 k, at least 100.

    The measurements behind this rule are in docs/notes-on-planning.md.
    """
    return max(100, 4 * k)


def _corrected(part: Part, near: NDArray[np.floating], k: int, weight: float) -> Part:
    from fusion.merge.kernels import order_lists

    scores = part.scores.astype(np.float64) - weight * near[part.rows]
    order = np.empty(len(scores), np.int64)
    order_lists(part.offsets, scores, order)
    columns = {name: getattr(part, name)[order] for name in part.columns()} | {"scores": scores[order]}
    columns["scores"] = columns["scores"].astype(np.float32)
    ordered = type(part)(start=part.start, offsets=part.offsets, **columns)
    return ordered.keep(ordered.ranks <= k) if k else ordered
