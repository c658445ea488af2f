"""The charts of the page: recall against cost, and the paper's figures 5 and 6 for this run."""

from __future__ import annotations

import html
import math
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from eval.curves import OperatingPoint, pareto
from eval.report.words import percent, setting_in_words, small_percent, span, strategy_in_words

if TYPE_CHECKING:
    import plotly.graph_objects as go

_INK, _SOFT, _GRID, _STAR = "#1c2330", "#56606f", "#e6e9ee", "#d9480f"
_FONT = {"family": "system-ui, -apple-system, Segoe UI, Roboto, sans-serif", "size": 13, "color": _INK}

# Colours that colour-blind readers can tell apart; each strategy also has its own marker shape.
_LOOK = {
    "hop": ("#1d5fae", "circle"),
    "text": ("#b35900", "square"),
    "image": ("#18713a", "diamond"),
    "union": ("#8b2fb0", "triangle-up"),
    "rrf": ("#b3174f", "x"),
    "weighted": ("#5f6b7a", "cross"),
}
_OTHER_LOOK = ("#5b4a3f", "hexagon")

# One colour for each K, from grey (text alone) to the darkest blue.
_DEPTHS = ("#8a93a0", "#93bbe3", "#5a95d2", "#2c6cb8", "#123f78", "#0a1f3d")


def curve(points: Sequence[OperatingPoint], chosen: OperatingPoint, products: int) -> go.Figure:
    """Recall against candidates per product, one line per strategy.

    Args:
        points: All operating points. A strategy's line joins its Pareto-optimal points; its other points are
            faint.
        chosen: The operating point of the run, drawn as a star.
        products: Size of the catalogue, for the axis on top.
    """
    import plotly.graph_objects as go

    figure = go.Figure()
    drawable = [point for point in points if point.candidates_per_product > 0]
    # The hop with K = 0 is text alone, which has a line of its own.
    lines = [point for point in drawable if (point.strategy, point.k) != ("hop", 0)] or drawable
    for strategy in dict.fromkeys(point.strategy for point in lines):
        own = [point for point in lines if point.strategy == strategy]
        for trace in _strategy_traces(strategy, own):
            figure.add_trace(trace)
    figure.add_trace(_frontier_trace(pareto(lines)))
    figure.add_trace(_star_trace(chosen))
    _axes(figure, [*lines, chosen], "candidates per product (log scale)")
    _share_axis(figure, [*lines, chosen], products)
    figure.update_layout(height=600, margin={"t": 88, "b": 112})
    return figure


def figure_five(points: Sequence[OperatingPoint]) -> go.Figure:
    """Recall against N for each K, as the paper's figure 5."""
    return _by_depth(points, lambda point: float(point.n or 0), "text neighbours N (log scale)")


def figure_six(points: Sequence[OperatingPoint]) -> go.Figure:
    """The same points against their mean number of candidates, as the paper's figure 6."""
    return _by_depth(points, lambda point: point.candidates_per_product, "mean candidates (log scale)")


def hop_points(points: Sequence[OperatingPoint]) -> list[OperatingPoint]:
    """The points of the hop that have an N and a K."""
    return [point for point in points if point.strategy == "hop" and point.n and point.k is not None]


def hover(point: OperatingPoint) -> str:
    """The text shown when the pointer is over a point; names are escaped because Plotly interprets some HTML."""
    setting = setting_in_words(point)
    lines = [
        f"<b>{html.escape(strategy_in_words(point.strategy), quote=False)}</b>",
        *([setting] if setting else []),
        f"{point.candidates_per_product:,.1f} candidates per product",
        f"{small_percent(point.share)} of the catalogue",
    ]
    if not math.isnan(point.recall):
        lines.append(f"recall {percent(point.recall)} ({span(point.low, point.high)})")
    return "<br>".join(lines)


def _by_depth(
    points: Sequence[OperatingPoint], across: Callable[[OperatingPoint], float], axis_title: str
) -> go.Figure:
    import plotly.graph_objects as go

    hops = hop_points(points)
    figure = go.Figure()
    for place, k in enumerate(sorted({point.k for point in hops if point.k is not None})):
        own = sorted((point for point in hops if point.k == k), key=across)
        colour = _DEPTHS[min(place, len(_DEPTHS) - 1)]
        name = "K = 0 (text alone)" if k == 0 else f"K = {k}"
        figure.add_trace(
            go.Scatter(
                x=[across(point) for point in own],
                y=[point.recall for point in own],
                name=name,
                mode="lines+markers",
                line={"color": colour, "width": 2, "dash": "dash" if k == 0 else "solid"},
                marker={"color": colour, "size": 7, "symbol": place},
                **_hover_texts(own),
            )
        )
    _axes(figure, hops, axis_title, across)
    figure.update_layout(height=440, margin={"t": 30, "b": 128})
    return figure


