"""`refused.csv`: what was not used and why, safe to open in a spreadsheet."""

from __future__ import annotations

import csv
from collections.abc import Iterable
from dataclasses import astuple
from pathlib import Path

from candidates.artifacts import atomic
from candidates.errors import SchemaError
from candidates.product import Refusal
from candidates.schema import REFUSED, REFUSED_BEFORE
from candidates.spreadsheet import guarded, unguarded


def write_refusals(path: Path, refusals: Iterable[Refusal]) -> None:
    """Writes `refused.csv` atomically; an apostrophe precedes each cell that a spreadsheet would run as a formula."""
    with atomic(path) as temporary, temporary.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(REFUSED)
        for refusal in refusals:
            writer.writerow(list(map(guarded, astuple(refusal))))


def read_refusals(path: Path) -> tuple[Refusal, ...]:
    """Reads `refused.csv` without the apostrophes that made it safe; raises `SchemaError` if its columns differ."""
    with path.open(encoding="utf-8", newline="") as file:
        rows = csv.reader(file)
        if tuple(next(rows, ())) not in (REFUSED, REFUSED_BEFORE):
            raise SchemaError(f"{path}: its columns are not {', '.join(REFUSED)}", "Run the ingest step again")
        return tuple(Refusal(*map(unguarded, row)) for row in rows)
