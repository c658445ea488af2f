"""Slices of time, and which of them are in a rolling window."""

from __future__ import annotations

from calendar import monthrange
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Literal

Every = Literal["week", "month"]


@dataclass(frozen=True)
class Slice:
    """A week or a month.

    Attributes:
        label: `2026-w31` or `2026-07`; labels of the same kind sort chronologically.
        first: Its first day.
        last: Its last day.
    """

    label: str
    first: date
    last: date


@dataclass(frozen=True)
class Rolling:
    """A window over the last months, divided into slices that are dropped as a whole.

    Nothing within the window is ever dropped: a slice is dropped when its last day has left the window, so an item
    stays for `months` plus at most the length of a slice.

    Attributes:
        every: Length of a slice.
        months: Length of the window in months.
    """

    every: Every = "month"
    months: int = 3

    def slice_of(self, day: date) -> Slice:
        """The slice that contains a day."""
        if self.every == "week":
            year, week, weekday = day.isocalendar()
            first = day - timedelta(days=weekday - 1)
            return Slice(f"{year:04d}-w{week:02d}", first, first + timedelta(days=6))
        last = day.replace(day=monthrange(day.year, day.month)[1])
        return Slice(f"{day.year:04d}-{day.month:02d}", day.replace(day=1), last)

    def oldest(self, today: date) -> date:
        """The window's first day: the same day `months` ago, or the last day of that month if it is shorter."""
        year, month = divmod(12 * today.year + today.month - 1 - self.months, 12)
        return date(year, month + 1, min(today.day, monthrange(year, month + 1)[1]))

    def holds(self, part: Slice, today: date) -> bool:
        """Whether any day of the slice is still in the window."""
        return part.last >= self.oldest(today)


THREE_MONTHS = Rolling()


def slice_named(label: str) -> Slice:
    """The slice with a label of either kind; raises ValueError if it is not a label."""
    year, _, part = label.partition("-")
    if part.startswith("w"):
        return Rolling("week").slice_of(date.fromisocalendar(int(year), int(part[1:]), 1))
    return Rolling("month").slice_of(date(int(year), int(part), 1))
