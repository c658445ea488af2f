"""Charts of the precise stage: what the classifier goes by, precision and recall, calibration, groups."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from analysis.drawings import INK, dress
from analysis.held_pairs import Stage
from analysis.mistakes import Room
from analysis.thresholds import AtPrecision, Calibrated, Linked, Looked
from eval.pair_metrics import LIKELY, PrecisionRecall

if TYPE_CHECKING:
    import plotly.graph_objects as go

_BLUE, _ORANGE, _GREEN, _GREY = "#1d5fae", "#b35900", "#18713a", "#8a93a0"
_MOST_POINTS = 400


def room_chart(rooms: Sequence[Room]) -> go.Figure:
    """What each kind of evidence adds to known variants and to the most probable pairs of two groups."""
    import plotly.graph_objects as go

    order = sorted(rooms, key=lambda room: room.variants - room.others)
    figure = go.Figure()
    for name, colour, symbol, values in (
        ("known variants", _BLUE, "circle", [room.variants for room in order]),
        ("the most probable pairs of two groups", _ORANGE, "diamond", [room.others for room in order]),
    ):
        figure.add_trace(
            go.Scatter(
                x=values,
                y=[room.name for room in order],
                name=name,
                mode="markers",
                marker={"color": colour, "symbol": symbol, "size": 11},
                hovertemplate="%{y}, " + name + ": %{x:+.2f}<extra></extra>",
            )
        )
    dress(figure, "log-odds added, on average", "", 130 + 30 * len(order))
    figure.add_vline(0, line={"color": INK, "width": 1, "dash": "dot"})
    figure.update_yaxes(automargin=True, title=None)
    return figure


def stage_chart(stages: Sequence[Stage]) -> go.Figure:
    """Precision against recall of each way of ordering pairs."""
    import plotly.graph_objects as go

    figure = go.Figure()
    for one, colour, dash in zip(stages, (_GREY, _ORANGE, _BLUE), ("dot", "dash", "solid"), strict=True):
        figure.add_trace(_line(one.curve, one.name, colour, dash))
    _shares(figure)
    return figure


def curve_chart(found: PrecisionRecall, wanted: Sequence[AtPrecision]) -> go.Figure:
    """Precision against recall, with the thresholds of wanted precisions on it."""
    import plotly.graph_objects as go

    figure = go.Figure(_line(found, "both stages", _BLUE, "solid"))
    reached = [one for one in wanted if one.threshold is not None]
    figure.add_trace(
        go.Scatter(
            x=[one.recall.mean for one in reached],
            y=[one.precision.mean for one in reached],
            text=[f" from {one.threshold:.2f} on" for one in reached],
            name="wanted precisions",
            mode="markers+text",
            textposition="middle right",
            marker={"color": _ORANGE, "symbol": "diamond", "size": 10},
            error_y=_bars([(one.precision.low, one.precision.mean, one.precision.high) for one in reached], _ORANGE),
            hovertemplate="precision %{y:.1%}, recall %{x:.1%}<extra></extra>",
        )
    )
    _shares(figure)
    return figure


def _line(found: PrecisionRecall, name: str, colour: str, dash: str) -> go.Scatter:
    import plotly.graph_objects as go

    places = _few_points(found)
    return go.Scatter(
        x=found.recall[places].tolist(),
        y=found.precision[places].tolist(),
        customdata=found.scores[places].tolist(),
        name=name,
        mode="lines",
        line={"color": colour, "width": 2, "dash": dash},
        hovertemplate=name + ": precision %{y:.1%}, recall %{x:.1%}, from %{customdata:.3f} on<extra></extra>",
    )


def _few_points(found: PrecisionRecall) -> NDArray[np.int64]:
    """Points that show the course of a curve: evenly over its recall, so that the steep beginning keeps its own."""
    if not len(found.recall):
        return np.zeros(0, np.int64)
    places = np.searchsorted(found.recall, np.linspace(0, found.recall[-1], _MOST_POINTS))
    return np.unique(np.minimum(places, len(found.recall) - 1)).astype(np.int64)


def _shares(figure: go.Figure) -> None:
    dress(figure, "recall: share of all known variants", "precision", 450)
    figure.update_xaxes(tickformat=".0%", range=[0, 1.02])
    figure.update_yaxes(tickformat=".0%", range=[0, 1.02])


def _bars(spans: Sequence[tuple[float, float, float]], colour: str) -> dict[str, object]:
    above, below = [high - mean for _, mean, high in spans], [mean - low for low, mean, _ in spans]
    return {"array": above, "arrayminus": below, "color": colour, "thickness": 1.4, "width": 4}


def calibration_chart(bins: Sequence[Calibrated]) -> go.Figure:
    """The share of variants against the probability said; on the diagonal what is said is so."""
    import plotly.graph_objects as go

    whole = {"color": _GREY, "width": 1.4, "dash": "dot"}
    figure = go.Figure(go.Scatter(x=[0, 1], y=[0, 1], name="as said", mode="lines", line=whole, hoverinfo="skip"))
    figure.add_trace(
        go.Scatter(
            x=[one.probability for one in bins],
            y=[one.share.mean for one in bins],
            customdata=[one.pairs for one in bins],
            name="as it is (bars: 95 %, groups resampled)",
            mode="lines+markers",
            line={"color": _BLUE, "width": 2},
            marker={"size": 9},
            error_y=_bars([(one.share.low, one.share.mean, one.share.high) for one in bins], _BLUE),
            hovertemplate="said %{x:.1%}, are %{y:.1%} of %{customdata:,} pairs<extra></extra>",
        )
    )
    dress(figure, f"probability said (pairs above {LIKELY:.2f})", "share of variants", 450)
    figure.update_xaxes(tickformat=".0%", range=[0, 1.02])
    figure.update_yaxes(tickformat=".0%", range=[0, 1.02])
    return figure


def linkage_chart(made: Sequence[Linked], current: float) -> go.Figure:
    """How well groups agree with known ones at each threshold of linkage; the run's own as a line across."""
    import plotly.graph_objects as go

    figure = go.Figure()
    lines = (
        ("B-cubed", _BLUE, "circle", [one.figures.b_cubed for one in made]),
        ("pair F1", _ORANGE, "square", [one.figures.pair_f1 for one in made]),
        ("exactly right", _GREEN, "diamond", [one.figures.exactly_right for one in made]),
    )
    for name, colour, symbol, values in lines:
        figure.add_trace(
            go.Scatter(
                x=[one.threshold for one in made],
                y=values,
                name=name,
                mode="lines+markers",
                line={"color": colour, "width": 2},
                marker={"symbol": symbol, "size": 8},
                hovertemplate=name + " %{y:.1%} at %{x:.2f}<extra></extra>",
            )
        )
    dress(figure, "threshold of linkage (dotted: this run's)", "", 430)
    figure.add_vline(current, line={"color": INK, "width": 1.2, "dash": "dot"})
    figure.update_yaxes(tickformat=".0%", range=[0, 1.02])
    return figure


