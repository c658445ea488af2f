"""95% intervals from a bootstrap over groups, because the products of a group are not independent."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from eval.metrics import group_numbers


@dataclass(frozen=True)
class Interval:
    """A mean over queries and its 95% interval.

    Attributes:
        mean: The mean.
        low: 2.5% quantile of the resampled means.
        high: 97.5% quantile.
    """

    mean: float
    low: float
    high: float


def intervals(
    values: NDArray[np.floating], groups: NDArray[np.int32], *, resamples: int = 1000, seed: int = 7
) -> list[Interval]:
    """Percentile intervals of the mean of each column, all from the same resamples.

    Efron and Tibshirani, *An Introduction to the Bootstrap*, 1993, chapter 13. A single group can't be resampled, so
    its interval is the mean itself and does not express any uncertainty. Without queries all values are NaN.

    Args:
        values: (q, p): one value per query and method. A query with a NaN for any method is left out for all.
        groups: int32 (q,): the group of each query, −1 for a query without a group.
        resamples: Number of resamples.
        seed: Seed of the random numbers.
    """
    measured = ~np.isnan(values).any(axis=1)
    sums, sizes = _by_group(values[measured], groups[measured])
    if not len(sizes):
        return [Interval(float("nan"), float("nan"), float("nan"))] * values.shape[1]
    drawn = np.random.default_rng(seed).multinomial(len(sizes), np.full(len(sizes), 1 / len(sizes)), resamples)
    means = (drawn @ sums) / (drawn @ sizes)[:, None]
    lows, highs = np.percentile(means, [2.5, 97.5], axis=0)
    overall = sums.sum(axis=0) / sizes.sum()
    return [Interval(float(m), float(a), float(b)) for m, a, b in zip(overall, lows, highs, strict=True)]


def interval(values: NDArray[np.floating], groups: NDArray[np.int32], **options: int) -> Interval:
    """The interval of the mean of one method; see `intervals`."""
    return intervals(values[:, None], groups, **options)[0]


def difference(
    ours: NDArray[np.floating], theirs: NDArray[np.floating], groups: NDArray[np.int32], **options: int
) -> Interval:
    """The interval of the mean of `ours` − `theirs`, paired by query; see `intervals`."""
    return interval(ours - theirs, groups, **options)


def _by_group(
    values: NDArray[np.floating], groups: NDArray[np.int32]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Sums (g, p) and sizes (g,) of the groups; a query without a group counts as a group of one."""
    numbered = group_numbers(groups)
    sizes = np.bincount(numbered).astype(np.float64)
    sums = np.zeros((len(sizes), values.shape[1]))
    np.add.at(sums, numbered, values)
    return sums, sizes
