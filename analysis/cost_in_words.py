"""Tables of recall against cost, and a summary in words; all numbers are computed."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING

from analysis.cost import HOP, PUBLISHED, AtBudget, Step
from eval.curves import OperatingPoint
from eval.report.words import DASH, amount, percent, span, strategy_in_words
from service.learning.planner import Offer, Plan

if TYPE_CHECKING:
    import pandas as pd

_SHORT = 0.97
"""A strategy with fewer candidates than this share of the budget can't use the whole budget."""

Points = Sequence[OperatingPoint]
Line = list[tuple[float, float]]
"""Candidates per product and recall, both rising."""


def name_of(strategy: str) -> str:
    """The name of a strategy in tables."""
    return "Suggestion of suggestions, as published" if strategy == PUBLISHED else strategy_in_words(strategy)


def line_of(points: Points, rows: Sequence[AtBudget], strategy: str) -> Line:
    """Cost and recall of a strategy's Pareto-optimal measurements, cheapest first.

    Args:
        points: Operating points in its spaces.
        rows: Strategies at equal cost.
        strategy: Its name; `PUBLISHED` has the name `HOP` among the points.
    """
    name = HOP if strategy == PUBLISHED else strategy
    measured_at = [(point.candidates_per_product, point.recall) for point in points if point.strategy == name]
    measured_at += [(row.candidates_per_product, row.recall) for row in rows if row.strategy == strategy]
    line: Line = []
    for cost, recall in sorted(measured_at, key=lambda point: (point[0], -point[1])):
        if cost > 0 and (not line or recall > line[-1][1]):
            line.append((cost, recall))
    return line


def cost_of(line: Line, wanted: float) -> float | None:
    """Candidates per product at which a line reaches a recall; None if it never does.

    Interpolates linearly in the logarithm of the cost. Below the first point, returns the cost of the first point.
    """
    for place, (cost, recall) in enumerate(line):
        if recall >= wanted:
            if place == 0:
                return cost
            before, reached = line[place - 1]
            share = (wanted - reached) / (recall - reached)
            return math.exp(math.log(before) + share * (math.log(cost) - math.log(before)))
    return None


def equal_cost_frame(rows: Sequence[AtBudget]) -> pd.DataFrame:
    """Every strategy at every budget as numbers, one per row."""
    import pandas as pd

    return pd.DataFrame([asdict(row) for row in rows])


def equal_cost_table(rows: Sequence[AtBudget]) -> pd.DataFrame:
    """Recall with its interval, one row per strategy and one column per budget; best strategy first."""
    import pandas as pd

    def cell(row: AtBudget) -> str:
        short = row.candidates_per_product < _SHORT * row.budget
        text = f"{percent(row.recall)} ({span(row.low, row.high)})"
        return f"{text} with {amount(row.candidates_per_product)}" if short else text

    budgets = sorted({row.budget for row in rows})
    middle = _middle(budgets)
    order = sorted((row for row in rows if row.budget == middle), key=lambda row: -row.recall)
    cells = {(row.strategy, row.budget): cell(row) for row in rows}
    table = [[cells.get((own.strategy, budget), DASH) for budget in budgets] for own in order]
    names = [name_of(own.strategy) for own in order]
    return pd.DataFrame(table, index=names, columns=[f"{budget:,} candidates" for budget in budgets])


def plan_table(plan: Plan) -> pd.DataFrame:
    """The planned strategy at each budget, and its lead over the second-best."""
    import pandas as pd

    rows = [
        {
            "candidates": amount(offer.candidates_per_product),
            "strategy": name_of(offer.strategy),
            "recall (95%)": _spanned(offer.recall, offer.low, offer.high),
            "second": name_of(offer.runner_up) if offer.runner_up else DASH,
            "points ahead (95%)": _ahead(offer),
        }
        for offer in plan.offers
    ]
    return pd.DataFrame(rows, index=pd.Index([offer.budget for offer in plan.offers], name="budget"))


def _spanned(mean: float | None, low: float | None, high: float | None) -> str:
    return DASH if mean is None or low is None or high is None else f"{percent(mean)} ({span(low, high)})"


