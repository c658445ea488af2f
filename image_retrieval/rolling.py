"""Slices of time, and which of them a rolling window still holds."""

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
        label: `2026-w31` or `2026-07`; labels of one kind sort as their days do.
        first: Its first day.
        last: Its last day.
    """

    label: str
    first: date
    last: date


@dataclass(frozen=True)
class Rolling:
    """A window over the last months, cut into slices that come and go as a whole.

    Nothing younger than the window is ever dropped: a slice goes when its last day has left the window, so an item
    stays for `months` and at most one slice more.

    Attributes:
        every: Length of a slice.
        months: Length of the window.
    """

    every: Every = "month"
    months: int = 3

    def slice_of(self, day: date) -> Slice:
        """The slice in which a day lies."""
        if self.every == "week":
            year, week, weekday = day.isocalendar()
            first = day - timedelta(days=weekday - 1)
            return Slice(f"{year:04d}-w{week:02d}", first, first + timedelta(days=6))
        last = day.replace(day=monthrange(day.year, day.month)[1])
        return Slice(f"{day.year:04d}-{day.month:02d}", day.replace(day=1), last)

    def oldest(self, today: date) -> date:
        """The window's first day: the same day `months` ago, or that month's last where it has no such day."""
        year, month = divmod(12 * today.year + today.month - 1 - self.months, 12)
        return date(year, month + 1, min(today.day, monthrange(year, month + 1)[1]))

    def holds(self, part: Slice, today: date) -> bool:
        """Whether a part of the slice still lies in the window."""
        return part.last >= self.oldest(today)


THREE_MONTHS = Rolling()


def slice_named(label: str) -> Slice:
    """The slice of a label, of either kind; raises ValueError where it is no label."""
    year, _, part = label.partition("-")
    if part.startswith("w"):
        return Rolling("week").slice_of(date.fromisocalendar(int(year), int(part[1:]), 1))
    return Rolling("month").slice_of(date(int(year), int(part), 1))
