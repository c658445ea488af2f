"""Pairs and groups as pictures, for a notebook: small, in the page itself, and harmless whatever titles say."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path

from analysis.mistakes import Mistake
from analysis.thresholds import MadeGroup
from eval.report.thumbnails import thumbnail
from eval.report.words import counted, percent, plain
from intake.picture_files import list_pictures
from service.runs.job import Job

_TITLE = 90
"""Letters of a title that are shown."""

_MEMBERS = 12
"""Products of a group that are shown."""

_BOX = "display:flex;flex-wrap:wrap;gap:18px;font:12px/1.4 system-ui,-apple-system,Segoe UI,sans-serif;color:#1c2330"
_CARD = "border:1px solid #d5dae1;border-radius:6px;padding:10px;background:#fff;box-sizing:border-box"
_PICTURE = "width:110px;height:150px;object-fit:contain;background:#f6f7f9;display:block"
_SOFT = "color:#56606f"

_MARKS = ("#1d5fae", "#b35900", "#18713a", "#8b2fb0", "#b3174f", "#5f6b7a")
"""Colours that tell the known groups within one made group apart."""


@dataclass(frozen=True)
class Page:
    """A piece of HTML that a notebook shows."""

    html: str

    def _repr_html_(self) -> str:
        return self.html


@dataclass(frozen=True, eq=False)
class Shelf:
    """What is shown of products.

    Attributes:
        job: The run.
        pictures: Row → the first picture that can be used.
    """

    job: Job
    pictures: Mapping[int, Path]

    @classmethod
    def of(cls, job: Job) -> Shelf:
        """Looks up where the pictures of a run lie."""
        first: dict[int, Path] = {}
        for picture in list_pictures(job.catalogue, job.places):
            if picture.path is not None:
                first.setdefault(picture.product_row, picture.path)
        return cls(job, first)

    def product(self, row: int, mark: str = "#ffffff") -> str:
        """One product as HTML: picture, title, id."""
        product = self.job.catalogue.product(row)
        found = thumbnail(self.pictures[row]) if row in self.pictures else None
        shown = f'<img src="{found}" alt="" style="{_PICTURE}">' if found else f'<div style="{_PICTURE}"></div>'
        title, identifier = (escape(plain(text, _TITLE)) for text in (product.title, product.id))
        return (
            f'<div style="width:116px;border-top:4px solid {mark};padding-top:3px;overflow-wrap:anywhere">{shown}'
            f'{title}<br><span style="{_SOFT}">{identifier}</span></div>'
        )


def mistake_page(shelf: Shelf, mistakes: Sequence[Mistake]) -> Page:
    """Pairs side by side, with their probability, how alike they are, and the reasons."""
    return Page(f'<div style="{_BOX}">{"".join(_mistake(shelf, one) for one in mistakes)}</div>')


def _mistake(shelf: Shelf, one: Mistake) -> str:
    rows = [shelf.job.catalogue.axis.row_of(side) for side in (one.told.left, one.told.right)]
    sides = "".join(shelf.product(row) for row in rows)
    head = f"probability {one.told.probability:.3f}, first stage {one.first:.3f}"
    reasons = "".join(
        f"<br>{'+' if reason.weight > 0 else '−'} {escape(plain(reason.words, 160))} ({reason.weight:+.2f})"
        for reason in one.told.reasons
    )
    differ = escape(plain("; ".join(one.told.varies_in), 160))
    return (
        f'<div style="{_CARD};width:275px"><b>{head}</b><br><span style="{_SOFT}">{escape(one.kind)}</span>'
        f'<div style="display:flex;gap:12px;margin:6px 0">{sides}</div>{differ}{reasons}</div>'
    )


def group_page(shelf: Shelf, groups: Sequence[MadeGroup]) -> Page:
    """Groups with what varies in each; products of one known group bear one colour."""
    return Page(f'<div style="{_BOX}">{"".join(_group(shelf, one) for one in groups)}</div>')


def _group(shelf: Shelf, one: MadeGroup) -> str:
    known = list(dict.fromkeys(number for number in one.known if number >= 0))
    marks = {number: _MARKS[at % len(_MARKS)] for at, number in enumerate(known)}
    products = "".join(
        shelf.product(row, marks.get(number, "#ffffff"))
        for row, number in list(zip(one.rows, one.known, strict=True))[:_MEMBERS]
    )
    lacking = f"; {counted(one.lacking, 'product')} of theirs elsewhere" if one.lacking else ""
    more = f" (the first {_MEMBERS})" if len(one.rows) > _MEMBERS else ""
    head = f"{one.judged}: {counted(len(one.rows), 'product')}{more} of {counted(len(known), 'known group')}{lacking}"
    varies = escape(plain(one.varies, 300)) or "nothing is known to vary"
    return (
        f'<div style="{_CARD};max-width:100%"><b>{escape(head)}</b>'
        f'<br><span style="{_SOFT}">mean probability {percent(one.strength)}; what varies: </span>{varies}'
        f'<div style="display:flex;flex-wrap:wrap;gap:10px;margin-top:6px">{products}</div></div>'
    )
