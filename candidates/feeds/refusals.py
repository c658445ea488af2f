"""`refused.csv`: what was not used and why, safe to open in a spreadsheet."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterable
from dataclasses import astuple
from pathlib import Path

from candidates.artifacts import atomic
from candidates.errors import SchemaError
from candidates.product import Refusal
from candidates.schema import REFUSED

# A spreadsheet takes a cell that begins so for a formula. Cells with apostrophes before it get one more, so that
# reading takes exactly what writing gave.
_RISKY = re.compile(r"'*[=+\-@\t\r\n]")
_GUARDED = re.compile(r"'+[=+\-@\t\r\n]")


def write_refusals(path: Path, refusals: Iterable[Refusal]) -> None:
    """Writes `refused.csv` atomically; an apostrophe stands before a cell that a spreadsheet would calculate."""
    with atomic(path) as temporary, temporary.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(REFUSED)
        for refusal in refusals:
            writer.writerow([f"'{cell}" if _RISKY.match(cell) else cell for cell in astuple(refusal)])


def read_refusals(path: Path) -> tuple[Refusal, ...]:
    """Reads `refused.csv` back as it was before it was made safe; raises `SchemaError` where it is none."""
    with path.open(encoding="utf-8", newline="") as file:
        rows = csv.reader(file)
        if tuple(next(rows, ())) != REFUSED:
            raise SchemaError(f"{path}: its columns are not {', '.join(REFUSED)}", "Run the ingest step again")
        return tuple(Refusal(*(cell[1:] if _GUARDED.match(cell) else cell for cell in row)) for row in rows)
