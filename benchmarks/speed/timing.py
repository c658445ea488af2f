"""Seconds of several tasks taken in turns, so that whatever else the machine does falls on all of them alike."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

Seconds = NDArray[np.float64]

Key = TypeVar("Key", bound=Hashable)


@dataclass(frozen=True)
class Spread:
    """Repeated measurements of one thing.

    Attributes:
        median: Their median.
        low: The least of them.
        high: The greatest.
    """

    median: float
    low: float
    high: float

    @classmethod
    def of(cls, values: Sequence[float] | NDArray[np.floating]) -> Spread:
        """The spread of at least one value."""
        return cls(float(np.median(values)), float(np.min(values)), float(np.max(values)))

    def __str__(self) -> str:
        if self.low == self.high:
            return significant(self.median)
        return f"{significant(self.median)} ({significant(self.low)}–{significant(self.high)})"


def significant(value: float) -> str:
    """A number with three significant digits, thousands parted."""
    digits = max(0, 2 - int(np.floor(np.log10(abs(value))))) if value else 0
    return f"{value:,.{digits}f}"


def interleaved(
    tasks: Mapping[Key, Callable[[int], Any]],
    rounds: int,
    *,
    warm: bool = True,
    keep: Callable[[Key, Any], object] | None = None,
) -> dict[Key, Seconds]:
    """Does every task once a round, A B C, A B C and so on.

    Args:
        tasks: By name (or any key); each gets the number of the round.
        rounds: How many rounds are measured.
        warm: Whether a round before them, number 0 too, is done without being measured.
        keep: Gets each measured task's name and what it returned, outside the time that is measured; by
            default that is dropped.

    Returns:
        Seconds of each task, float64 (rounds,).
    """
    seconds = {name: np.zeros(rounds) for name in tasks}
    for task in tasks.values() if warm else ():
        task(0)
    for turn in range(rounds):
        for name, task in tasks.items():
            began = time.perf_counter()
            result = task(turn)
            seconds[name][turn] = time.perf_counter() - began
            if keep:
                keep(name, result)
            del result
    return seconds


def cores() -> int:
    """Cores that this process may use."""
    return len(os.sched_getaffinity(0))
