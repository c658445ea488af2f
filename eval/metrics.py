"""Metrics of ranked lists against known variants.

Every metric returns one value per query, NaN for a query without a known variant, so that means, group means,
intervals and slices all start from the same numbers. Unjudged entries take up ranks and count as not relevant;
`unjudged` reports their share. Where it is high, precision is a lower bound.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from candidates.errors import AxisMismatch
from candidates.qrels import UNJUDGED, VARIANT, Qrels
from candidates.run import Part, Run

Values = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Judged:
    """A run's lists with the truth about each entry.

    Attributes:
        part: The lists.
        truth: int8 (m,): `VARIANT`, `UNJUDGED` or `NOT_A_VARIANT` for each entry.
        query_rows: int32 (q,): row of each query among the products.
        known: int64 (q,): number of known variants of each query.
    """

    part: Part
    truth: NDArray[np.int8]
    query_rows: NDArray[np.int32]
    known: NDArray[np.int64]

    @property
    def relevant(self) -> NDArray[np.bool_]:
        """Which entries are known variants, bool (m,)."""
        mask: NDArray[np.bool_] = self.truth == VARIANT
        return mask

    def sums(self, values: NDArray[np.generic]) -> Values:
        """Sums of the entries' values over each list, float64 (q,)."""
        totals: Values = np.concatenate([[0.0], np.cumsum(values, dtype=np.float64)])
        offsets = self.part.offsets - self.part.offsets[0]
        between: Values = totals[offsets[1:]] - totals[offsets[:-1]]
        return between

    def hits_before(self) -> Values:
        """Number of known variants up to and including each entry of a list, float64 (m,)."""
        totals: NDArray[np.int64] = np.concatenate([[0], np.cumsum(self.relevant, dtype=np.int64)])
        starts = np.repeat(self.part.offsets[:-1] - self.part.offsets[0], self.part.counts)
        before: Values = (totals[1:] - totals[starts]).astype(np.float64)
        return before

    def per_known(self, values: Values) -> Values:
        """Values of the queries that have a known variant; NaN for the others."""
        return np.where(self.known > 0, values, np.nan)


def judged(run: Run, qrels: Qrels) -> Judged:
    """Looks up the truth on every entry of a run whose queries are products.

    Raises:
        AxisMismatch: The run and the truth are about different products, or a query is not a product.
    """
    qrels.items.require(run.items, f"the run {run.name!r} and the known groups")
    part, rows = run.whole(), product_rows(run)
    offsets, _ = qrels.variants(rows)
    return Judged(part, qrels.judge(rows[part.query_rows], part.rows), rows, np.diff(offsets))


def product_rows(run: Run) -> NDArray[np.int32]:
    """Row of each query among the items, int32 (q,); raises `AxisMismatch` for a query that is not a product."""
    rows = run.items.rows_of(run.queries.ids)
    if (rows < 0).any():
        unknown_query = run.queries[int(np.argmin(rows))]
        raise AxisMismatch(
            f"the run {run.name!r}: the query {unknown_query!r} is not a product of the catalogue",
            "Measure only runs whose queries are products",
        )
    return rows


def recall(lists: Judged, k: int) -> Values:
    """recall@k: known variants among the first k, over all known variants."""
    hits = lists.sums(lists.relevant & (lists.part.ranks <= k))
    return lists.per_known(hits / np.maximum(lists.known, 1))


def approximate_recall(lists: Judged) -> Values:
    """The paper's approximate recall@1000 (section 4.1): variants beyond rank 1,000 count as not found."""
    return recall(lists, 1000)


def precision(lists: Judged, k: int) -> Values:
    """precision@k: known variants among the first k, over k even where the list is shorter."""
    return lists.per_known(lists.sums(lists.relevant & (lists.part.ranks <= k)) / k)


def average_precision(lists: Judged, k: int) -> Values:
    """AP@k as usually defined: the sum of precision at the rank of each known variant found, over all known ones."""
    at_hit = np.where(lists.relevant & (lists.part.ranks <= k), lists.hits_before() / lists.part.ranks, 0.0)
    return lists.per_known(lists.sums(at_hit) / np.maximum(lists.known, 1))


