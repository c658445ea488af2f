"""Weights of reciprocal rank fusion learned from known groups, by a small search that ignores small gains.

Coordinate ascent over a logarithmic grid, judged by recall at the budget in use. Only known variants count; other
candidates take up the budget, but are not counted as errors. Learned weights replace the configured ones only if their
recall on held-out groups is higher by more than the bootstrap interval over groups.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from candidates.qrels import VARIANT, Qrels
from candidates.run import Part
from fusion.merge.hop import own_rows
from fusion.merge.reciprocal import K, Ranking, fuse, same_axes

FACTORS = (1 / 16, 1 / 8, 1 / 4, 1 / 2, 2**-0.5, 2**0.5, 2.0, 4.0, 8.0, 16.0)
"""Each step of the search multiplies one weight, or k, by one of these factors."""

REACH = 64.0
"""No weight moves further than this factor from its configured value."""

SWEEPS = 4
"""Maximum number of passes over all weights."""

FOLDS = 5
"""Folds of the groups; each fold is judged by the weights that the other folds chose."""

RESAMPLES = 1000
"""Bootstrap resamples of groups for the interval."""

FEWEST = 20
"""With fewer known groups than this the configured weights stay: a bootstrap over so few is unreliable."""

DEEP = 4
"""Learning reads the lists to this many times the budget …"""

DEEP_AT_LEAST = 200
"""… and at least to this depth: a candidate deep in one list may be lifted to the first ranks by another."""

QUERIES = 5000
"""Maximum number of queries to learn from; whole groups are sampled if there are more."""


@dataclass(frozen=True)
class Weights:
    """The parameters of reciprocal rank fusion.

    Attributes:
        weights: One for each list.
        k: The constant added to every rank.
    """

    weights: tuple[float, ...]
    k: float = K

    def of(self, rankings: Sequence[Ranking]) -> list[Ranking]:
        """The lists with these weights."""
        return [replace(ranking, weight=weight) for ranking, weight in zip(rankings, self.weights, strict=True)]


@dataclass(frozen=True)
class LearnedWeights:
    """The learned weights, and whether they are better than the configured ones.

    Attributes:
        chosen: The weights to use: the learned ones if `better`, else the configured ones.
        better: Whether the gain's interval is above 0.
        gain: Recall at the budget minus that of the configured weights, cross-validated by group.
        low: 2.5% point of the gain's bootstrap over groups.
        high: 97.5% point.
        groups: Number of known groups learned from.
        queries: Number of their products used as queries.
        budget: Candidates per product at which recall was measured.
        by_fold: For every fold the weights that the other folds chose; empty if too few groups are known.
    """

    chosen: Weights
    better: bool
    gain: float
    low: float
    high: float
    groups: int
    queries: int
    budget: int
    by_fold: tuple[Weights, ...]


def learn_weights(
    rankings: Sequence[Ranking],
    qrels: Qrels,
    query_rows: NDArray[np.integer],
    budget: int,
    *,
    k: float = K,
    seed: int = 7,
    threads: int = 1,
) -> LearnedWeights:
    """The weights and k with the highest recall among the first `budget` fused candidates.

    The lists must come from projections that did not learn from these groups: a projection ranks the groups it learned
    from too well, and would earn too much weight.

    Args:
        rankings: The lists with their configured weights, where the search begins.
        qrels: The known variants; the products of one group are always in one fold.
        query_rows: int (p,): positions, on the lists' query axis, of the products to learn from.
        budget: Candidates per product.
        k: The configured k.
        seed: Seed of the folds, of the bootstrap, and of the sample of groups if there are very many.
        threads: Threads to use.
    """
    random = np.random.RandomState(seed)
    start = Weights(tuple(float(ranking.weight) for ranking in rankings), float(k))
    asked = _Asked.of(rankings, qrels, query_rows, budget, random, threads)
    if asked.clusters < FEWEST:
        return LearnedWeights(start, False, 0.0, 0.0, 0.0, asked.clusters, len(asked.cluster), budget, ())
    folds = (random.permutation(asked.clusters) % FOLDS)[asked.cluster]
    by_fold = tuple(_ascend(asked, start, folds != fold) for fold in range(FOLDS))
    out_of_fold = np.select([folds == fold for fold in range(FOLDS)], [asked.recall(weights) for weights in by_fold])
    gains = out_of_fold - asked.recall(start)
    low, high = _interval(gains, asked.cluster, random)
    better = low > 0
    chosen = _ascend(asked, start, np.ones(len(gains), bool)) if better else start
    return LearnedWeights(chosen, better, float(gains.mean()), low, high, asked.clusters, len(gains), budget, by_fold)


@dataclass(frozen=True, eq=False)
class _Asked:
    """The queries to learn from, with the union of each query's lists.

    Attributes:
        cluster: int64 (q,): number of each query's group.
        known: int64 (q,): number of known variants of each query.
        offsets: int64 (q + 1,): the union of each query's lists, in the order in which `fuse` meets its entries.
        ranks: int32 (m, lists): rank of each entry in each list, 0 if it is not in it.
        relevant: bool (m,): whether it is a known variant.
        budget: Candidates per product.
        seen: Weights tried → recall of every query.
    """

    cluster: NDArray[np.int64]
    known: NDArray[np.int64]
    offsets: NDArray[np.int64]
    ranks: NDArray[np.int32]
    relevant: NDArray[np.bool_]
    budget: int
    seen: dict[Weights, NDArray[np.float64]] = field(default_factory=dict)

    @classmethod
    def of(
        cls,
        rankings: Sequence[Ranking],
        qrels: Qrels,
        query_rows: NDArray[np.integer],
        budget: int,
        random: np.random.RandomState,
        threads: int,
    ) -> _Asked:
        """Samples the queries and builds the unions of their lists."""
        lead = same_axes(rankings)
        qrels.items.require(lead.items, "known groups and lists")
        own = own_rows(lead)
        places = np.unique(query_rows[own[query_rows] >= 0])
        places = places[np.diff(qrels.variants(own[places])[0]) > 0]
        places = _drawn(places, qrels.groups[own[places]], random)
        own = own[places]
        depth = max(DEEP * budget, DEEP_AT_LEAST)
        lists = [replace(ranking, run=ranking.run.take(places).top(depth), weight=0.0) for ranking in rankings]
        union = fuse(lists, own=own, threads=threads).whole()
        return cls(
            cluster=_numbered(qrels.groups[own]),
            known=np.diff(qrels.variants(own)[0]),
            offsets=union.offsets,
            ranks=_ranks(union, [ranking.run.whole() for ranking in lists], len(lead.items)),
            relevant=qrels.judge(own[union.query_rows], union.rows) == VARIANT,
            budget=budget,
        )

    @property
    def clusters(self) -> int:
        """Number of groups."""
        return int(self.cluster.max(initial=-1)) + 1

    def recall(self, weights: Weights) -> NDArray[np.float64]:
        """Share of each query's known variants among its first `budget` candidates, float64 (q,)."""
        from fusion.merge import reciprocal_kernels

        if weights not in self.seen:
            hits = np.zeros(len(self.known), np.int64)
            values = np.array(weights.weights)
            reciprocal_kernels.count_hits(self.offsets, self.ranks, self.relevant, values, weights.k, self.budget, hits)
            self.seen[weights] = hits / self.known
        return self.seen[weights]


