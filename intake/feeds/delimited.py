"""Delimited text as it comes out of shops: tabs, commas and the like, with and without quotes, line by line.

Whether a quote encloses a field or is a letter of it (`5" heel`) is decided quote by quote:

- Only a quote at the very beginning of a field may enclose it. It does when the next quote that is not doubled
  stands at the very end of a field. Doubled quotes in between stand for one. A quote behind a backslash, in the
  middle of a field, does not end it either: PHP writes such fields.
- An enclosed field may run over lines. It never runs over a line that is a row by itself (as many fields as the
  header), nor does one row's stray quote pair with one in the next row.
- Where only that gives a line as many fields as the header has, all its quotes are letters.

So where every row is one line with the header's number of delimiters, quotes never part or join rows, however stray.
All that a standard CSV writer produces is read as it was written, save for a quoted text with a line that itself
holds as many delimiters as the header.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import NamedTuple, TextIO

from candidates.errors import FeedError, SettingsError
from candidates.product import Refusal
from candidates.schema import GROUPS
from candidates.settings import FeedSettings
from candidates.spreadsheet import unguarded_id
from intake.feeds.contract import refused
from intake.feeds.source import Source

SELLER_COLUMNS = ("seller", "external_seller_id")
"""Columns that name the seller where no setting does."""

_LONGEST_FIELD = 2**22
"""Letters that a quoted field may hold behind its first line: more are no field, but a stray quote."""

_LONGEST_LINE = 2**24
"""Letters of a line, at most: a longer one is refused without being read into memory."""

_MOST_COLUMNS = 10_000
"""Columns of a header, at most."""

_HEAD = 2**16
"""Letters looked at to tell how lines end."""

_SHOWN = 2**12
"""Letters kept of a line that is too long, for its id."""


class Row(NamedTuple):
    """One row with the header's number of cells.

    Attributes:
        line: Line on which it begins, from 1.
        cells: The cells without surrounding space, and an empty one behind the last: position −1 (a column that
            the feed lacks) reads as empty.
    """

    line: int
    cells: list[str]


def plain_name(name: str) -> str:
    """The form in which column names are compared: `Image link`, `g:image_link` and `image_link` are one."""
    return name.strip().lower().removeprefix("g:").replace(" ", "_")


@dataclass(frozen=True)
class Table:
    """A delimited text file with a header.

    Attributes:
        source: The file, and how it is packed and encoded.
        delimiter: What parts the fields.
        given: The columns as the feed names them, in plain form, trailing nameless ones left off.
        positions: Where each column is, by the format's names (after `feed.columns`); the first where two are alike.
    """

    source: Source
    delimiter: str
    given: tuple[str, ...]
    positions: Mapping[str, int]

    @classmethod
    def open(cls, path: Path, delimiter: str, names: Mapping[str, str], settings: FeedSettings) -> Table:
        """Reads the header.

        Args:
            path: The file.
            delimiter: What parts the fields.
            names: The format's own column for each of our names.
            settings: Whose `columns` say under which names this feed has them.

        Raises:
            FeedError: The file can't be read, is no text, or has no header.
        """
        source = Source.inspect(path, settings)
        given = _header(source, delimiter)
        positions = {name: place for place, name in reversed(list(enumerate(given))) if name}
        chosen = {
            names.get(plain_name(ours), plain_name(ours)): positions[plain_name(theirs)]
            for ours, theirs in settings.columns.items()
            if plain_name(theirs) in positions
        }
        return cls(source, delimiter, given, positions | chosen)

    def __contains__(self, column: str) -> bool:
        return column in self.positions

    def position(self, column: str) -> int:
        """Where a column's cell is in a row; −1, which reads as empty, where the feed lacks it."""
        return self.positions.get(column, -1)

    def seller_position(self, settings: FeedSettings) -> int:
        """Where the seller's cell is: the column in the settings, else one that is usual for it, else −1."""
        if settings.seller_column:
            named = plain_name(settings.seller_column)
            return self.given.index(named) if named in self.given else self.position(named)
        return next((self.positions[name] for name in SELLER_COLUMNS if name in self), -1)

    def require(self, settings: FeedSettings, names: Mapping[str, str]) -> None:
        """Raises unless the settings speak of our names and of columns that the feed has."""
        unknown = [ours for ours in settings.columns if plain_name(ours) not in {*names, *names.values()}]
        if unknown:
            raise SettingsError(f"feed.columns: no such name {', '.join(unknown)}", f"There are {', '.join(names)}")
        missing = missing_columns(settings, self.given)
        if missing:
            raise FeedError(
                f"{self.source.path}: the settings name the column {', '.join(missing)}, which the feed lacks",
                f"It has {shown_columns(self.given)}",
            )

    def rows(self, key: int) -> Iterator[Row | Refusal]:
        """Every row behind the header in order; blank lines are no rows.

        Args:
            key: Position of the id, for the refusal of a row that does not fit the header or does not decode.
        """
        width, encoding = len(self.given), self.source.encoding_name
        with _lines(self.source) as lines:
            records = _Records(lines, self.delimiter, width)
            next(records)
            for line, fields in records:
                if isinstance(fields[0], _Overlong):
                    yield _overlong(line, fields[0].split(self.delimiter)[:-1], key)
                    continue
                row = _row(line, fields, width, key, encoding)
                if isinstance(row, Row) and self.given == GROUPS:  # Our own file: ids in it are safe to look at.
                    row.cells[0] = unguarded_id(row.cells[0])
                yield row


