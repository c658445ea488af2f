"""Cells that a spreadsheet shows and does not calculate, and that can be read back exactly as they were."""

from __future__ import annotations

import re

# A spreadsheet takes a cell that begins so for a formula; some look past spaces, invisible letters and the wide forms
# of the signs. Cells with apostrophes before it get one more, so that reading takes exactly what writing gave.
_RISKY = re.compile(r"'*(?:[\t\r\n]|[\s\u200b-\u200f\u2060\ufeff]*[=+\-@＝＋－＠])")
_PLAIN = re.compile(r"[-+][\w.-]*\Z")


def guarded(cell: str) -> str:
    """The cell, an apostrophe before it where a spreadsheet would calculate it."""
    return f"'{cell}" if _RISKY.match(cell) else cell


def unguarded(cell: str) -> str:
    """A cell as it was before `guarded`."""
    return cell[1:] if cell[:1] == "'" and _RISKY.match(cell, 1) else cell


def guarded_id(identifier: str) -> str:
    """The same for an id, which a shop must know again: a number or a name behind one `-` or `+` does no harm."""
    return identifier if _PLAIN.match(identifier) else guarded(identifier)


def unguarded_id(cell: str) -> str:
    """An id as it was before `guarded_id`."""
    before = unguarded(cell)
    return before if guarded_id(before) == cell else cell
