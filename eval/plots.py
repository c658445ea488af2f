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
    from matplotlib.axis import XAxis
    from matplotlib.figure import Figure

LINES = {
    "text": ("#b35900", "text alone"),
    "image": ("#18713a", "image alone"),
    "union": ("#8b2fb0", "union of both"),
    "rrf": ("#b3174f", "reciprocal rank fusion"),
    "weighted": ("#5f6b7a", "weighted scores"),
    "hop": ("#1d5fae", "suggestion of suggestions"),
}
"""Colour and name of each strategy's line: the colours of the report, which stay apart for colour-blind readers."""

_INK, _SOFT, _GRID, _STAR = "#1c2330", "#56606f", "#e6e9ee", "#d9480f"
_OTHER = "#5b4a3f"
_LABEL_GAP = 0.047
"""Least distance between the names of two lines, in recall."""


def curves_png(made: Sequence[OperatingPoint], path: Path, chosen: tuple[float, float] | None = None) -> None:
    """Draws the curves into a PNG.

    Args:
        made: The operating points.
        path: Where the picture goes.
        chosen: Candidates per product and recall of the run's own candidates, marked by a star.
    """
    figure = curves_figure(made, chosen)
    with atomic(path) as temporary:
        figure.savefig(temporary, format="png")


def curves_figure(made: Sequence[OperatingPoint], chosen: tuple[float, float] | None = None) -> Figure:
    """Draws the curves: a line with its 95 % band for each strategy, its name at its end."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(10, 5.6), dpi=130, layout="constrained")
    axes = figure.add_subplot()
    drawn = lines(made)
    for name, points in drawn.items():
        _line(axes, name, points)
    _dress(axes, made)
    _names(axes, drawn)
    if chosen:
        axes.plot(*chosen, marker="*", markersize=18, color=_STAR, markeredgecolor="white", zorder=5, label="this run")
        paper = {"facecolor": "white", "edgecolor": "none", "pad": 1, "alpha": 0.8}
        axes.annotate(
            "this run", chosen, (0, -22), textcoords="offset points", ha="center", color=_STAR, bbox=paper, zorder=4
        )
    return figure


def lines(made: Sequence[OperatingPoint]) -> dict[str, list[OperatingPoint]]:
    """The points of each strategy's line, cheapest first: those that no other point of the strategy beats.

    The hop with K = 0 is text alone, which has a line of its own.
    """
    placed = [one for one in made if one.candidates_per_product > 0 and (one.strategy, one.k) != ("hop", 0)]
    names = dict.fromkeys([*LINES, *(one.strategy for one in placed)])
    by_name = {name: pareto([one for one in placed if one.strategy == name]) for name in names}
    return {name: points for name, points in by_name.items() if points}


def _line(axes: Axes, name: str, points: Sequence[OperatingPoint]) -> None:
    colour, label = LINES.get(name, (_OTHER, name))
    costs = [point.candidates_per_product for point in points]
    axes.fill_between(costs, [p.low for p in points], [p.high for p in points], color=colour, alpha=0.14, linewidth=0)
    axes.plot(costs, [p.recall for p in points], marker="o", markersize=3.5, linewidth=1.8, color=colour, label=label)


def _names(axes: Axes, drawn: dict[str, list[OperatingPoint]]) -> None:
    """Writes each line's name to the right of the plot, at the height of the line's end or as near as there is room."""
    ends = sorted(((points[-1].recall, name, points[-1]) for name, points in drawn.items()), reverse=True)
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
    """Moves falling heights apart to `gap`, downwards, and back up where they would fall below 0."""
    placed: list[float] = []
    for height in heights:
        placed.append(min(height, placed[-1] - gap) if placed else height)
    for place in reversed(range(len(placed))):
        placed[place] = max(placed[place], gap * (len(placed) - 1 - place))
    return placed


def _dress(axes: Axes, made: Sequence[OperatingPoint]) -> None:
    axes.set_xscale("log")
    axes.set_ylim(0, 1)
    axes.set_xlabel("candidates per product", color=_INK)
    axes.set_ylabel("recall of known variants", color=_INK)
    _ticks(axes.xaxis, "{:,.4g}")
    axes.yaxis.set_major_formatter(lambda value, _: f"{100 * value:.0f} %")
    axes.grid(True, which="major", color=_GRID, linewidth=0.8)
    axes.set_axisbelow(True)
    axes.tick_params(which="both", color=_SOFT, labelcolor=_SOFT)
    axes.spines[["left", "bottom"]].set_color(_SOFT)
    axes.spines[["top", "right"]].set_visible(False)
    some = next((point for point in made if point.share > 0), None)
    if some:
        size = some.candidates_per_product / some.share
        above = axes.secondary_xaxis(
            "top", functions=(partial(_scaled, by=100 / size), partial(_scaled, by=size / 100))
        )
        _ticks(above.xaxis, "{:.3g} %")
        above.set_xlabel("share of the catalogue", color=_SOFT)
        above.tick_params(which="both", color=_SOFT, labelcolor=_SOFT)
        above.spines["top"].set_color(_SOFT)
        note = f"{some.queries:,} products with known variants; bands: 95 % intervals"
        axes.text(0.99, 0.02, note, transform=axes.transAxes, ha="right", color=_SOFT, fontsize="small")


def _ticks(axis: XAxis, form: str) -> None:
    """Ticks at 1, 2 and 5 of every decade, in plain figures."""
    from matplotlib.ticker import LogLocator, NullFormatter

    axis.set_major_locator(LogLocator(subs=(1, 2, 5), numticks=20))
    axis.set_major_formatter(lambda value, _: form.format(value))
    axis.set_minor_formatter(NullFormatter())


def _scaled(value: Any, by: float) -> Any:
    return value * by
