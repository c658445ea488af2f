"""`curves.png`: recall against candidates per product, one line a strategy."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from candidates.artifacts import atomic
from eval.curves import OperatingPoint, pareto

if TYPE_CHECKING:
    from matplotlib.axes import Axes

LINES = {
    "text": ("#8c6d31", "text alone"),
    "image": ("#3b7dd8", "image alone"),
    "union": ("#2a9d8f", "union of both"),
    "rrf": ("#7a3fa0", "reciprocal rank fusion"),
    "weighted": ("#b0569b", "weighted scores"),
    "hop": ("#d1495b", "suggestion of suggestions"),
}
"""Colour and name of each strategy's line."""


def lines(made: Sequence[OperatingPoint]) -> dict[str, list[OperatingPoint]]:
    """The points of each strategy's line, cheapest first; of the hop only those that no other hop beats."""
    by_name = {name: [point for point in made if point.strategy == name] for name in LINES}
    by_name["hop"] = pareto([point for point in by_name["hop"] if point.k])
    return {
        name: sorted(points, key=lambda one: one.candidates_per_product) for name, points in by_name.items() if points
    }


def curves_png(made: Sequence[OperatingPoint], path: Path, chosen: tuple[float, float] | None = None) -> None:
    """Draws the curves.

    Args:
        made: The operating points.
        path: Where the picture goes.
        chosen: Candidates per product and recall of the run's own candidates, marked by a star.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(9, 5.4), dpi=130, layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.add_subplot()
    for name, points in lines(made).items():
        _line(axes, name, points)
    if chosen:
        axes.plot(*chosen, marker="*", markersize=17, color="#1d1d1d", linestyle="none", zorder=5, label="this run")
    _dress(axes, made)
    with atomic(path) as temporary:
        figure.savefig(temporary, format="png")


def _line(axes: Axes, name: str, points: Sequence[OperatingPoint]) -> None:
    colour, label = LINES[name]
    costs = [point.candidates_per_product for point in points]
    axes.plot(costs, [point.recall for point in points], marker="o", markersize=4, color=colour, label=label)
    axes.fill_between(costs, [p.low for p in points], [p.high for p in points], color=colour, alpha=0.13, linewidth=0)


def _dress(axes: Axes, made: Sequence[OperatingPoint]) -> None:
    axes.set_xscale("log")
    axes.set_ylim(0, 1)
    axes.set_xlabel("candidates per product")
    axes.set_ylabel("recall of known variants")
    axes.xaxis.set_major_formatter(lambda value, _: f"{value:,.0f}")
    axes.yaxis.set_major_formatter(lambda value, _: f"{value:.0%}")
    axes.grid(True, which="both", color="#e7e7e7", linewidth=0.8)
    axes.set_axisbelow(True)
    axes.spines[["top", "right"]].set_visible(False)
    if made:
        size = made[0].candidates_per_product / made[0].share
        above = axes.secondary_xaxis("top", functions=(partial(_scaled, by=1 / size), partial(_scaled, by=size)))
        above.xaxis.set_major_formatter(lambda value, _: f"{value:.1%}")
        above.set_xlabel("share of the catalogue")
        axes.legend(frameon=False, loc="lower right")


def _scaled(value: Any, by: float) -> Any:
    return value * by
