"""Recall of pictures alone, raw and in cross-validated spaces: the measure by which fingerprints are compared."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from candidates.axis import Axis
from candidates.exact import ExactIndex
from candidates.qrels import Qrels
from candidates.vectors import Vectors
from eval.metrics import judged, recall
from service.learning.heads import frame_of, learn_head

AT = (10, 100)
"""Depths of recall."""


@dataclass(frozen=True, eq=False)
class PictureVectors:
    """One vector per product, of its first picture.

    Attributes:
        values: float16 (n, D); zeros for a product without a picture.
        groups: Each product's group, −1 without, int32 (n,).
    """

    values: NDArray[np.float16]
    groups: NDArray[np.int32]

    @property
    def queries(self) -> NDArray[np.int64]:
        """Rows of products with a picture and at least one other member in their group."""
        members = np.bincount(self.groups[self.groups >= 0], minlength=int(self.groups.max(initial=0)) + 1)
        known = (self.groups >= 0) & (members[self.groups] > 1)
        return np.flatnonzero(self.values.any(axis=1) & known)


def recalls(
    values: NDArray[np.floating], groups: NDArray[np.int32], queries: NDArray[np.int64], at: Sequence[int] = AT
) -> NDArray[np.float64]:
    """recall@k of each query among all products by cosine, float64 (q, depths); equal scores in order of rows."""
    axis = Axis.of([str(row) for row in range(len(groups))])
    vectors = Vectors(axis, values, "pictures")
    found = ExactIndex(vectors).search(vectors.take(queries), max(at) + 1).excluding(queries).top(max(at))
    lists = judged(found, Qrels(axis, groups, np.zeros_like(groups)))
    return np.stack([recall(lists, depth) for depth in at], axis=1)


def projected_recalls(
    products: PictureVectors, folds: NDArray[np.int64], queries: NDArray[np.int64], at: Sequence[int] = AT
) -> NDArray[np.float64]:
    """recall@k of each query in a space learned from the groups of all other folds.

    Args:
        products: The products.
        folds: Each product's fold, −1 for products in no group.
        queries: Rows of the queries; each must have a fold.
        at: Depths.
    """
    found = np.zeros((len(queries), len(at)))
    frame = frame_of(products.values)
    for fold in np.unique(folds[queries]):
        other_groups = np.where(folds == fold, -1, products.groups)
        head = learn_head(products.values, other_groups, made_for="a fold", frame=frame).projection
        mapped = (products.values.astype(np.float32) - head.mean) @ head.matrix
        mapped[~products.values.any(axis=1)] = 0
        in_fold = folds[queries] == fold
        found[in_fold] = recalls(mapped, products.groups, queries[in_fold], at)
    return found