def header(path: Path, delimiter: str, settings: FeedSettings | None = None) -> tuple[str, ...]:
    """The column names of a delimited file in plain form; raises `FeedError` where it is empty or no text."""
    return _header(Source.inspect(path, settings or FeedSettings()), delimiter)


def _header(source: Source, delimiter: str) -> tuple[str, ...]:
    with _lines(source) as lines:
        _, names = next(_Records(lines, delimiter), (0, []))
    if not any(name.strip() for name in names):
        raise FeedError(f"{source.path}: is empty", "A feed begins with a line of column names")
    if isinstance(names[0], _Overlong):
        raise FeedError(
            f"{source.path}: its first line has more than {_LONGEST_LINE:,} letters",
            "Look for line breaks that are lost",
        )
    while not names[-1].strip():
        names.pop()
    if len(names) > _MOST_COLUMNS:
        raise FeedError(
            f"{source.path}: its first line names {len(names):,} columns", f"A feed has {_MOST_COLUMNS:,} at most"
        )
    return tuple(map(plain_name, names))


def missing_columns(settings: FeedSettings, given: tuple[str, ...]) -> list[str]:
    """The columns that the settings name and the feed lacks."""
    missing = [name for name in settings.columns.values() if plain_name(name) not in given]
    seller = settings.seller_column
    if seller and plain_name(seller) not in {*given, *map(plain_name, settings.columns)}:
        missing.append(seller)
    return missing


def shown_columns(given: tuple[str, ...]) -> str:
    """Column names for a message: printable, and not hundreds of them."""
    names = ["".join(letter for letter in name[:40] if letter.isprintable()) for name in given[:20]]
    return ", ".join(names) + (f" and {len(given) - 20} more" if len(given) > 20 else "")


def split(text: str, delimiter: str) -> list[str]:
    """The fields of one line of text, by the same rule for quotes as a file's."""
    return next((fields for _, fields in _Records(iter([text]), delimiter)), [])


class _Overlong(str):
    """The beginning of a line that is too long; the rest of it was passed over."""


@contextmanager
def _lines(source: Source) -> Iterator[Iterator[str]]:
    with source.text(newline="") as file:
        head = file.read(_HEAD)
    ending = "\r" if "\r" in head and "\n" not in head else "\n"
    with source.text(newline=ending) as file:
        yield _bounded(file, ending)


def _bounded(file: TextIO, ending: str) -> Iterator[str]:
    pieces = iter(partial(file.readline, _LONGEST_LINE + 1), "")
    for line in pieces:
        if len(line) <= _LONGEST_LINE or line.endswith(ending):
            yield line
        else:
            next((piece for piece in pieces if piece.endswith(ending)), "")
            yield _Overlong(line[:_SHOWN])


def _overlong(line: int, fields: list[str], key: int) -> Refusal:
    return refused(
        line,
        fields[key].strip() if 0 <= key < len(fields) else "",
        f"a line of more than {_LONGEST_LINE:,} letters",
        "Look for line breaks that are lost",
    )


def _row(line: int, fields: list[str], width: int, key: int, encoding: str) -> Row | Refusal:
    identifier = fields[key].strip() if 0 <= key < len(fields) else ""
    if not _fits(fields, width):
        return refused(
            line,
            identifier,
            f"{len(fields)} fields where the header has {width}",
            "Look for a tab, comma or line break inside a text without quotes, or for a row that was cut off",
        )
    text = "".join(fields)
    if not text.isascii() and not encodable(text):
        return refused(line, identifier, f"bytes that are not {encoding}", "Save the feed as UTF-8")
    if "\0" in text:
        fields = [cell if place == key else cell.replace("\0", "") for place, cell in enumerate(fields)]
    return Row(line, [*[cell.strip() for cell in fields[:width]], ""])


def _fits(fields: list[str], width: int) -> bool:
    # Spreadsheets like to leave empty columns behind the last one.
    return len(fields) == width or (len(fields) > width and not any(cell.strip() for cell in fields[width:]))


