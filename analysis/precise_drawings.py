"""Charts of the pair classifier and of groups: evidence, precision and recall, calibration, linkage."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from analysis.drawings import INK, dress
from analysis.held_pairs import Stage
from analysis.mistakes import Room
from analysis.thresholds import AtPrecision, CalibrationBin, LinkedGroups, ReviewCost
from eval.bootstrap import Interval
from eval.pair_metrics import LIKELY, PrecisionRecall

if TYPE_CHECKING:
    import plotly.graph_objects as go

_BLUE, _ORANGE, _GREEN, _GREY = "#1d5fae", "#b35900", "#18713a", "#8a93a0"
_MOST_POINTS = 400


def room_chart(rooms: Sequence[Room]) -> go.Figure:
    """Mean contribution of each kind of evidence to known variants and to the most probable pairs of two groups."""
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
    dress(figure, "log-odds added (mean)", "", 130 + 30 * len(order))
    figure.add_vline(0, line={"color": INK, "width": 1, "dash": "dot"})
    figure.update_yaxes(automargin=True, title=None)
    return figure


def stage_chart(stages: Sequence[Stage]) -> go.Figure:
    """Precision against recall of each ranking of pairs."""
    import plotly.graph_objects as go

    figure = go.Figure()
    for stage, colour, dash in zip(stages, (_GREY, _ORANGE, _BLUE), ("dot", "dash", "solid"), strict=True):
        figure.add_trace(_line(stage.curve, stage.name, colour, dash))
    _shares(figure)
    return figure


def curve_chart(curve: PrecisionRecall, wanted: Sequence[AtPrecision]) -> go.Figure:
    """Precision against recall, with marks at the thresholds for wanted precisions."""
    import plotly.graph_objects as go

    figure = go.Figure(_line(curve, "both stages", _BLUE, "solid"))
    reached = [each for each in wanted if each.threshold is not None]
    figure.add_trace(
        go.Scatter(
            x=[each.recall.mean for each in reached],
            y=[each.precision.mean for each in reached],
            text=[f" {each.threshold:.2f} or more" for each in reached],
            name="wanted precisions",
            mode="markers+text",
            textposition="middle right",
            marker={"color": _ORANGE, "symbol": "diamond", "size": 10},
            error_y=_bars([each.precision for each in reached], _ORANGE),
            hovertemplate="precision %{y:.1%}, recall %{x:.1%}<extra></extra>",
        )
    )
    _shares(figure)
    return figure


def _line(curve: PrecisionRecall, name: str, colour: str, dash: str) -> go.Scatter:
    import plotly.graph_objects as go

    places = _few_points(curve)
    return go.Scatter(
        x=curve.recall[places].tolist(),
        y=curve.precision[places].tolist(),
        customdata=curve.scores[places].tolist(),
        name=name,
        mode="lines",
        line={"color": colour, "width": 2, "dash": dash},
        hovertemplate=name + ": precision %{y:.1%}, recall %{x:.1%}, %{customdata:.3f} or more<extra></extra>",
    )


def _few_points(curve: PrecisionRecall) -> NDArray[np.int64]:
    """A subset of a curve's points, spaced evenly in recall."""
    if not len(curve.recall):
        return np.zeros(0, np.int64)
    places = np.searchsorted(curve.recall, np.linspace(0, curve.recall[-1], _MOST_POINTS))
    return np.unique(np.minimum(places, len(curve.recall) - 1)).astype(np.int64)


def _shares(figure: go.Figure) -> None:
    dress(figure, "recall: share of all known variants", "precision", 450)
    figure.update_xaxes(tickformat=".0%", range=[0, 1.02])
    figure.update_yaxes(tickformat=".0%", range=[0, 1.02])


def _bars(spans: Sequence[Interval], colour: str) -> dict[str, object]:
    above, below = [span.high - span.mean for span in spans], [span.mean - span.low for span in spans]
    return {"array": above, "arrayminus": below, "color": colour, "thickness": 1.4, "width": 4}


