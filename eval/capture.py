"""Capture–recapture estimates of how many variants neither of two lists contains.

`both`, `first` and `second` are the numbers caught by both lists, by the first alone and by the second alone. They may
be expected numbers, and arrays of any shapes that broadcast.

* Independent captures: `first · second / both` (Petersen 1896, Lincoln 1930). Chapman's form adds one to `both`, which
  removes almost all bias for small numbers and is never infinite.
* Dependent captures, where a variant that is easy for one list is easy for the other: the same number times the odds
  ratio of the two captures, which must be measured on known variants. With an odds ratio above one, assuming
  independence underestimates the number caught by neither.
* Chao's lower bound for captures that differ in difficulty: `f1² / (4 · f2)`, where f1 were caught once and f2 twice.
  It holds where both captures find the same share; with lists of unequal recall it can exceed the true number.

Chapman, "Some properties of the hypergeometric distribution with applications to zoological sample censuses",
University of California Publications in Statistics 1, 1951. Chao, "Estimating the population size for
capture–recapture data with unequal catchability", Biometrics 43, 1987.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

Numbers = NDArray[np.float64]


def caught_by_neither(both: ArrayLike, first: ArrayLike, second: ArrayLike, odds_ratio: ArrayLike = 1.0) -> Numbers:
    """The number that neither list caught, in Chapman's form.

    Chapman's total, (both + first + 1) (both + second + 1) / (both + 1) − 1, minus all that were caught, is
    first · second / (both + 1).

    Args:
        both: Number caught by both lists.
        first: Number caught by the first list alone.
        second: Number caught by the second list alone.
        odds_ratio: Odds ratio of the two captures; 1 where they are independent.
    """
    both, first, second = (np.asarray(count, np.float64) for count in (both, first, second))
    estimate: Numbers = np.asarray(odds_ratio, np.float64) * first * second / (both + 1)
    return estimate


def odds_ratio(both: ArrayLike, first: ArrayLike, second: ArrayLike, neither: ArrayLike) -> Numbers:
    """The odds ratio of two captures where the truth is known, with 0.5 added to each cell (Haldane, Anscombe)."""
    both, first, second, neither = (np.asarray(count, np.float64) + 0.5 for count in (both, first, second, neither))
    ratio: Numbers = both * neither / (first * second)
    return ratio


def chao_lower_bound(both: ArrayLike, first: ArrayLike, second: ArrayLike) -> Numbers:
    """Chao's lower bound on the number that neither list caught; one is added to `both` to keep it finite."""
    both, first, second = (np.asarray(count, np.float64) for count in (both, first, second))
    bound: Numbers = (first + second) ** 2 / (4 * (both + 1))
    return bound
