"""`curves.png`: recall against candidates per product, one line per strategy."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from candidates.artifacts import atomic
from eval.curves import OperatingPoint, pareto

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.axis import XAxis
    from matplotlib.figure import Figure

LINES = {
    "text": ("#b35900", "text alone"),
    "image": ("#18713a", "pictures alone"),
    "union": ("#8b2fb0", "union of both"),
    "rrf": ("#b3174f", "reciprocal rank fusion"),
    "weighted": ("#5f6b7a", "weighted fusion"),
    "hop": ("#1d5fae", "suggestion of suggestions"),
}
"""Colour and name of each strategy's line; the colours are those of the report, safe for colour-blind readers."""

_INK, _SOFT, _GRID, _STAR = "#1c2330", "#56606f", "#e6e9ee", "#d9480f"
_OTHER = "#5b4a3f"
_LABEL_GAP = 0.047
"""Smallest distance between the names of two lines, in recall."""


def curves_png(points: Sequence[OperatingPoint], path: Path, chosen: tuple[float, float] | None = None) -> None:
    """Writes the chart as a PNG.

    Args:
        points: The operating points.
        path: The file to write.
        chosen: Candidates per product and recall of the run, marked by a star.
    """
    figure = curves_figure(points, chosen)
    with atomic(path) as temporary:
        figure.savefig(temporary, format="png")


def curves_figure(points: Sequence[OperatingPoint], chosen: tuple[float, float] | None = None) -> Figure:
    """Draws a line with its 95% band for each strategy, labelled at its right end."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(10, 5.6), dpi=130, layout="constrained")
    axes = figure.add_subplot()
    by_strategy = lines(points)
    for strategy, line in by_strategy.items():
        _draw_line(axes, strategy, line)
    _style(axes, points)
    _label_lines(axes, by_strategy)
    if chosen:
        axes.plot(*chosen, marker="*", markersize=18, color=_STAR, markeredgecolor="white", zorder=5, label="this run")
        paper = {"facecolor": "white", "edgecolor": "none", "pad": 1, "alpha": 0.8}
        axes.annotate(
            "this run", chosen, (0, -22), textcoords="offset points", ha="center", color=_STAR, bbox=paper, zorder=4
        )
    return figure


def lines(points: Sequence[OperatingPoint]) -> dict[str, list[OperatingPoint]]:
    """The Pareto-optimal points of each strategy, cheapest first.

    The hop with K = 0 is text alone, which has a line of its own.
    """
    positive = [point for point in points if point.candidates_per_product > 0]
    drawable = [point for point in positive if (point.strategy, point.k) != ("hop", 0)]
    strategies = dict.fromkeys([*LINES, *(point.strategy for point in drawable)])
    by_strategy = {name: pareto([point for point in drawable if point.strategy == name]) for name in strategies}
    return {name: line for name, line in by_strategy.items() if line}


def _draw_line(axes: Axes, name: str, points: Sequence[OperatingPoint]) -> None:
    colour, label = LINES.get(name, (_OTHER, name))
    costs = [point.candidates_per_product for point in points]
    axes.fill_between(costs, [p.low for p in points], [p.high for p in points], color=colour, alpha=0.14, linewidth=0)
    axes.plot(costs, [p.recall for p in points], marker="o", markersize=3.5, linewidth=1.8, color=colour, label=label)


def _label_lines(axes: Axes, by_strategy: dict[str, list[OperatingPoint]]) -> None:
    """Writes each line's name to the right of the plot, level with the line's end where there is room."""
    ends = sorted(((line[-1].recall, name, line[-1]) for name, line in by_strategy.items()), reverse=True)
    heights = _spread([recall for recall, _, _ in ends], _LABEL_GAP)
    right = axes.get_yaxis_transform()
    for (recall, name, end), height in zip(ends, heights, strict=True):
        colour, label = LINES.get(name, (_OTHER, name))
        axes.annotate(
            label,
            (end.candidates_per_product, recall),
            (1.035, height),
            textcoords=right,
            color=colour,
            va="center",
            annotation_clip=False,
            arrowprops={"arrowstyle": "-", "color": colour, "linewidth": 0.7, "alpha": 0.5, "relpos": (0, 0.5)},
        )


def _spread(heights: Sequence[float], gap: float) -> list[float]:
    """Moves descending heights down until they are `gap` apart, and up again where they would fall below 0."""
    placed: list[float] = []
    for height in heights:
        placed.append(min(height, placed[-1] - gap) if placed else height)
    for place in reversed(range(len(placed))):
        placed[place] = max(placed[place], gap * (len(placed) - 1 - place))
    return placed


def _style(axes: Axes, points: Sequence[OperatingPoint]) -> None:
    axes.set_xscale("log")
    axes.set_ylim(0, 1)
    axes.set_xlabel("candidates per product", color=_INK)
    axes.set_ylabel("recall of known variants", color=_INK)
    _ticks(axes.xaxis, "{:,.4g}")
    axes.yaxis.set_major_formatter(lambda value, _: f"{100 * value:.0f}%")
    axes.grid(True, which="major", color=_GRID, linewidth=0.8)
    axes.set_axisbelow(True)
    axes.tick_params(which="both", color=_SOFT, labelcolor=_SOFT)
    axes.spines[["left", "bottom"]].set_color(_SOFT)
    axes.spines[["top", "right"]].set_visible(False)
    example = next((point for point in points if point.share > 0), None)
    if example:
        size = example.candidates_per_product / example.share
        above = axes.secondary_xaxis(
            "top", functions=(partial(_scaled, by=100 / size), partial(_scaled, by=size / 100))
        )
        _ticks(above.xaxis, "{:.3g}%")
        above.set_xlabel("share of the catalogue", color=_SOFT)
        above.tick_params(which="both", color=_SOFT, labelcolor=_SOFT)
        above.spines["top"].set_color(_SOFT)
        note = f"{example.queries:,} products with known variants; bands: 95% intervals"
        axes.text(0.99, 0.02, note, transform=axes.transAxes, ha="right", color=_SOFT, fontsize="small")


def _ticks(axis: XAxis, form: str) -> None:
    """Ticks at 1, 2 and 5 of every decade, written without exponents."""
    from matplotlib.ticker import LogLocator, NullFormatter

    axis.set_major_locator(LogLocator(subs=(1, 2, 5), numticks=20))
    axis.set_major_formatter(lambda value, _: form.format(value))
    axis.set_minor_formatter(NullFormatter())


def _scaled(value: Any, by: float) -> Any:
    return value * by