def _strategy_traces(strategy: str, own: Sequence[OperatingPoint]) -> list[go.Scatter]:
    """The shaded interval, the dominated points and the line of one strategy."""
    import plotly.graph_objects as go

    colour, symbol = _LOOK.get(strategy, _OTHER_LOOK)
    best = pareto(own)
    on_line = set(map(id, best))
    dominated = [point for point in own if id(point) not in on_line]
    costs = [point.candidates_per_product for point in best]
    shared = {"legendgroup": strategy, "name": html.escape(strategy_in_words(strategy), quote=False)}
    band = go.Scatter(
        x=costs + costs[::-1],
        y=[point.low for point in best] + [point.high for point in best][::-1],
        fill="toself",
        fillcolor=_faded(colour, 0.14),
        line={"width": 0},
        mode="lines",
        hoverinfo="skip",
        showlegend=False,
        **shared,
    )
    rest = go.Scatter(
        x=[point.candidates_per_product for point in dominated],
        y=[point.recall for point in dominated],
        mode="markers",
        marker={"color": _faded(colour, 0.35), "symbol": symbol, "size": 6},
        showlegend=False,
        **_hover_texts(dominated),
        **shared,
    )
    line = go.Scatter(
        x=costs,
        y=[point.recall for point in best],
        mode="lines+markers",
        line={"color": colour, "width": 2.2},
        marker={"color": colour, "symbol": symbol, "size": 7.5},
        **_hover_texts(best),
        **shared,
    )
    return [band, rest, line] if dominated else [band, line]


def _frontier_trace(best: Sequence[OperatingPoint]) -> go.Scatter:
    import plotly.graph_objects as go

    return go.Scatter(
        x=[point.candidates_per_product for point in best],
        y=[point.recall for point in best],
        name="highest recall at its cost (Pareto frontier)",
        mode="markers",
        marker={"symbol": "circle-open", "size": 15, "color": _INK, "line": {"width": 1.3, "color": _INK}},
        hoverinfo="skip",
    )


def _star_trace(chosen: OperatingPoint) -> go.Scatter:
    import plotly.graph_objects as go

    return go.Scatter(
        x=[chosen.candidates_per_product],
        y=[chosen.recall],
        name="this run",
        mode="markers",
        marker={"symbol": "star", "size": 19, "color": _STAR, "line": {"width": 1.5, "color": "#ffffff"}},
        **_hover_texts([chosen]),
    )


def _hover_texts(points: Sequence[OperatingPoint]) -> dict[str, object]:
    return {"hovertext": [hover(point) for point in points], "hoverinfo": "text"}


def _axes(
    figure: go.Figure,
    points: Sequence[OperatingPoint],
    title: str,
    across: Callable[[OperatingPoint], float] = lambda point: point.candidates_per_product,
) -> None:
    import plotly.graph_objects as go

    xs = [across(point) for point in points if across(point) > 0] or [1.0]
    shown = [y for point in points for y in (point.low, point.high, point.recall) if not math.isnan(y)] or [0.0, 1.0]
    grid = {"gridcolor": _GRID, "zeroline": False, "linecolor": "#b9c0ca", "showline": True}
    margin = 0.04 * (max(shown) - min(shown)) + 0.01
    figure.update_layout(
        template=go.layout.Template(),
        font=_FONT,
        paper_bgcolor="#ffffff",
        plot_bgcolor="#ffffff",
        hovermode="closest",
        hoverlabel={"bgcolor": "#ffffff", "bordercolor": "#b9c0ca", "font": _FONT, "align": "left"},
        legend={"orientation": "h", "yref": "container", "yanchor": "bottom", "y": 0, "x": 0, "font": {"size": 12.5}},
        margin={"l": 58, "r": 16},
    )
    low, high = math.log10(min(xs)) - 0.06, math.log10(max(xs)) + 0.06
    figure.update_xaxes(
        type="log",
        range=[low, high],
        title={"text": title, "standoff": 8, "font": _FONT},
        **grid,
        **_ticks(min(xs), max(xs)),
    )
    figure.update_yaxes(
        title={"text": "recall of known variants", "standoff": 8, "font": _FONT},
        tickformat=".0%",
        range=[max(0.0, min(shown) - margin), min(1.0, max(shown) + margin)],
        **grid,
    )


def _share_axis(figure: go.Figure, points: Sequence[OperatingPoint], products: int) -> None:
    """Adds a second axis on top: candidates as a share of the catalogue."""
    import plotly.graph_objects as go

    costs = [point.candidates_per_product for point in points if point.candidates_per_product > 0]
    if not costs or not products:
        return
    shares = _steps(min(costs) / products, max(costs) / products)
    # Plotly draws an axis only where a trace uses it.
    figure.add_trace(go.Scatter(x=costs[:1], y=[None], xaxis="x2", showlegend=False, hoverinfo="skip"))
    figure.update_layout(
        xaxis2={
            "overlaying": "x",
            "matches": "x",
            "side": "top",
            "type": "log",
            "showgrid": False,
            "tickvals": [share * products for share in shares],
            "ticktext": [f"{100 * share:g}%" for share in shares],
            "tickfont": {"color": _SOFT, "size": 11.5},
            "tickangle": 0,
            "title": {"text": "share of the catalogue", "font": _FONT | {"color": _SOFT}, "standoff": 6},
        }
    )


def _ticks(low: float, high: float) -> dict[str, object]:
    values = _steps(low, high)
    return {"tickvals": values, "ticktext": [f"{value:,g}" for value in values], "tickangle": 0}


def _steps(low: float, high: float) -> list[float]:
    """The numbers 1, 2, 5, 10, 20, … from about `low` to about `high`."""
    powers = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    values = [float(f"{step}e{power}") for power in powers for step in (1, 2, 5)]
    return [value for value in values if low * 0.87 <= value <= high * 1.15]


def _faded(colour: str, opacity: float) -> str:
    red, green, blue = (int(colour[place : place + 2], 16) for place in (1, 3, 5))
    return f"rgba({red}, {green}, {blue}, {opacity})"
