"""Recall where it differs: by category, by seller, by size of group; and what an approximate index loses."""

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
"""Bounds of the slices by size of group; None is no bound."""


@dataclass(frozen=True)
class Slice:
    """Recall on some of the queries.

    Attributes:
        by: What was sliced by (`category`, `seller`, `group size`, `sellers`).
        name: Which slice.
        queries: How many queries it holds.
        recall: Mean recall and its interval.
    """

    by: str
    name: str
    queries: int
    recall: Interval


def slices(by: str, names: Sequence[str], values: NDArray[np.float64], groups: NDArray[np.int32]) -> list[Slice]:
    """Slices values by one name a query, the greatest slice first; queries whose value is NaN are left out."""
    measured = np.flatnonzero(~np.isnan(values))
    labels, numbers = np.unique(np.array(names, dtype=object)[measured], return_inverse=True)
    made = []
    for number, name in enumerate(labels):
        inside = measured[numbers == number]
        made.append(Slice(by, name, len(inside), interval(values[inside], groups[inside])))
    return sorted(made, key=lambda one: -one.queries)


def by_group_size(lists: Judged, values: NDArray[np.float64], groups: NDArray[np.int32]) -> list[Slice]:
    """Recall by how many products a group has, smallest first."""
    made = []
    for low, high in GROUP_SIZES:
        inside = (lists.known + 1 >= low) & ((lists.known + 1 <= high) if high else True) & ~np.isnan(values)
        name = str(low) if low == high else f"{low}–{high}" if high else f"{low} and more"
        if inside.any():
            made.append(Slice("group size", name, int(inside.sum()), interval(values[inside], groups[inside])))
    return made


def within_and_across(run: Run, qrels: Qrels, sellers: NDArray[np.int32], k: int) -> list[Slice]:
    """Recall of variants of the query's own seller, and of other sellers', apart.

    Args:
        run: Candidates of products.
        qrels: What is known.
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
    made = []
    for name, known, inside in (
        ("within one seller", known_within, same),
        ("across sellers", lists.known - known_within, ~same),
    ):
        kept = replace(lists, truth=np.where(inside, lists.truth, 0).astype(np.int8), known=known)
        values = recall(kept, k)
        measured = ~np.isnan(values)
        if measured.any():
            groups = qrels.groups[lists.query_rows]
            made.append(Slice("sellers", name, int(measured.sum()), interval(values[measured], groups[measured])))
    return made


def index_recall(approximate: Run, exact: Run, k: int) -> float:
    """Index recall@k: how much of exact search's first k an approximate index finds; not recall of variants.

    Of several items that share the k-th score exact search names the first rows, and these are the ones wanted.

    Raises:
        AxisMismatch: The two searched for, or among, other things.
    """
    exact.queries.require(approximate.queries, "queries of an index and of exact search")
    exact.items.require(approximate.items, "items of an index and of exact search")
    found, truth = approximate.matrix(k)[0], exact.matrix(k)[0]
    n = len(exact.items)
    queries = np.arange(len(truth), dtype=np.int64)[:, None]
    wanted = (queries * n + truth)[truth >= 0]
    got = (queries * n + found)[found >= 0]
    return float(np.isin(wanted, got).mean()) if len(wanted) else 1.0
