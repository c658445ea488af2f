"""Recall of pictures alone: raw, and in spaces learned from other groups; what fingerprints are compared by."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from candidates.vectors import normalised
from service.learning.heads import frame_of, learn_head

AT = (10, 100)
"""Depths of recall."""

_TILE = 256


@dataclass(frozen=True, eq=False)
class Pictured:
    """Products by the vector of their first picture.

    Attributes:
        values: float16 (n, D); zeros where a product has no picture.
        groups: Each product's group, −1 without, int32 (n,).
    """

    values: NDArray[np.float16]
    groups: NDArray[np.int32]

    @property
    def queries(self) -> NDArray[np.int64]:
        """Products with a picture whose group has another member."""
        members = np.bincount(self.groups[self.groups >= 0], minlength=int(self.groups.max(initial=0)) + 1)
        known = (self.groups >= 0) & (members[self.groups] > 1)
        return np.flatnonzero(self.values.any(axis=1) & known)


def recalls(
    values: NDArray[np.floating], groups: NDArray[np.int32], queries: NDArray[np.int64], at: Sequence[int] = AT
) -> NDArray[np.float64]:
    """recall@k of each query among all products by cosine, float64 (q, depths); equal scores by row."""
    unit = normalised(values)
    absent = ~unit.any(axis=1)
    sizes = np.bincount(groups[groups >= 0])
    found = np.zeros((len(queries), len(at)))
    for start in range(0, len(queries), _TILE):
        rows = queries[start : start + _TILE]
        scores = unit[rows] @ unit.T
        scores[:, absent] = -np.inf
        scores[np.arange(len(rows)), rows] = -np.inf
        best = np.argsort(-scores, axis=1, kind="stable")[:, : max(at)]
        hits = (groups[best] == groups[rows, None]) & np.isfinite(np.take_along_axis(scores, best, axis=1))
        known = sizes[groups[rows]] - 1
        for place, depth in enumerate(at):
            found[start : start + len(rows), place] = hits[:, :depth].sum(axis=1) / known
    return found


def projected_recalls(
    seen: Pictured, folds: NDArray[np.int64], queries: NDArray[np.int64], at: Sequence[int] = AT
) -> NDArray[np.float64]:
    """recall@k of each query in a space learned from the groups of all folds but its own.

    Args:
        seen: The products.
        folds: Each product's fold, −1 for products in no group.
        queries: Products asked for, all of them in folds.
        at: Depths.
    """
    made = np.zeros((len(queries), len(at)))
    frame = frame_of(seen.values)
    for fold in np.unique(folds[queries]):
        taught = np.where(folds == fold, -1, seen.groups)
        head = learn_head(seen.values, taught, made_for="a fold", frame=frame).projection
        mapped = (seen.values.astype(np.float32) - head.mean) @ head.matrix
        mapped[~seen.values.any(axis=1)] = 0
        mine = folds[queries] == fold
        made[mine] = recalls(mapped, seen.groups, queries[mine], at)
    return made