def calibration_chart(bins: Sequence[CalibrationBin]) -> go.Figure:
    """The observed share of variants against the predicted probability; perfect calibration is the diagonal."""
    import plotly.graph_objects as go

    whole = {"color": _GREY, "width": 1.4, "dash": "dot"}
    figure = go.Figure(
        go.Scatter(x=[0, 1], y=[0, 1], name="perfect calibration", mode="lines", line=whole, hoverinfo="skip")
    )
    figure.add_trace(
        go.Scatter(
            x=[each.probability for each in bins],
            y=[each.share.mean for each in bins],
            customdata=[each.pairs for each in bins],
            name="observed (bars: 95%, groups resampled)",
            mode="lines+markers",
            line={"color": _BLUE, "width": 2},
            marker={"size": 9},
            error_y=_bars([each.share for each in bins], _BLUE),
            hovertemplate="predicted %{x:.1%}, observed %{y:.1%} of %{customdata:,} pairs<extra></extra>",
        )
    )
    dress(figure, f"predicted probability (pairs above {LIKELY:.2f})", "share of variants", 450)
    figure.update_xaxes(tickformat=".0%", range=[0, 1.02])
    figure.update_yaxes(tickformat=".0%", range=[0, 1.02])
    return figure


def linkage_chart(results: Sequence[LinkedGroups], current: float) -> go.Figure:
    """Agreement of groups with known ones at each linkage threshold; the run's threshold is a dotted line."""
    import plotly.graph_objects as go

    figure = go.Figure()
    lines = (
        ("B-cubed", _BLUE, "circle", [each.figures.b_cubed for each in results]),
        ("pair F1", _ORANGE, "square", [each.figures.pair_f1 for each in results]),
        ("exactly right", _GREEN, "diamond", [each.figures.exactly_right for each in results]),
    )
    for name, colour, symbol, values in lines:
        figure.add_trace(
            go.Scatter(
                x=[each.threshold for each in results],
                y=values,
                name=name,
                mode="lines+markers",
                line={"color": colour, "width": 2},
                marker={"symbol": symbol, "size": 8},
                hovertemplate=name + " %{y:.1%} at %{x:.2f}<extra></extra>",
            )
        )
    dress(figure, "linkage threshold (dotted: this run)", "", 430)
    figure.add_vline(current, line={"color": INK, "width": 1.2, "dash": "dot"})
    figure.update_yaxes(tickformat=".0%", range=[0, 1.02])
    return figure


def review_chart(costs: Sequence[ReviewCost]) -> go.Figure:
    """Number of pairs an expert reviews per accepted pair, against recall."""
    import plotly.graph_objects as go

    figure = go.Figure()
    lines = (
        ("on average", _BLUE, "circle", [each.each for each in costs]),
        ("for the last step", _ORANGE, "diamond", [each.further for each in costs]),
    )
    for name, colour, symbol, values in lines:
        figure.add_trace(
            go.Scatter(
                x=[each.recall for each in costs],
                y=values,
                customdata=[each.probability for each in costs],
                name=name,
                mode="lines+markers",
                line={"color": colour, "width": 2},
                marker={"symbol": symbol, "size": 8},
                hovertemplate=name + ": %{y:.2f} pairs, probability %{customdata:.2f} or more<extra></extra>",
            )
        )
    dress(figure, "recall: share of all known variants", "pairs reviewed per accepted pair", 430)
    figure.update_xaxes(tickformat=".0%")
    figure.update_yaxes(rangemode="tozero")
    return figure


def size_chart(built: Sequence[tuple[str, int]], known: Sequence[tuple[str, int]]) -> go.Figure:
    """Number of groups of each size: known groups, and groups built without them."""
    import plotly.graph_objects as go

    figure = go.Figure()
    for name, colour, counts in (("known", _GREY, known), ("built, known groups hidden", _BLUE, built)):
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
