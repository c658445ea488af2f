"""Capture and recapture: how many were caught by neither of two lists, from what each caught.

The arithmetic of two captures. `both`, `first` and `second` are how many were caught by both lists, by the first
alone and by the second alone; they may be expected numbers, and arrays of any shape that fit each other.

* Independent captures: `first · second / both` (Petersen 1896, Lincoln 1930). Chapman's form adds one to what was
  caught, which leaves almost no bias in small numbers and is never infinite.
* Captures that depend on each other, because what is easy for one list is easy for the other: the same number times
  the odds ratio of the two captures, which must come from elsewhere (known truth). An odds ratio above one means that
  independence underestimates what neither caught.
* Chao's lower bound for captures of unequal ease: `f1² / (4 · f2)`, where f1 were caught once and f2 twice. It holds
  where both captures find the same share; two lists of unequal strength can push it above the truth.

Chapman, "Some properties of the hypergeometric distribution with applications to zoological sample censuses",
University of California Publications in Statistics 1, 1951. Chao, "Estimating the population size for
capture–recapture data with unequal catchability", Biometrics 43, 1987.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

Numbers = NDArray[np.float64]


def caught_by_neither(both: ArrayLike, first: ArrayLike, second: ArrayLike, odds_ratio: ArrayLike = 1.0) -> Numbers:
    """How many neither list caught, in Chapman's form; `odds_ratio` says how the captures depend on each other.

    Chapman's total, (both + first + 1) (both + second + 1) / (both + 1) − 1, less all that were caught, is
    first · second / (both + 1).
    """
    found, one, two = (np.asarray(value, np.float64) for value in (both, first, second))
    estimate: Numbers = np.asarray(odds_ratio, np.float64) * one * two / (found + 1)
    return estimate


def odds_ratio(both: ArrayLike, first: ArrayLike, second: ArrayLike, neither: ArrayLike) -> Numbers:
    """The odds ratio of two captures where the truth is known, half a one added to each cell (Haldane, Anscombe)."""
    found, one, two, none = (np.asarray(value, np.float64) + 0.5 for value in (both, first, second, neither))
    ratio: Numbers = found * none / (one * two)
    return ratio


def chao_lower_bound(both: ArrayLike, first: ArrayLike, second: ArrayLike) -> Numbers:
    """Chao's lower bound of how many neither list caught, with one added below so that it is never infinite."""
    found, one, two = (np.asarray(value, np.float64) for value in (both, first, second))
    bound: Numbers = (one + two) ** 2 / (4 * (found + 1))
    return bound
