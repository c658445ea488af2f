"""Reads delimited text as shops export it: with tabs, commas or other delimiters, quoted or not.

Each quote either encloses a field or is part of its text (`5" heel`):

- Only a quote at the very beginning of a field can enclose it, and only if the next quote that is not doubled is at
  the very end of a field. Doubled quotes in between stand for one quote. A quote after a backslash in the middle of
  a field does not end it either, because PHP writes such fields.
- A quoted field may span lines, but never a line that is a complete row by itself (with as many fields as the
  header), and a stray quote in one row never pairs with one in the next row.
- If a line has as many fields as the header only when all its quotes are text, they are text.

So if every row is one line with the header's number of delimiters, stray quotes never split or join rows. Everything
that a standard CSV writer produces is read as it was written, except a row in which a line that begins inside a quoted
text has, by itself, as many delimiters as the header.
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
"""Columns that name the seller if the settings name none."""

_LONGEST_FIELD = 2**22
"""Maximum characters of a quoted field after its first line; beyond that the quote is a stray one."""

_LONGEST_LINE = 2**24
"""Maximum characters of a line; a longer one is refused without being read into memory."""

_MOST_COLUMNS = 10_000
"""Maximum number of columns."""

_HEAD = 2**16
"""Characters read to detect the line ending."""

_SHOWN = 2**12
"""Characters kept of a line that is too long, to find its id."""


class Row(NamedTuple):
    """One row with the header's number of cells.

    Attributes:
        line: Line on which it begins, from 1.
        cells: The cells without surrounding space, then an empty cell, so that position −1 (a column that the
            feed lacks) reads as empty.
    """

    line: int
    cells: list[str]


def plain_name(name: str) -> str:
    """The form in which column names are compared: `Image link` and `g:image_link` become `image_link`."""
    return name.strip().lower().removeprefix("g:").replace(" ", "_")


@dataclass(frozen=True)
class Table:
    """A delimited text file with a header.

    Attributes:
        source: The file, with its compression and encoding.
        delimiter: The character between fields.
        columns: The feed's column names in plain form, without trailing nameless ones.
        positions: Position of each column, by the format's names (after `feed.columns`); the first of equal names.
    """

    source: Source
    delimiter: str
    columns: tuple[str, ...]
    positions: Mapping[str, int]

    @classmethod
    def open(cls, path: Path, delimiter: str, names: Mapping[str, str], settings: FeedSettings) -> Table:
        """Reads the header.

        Args:
            path: The file.
            delimiter: The character between fields.
            names: The format's own column for each of our names.
            settings: Settings with custom column names (`columns`).

        Raises:
            FeedError: The file can't be read, is not text, or has no header.
        """
        source = Source.inspect(path, settings)
        columns = _header(source, delimiter)
        positions = {name: place for place, name in reversed(list(enumerate(columns))) if name}
        chosen = {
            names.get(plain_name(ours), plain_name(ours)): positions[plain_name(theirs)]
            for ours, theirs in settings.columns.items()
            if plain_name(theirs) in positions
        }
        return cls(source, delimiter, columns, positions | chosen)

    def __contains__(self, column: str) -> bool:
        return column in self.positions

    def position(self, column: str) -> int:
        """The position of a column's cell in a row; −1, which reads as empty, if the feed lacks the column."""
        return self.positions.get(column, -1)

    def seller_position(self, settings: FeedSettings) -> int:
        """The position of the seller's cell: of the column in the settings, else of a usual one, else −1."""
        if settings.seller_column:
            named = plain_name(settings.seller_column)
            return self.columns.index(named) if named in self.columns else self.position(named)
        return next((self.positions[name] for name in SELLER_COLUMNS if name in self), -1)

    def require(self, settings: FeedSettings, names: Mapping[str, str]) -> None:
        """Checks the custom column names in the settings.

        Raises:
            SettingsError: The settings use a name that is not one of ours.
            FeedError: The settings name a column that the feed lacks.
        """
        unknown = [ours for ours in settings.columns if plain_name(ours) not in {*names, *names.values()}]
        if unknown:
            raise SettingsError(f"feed.columns: unknown name {', '.join(unknown)}", f"Use one of {', '.join(names)}")
        missing = missing_columns(settings, self.columns)
        if missing:
            raise FeedError(
                f"{self.source.path}: the settings name the column {', '.join(missing)}, which the feed lacks",
                f"Use one of its columns: {shown_columns(self.columns)}",
            )

    def rows(self, key: int) -> Iterator[Row | Refusal]:
        """The rows after the header, in order; blank lines are skipped.

        Args:
            key: Position of the id, for the refusal of a row that does not fit the header or can't be decoded.
        """
        width, encoding = len(self.columns), self.source.encoding_name
        with _lines(self.source) as lines:
            records = _Records(lines, self.delimiter, width)
            next(records)
            for line, fields in records:
                if isinstance(fields[0], _Overlong):
                    yield _overlong(line, fields[0].split(self.delimiter)[:-1], key)
                    continue
                row = _row(line, fields, width, key, encoding)
                if isinstance(row, Row) and self.columns == GROUPS:  # Our own file, in which ids are guarded.
                    row.cells[0] = unguarded_id(row.cells[0])
                yield row


