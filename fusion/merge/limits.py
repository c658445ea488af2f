"""What may be cut from lists: everything behind a depth, and products that stand in too many lists."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from candidates.run import AnyRun, Part


def cut(
    run: AnyRun, depth: int, spared: NDArray[np.int32] | None = None, own: NDArray[np.int32] | None = None
) -> AnyRun:
    """The first `depth` of every list; known siblings of the query come along without being counted.

    Args:
        run: Ranked lists.
        depth: Length of the lists, at most, siblings not counted.
        spared: int32 (n,): group of each product, −1 without; None counts everything.
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
    """Lets each product stand in at most `cap` lists, those in which it ranks best.

    Products that are near to everything ("hubs", Radovanović et al., JMLR 2010) crowd out others.

    Returns:
        The run without the entries cut, and how many these are.
    """
    whole = run.whole()
    ranks = whole.ranks
    order = np.lexsort((whole.query_rows, ranks, whole.rows))
    ordered = whole.rows[order]
    first = np.searchsorted(ordered, ordered, "left")
    kept = np.empty(len(order), bool)
    kept[order] = np.arange(len(order)) - first < cap
    return run.replace_parts((whole.keep(kept),)), int(len(kept) - kept.sum())
