"""95 % intervals by resampling groups: the products of a group succeed and fail together."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from eval.metrics import group_numbers


@dataclass(frozen=True)
class Interval:
    """A mean over queries and its 95 % interval.

    Attributes:
        mean: The mean.
        low: 2.5 % point of the resampled means.
        high: 97.5 % point.
    """

    mean: float
    low: float
    high: float


def intervals(
    values: NDArray[np.floating], groups: NDArray[np.int32], *, resamples: int = 1000, seed: int = 7
) -> list[Interval]:
    """Percentile intervals of means, one a column, all from the same resamples.

    Efron and Tibshirani, *An Introduction to the Bootstrap*, 1993, chapter 13. One group can't be resampled:
    its interval is the mean itself, which says nothing about how sure the mean is; without any query all is NaN.

    Args:
        values: (q, p): one value a query and method; a query for which any of them is NaN is left out of all.
        groups: int32 (q,): the group of each query, −1 for a query of its own.
        resamples: How often groups are drawn.
        seed: Seed of the draws.
    """
    there = ~np.isnan(values).any(axis=1)
    sums, sizes = _by_group(values[there], groups[there])
    if not len(sizes):
        return [Interval(float("nan"), float("nan"), float("nan"))] * values.shape[1]
    drawn = np.random.default_rng(seed).multinomial(len(sizes), np.full(len(sizes), 1 / len(sizes)), resamples)
    means = (drawn @ sums) / (drawn @ sizes)[:, None]
    lows, highs = np.percentile(means, [2.5, 97.5], axis=0)
    overall = sums.sum(axis=0) / sizes.sum()
    return [Interval(float(m), float(a), float(b)) for m, a, b in zip(overall, lows, highs, strict=True)]


def interval(values: NDArray[np.floating], groups: NDArray[np.int32], **options: int) -> Interval:
    """The interval of one method's mean; see `intervals`."""
    return intervals(values[:, None], groups, **options)[0]


def difference(
    ours: NDArray[np.floating], theirs: NDArray[np.floating], groups: NDArray[np.int32], **options: int
) -> Interval:
    """The interval of the mean of `ours` − `theirs`, paired: query by query, on the same groups. See `intervals`."""
    return interval(ours - theirs, groups, **options)


def _by_group(
    values: NDArray[np.floating], groups: NDArray[np.int32]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Sums (g, p) and sizes (g,) of the groups; a query without a group is one by itself."""
    numbered = group_numbers(groups)
    sizes = np.bincount(numbered).astype(np.float64)
    sums = np.zeros((len(sizes), values.shape[1]))
    np.add.at(sums, numbered, values)
    return sums, sizes