def _ahead(offer: Offer) -> str:
    if offer.ahead is None or offer.ahead_low is None or offer.ahead_high is None:
        return DASH
    return _points(offer.ahead, offer.ahead_low, offer.ahead_high)


def _points(mean: float, low: float, high: float) -> str:
    return f"{100 * mean:+.1f} ({100 * low:+.1f} to {100 * high:+.1f})"


def equal_recall_table(rows: Sequence[AtBudget], learned: Points, published: Points) -> pd.DataFrame:
    """Number of candidates that other strategies need for the recall of the best one at each budget.

    Args:
        rows: Strategies at equal cost.
        learned: Operating points in the spaces of the run.
        published: Operating points with the encoders' own vectors.
    """
    import pandas as pd

    best = best_strategy(rows)
    own = [row for row in rows if row.strategy == best]
    lines = {name: line_of(learned, rows, name) for name in ("image", "text", HOP) if name != best}
    lines[PUBLISHED] = line_of(published, rows, PUBLISHED)
    table = [
        {name_of(best): f"{percent(row.recall)} with {amount(row.candidates_per_product)}"}
        | {name_of(other): _needed(line, row.recall) for other, line in lines.items()}
        for row in own
    ]
    return pd.DataFrame(table, index=pd.Index([row.budget for row in own], name="budget"))


def _needed(line: Line, recall: float) -> str:
    cost = cost_of(line, recall)
    if cost is not None:
        return amount(cost)
    return f"never ({percent(line[-1][1])} with {amount(line[-1][0])})" if line else DASH


def best_strategy(rows: Sequence[AtBudget]) -> str:
    """The strategy with the highest mean recall over the budgets."""
    names = dict.fromkeys(row.strategy for row in rows)
    return max(names, key=lambda name: sum(row.recall for row in rows if row.strategy == name))


def answer_in_words(rows: Sequence[AtBudget], steps: Sequence[Step], learned: Points, published: Points) -> str:
    """A summary as Markdown: the gain of further candidates, and the cost of text alone and of the paper's hop."""
    budgets = sorted({row.budget for row in rows})
    budget = _middle(budgets)
    at = {row.strategy: row for row in rows if row.budget == budget}
    best = at[best_strategy(rows)]
    paragraphs = [
        f"**The best strategy at {budget:,} candidates** is *{name_of(best.strategy)}*. It finds "
        f"{percent(best.recall)} ({span(best.low, best.high)}) of the known variants.",
        *map(_step_in_words, steps),
        _other_in_words("Text alone", best, at["text"], line_of(learned, rows, "text")),
        _other_in_words("The paper's hop in the spaces of this run", best, at[HOP], line_of(learned, rows, HOP)),
        _other_in_words(
            "The paper's hop as published, with the encoders' own vectors,",
            best,
            at[PUBLISHED],
            line_of(published, rows, PUBLISHED),
        ),
    ]
    return "\n\n".join(paragraphs)


def _middle(budgets: Sequence[int]) -> int:
    """The budget closest to 100."""
    return min(budgets, key=lambda budget: abs(math.log(budget / 100)))


def _step_in_words(step: Step) -> str:
    return (
        f"**From {step.less:,} to {step.more:,} candidates**, following the plan, recall rises from "
        f"{percent(step.before)} to {percent(step.after)}: "
        f"{_points(step.gain.mean, step.gain.low, step.gain.high)} points."
    )


def _other_in_words(name: str, best: AtBudget, other: AtBudget, line: Line) -> str:
    lost = 100 * (best.recall - other.recall)
    text = f"**{name}** finds {percent(other.recall)} with {amount(other.candidates_per_product)}"
    text += f", {lost:.1f} points less." if lost > 0 else "."
    needed = cost_of(line, best.recall)
    if needed is not None:
        times = needed / best.candidates_per_product
        return f"{text} To reach {percent(best.recall)} it needs {amount(needed)}, {times:.1f} times as many."
    cost, recall = line[-1]
    return (
        f"{text} It never reaches {percent(best.recall)}; its highest measured recall is {percent(recall)}, with "
        f"{amount(cost)} candidates."
    )