def _drawn(
    places: NDArray[np.integer], groups: NDArray[np.int32], random: np.random.RandomState
) -> NDArray[np.integer]:
    """Whole groups in a random order, up to `QUERIES` queries; all groups if there are no more."""
    cluster = _numbered(groups)
    order = random.permutation(int(cluster.max(initial=-1)) + 1)
    sizes = np.bincount(cluster, minlength=len(order))
    kept = order[np.cumsum(sizes[order]) <= QUERIES]
    return places[np.isin(cluster, kept)]


def _numbered(groups: NDArray[np.int32]) -> NDArray[np.int64]:
    """Groups numbered from 0; a product without a group is a group of its own."""
    alone = -1 - np.arange(len(groups), dtype=np.int64)
    return np.unique(np.where(groups >= 0, groups, alone), return_inverse=True)[1].astype(np.int64)


def _ranks(union: Part, lists: Sequence[Part], n: int) -> NDArray[np.int32]:
    """Rank of each entry of the union in each of the lists, int32 (m, lists)."""
    keys = union.query_rows.astype(np.int64) * n + union.rows
    order = np.argsort(keys)
    ranks = np.zeros((len(keys), len(lists)), np.int32)
    for column, part in enumerate(lists):
        wanted = part.query_rows.astype(np.int64) * n + part.rows
        ranks[order[np.searchsorted(keys, wanted, sorter=order)], column] = part.ranks
    return ranks


def _ascend(asked: _Asked, start: Weights, taught: NDArray[np.bool_]) -> Weights:
    """The weights found from `start` by the recall of the queries in `taught`."""
    current = start
    for _ in range(SWEEPS):
        before = current
        for place in range(len(start.weights) + 1):
            steps = [_step(current, place, factor, start) for factor in FACTORS]
            best = max(steps, key=lambda step: float(asked.recall(step)[taught].mean()))
            # A gain below one standard error may be chance.
            gains = (asked.recall(best) - asked.recall(current))[taught]
            if gains.mean() > _standard_error(gains, asked.cluster[taught]):
                current = best
        if current == before:
            break
    return current


def _step(weights: Weights, place: int, factor: float, start: Weights) -> Weights:
    """One weight, or k if `place` is one past the last weight, times a factor; at most `REACH` from the start."""

    def moved(value: float, origin: float) -> float:
        return float(np.clip(value * factor, origin / REACH, origin * REACH))

    if place == len(weights.weights):
        return replace(weights, k=moved(weights.k, start.k))
    values = list(weights.weights)
    values[place] = moved(values[place], start.weights[place])
    return replace(weights, weights=tuple(values))


def _standard_error(values: NDArray[np.float64], cluster: NDArray[np.int64]) -> float:
    """Standard error of a mean over queries, groups being the sampling units."""
    sums, sizes = _by_cluster(values, cluster)
    return float(np.sqrt(((sums - values.mean() * sizes) ** 2).sum()) / len(values))


def _interval(
    values: NDArray[np.float64], cluster: NDArray[np.int64], random: np.random.RandomState
) -> tuple[float, float]:
    """2.5% and 97.5% points of the mean, groups resampled."""
    sums, sizes = _by_cluster(values, cluster)
    drawn = random.multinomial(len(sizes), np.full(len(sizes), 1 / len(sizes)), RESAMPLES)
    low, high = np.percentile((drawn @ sums) / (drawn @ sizes), [2.5, 97.5])
    return float(low), float(high)


def _by_cluster(
    values: NDArray[np.float64], cluster: NDArray[np.int64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    numbers = np.unique(cluster, return_inverse=True)[1]
    return np.bincount(numbers, values).astype(np.float64), np.bincount(numbers).astype(np.float64)
