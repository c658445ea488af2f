"""Pairs and groups as small pictures embedded in a notebook; text from the feed is escaped."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path

from analysis.mistakes import Mistake
from analysis.thresholds import GroupExample
from eval.report.thumbnails import thumbnail
from eval.report.words import counted, percent, plain
from intake.picture_files import list_pictures
from service.runs.job import Job

_TITLE = 90
"""Longest title shown, in letters."""

_MEMBERS = 12
"""Largest number of products shown of a group."""

_BOX = "display:flex;flex-wrap:wrap;gap:18px;font:12px/1.4 system-ui,-apple-system,Segoe UI,sans-serif;color:#1c2330"
_CARD = "border:1px solid #d5dae1;border-radius:6px;padding:10px;background:#fff;box-sizing:border-box"
_PICTURE = "width:110px;height:150px;object-fit:contain;background:#f6f7f9;display:block"
_SOFT = "color:#56606f"

_MARKS = ("#1d5fae", "#b35900", "#18713a", "#8b2fb0", "#b3174f", "#5f6b7a")
"""Colours of the known groups within a group."""


@dataclass(frozen=True)
class Page:
    """A piece of HTML to show in a notebook."""

    html: str

    def _repr_html_(self) -> str:
        return self.html


@dataclass(frozen=True, eq=False)
class Shelf:
    """The products of a run and their pictures.

    Attributes:
        job: The run.
        pictures: Row → the first usable picture.
    """

    job: Job
    pictures: Mapping[int, Path]

    @classmethod
    def of(cls, job: Job) -> Shelf:
        """Finds the pictures of a run."""
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
    """Pairs side by side, with their probability, how similar they are, and the reasons."""
    return Page(f'<div style="{_BOX}">{"".join(_mistake(shelf, mistake) for mistake in mistakes)}</div>')


def _mistake(shelf: Shelf, mistake: Mistake) -> str:
    rows = [shelf.job.catalogue.axis.row_of(side) for side in (mistake.suggestion.left, mistake.suggestion.right)]
    sides = "".join(shelf.product(row) for row in rows)
    head = f"probability {mistake.suggestion.probability:.3f}, first stage {mistake.first:.3f}"
    reasons = "".join(
        f"<br>{'+' if reason.weight > 0 else '−'} {escape(plain(reason.words, 160))} ({reason.weight:+.2f})"
        for reason in mistake.suggestion.reasons
    )
    differ = escape(plain("; ".join(mistake.suggestion.varies_in), 160))
    return (
        f'<div style="{_CARD};width:275px"><b>{head}</b><br><span style="{_SOFT}">{escape(mistake.kind)}</span>'
        f'<div style="display:flex;gap:12px;margin:6px 0">{sides}</div>{differ}{reasons}</div>'
    )


def group_page(shelf: Shelf, groups: Sequence[GroupExample]) -> Page:
    """Groups with what varies in each; products of the same known group have the same colour."""
    return Page(f'<div style="{_BOX}">{"".join(_group(shelf, group) for group in groups)}</div>')


def _group(shelf: Shelf, group: GroupExample) -> str:
    known = list(dict.fromkeys(number for number in group.known if number >= 0))
    marks = {number: _MARKS[at % len(_MARKS)] for at, number in enumerate(known)}
    products = "".join(
        shelf.product(row, marks.get(number, "#ffffff"))
        for row, number in list(zip(group.rows, group.known, strict=True))[:_MEMBERS]
    )
    lacking = f"; {counted(group.lacking, 'product')} of these groups elsewhere" if group.lacking else ""
    more = f" (the first {_MEMBERS})" if len(group.rows) > _MEMBERS else ""
    head = (
        f"{group.judged}: {counted(len(group.rows), 'product')}{more} of {counted(len(known), 'known group')}{lacking}"
    )
    varies = escape(plain(group.varies, 300)) or "nothing is known to vary"
    return (
        f'<div style="{_CARD};max-width:100%"><b>{escape(head)}</b>'
        f'<br><span style="{_SOFT}">mean probability {percent(group.strength)}; what varies: </span>{varies}'
        f'<div style="display:flex;flex-wrap:wrap;gap:10px;margin-top:6px">{products}</div></div>'
    )