def encodable(text: str) -> bool:
    """Whether a text consists of whole letters; bytes that did not decode stand in it as lone surrogates."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


class _Records:
    """Records of fields with the line on which each begins; this module's docstring has the rule for quotes."""

    def __init__(self, lines: Iterator[str], delimiter: str, width: int = 0) -> None:
        self._lines = lines
        self._put_back: list[str] = []
        self._number = 0
        self._delimiter = delimiter
        self._width = width
        self._blank = delimiter + " \t\r\n\0"
        # Everything up to the quote that is neither doubled nor, within the field, behind a backslash.
        self._content = re.compile(rf'[^"]*+(?:(?:""|(?<=\\)"(?!{re.escape(delimiter)}|\Z))[^"]*+)*+')

    def __iter__(self) -> Iterator[tuple[int, list[str]]]:
        return self

    def __next__(self) -> tuple[int, list[str]]:
        while raw := self._take():
            if isinstance(raw, _Overlong):
                return self._number, [raw]
            if raw.strip(self._blank):
                number = self._number
                fields = self._record(raw)
                return number, fields if self._number > number else self._fitted(raw, fields)
        raise StopIteration

    def _take(self) -> str:
        raw = self._put_back.pop() if self._put_back else next(self._lines, "")
        self._number += bool(raw)
        return raw

    def _record(self, raw: str) -> list[str]:
        if '"' not in raw:
            return raw.rstrip("\r\n").split(self._delimiter)
        fields: list[str] = []
        text, start = raw.rstrip("\r\n"), 0
        while start <= len(text):
            found, opened = self._split(text, start)
            fields += found
            if opened < 0:
                break
            value, raw, end = self._enclosed(raw, opened) or self._bare(raw, opened)
            fields.append(value)
            text, start = raw.rstrip("\r\n"), end + 1
        return fields

    def _split(self, text: str, start: int = 0) -> tuple[list[str], int]:
        """The fields from `start` on, and where a quoted one begins that the line does not close (else −1)."""
        fields: list[str] = []
        while (quote := text.find('"', start)) >= 0:
            if quote == start or text[quote - 1] == self._delimiter:
                fields += text[start:quote].split(self._delimiter)[:-1]
                start = quote
                close = self._closing(text, quote + 1)
                if close == len(text):
                    return fields, quote
                if close >= 0:
                    fields.append(text[quote + 1 : close].replace('""', '"'))
                    start = close + 2
                    if start > len(text):
                        return fields, -1
                    continue
            end = text.find(self._delimiter, quote)
            if end < 0:
                break
            fields += text[start:end].split(self._delimiter)
            start = end + 1
        return fields + text[start:].split(self._delimiter), -1

    def _closing(self, text: str, start: int) -> int:
        """Where the quote that closes a field stands; `len(text)`: on a later line; −1: nowhere."""
        content = self._content.match(text, start)
        close = content.end() if content else start
        return close if text[close + 1 : close + 2] in ("", self._delimiter) else -1

    def _enclosed(self, raw: str, opened: int) -> tuple[str, str, int] | None:
        """A field that runs over lines: its value, its last line and where it ends there.

        None, and no line is used up, where the quote at `opened` turns out to be a letter.
        """
        whole = self._is_row(raw)
        taken: list[str] = []
        size = 0
        while size <= _LONGEST_FIELD and (line := self._take()):
            taken.append(line)
            if isinstance(line, _Overlong):
                break
            size += len(line)
            text = line.rstrip("\r\n")
            close = self._closing(text, 0)
            if close == len(text) and not self._is_row(line):
                continue
            if 0 <= close < len(text) and not (whole and self._is_row(line)):
                value = "".join([raw[opened + 1 :], *taken[:-1], text[:close]]).replace('""', '"')
                return value, line, close + 1
            break
        self._number -= len(taken)
        self._put_back += reversed(taken)
        return None

    def _bare(self, raw: str, opened: int) -> tuple[str, str, int]:
        """A field on one line whose quotes are letters: its value, its line and where it ends there."""
        text = raw.rstrip("\r\n")
        end = text.find(self._delimiter, opened)
        end = len(text) if end < 0 else end
        return text[opened:end], raw, end

    def _fitted(self, raw: str, fields: list[str]) -> list[str]:
        """The fields of one line; every quote is a letter where only that makes the line a row."""
        if not self._width or _fits(fields, self._width):
            return fields
        bare = raw.rstrip("\r\n").split(self._delimiter)
        return bare if _fits(bare, self._width) else fields

    def _is_row(self, raw: str) -> bool:
        """Whether a line has, read alone, the header's number of fields."""
        if not self._width or raw.count(self._delimiter) < self._width - 1:
            return False
        fields, _ = self._split(raw.rstrip("\r\n"))
        return _fits(self._fitted(raw, fields), self._width)
