"""Charts of fingerprints, in the style of the report."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from analysis.fingerprints import LEARNED, RAW, WHITENED, WITHOUT_WEIGHTS, FingerprintRecall
from analysis.fingerprints_in_words import by_float_vectors

if TYPE_CHECKING:
    import plotly.graph_objects as go

INK, _SOFT, _GRID = "#1c2330", "#56606f", "#e6e9ee"
_FONT = {"family": "system-ui, -apple-system, Segoe UI, Roboto, sans-serif", "size": 13, "color": INK}

# As in the report: colours that colour-blind readers can tell apart, and a marker shape for each.
_SPACES = {RAW: ("#8a93a0", "circle-open"), WHITENED: ("#b35900", "diamond"), LEARNED: ("#1d5fae", "circle")}
_KINDS = {"hyperplanes": ("#b35900", "square"), "rotations": ("#1d5fae", "circle")}


def recall_chart(measurements: Sequence[FingerprintRecall]) -> go.Figure:
    """recall@10 of every fingerprint in the three spaces, with intervals for the learned space; best on top."""
    import plotly.graph_objects as go

    order = [each.fingerprint for each in by_float_vectors(measurements, LEARNED)][::-1]
    figure = go.Figure()
    for space, (colour, symbol) in _SPACES.items():
        own = {each.fingerprint: each for each in by_float_vectors(measurements, space)}
        points = [own[name] for name in order]
        values = [each.values["recall@10"] for each in points]
        bars: dict[str, Any] = {}
        if space == LEARNED:
            above = [each.span.high - value for each, value in zip(points, values, strict=True)]
            below = [value - each.span.low for each, value in zip(points, values, strict=True)]
            bars["error_x"] = {"array": above, "arrayminus": below, "color": colour, "thickness": 1.4, "width": 4}
        figure.add_trace(
            go.Scatter(
                x=values,
                y=order,
                name=space,
                mode="markers",
                marker={"color": colour, "symbol": symbol, "size": 11, "line": {"width": 1.8, "color": colour}},
                hovertemplate="%{y}, " + space + ": %{x:.1%}<extra></extra>",
                **bars,
            )
        )
    dress(figure, "recall@10 (bars: 95%, groups resampled)", "", 120 + 38 * len(order))
    figure.update_xaxes(tickformat=".0%", rangemode="tozero")
    figure.update_yaxes(automargin=True, title=None)
    return figure


def speed_chart(measurements: Sequence[FingerprintRecall], speed: Mapping[str, float]) -> go.Figure:
    """recall@10 in learned spaces against milliseconds per picture, fingerprints without weights in another colour."""
    import plotly.graph_objects as go

    figure = go.Figure()
    points = by_float_vectors(measurements, LEARNED)
    spots = [(speed[each.fingerprint], each.values["recall@10"]) for each in points]
    sides = label_sides(spots, [each.fingerprint for each in points])
    for name, colour, symbol, bare in (
        ("no weights needed", "#18713a", "diamond", True),
        ("a network", "#1d5fae", "circle", False),
    ):
        own = [place for place, each in enumerate(points) if (each.fingerprint in WITHOUT_WEIGHTS) == bare]
        if not own:
            continue
        figure.add_trace(
            go.Scatter(
                x=[speed[points[place].fingerprint] for place in own],
                y=[points[place].values["recall@10"] for place in own],
                text=[points[place].fingerprint for place in own],
                name=name,
                mode="markers+text",
                textposition=[sides[place] for place in own],
                textfont={"size": 12, "color": colour},
                marker={"color": colour, "symbol": symbol, "size": 10},
                hovertemplate="%{text}: %{y:.1%} at %{x:.1f} ms<extra></extra>",
            )
        )
    dress(figure, "milliseconds per picture on one thread (log scale)", "recall@10, learned", 470)
    ticks = [step * 10**power for power in range(-2, 5) for step in (1, 2, 5)]
    figure.update_xaxes(type="log", tickvals=ticks, ticktext=[f"{tick:,g}" for tick in ticks])
    figure.update_yaxes(tickformat=".0%")
    return figure


def label_sides(points: Sequence[tuple[float, float]], names: Sequence[str]) -> list[str]:
    """Plotly's text position for each label, avoiding overlaps with other labels, points and edges where possible.

    Each label takes the first free one of six positions, or the first position if none is free.

    Args:
        points: Milliseconds, drawn on a logarithmic scale, and recall.
        names: The labels.
    """
    centres = _on_canvas(points)
    taken = [_Box(x - 7, y - 7, x + 7, y + 7) for x, y in centres]
    sides = []
    for place, ((x, y), name) in enumerate(zip(centres, names, strict=True)):
        boxes = {side: _label_box(x, y, side, len(name)) for side in _SIDES}
        others = taken[:place] + taken[place + 1 :]
        free = [side for side, box in boxes.items() if box.inside() and not any(map(box.meets, others))]
        sides.append(free[0] if free else _SIDES[0])
        taken.append(boxes[sides[-1]])
    return sides


_SIDES = ("middle right", "middle left", "top right", "bottom right", "top left", "bottom left")
_CANVAS = (800, 350)
"""Typical width and height of the plot area, in pixels."""

_LETTER, _LINE, _GAP = 7.0, 14.0, 9.0
"""Width of a letter, height of a line, and distance of a label from the centre of its point, in pixels."""


@dataclass(frozen=True)
class _Box:
    """A rectangle in pixels; the origin is at the lower left."""

    left: float
    low: float
    right: float
    high: float

    def meets(self, other: _Box) -> bool:
        """Whether two rectangles overlap."""
        apart = self.right < other.left or other.right < self.left or self.high < other.low or other.high < self.low
        return not apart

    def inside(self) -> bool:
        """Whether it is horizontally within the chart."""
        return self.left >= 0 and self.right <= _CANVAS[0]


def _on_canvas(points: Sequence[tuple[float, float]]) -> list[tuple[float, float]]:
    """Points in pixels as Plotly places them, with a margin of a twentieth of the range on each side."""
    columns = zip(*((math.log(max(across, 1e-6)), up) for across, up in points), strict=True)
    placed = []
    for values, length in zip(columns, _CANVAS, strict=True):
        low, extent = min(values), (max(values) - min(values)) or 1.0
        placed.append([length * (0.05 + 0.9 * (value - low) / extent) for value in values])
    return list(zip(*placed, strict=True))


def _label_box(x: float, y: float, side: str, letters: int) -> _Box:
    height, direction = side.split()
    width = _LETTER * letters
    left = x + _GAP if direction == "right" else x - _GAP - width
    low = y + {"middle": -_LINE / 2, "top": _GAP - 2, "bottom": 2 - _GAP - _LINE}[height]
    return _Box(left, low, left + width, low + _LINE)


def code_chart(measurements: Sequence[FingerprintRecall], fingerprint: str) -> go.Figure:
    """recall@10 of codes against their length, raw and learned side by side, with float vectors as a line."""
    from plotly.subplots import make_subplots

    figure = make_subplots(cols=2, shared_yaxes=True, horizontal_spacing=0.04, subplot_titles=(RAW, LEARNED))
    for column, space in enumerate((RAW, LEARNED), start=1):
        of_space = [each for each in measurements if each.fingerprint == fingerprint and each.space == space]
        for trace in _code_traces(of_space, first=column == 1):
            figure.add_trace(trace, row=1, col=column)
        floats = next(each for each in of_space if not each.codes)
        figure.add_hline(
            floats.values["recall@10"], row=1, col=column, line={"color": INK, "width": 1.2, "dash": "dot"}
        )
    lengths = sorted({each.bits for each in measurements if each.codes})
    dress(figure, "bits", "", 420)
    figure.update_xaxes(type="log", tickvals=lengths, ticktext=[f"{bits:,}" for bits in lengths])
    figure.update_yaxes(tickformat=".0%")
    figure.update_yaxes(title_text=f"recall@10, {fingerprint}", col=1)
    figure.update_layout(margin={"t": 60, "b": 106})
    return figure


def _code_traces(own: Sequence[FingerprintRecall], first: bool) -> list[go.Scatter]:
    """Lines for each kind of codes, dashed without rescoring, and a legend entry for float vectors."""
    import plotly.graph_objects as go

    traces = []
    for kind, (colour, symbol) in _KINDS.items():
        for rescored, label, dash in ((False, "codes alone", "dash"), (True, "first rescored", "solid")):
            points = sorted(
                (each for each in own if (each.codes, each.rescored) == (kind, rescored)), key=lambda o: o.bits
            )
            traces.append(
                go.Scatter(
                    x=[each.bits for each in points],
                    y=[each.values["recall@10"] for each in points],
                    name=f"{kind}, {label}",
                    mode="lines+markers",
                    line={"color": colour, "width": 2, "dash": dash},
                    marker={"color": colour, "symbol": symbol, "size": 8},
                    showlegend=first,
                    hovertemplate=f"{kind}, {label}: " + "%{y:.1%} at %{x} bits<extra></extra>",
                )
            )
    dots = {"color": INK, "width": 1.2, "dash": "dot"}
    traces.append(go.Scatter(x=[None], y=[None], name="float vectors", mode="lines", line=dots, showlegend=first))
    return traces


def dress(figure: go.Figure, across: str, up: str, height: int) -> None:
    """Gives a figure the report's style and a title for each axis."""
    import plotly.graph_objects as go

    grid = {"gridcolor": _GRID, "zeroline": False, "linecolor": "#b9c0ca", "showline": True}
    figure.update_layout(
        template=go.layout.Template(),
        font=_FONT,
        paper_bgcolor="#ffffff",
        plot_bgcolor="#ffffff",
        height=height,
        hovermode="closest",
        margin={"l": 64, "r": 20, "t": 24, "b": 84},
        legend={"orientation": "h", "yref": "container", "yanchor": "bottom", "y": 0, "x": 0, "font": {"size": 12.5}},
    )
    figure.update_xaxes(title={"text": across, "standoff": 8, "font": {**_FONT, "color": _SOFT}}, **grid)
    figure.update_yaxes(title={"text": up, "standoff": 8, "font": {**_FONT, "color": _SOFT}}, **grid)
