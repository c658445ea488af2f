"""Rows of the tables on the page."""

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
"""Number of slices that a table shows; the others are only counted."""


@dataclass(frozen=True)
class Purchase:
    """The best operating point within a budget.

    Attributes:
        budget: Greatest number of candidates per product.
        point: The point of highest recall within the budget.
        gain: Its recall minus that of the row above; None in the first row.
    """

    budget: int
    point: OperatingPoint
    gain: float | None


def purchases(points: Sequence[OperatingPoint]) -> list[Purchase]:
    """The best point within each round budget (1, 2, 5, 10, …); budgets that gain nothing are left out."""
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


def same_setting(left: OperatingPoint, right: OperatingPoint) -> bool:
    """Whether two points have the same strategy and parameters."""
    return (left.strategy, left.n, left.k, left.budget) == (right.strategy, right.n, right.k, right.budget)


def metric_names(rows: Iterable[MetricsRow]) -> list[str]:
    """Names of all metrics: those of `METRICS` in that order, then the others in order of appearance."""
    names = dict.fromkeys(name for row in rows for name in row.values)
    return [*(name for name in METRICS if name in names), *(name for name in names if name not in METRICS)]


@dataclass(frozen=True)
class SliceTable:
    """Slices of one kind.

    Attributes:
        title: Heading of the table.
        note: How to read it.
        shown: The slices in the table.
        others: Number of slices that are not shown.
        queries_in_others: Number of queries in those.
    """

    title: str
    note: str
    shown: tuple[Slice, ...]
    others: int = 0
    queries_in_others: int = 0


_HEADINGS = {
    "category": ("By category", "Lowest recall first."),
    "seller": ("By seller", "The seller of the query product; lowest recall first."),
    "sellers": (
        "Within and across sellers",
        "Whether the same seller offers the variant and the query product.",
    ),
    "group size": ("By group size", "Number of products in the known group."),
}
_OWN_ORDER = {"sellers", "group size"}
"""Kinds of slices that keep their order."""


def slice_tables(slices: Sequence[Slice]) -> list[SliceTable]:
    """One table for each kind of slice: its largest slices, lowest recall first."""
    tables = []
    for by in dict.fromkeys(part.by for part in slices):
        own = [part for part in slices if part.by == by]
        if by not in _OWN_ORDER:
            own.sort(key=lambda part: -part.queries)
        shown, others = own[:LONGEST], own[LONGEST:]
        if by not in _OWN_ORDER:
            shown.sort(key=lambda part: (part.recall.mean, -part.queries))
        title, note = _HEADINGS.get(by, (f"By {by}", ""))
        tables.append(SliceTable(title, note, tuple(shown), len(others), sum(part.queries for part in others)))
    return tables


def setting_rows(settings: Mapping[str, Any], section: str = "") -> list[tuple[str, str]]:
    """Nested settings as rows of a dotted name and a value in JSON."""
    rows: list[tuple[str, str]] = []
    for name, value in settings.items():
        dotted = f"{section}.{name}" if section else name
        if isinstance(value, Mapping) and value:
            rows += setting_rows(value, dotted)
        else:
            rows.append((dotted, json.dumps(value, ensure_ascii=False, default=str)))
    return rows


def on_bar(share: float) -> str:
    """Position of a share on a bar of length 100; 0 for NaN."""
    return f"{100 * min(max(share, 0.0), 1.0):.1f}" if share == share else "0"
