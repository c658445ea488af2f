"""Cutting lists: at a depth, and by a cap on the number of lists that may hold one product."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from candidates.run import AnyRun, Part


def cut(
    run: AnyRun, depth: int, spared: NDArray[np.int32] | None = None, own: NDArray[np.int32] | None = None
) -> AnyRun:
    """The first `depth` entries of every list; known members of the query's own group are kept but not counted.

    Args:
        run: Ranked lists.
        depth: Maximum length of the lists, members of the query's group not counted.
        spared: int32 (n,): known group of each product, −1 without; None counts everything.
        own: int32 (q,): each query's row among the products; needed with `spared`.
    """
    if spared is None or own is None:
        return run.top(depth)
    return run.replace_parts(tuple(_cut(part, depth, spared, own) for part in run.parts))


def _cut(part: Part, depth: int, groups: NDArray[np.int32], own: NDArray[np.int32]) -> Part:
    query_group = groups[own[part.query_rows]]
    counted = (groups[part.rows] != query_group) | (query_group < 0)
    so_far = np.concatenate([[0], np.cumsum(counted)])
    starts = np.repeat(part.offsets[:-1] - part.offsets[0], part.counts)
    rank = so_far[1:] - so_far[starts]
    return part.keep(np.where(counted, rank <= depth, rank < depth))


def cap_hubs(run: AnyRun, cap: int) -> tuple[AnyRun, int]:
    """Keeps each product in at most `cap` lists, those in which it ranks best.

    Products that are near to everything crowd out others: hubs, see Radovanović, Nanopoulos and Ivanović, "Hubs in
    Space: Popular Nearest Neighbors in High-Dimensional Data", JMLR 2010.

    Returns:
        The run without the removed entries, and their number.
    """
    whole = run.whole()
    ranks = whole.ranks
    order = np.lexsort((whole.query_rows, ranks, whole.rows))
    ordered = whole.rows[order]
    first = np.searchsorted(ordered, ordered, "left")
    kept = np.empty(len(order), bool)
    kept[order] = np.arange(len(order)) - first < cap
    return run.replace_parts((whole.keep(kept),)), int(len(kept) - kept.sum())
