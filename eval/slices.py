"""Recall by category, seller and group size, and the recall of an approximate index against exact search."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from candidates.qrels import Qrels
from candidates.run import Run
from eval.bootstrap import Interval, interval
from eval.metrics import Judged, judged, recall

GROUP_SIZES = ((2, 2), (3, 4), (5, 8), (9, None))
"""Bounds of the slices by group size; None means no upper bound."""


@dataclass(frozen=True)
class Slice:
    """Recall on some of the queries.

    Attributes:
        by: Kind of slice (`category`, `seller`, `group size`, `sellers`).
        name: Name of the slice.
        queries: Number of queries in it.
        recall: Mean recall and its interval.
    """

    by: str
    name: str
    queries: int
    recall: Interval


def slices(by: str, names: Sequence[str], values: NDArray[np.float64], groups: NDArray[np.int32]) -> list[Slice]:
    """Mean values by the name of each query, largest slice first; queries whose value is NaN are left out."""
    measured = np.flatnonzero(~np.isnan(values))
    labels, numbers = np.unique(np.array(names, dtype=object)[measured], return_inverse=True)
    parts = []
    for number, name in enumerate(labels):
        inside = measured[numbers == number]
        parts.append(Slice(by, name, len(inside), interval(values[inside], groups[inside])))
    return sorted(parts, key=lambda part: -part.queries)


def by_group_size(lists: Judged, values: NDArray[np.float64], groups: NDArray[np.int32]) -> list[Slice]:
    """Recall by the number of products in the group, smallest first."""
    parts = []
    for low, high in GROUP_SIZES:
        inside = (lists.known + 1 >= low) & ((lists.known + 1 <= high) if high else True) & ~np.isnan(values)
        name = str(low) if low == high else f"{low}–{high}" if high else f"{low} or more"
        if inside.any():
            parts.append(Slice("group size", name, int(inside.sum()), interval(values[inside], groups[inside])))
    return parts


def within_and_across(run: Run, qrels: Qrels, sellers: NDArray[np.int32], k: int) -> list[Slice]:
    """Recall of variants from the query's own seller and from other sellers, separately.

    Args:
        run: Candidates of products.
        qrels: The known variants.
        sellers: int32 (n,): number of each product's seller; those without one (−1) count as one seller.
        k: Depth.
    """
    lists = judged(run, qrels)
    offsets, variants = qrels.variants(lists.query_rows)
    owner_seller = sellers[np.repeat(lists.query_rows, np.diff(offsets))]
    own = np.concatenate([[0], np.cumsum(sellers[variants] == owner_seller)])
    known_within = own[offsets[1:]] - own[offsets[:-1]]
    entry_seller = sellers[lists.query_rows[lists.part.query_rows]]
    same = sellers[lists.part.rows] == entry_seller
    parts = []
    for name, known, inside in (
        ("within one seller", known_within, same),
        ("across sellers", lists.known - known_within, ~same),
    ):
        restricted = replace(lists, truth=np.where(inside, lists.truth, 0).astype(np.int8), known=known)
        values = recall(restricted, k)
        measured = ~np.isnan(values)
        if measured.any():
            groups = qrels.groups[lists.query_rows]
            parts.append(Slice("sellers", name, int(measured.sum()), interval(values[measured], groups[measured])))
    return parts


def index_recall(approximate: Run, exact: Run, k: int) -> float:
    """Index recall@k: the share of exact search's first k that an approximate index finds (not recall of variants).

    Where several items share the k-th score, exact search lists the lowest rows first, and only those count.

    Raises:
        AxisMismatch: The two runs have different queries or items.
    """
    exact.queries.require(approximate.queries, "queries of an index and of exact search")
    exact.items.require(approximate.items, "items of an index and of exact search")
    found, truth = approximate.matrix(k)[0], exact.matrix(k)[0]
    n = len(exact.items)
    queries = np.arange(len(truth), dtype=np.int64)[:, None]
    exact_pairs = (queries * n + truth)[truth >= 0]
    found_pairs = (queries * n + found)[found >= 0]
    return float(np.isin(exact_pairs, found_pairs).mean()) if len(exact_pairs) else 1.0
