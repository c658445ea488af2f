"""How right pairs and groups are, by a truth that had no part in what is said of its own products."""

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
"""Depths at which the candidates, in the order of their probability, are measured."""


@dataclass(frozen=True)
class Precision:
    """How right pairs and groups are.

    Attributes:
        pairs: The candidate pairs, all known variants in the denominator.
        groups: The groups that these pairs make where no known group is looked at.
        reranked: Depth → recall of each product's candidates in the order of their probability.
        within: The pairs of one seller's products; None where that is all of them, or none.
        across: The pairs of two sellers' products.
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
        said = json.loads(path.read_text("utf-8"))
        pairs = (_pairs(said[name]) if said[name] else None for name in ("within", "across"))
        reranked = {int(k): value for k, value in said["reranked"].items()}
        return cls(_pairs(said["pairs"]), GroupFigures(**said["groups"]), reranked, *pairs)


def _pairs(said: dict[str, Any]) -> PairFigures:
    return PairFigures(**(said | {"recall_at": {float(at): value for at, value in said["recall_at"].items()}}))


def precision_of(
    table: PairTable,
    probabilities: NDArray[np.floating],
    truth: Qrels,
    sellers: NDArray[np.int32],
    *,
    threshold: float,
    most: int,
) -> Precision:
    """Measures pairs, and the groups that they make with all known groups hidden.

    Args:
        table: Candidate pairs.
        probabilities: float (m,): of each.
        truth: What is known; a seller's groups say nothing about other sellers' products.
        sellers: int32 (n,): number of each product's seller.
        threshold: Least mean probability at which two groups are joined.
        most: Products in a group, at most; 0: no limit.
    """
    left, right = table.left, table.right
    told = truth.judge(left, right)
    _, grouped = hidden_groups(table, probabilities, truth, threshold=threshold, most=most)
    same = sellers[left] == sellers[right]
    within = known_pairs(truth, sellers)
    known = known_pairs(truth)
    parted = within and known - within
    return Precision(
        pair_figures(probabilities, told, known),
        grouped,
        reranked(table, probabilities, truth),
        pair_figures(probabilities[same], told[same], within) if parted else None,
        pair_figures(probabilities[~same], told[~same], known - within) if parted else None,
    )


def hidden_groups(
    table: PairTable, probabilities: NDArray[np.floating], truth: Qrels, *, threshold: float, most: int
) -> tuple[Grouping, GroupFigures]:
    """The groups that pairs make where no known group is looked at, and how well they agree with the known ones.

    Arguments as for `precision_of`.
    """
    options: dict[str, Any] = {"known": "hide", "threshold": threshold, "most": most}
    made, _ = group_products(truth, table.left, table.right, probabilities, **options)
    return made, group_figures(_within_scopes(made.groups, truth), truth.groups)


def known_pairs(truth: Qrels, sellers: NDArray[np.int32] | None = None) -> int:
    """Pairs known to be variants; with sellers, those of one seller's products."""
    groups = truth.groups.astype(np.int64)
    key = groups if sellers is None else groups * (int(sellers.max(initial=0)) + 2) + sellers
    sizes = np.unique(key[groups >= 0], return_counts=True)[1]
    return int((sizes * (sizes - 1) // 2).sum())


def _within_scopes(groups: NDArray[np.integer], truth: Qrels) -> NDArray[np.int64]:
    """Groups cut at what the truth can judge: products of two sellers count apart unless its groups are global."""
    key = groups.astype(np.int64) * (int(truth.scopes.max(initial=0)) + 2) + truth.scopes
    return np.where(groups >= 0, key, -1)


def reranked(table: PairTable, probabilities: NDArray[np.floating], truth: Qrels) -> dict[int, float]:
    """Depth → recall of each product's candidates in the order of their probability, or of any score."""
    axis = table.items
    owners, others = np.concatenate([table.left, table.right]), np.concatenate([table.right, table.left])
    values = np.concatenate([probabilities, probabilities])
    order = np.lexsort((others, -values, owners))
    offsets = np.concatenate([[0], np.cumsum(np.bincount(owners, minlength=len(axis)))]).astype(np.int64)
    run = Run.of("re-ranked", axis, axis, offsets, others[order], values[order].astype(np.float32))
    lists = judged(run.take(truth.queries()), truth)
    return {k: float(np.nanmean(recall(lists, k))) for k in AT}
