"""Measures probabilities of pairs, and the groups that they form, against held-out truth."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from candidates.artifacts import write_json
from candidates.pairs import PairTable
from candidates.qrels import Qrels
from candidates.run import Run
from eval.metrics import judged, recall
from eval.pair_metrics import GroupFigures, PairFigures, group_figures, pair_figures
from fusion.groups.known import group_products
from fusion.groups.linkage import Grouping

AT = (10, 20, 50)
"""Depths at which the candidates, ranked by probability, are measured."""


@dataclass(frozen=True)
class Precision:
    """Figures for pairs and groups.

    Attributes:
        pairs: Figures of the candidate pairs; recall counts all known variants, candidates or not.
        groups: Figures of the groups that these pairs form with all known groups hidden.
        reranked: Depth → recall of each product's candidates, ranked by probability.
        within: Figures of pairs of one seller; None if all pairs are, or none.
        across: Figures of pairs of two sellers; None in the same cases.
    """

    pairs: PairFigures
    groups: GroupFigures
    reranked: dict[int, float]
    within: PairFigures | None = None
    across: PairFigures | None = None

    def save(self, path: Path) -> None:
        """Writes the figures as JSON, atomically."""
        write_json(path, self.as_json())

    def as_json(self) -> dict[str, Any]:
        """The figures as plain values."""
        return asdict(self)

    @classmethod
    def open(cls, path: Path) -> Precision:
        """Reads what `save` wrote."""
        document = json.loads(path.read_text("utf-8"))
        pairs = (_pairs(document[name]) if document[name] else None for name in ("within", "across"))
        reranked = {int(k): value for k, value in document["reranked"].items()}
        return cls(_pairs(document["pairs"]), GroupFigures(**document["groups"]), reranked, *pairs)


def _pairs(values: dict[str, Any]) -> PairFigures:
    return PairFigures(**(values | {"recall_at": {float(at): value for at, value in values["recall_at"].items()}}))


def precision_of(
    table: PairTable,
    probabilities: NDArray[np.floating],
    truth: Qrels,
    sellers: NDArray[np.int32],
    *,
    threshold: float,
    most: int,
) -> Precision:
    """Measures pairs, and the groups that they form with all known groups hidden.

    Args:
        table: Candidate pairs.
        probabilities: float (m,): probability of each.
        truth: Known groups; a seller's groups say nothing about other sellers' products.
        sellers: int32 (n,): number of each product's seller.
        threshold: Minimum mean probability for joining two groups.
        most: Maximum number of products in a group; 0: no limit.
    """
    left, right = table.left, table.right
    judgements = truth.judge(left, right)
    _, grouped = hidden_groups(table, probabilities, truth, threshold=threshold, most=most)
    same = sellers[left] == sellers[right]
    within = known_pairs(truth, sellers)
    known = known_pairs(truth)
    both_kinds = within and known - within
    return Precision(
        pair_figures(probabilities, judgements, known),
        grouped,
        reranked(table, probabilities, truth),
        pair_figures(probabilities[same], judgements[same], within) if both_kinds else None,
        pair_figures(probabilities[~same], judgements[~same], known - within) if both_kinds else None,
    )


def hidden_groups(
    table: PairTable, probabilities: NDArray[np.floating], truth: Qrels, *, threshold: float, most: int
) -> tuple[Grouping, GroupFigures]:
    """The groups that pairs form with all known groups hidden, and their agreement with the known groups.

    Arguments as for `precision_of`.
    """
    options: dict[str, Any] = {"known": "hide", "threshold": threshold, "most": most}
    grouping, _ = group_products(truth, table.left, table.right, probabilities, **options)
    return grouping, group_figures(_within_scopes(grouping.groups, truth), truth.groups)


def known_pairs(truth: Qrels, sellers: NDArray[np.int32] | None = None) -> int:
    """Number of pairs known to be variants; with sellers, only pairs of one seller."""
    groups = truth.groups.astype(np.int64)
    key = groups if sellers is None else groups * (int(sellers.max(initial=0)) + 2) + sellers
    sizes = np.unique(key[groups >= 0], return_counts=True)[1]
    return int((sizes * (sizes - 1) // 2).sum())


def _within_scopes(groups: NDArray[np.integer], truth: Qrels) -> NDArray[np.int64]:
    """Groups split by the scope of the truth: by seller, unless its groups are global."""
    key = groups.astype(np.int64) * (int(truth.scopes.max(initial=0)) + 2) + truth.scopes
    return np.where(groups >= 0, key, -1)


def reranked(table: PairTable, probabilities: NDArray[np.floating], truth: Qrels) -> dict[int, float]:
    """Depth → recall of each product's candidates, ranked by probability or any other score."""
    axis = table.items
    owners, others = np.concatenate([table.left, table.right]), np.concatenate([table.right, table.left])
    values = np.concatenate([probabilities, probabilities])
    order = np.lexsort((others, -values, owners))
    offsets = np.concatenate([[0], np.cumsum(np.bincount(owners, minlength=len(axis)))]).astype(np.int64)
    run = Run.of("re-ranked", axis, axis, offsets, others[order], values[order].astype(np.float32))
    lists = judged(run.take(truth.queries()), truth)
    return {k: float(np.nanmean(recall(lists, k))) for k in AT}
