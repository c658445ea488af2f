"""JSON Lines: one product per line, as a JSON object (https://jsonlines.org)."""

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
"""Maximum characters of a line."""

_HEAD_ROWS = 1000
"""First rows, in which every field named in the settings must occur."""

_HEAD_LETTERS = 2**16
_SAMPLE = 20
"""Lines checked to detect JSON."""

_EXPECTS = "one JSON object per line, with id and title or image_link"
_FIX = "Write each product as one JSON object on a line of its own; `jq -c .` does that"


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not a JSON number")


# Numbers are kept as text: a price of 1.50 must not become 1.5, and an id may be too long for an integer.
_DECODER = json.JSONDecoder(parse_float=str, parse_int=str, parse_constant=_refuse_constant)


def _recognise(path: Path, settings: FeedSettings) -> str:
    with Source.inspect(path, settings).text() as text:
        head = text.read(_HEAD_LETTERS)
    if _is_array(head):
        return "one JSON array"
    lines = [line for line in head.split("\n") if line.strip()][:_SAMPLE]
    found = next((row for row in map(_object, lines) if isinstance(row, dict)), None)
    if found is None:
        # If the first line is longer than the part that was read, its beginning still identifies it.
        return "begins like a JSON object" if head.lstrip().startswith('{"') else ""
    seen = NamedFields.of(settings).seen_in(found)
    return "one JSON object per line" + (f", with {', '.join(seen)}" if seen else "")


def _read(path: Path, settings: FeedSettings) -> Iterator[Product | Refusal]:
    source = Source.inspect(path, settings)
    fields = NamedFields.of(settings)
    _check(path, source, fields)
    for line, row in _rows(source):
        yield row if isinstance(row, Refusal) else fields.product(row, line)


def _check(path: Path, source: Source, fields: NamedFields) -> None:
    """Raises `FeedError` if the file is not JSON Lines, or lacks a field named in the settings."""
    with source.text() as text:
        if _is_array(text.read(_HEAD_LETTERS)):
            raise FeedError(
                f"{path}: is one JSON array, not one object per line",
                "Convert it with `jq -c '.[]' FEED > feed.jsonl`",
            )
    rows = islice(_rows(source), _HEAD_ROWS)
    names = tuple(dict.fromkeys(name for _, row in rows if not isinstance(row, Refusal) for name in row))
    if not names:
        return
    fields.require(path, names)
    if not fields.known & set(names):
        raise FeedError(
            f"{path}: JSON Lines must be {_EXPECTS}; this file has {shown_columns(names)}",
            "Map its field names with --map title=naam",
        )


def _is_array(head: str) -> bool:
    """Whether a text begins like an array of objects, which is often mistaken for JSON Lines."""
    begin = head.lstrip()
    return begin.startswith("[") and begin[1:].lstrip()[:1] in ("{", "", "]")


def _rows(source: Source) -> Iterator[tuple[int, dict[str, object] | Refusal]]:
    """The lines that are not blank, with their numbers: each line's fields, or its refusal."""
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
    parsed = _object(line)
    return parsed if isinstance(parsed, dict) else refused(number, "", parsed, _FIX)


def _object(line: str) -> dict[str, object] | str:
    """The fields of a JSON object by their plain names, or the reason why the line is not an object."""
    try:
        value = _DECODER.decode(line.strip())
    except RecursionError:
        return "JSON nested too deeply"
    except json.JSONDecodeError as error:
        return f"not JSON ({error.msg.removesuffix(' at')} at character {error.pos + 1})"
    except ValueError as error:
        return f"not JSON ({error})"
    return plainly_named(value.items()) if isinstance(value, dict) else "not a JSON object"


JSON_LINES = Format("JSON Lines", _EXPECTS, _recognise, _read, lambda path: path.parent)
