"""Renders the report as one self-contained HTML file."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from candidates.qrels import NOT_A_VARIANT, VARIANT
from eval.report import charts, tables, words
from eval.report.model import Report
from eval.report.thumbnails import thumbnail

_TEMPLATES = Path(__file__).parent / "templates"

_QUERY_SIZE = 196, 240
"""Greatest width and height, in pixels, of the picture of an example's query product."""


def render(report: Report) -> str:
    """Renders a report as one self-contained HTML page.

    Pictures, styles, scripts and data are embedded. The page's content security policy forbids all requests and
    all scripts except the two embedded ones, so text from a feed can do no harm even if escaping fails. Text,
    tables and pictures work without scripts; only the charts need them.

    Args:
        report: The contents. Pictures that can't be read are shown as missing.
    """
    figures = _figures(report)
    scripts = _scripts() if figures else ()
    page = _environment().get_template("report.html")
    return page.render(
        report=report,
        figures=figures,
        scripts=[Markup(script) for script in scripts],
        policy=_policy(scripts),
        words=words,
        tables=tables,
        picture=cache(thumbnail),
        query_size=_QUERY_SIZE,
        truth={"variant": VARIANT, "not_a_variant": NOT_A_VARIANT},
    )


def _environment() -> Environment:
    environment = Environment(
        loader=FileSystemLoader(_TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    filters = (words.plain, words.percent, words.small_percent, words.number, words.amount, words.duration)
    environment.filters.update({function.__name__: function for function in filters})
    return environment


def _figures(report: Report) -> dict[str, dict[str, Any]]:
    """The charts by name, in Plotly's JSON form; empty where nothing was measured."""
    if not report.measured or not report.points:
        return {}
    figures = {"curve": charts.curve(report.points, report.chosen, report.counts.products)}
    if charts.hop_points(report.points):
        figures |= {"figure-5": charts.figure_five(report.points), "figure-6": charts.figure_six(report.points)}
    return {name: json.loads(figure.to_json()) for name, figure in figures.items()}


def _scripts() -> tuple[str, ...]:
    """Plotly, and the script that draws the charts."""
    from plotly.offline import get_plotlyjs

    drawing = (_TEMPLATES / "draw.js").read_text("utf-8")
    # Browsers read CR LF as LF before they compare a script with its hash.
    return tuple(script.replace("\r\n", "\n") for script in (get_plotlyjs(), drawing))


def _policy(scripts: Sequence[str]) -> str:
    """The page's content security policy: no requests, and no scripts except these."""
    hashes = [base64.b64encode(hashlib.sha256(script.encode()).digest()).decode() for script in scripts]
    allowed = " ".join(f"'sha256-{digest}'" for digest in hashes) or "'none'"
    return (
        f"default-src 'none'; script-src {allowed}; style-src 'unsafe-inline'; img-src data: blob:; "
        "base-uri 'none'; form-action 'none'"
    )