def look_chart(made: Sequence[Looked]) -> go.Figure:
    """Pairs that an expert looks at for each that he accepts, against the share of variants that he finds."""
    import plotly.graph_objects as go

    figure = go.Figure()
    lines = (
        ("on average", _BLUE, "circle", [one.each for one in made]),
        ("for the last of them", _ORANGE, "diamond", [one.further for one in made]),
    )
    for name, colour, symbol, values in lines:
        figure.add_trace(
            go.Scatter(
                x=[one.recall for one in made],
                y=values,
                customdata=[one.probability for one in made],
                name=name,
                mode="lines+markers",
                line={"color": colour, "width": 2},
                marker={"symbol": symbol, "size": 8},
                hovertemplate=name + ": %{y:.2f} pairs, from %{customdata:.2f} on<extra></extra>",
            )
        )
    dress(figure, "recall: share of all known variants", "pairs looked at for each accepted", 430)
    figure.update_xaxes(tickformat=".0%")
    figure.update_yaxes(rangemode="tozero")
    return figure


def size_chart(made: Sequence[tuple[str, int]], known: Sequence[tuple[str, int]]) -> go.Figure:
    """How many groups there are of each size: known ones, and those that were made without looking at them."""
    import plotly.graph_objects as go

    figure = go.Figure()
    for name, colour, counts in (("known", _GREY, known), ("made, known ones hidden", _BLUE, made)):
        figure.add_trace(
            go.Bar(
                x=[label for label, _ in counts],
                y=[count for _, count in counts],
                name=name,
                marker={"color": colour},
                hovertemplate=name + ": %{y:,} groups of %{x}<extra></extra>",
            )
        )
    dress(figure, "products in a group", "groups", 380)
    figure.update_xaxes(type="category")
    figure.update_layout(barmode="group", bargap=0.3)
    return figure
