"""JSON Lines: one product a line, as a JSON object (https://jsonlines.org)."""

from __future__ import annotations

import json
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import NoReturn

from candidates.errors import FeedError
from candidates.product import Product, Refusal
from candidates.settings import FeedSettings
from intake.feeds.contract import Format, refused
from intake.feeds.delimited import encodable, shown_columns
from intake.feeds.named_fields import NamedFields, plainly_named
from intake.feeds.source import Source

LONGEST_LINE = 2**22
"""Letters of a line, at most: more is no product."""

_HEAD_ROWS = 1000
"""Rows in which a field must occur that the settings name."""

_HEAD_LETTERS = 2**16
_SAMPLE = 20
"""Lines looked at to tell whether they are JSON."""

_EXPECTS = "one JSON object a line, with id and title or image_link"
_FIX = "Write each product as one JSON object on a line of its own; `jq -c .` does that"


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is no JSON number")


# Numbers stay as they were written: a price of 1.50 is not 1.5, and an id may be longer than any integer.
_DECODER = json.JSONDecoder(parse_float=str, parse_int=str, parse_constant=_refuse_constant)


def _recognise(path: Path, settings: FeedSettings) -> str:
    with Source.inspect(path, settings).text() as text:
        head = text.read(_HEAD_LETTERS)
    if _is_array(head):
        return "one JSON array"
    lines = [line for line in head.split("\n") if line.strip()][:_SAMPLE]
    found = next((said for said in map(_object, lines) if isinstance(said, dict)), None)
    if found is None:
        # A line that is longer than what was looked at can still be told by how it begins.
        return "begins as a JSON object does" if head.lstrip().startswith('{"') else ""
    seen = NamedFields.of(settings).seen_in(found)
    return "one JSON object a line" + (f", with {', '.join(seen)}" if seen else "")


def _read(path: Path, settings: FeedSettings) -> Iterator[Product | Refusal]:
    source = Source.inspect(path, settings)
    fields = NamedFields.of(settings)
    _check(path, source, fields)
    for line, said in _rows(source):
        yield said if isinstance(said, Refusal) else fields.product(said, line)


def _check(path: Path, source: Source, fields: NamedFields) -> None:
    """Raises where the file as a whole is no JSON Lines, or lacks a field that the settings name."""
    with source.text() as text:
        if _is_array(text.read(_HEAD_LETTERS)):
            raise FeedError(
                f"{path}: is one JSON array; write one object a line", "`jq -c '.[]' FEED > feed.jsonl` does that"
            )
    rows = islice(_rows(source), _HEAD_ROWS)
    given = tuple(dict.fromkeys(name for _, said in rows if not isinstance(said, Refusal) for name in said))
    if not given:
        return
    fields.require(path, given)
    if not fields.known & set(given):
        raise FeedError(
            f"{path}: as JSON Lines it must be {_EXPECTS}; it has {shown_columns(given)}",
            "Name its fields with --map title=naam",
        )


def _is_array(head: str) -> bool:
    """Whether a text begins as an array of objects does: a usual mistake for lines of objects."""
    begin = head.lstrip()
    return begin.startswith("[") and begin[1:].lstrip()[:1] in ("{", "", "]")


def _rows(source: Source) -> Iterator[tuple[int, dict[str, object] | Refusal]]:
    """Every line that is not blank: its fields, or why it has none."""
    with source.text() as text:
        number = 0
        while line := text.readline(LONGEST_LINE + 1):
            number += 1
            if len(line) > LONGEST_LINE and not line.endswith("\n"):
                while line and not line.endswith("\n"):
                    line = text.readline(LONGEST_LINE)
                reason = f"a line of more than {LONGEST_LINE // 2**20} MiB"
                yield number, refused(number, "", reason, _FIX)
            elif line.strip():
                yield number, _row(line, number, source)


def _row(line: str, number: int, source: Source) -> dict[str, object] | Refusal:
    if not line.isascii() and not encodable(line):
        return refused(number, "", f"bytes that are not {source.encoding_name}", "Save the feed as UTF-8")
    said = _object(line)
    return said if isinstance(said, dict) else refused(number, "", said, _FIX)


def _object(line: str) -> dict[str, object] | str:
    """The fields of a JSON object by their plain names, or why the line is none."""
    try:
        said = _DECODER.decode(line.strip())
    except RecursionError:
        return "JSON nested too deep"
    except json.JSONDecodeError as error:
        return f"not JSON ({error.msg.removesuffix(' at')} at letter {error.pos + 1})"
    except ValueError as error:
        return f"not JSON ({error})"
    return plainly_named(said.items()) if isinstance(said, dict) else "no JSON object"


JSON_LINES = Format("JSON Lines", _EXPECTS, _recognise, _read, lambda path: path.parent)
