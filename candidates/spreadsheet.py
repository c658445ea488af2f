"""Escapes cells that a spreadsheet would run as formulas, and restores them exactly when they are read back."""

from __future__ import annotations

import re

# Spreadsheets treat a cell that begins like this as a formula; some ignore leading spaces and invisible characters,
# and accept the full-width forms of the signs. A cell that already begins with apostrophes gets one more, so that
# reading removes exactly what writing added.
_RISKY = re.compile(r"'*(?:[\t\r\n]|[\s\u200b-\u200f\u2060\ufeff]*[=+\-@＝＋－＠])")
_PLAIN = re.compile(r"[-+][\w.-]*\Z")


def guarded(cell: str) -> str:
    """The cell, with a leading apostrophe if a spreadsheet would treat it as a formula."""
    return f"'{cell}" if _RISKY.match(cell) else cell


def unguarded(cell: str) -> str:
    """The cell as it was before `guarded`."""
    return cell[1:] if cell[:1] == "'" and _RISKY.match(cell, 1) else cell


def guarded_id(identifier: str) -> str:
    """Like `guarded`, but leaves a harmless id unchanged (one `-` or `+`, then letters or digits).

    A shop must recognise its ids in the file.
    """
    return identifier if _PLAIN.match(identifier) else guarded(identifier)


def unguarded_id(cell: str) -> str:
    """The id as it was before `guarded_id`."""
    before = unguarded(cell)
    return before if guarded_id(before) == cell else cell