def header(path: Path, delimiter: str, settings: FeedSettings | None = None) -> tuple[str, ...]:
    """The column names of a delimited file in plain form; raises `FeedError` if it is empty or not text."""
    return _header(Source.inspect(path, settings or FeedSettings()), delimiter)


def _header(source: Source, delimiter: str) -> tuple[str, ...]:
    with _lines(source) as lines:
        _, names = next(_Records(lines, delimiter), (0, []))
    if not any(name.strip() for name in names):
        raise FeedError(f"{source.path}: is empty", "Begin the feed with a line of column names")
    if isinstance(names[0], _Overlong):
        raise FeedError(
            f"{source.path}: its first line has more than {_LONGEST_LINE:,} characters",
            "Check for missing line breaks",
        )
    while not names[-1].strip():
        names.pop()
    if len(names) > _MOST_COLUMNS:
        raise FeedError(
            f"{source.path}: its first line names {len(names):,} columns", f"Use at most {_MOST_COLUMNS:,} columns"
        )
    return tuple(map(plain_name, names))


def missing_columns(settings: FeedSettings, columns: tuple[str, ...]) -> list[str]:
    """The columns named in the settings that the feed lacks."""
    missing = [name for name in settings.columns.values() if plain_name(name) not in columns]
    seller = settings.seller_column
    if seller and plain_name(seller) not in {*columns, *map(plain_name, settings.columns)}:
        missing.append(seller)
    return missing


def shown_columns(columns: tuple[str, ...]) -> str:
    """Column names for a message: at most 20, each printable and at most 40 characters long."""
    names = ["".join(letter for letter in name[:40] if letter.isprintable()) for name in columns[:20]]
    return ", ".join(names) + (f" and {len(columns) - 20} more" if len(columns) > 20 else "")


def split(text: str, delimiter: str) -> list[str]:
    """The fields of one line of text; quotes are treated as in a file."""
    return next((fields for _, fields in _Records(iter([text]), delimiter)), [])


class _Overlong(str):
    """The beginning of a line that is too long; the rest of the line was skipped."""


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
        f"a line of more than {_LONGEST_LINE:,} characters",
        "Check for missing line breaks",
    )


def _row(line: int, fields: list[str], width: int, key: int, encoding: str) -> Row | Refusal:
    identifier = fields[key].strip() if 0 <= key < len(fields) else ""
    if not _fits(fields, width):
        return refused(
            line,
            identifier,
            f"{len(fields)} fields where the header has {width}",
            "Check for a delimiter or line break inside an unquoted text, or for a truncated row",
        )
    text = "".join(fields)
    if not text.isascii() and not encodable(text):
        return refused(line, identifier, f"bytes that are not {encoding}", "Save the feed as UTF-8")
    if "\0" in text:
        fields = [cell if place == key else cell.replace("\0", "") for place, cell in enumerate(fields)]
    return Row(line, [*[cell.strip() for cell in fields[:width]], ""])


def _fits(fields: list[str], width: int) -> bool:
    # Spreadsheets often leave empty columns after the last one.
    return len(fields) == width or (len(fields) > width and not any(cell.strip() for cell in fields[width:]))


def encodable(text: str) -> bool:
    """Whether all of a text was decoded; bytes that could not be decoded appear in it as lone surrogates."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


class _Records:
    """Yields records of fields, each with its first line; the module's docstring explains the rules for quotes."""

    def __init__(self, lines: Iterator[str], delimiter: str, width: int = 0) -> None:
        self._lines = lines
        self._put_back: list[str] = []
        self._number = 0
        self._delimiter = delimiter
        self._width = width
        self._blank = delimiter + " \t\r\n\0"
        # Everything up to the first quote that is neither doubled nor, within the field, preceded by a backslash.
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
        """The fields from `start` on, and where a quoted field begins that this line does not close (else −1)."""
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
        """The position of the quote that closes a field; `len(text)`: on a later line; −1: there is none."""
        content = self._content.match(text, start)
        close = content.end() if content else start
        return close if text[close + 1 : close + 2] in ("", self._delimiter) else -1

    def _enclosed(self, raw: str, opened: int) -> tuple[str, str, int] | None:
        """A field that spans lines: its value, its last line, and where it ends in that line.

        Returns None, without consuming a line, if the quote at `opened` turns out to be text.
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
        """A field on one line whose quotes are text: its value, its line, and where it ends in that line."""
        text = raw.rstrip("\r\n")
        end = text.find(self._delimiter, opened)
        end = len(text) if end < 0 else end
        return text[opened:end], raw, end

    def _fitted(self, raw: str, fields: list[str]) -> list[str]:
        """The fields of one line; all quotes are text if only that gives the line the header's number of fields."""
        if not self._width or _fits(fields, self._width):
            return fields
        bare = raw.rstrip("\r\n").split(self._delimiter)
        return bare if _fits(bare, self._width) else fields

    def _is_row(self, raw: str) -> bool:
        """Whether a line by itself has the header's number of fields."""
        if not self._width or raw.count(self._delimiter) < self._width - 1:
            return False
        fields, _ = self._split(raw.rstrip("\r\n"))
        return _fits(self._fitted(raw, fields), self._width)
