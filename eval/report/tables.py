"""What the page's tables hold."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from eval.curves import OperatingPoint, pareto
from eval.metrics import METRICS
from eval.report.model import MetricsRow
from eval.slices import Slice

LONGEST = 15
"""Slices that a table shows; the others are counted."""


@dataclass(frozen=True)
class Purchase:
    """What a number of candidates per product buys at most.

    Attributes:
        budget: Candidates per product that may be spent.
        point: The point of highest recall within the budget.
        gain: Its recall less that of the row above, None in the first row.
    """

    budget: int
    point: OperatingPoint
    gain: float | None


def purchases(points: Sequence[OperatingPoint]) -> list[Purchase]:
    """The best point within each round budget (1, 2, 5, 10, …); budgets that buy nothing new are left out."""
    rows: list[Purchase] = []
    frontier = pareto(points)
    for budget in (step * 10**power for power in range(8) for step in (1, 2, 5)):
        affordable = [point for point in frontier if point.candidates_per_product <= budget]
        if affordable and (not rows or affordable[-1] != rows[-1].point):
            best = affordable[-1]
            rows.append(Purchase(budget, best, best.recall - rows[-1].point.recall if rows else None))
    return rows


def in_order(points: Sequence[OperatingPoint]) -> list[OperatingPoint]:
    """Points by strategy, then by K, then by cost."""
    strategies = list(dict.fromkeys(point.strategy for point in points))
    return sorted(
        points, key=lambda point: (strategies.index(point.strategy), point.k or 0, point.candidates_per_product)
    )


def same_setting(one: OperatingPoint, other: OperatingPoint) -> bool:
    """Whether two points are of one strategy with equal parameters."""
    return (one.strategy, one.n, one.k, one.budget) == (other.strategy, other.n, other.k, other.budget)


def metric_names(rows: Iterable[MetricsRow]) -> list[str]:
    """The names of all metrics: those of `METRICS` in their order there, then others as the rows bring them up."""
    given = dict.fromkeys(name for row in rows for name in row.values)
    return [*(name for name in METRICS if name in given), *(name for name in given if name not in METRICS)]


@dataclass(frozen=True)
class SliceTable:
    """Slices of one kind.

    Attributes:
        title: What was sliced by, as a heading.
        note: How to read it.
        shown: One line each.
        others: How many slices more there are.
        queries_in_others: Queries in those.
    """

    title: str
    note: str
    shown: tuple[Slice, ...]
    others: int = 0
    queries_in_others: int = 0


_HEADINGS = {
    "category": ("By category", "The lowest recall comes first."),
    "seller": ("By seller", "The seller of the product that was asked for; the lowest recall comes first."),
    "sellers": (
        "Within and across sellers",
        "Whether the variant is offered by the same seller as the product that was asked for.",
    ),
    "group size": ("By size of group", "How many products the known group holds."),
}
_OWN_ORDER = {"sellers", "group size"}
"""Kinds of slices that are shown as they come."""


def slice_tables(slices: Sequence[Slice]) -> list[SliceTable]:
    """One table for each kind of slice: the greatest slices, the lowest recall first."""
    tables = []
    for by in dict.fromkeys(one.by for one in slices):
        own = [one for one in slices if one.by == by]
        if by not in _OWN_ORDER:
            own.sort(key=lambda one: -one.queries)
        shown, others = own[:LONGEST], own[LONGEST:]
        if by not in _OWN_ORDER:
            shown.sort(key=lambda one: (one.recall.mean, -one.queries))
        title, note = _HEADINGS.get(by, (f"By {by}", ""))
        tables.append(SliceTable(title, note, tuple(shown), len(others), sum(one.queries for one in others)))
    return tables


def setting_rows(settings: Mapping[str, Any], section: str = "") -> list[tuple[str, str]]:
    """Nested settings as rows of a dotted name and a value, values as JSON writes them."""
    rows: list[tuple[str, str]] = []
    for name, value in settings.items():
        dotted = f"{section}.{name}" if section else name
        if isinstance(value, Mapping) and value:
            rows += setting_rows(value, dotted)
        else:
            rows.append((dotted, json.dumps(value, ensure_ascii=False, default=str)))
    return rows


def on_bar(share: float) -> str:
    """Where a share lies on a bar of length 100; 0 for one that is missing."""
    return f"{100 * min(max(share, 0.0), 1.0):.1f}" if share == share else "0"