def mean_precision(lists: Judged, k: int) -> Values:
    """The paper's "average precision": the mean of precision@1 … precision@k (section 4.1).

    This differs from the usual average precision: a list whose only hit is at rank 1 scores 1/k · Σ 1/i, not 1.
    """
    within = lists.part.ranks <= k
    listed = lists.sums(np.where(within, lists.hits_before() / lists.part.ranks, 0.0))
    harmonic = np.concatenate([[0.0], np.cumsum(1 / np.arange(1, k + 1))])
    lengths = np.minimum(lists.part.counts, k)
    # Beyond the end of a short list precision keeps falling: all its hits over each further rank.
    behind = lists.sums(lists.relevant & within) * (harmonic[k] - harmonic[lengths])
    return lists.per_known((listed + behind) / k)


def r_precision(lists: Judged) -> Values:
    """R-precision: known variants among the first R, over R, where R is the number of known variants."""
    wanted = np.repeat(lists.known, lists.part.counts)
    return lists.per_known(lists.sums(lists.relevant & (lists.part.ranks <= wanted)) / np.maximum(lists.known, 1))


def ndcg(lists: Judged, k: int) -> Values:
    """NDCG@k with gains of 1 and logarithmic discount (Järvelin and Kekäläinen, 2002)."""
    discounts = 1 / np.log2(np.arange(2, k + 2))
    ranks = lists.part.ranks
    within = lists.relevant & (ranks <= k)
    gained = lists.sums(np.where(within, discounts[np.minimum(ranks, k) - 1], 0.0))
    ideal = np.concatenate([[0.0], np.cumsum(discounts)])[np.minimum(lists.known, k)]
    return lists.per_known(gained / np.maximum(ideal, discounts[0]))


def unjudged(lists: Judged, k: int) -> Values:
    """Share of unjudged entries among the first k, or among all entries of a shorter list."""
    within = lists.part.ranks <= k
    return lists.per_known(lists.sums((lists.truth == UNJUDGED) & within) / np.maximum(lists.sums(within), 1))


METRICS: dict[str, Callable[[Judged], Values]] = {
    "recall@10": lambda lists: recall(lists, 10),
    "recall@50": lambda lists: recall(lists, 50),
    "recall@100": lambda lists: recall(lists, 100),
    "approximate recall@1000": approximate_recall,
    "precision@10": lambda lists: precision(lists, 10),
    "MAP@10": lambda lists: average_precision(lists, 10),
    "MAP@10, paper": lambda lists: mean_precision(lists, 10),
    "R-precision": r_precision,
    "NDCG@10": lambda lists: ndcg(lists, 10),
    "unjudged@10": lambda lists: unjudged(lists, 10),
}
"""The metrics of the report, by their usual names."""


def group_numbers(groups: NDArray[np.int32]) -> NDArray[np.int64]:
    """Numbers the groups from 0 without gaps, int64 (q,); a query without a group (−1) becomes a group of one."""
    alone = groups < 0
    keys = np.where(alone, groups.max(initial=0) + np.cumsum(alone), groups)
    return np.unique(keys, return_inverse=True)[1].astype(np.int64)


def by_group(values: Values, groups: NDArray[np.int32]) -> float:
    """The mean of the groups' means, so that a group of thirty counts no more than a pair.

    Args:
        values: float64 (q,): queries whose value is NaN are left out.
        groups: int32 (q,): the group of each query, −1 for a query without a group.
    """
    measured = ~np.isnan(values)
    numbered = group_numbers(groups[measured])
    sizes = np.bincount(numbered)
    return float(np.mean(np.bincount(numbered, values[measured]) / sizes)) if len(sizes) else float("nan")


def pairs_completeness(run: Run, qrels: Qrels) -> float:
    """Share of the known pairs with at least one of the run's queries that are candidates in either direction."""
    lists = judged(run, qrels)
    offsets, variants = qrels.variants(lists.query_rows)
    known = _pairs(np.repeat(lists.query_rows, np.diff(offsets)), variants, len(run.items))
    owners = lists.query_rows[lists.part.query_rows]
    found = _pairs(owners[lists.relevant], lists.part.rows[lists.relevant], len(run.items))
    return len(found) / len(known) if len(known) else float("nan")


def reduction_ratio(run: Run) -> float:
    """Share of comparisons saved: 1 − candidate pairs over all pairs with at least one of the run's queries."""
    part, rows = run.whole(), product_rows(run)
    queries, others = len(rows), len(run.items) - len(rows)
    pairs = queries * (queries - 1) / 2 + queries * others
    return 1 - len(_pairs(rows[part.query_rows], part.rows, len(run.items))) / pairs if pairs else float("nan")


def _pairs(left: NDArray[np.integer], right: NDArray[np.integer], n: int) -> NDArray[np.int64]:
    return np.unique(np.minimum(left, right).astype(np.int64) * n + np.maximum(left, right))
