"""Feeds for the fuzzers: one input read, the made-up feeds to begin with, and mutations of them.

An input's first byte chooses how it is read, the rest is the file.
"""

from __future__ import annotations

import atexit
import bz2
import gzip
import io
import json
import lzma
import os
import random
import re
import shutil
import tempfile
import xml.etree.ElementTree as ElementTree
import zipfile
import zlib
from collections.abc import Callable, Iterator
from functools import cache
from itertools import count
from pathlib import Path
from typing import NamedTuple

import pyarrow as pa
import pyarrow.parquet as pq

from candidates.errors import VariantsError
from candidates.settings import FeedSettings
from intake.feeds import Feed, read_feed
from tests.intake.feeds.made.feed import MadeFeed
from tests.intake.feeds.made_feeds import made_feeds

FORMATS = ("auto", "parquet", "jsonl", "google-xml", "shopify", "woocommerce", "magento", "google-tsv")
SETTINGS = (
    FeedSettings(),
    FeedSettings(store_view="nl"),
    FeedSettings(seller="Shop", qualify_ids=True),
    FeedSettings(columns={"id": "nummer", "title": "naam"}),
    FeedSettings(columns={"title": "sku", "pictures": "title"}),
    FeedSettings(seller_column="brand"),
    FeedSettings(encoding="cp1252"),
    FeedSettings(encoding="utf-16"),
)
"""What the first byte chooses: its low three bits a format, the next three other settings."""

LONGEST = 2**17
"""Bytes of a mutated feed, at most."""

_NONE_USABLE = re.compile(r"none of its ([\d,]+) rows can be used")
_numbers = count()


class RowsLost(AssertionError):
    """A row of a feed is neither a product, nor refused, nor merged."""


def one_input(data: bytes) -> None:
    """Reads one input; raises whatever a person should never meet."""
    outcome(data)


def outcome(data: bytes) -> str:
    """Reads one input and says what came of it: `products`, or the class of the error that a person may meet."""
    chosen = data[0] if data else 0
    settings = SETTINGS[chosen >> 3 & 7].model_copy(update={"format": FORMATS[chosen & 7]})
    # A name of its own for each: nothing that was remembered of the last input may pass for this one.
    path = _folder() / f"feed-{next(_numbers)}"
    path.write_bytes(data[1:])
    try:
        feed = read_feed(path, settings)
        account(feed, known_of(data[1:], feed.format, settings))
        return "products"
    except VariantsError as error:
        if not str(error).strip() or not error.fix:
            raise AssertionError(f"an error that does not say what to do: {error!r}") from error
        _account_for_none(error, data[1:], settings)
        return type(error).__name__
    finally:
        path.unlink()


class Known(NamedTuple):
    """What is known of a feed's rows without the readers.

    Attributes:
        rows: How many there are; None where nobody but the reader can tell.
        fewest: How many there are at least.
        lines: Lines on which one begins for certain.
    """

    rows: int | None = None
    fewest: int = 0
    lines: frozenset[int] = frozenset()


def account(feed: Feed, known: Known) -> None:
    """Raises `RowsLost` unless every row is a product, refused, or merged, and none of them twice."""
    ids = feed.catalogue.column("id")
    accepted = set(ids)
    lines = feed.catalogue.table["line"].to_pylist() + [one.line for one in feed.merged]
    lines += [int(one.where.removeprefix("line ")) for one in feed.refused]
    if len(lines) < known.fewest or (known.rows is not None and len(lines) != known.rows):
        raise RowsLost(f"{len(lines)} rows of {known.rows or known.fewest}")
    if not known.lines <= set(lines):
        raise RowsLost(f"nothing came of lines {sorted(known.lines - set(lines))[:50]}")
    if len(accepted) != len(ids) or not all(ids):
        raise RowsLost("an id that is empty or stands twice")
    if min(lines) < 1 or (feed.format != "google-xml" and len(set(lines)) != len(lines)):
        raise RowsLost(f"two rows on one line: {sorted(lines)[:50]}")
    if any(one.into not in accepted for one in feed.merged):
        raise RowsLost("a row merged into a product that is not there")
    if not all(one.reason and one.fix for one in feed.refused):
        raise RowsLost("a refusal without reason or fix")
    if any(title == "" and not pictures for title, pictures in _told(feed)):
        raise RowsLost("a product with neither a title nor a picture")


def _told(feed: Feed) -> Iterator[tuple[str, list[str] | None]]:
    return zip(feed.catalogue.column("title"), feed.catalogue.table["pictures"].to_pylist(), strict=True)


def _account_for_none(error: VariantsError, content: bytes, settings: FeedSettings) -> None:
    """The same where an error says that none of so many rows can be used."""
    told = _NONE_USABLE.search(str(error))
    if told and settings.format != "auto":
        rows, known = int(told[1].replace(",", "")), known_of(content, settings.format, settings)
        if rows < max(known.fewest, len(known.lines)) or (known.rows is not None and rows != known.rows):
            raise RowsLost(f"{rows} rows of {known.rows or known.fewest}")


def known_of(content: bytes, kind: str, settings: FeedSettings) -> Known:
    """What the simplest look at a feed says of its rows."""
    if kind == "parquet":
        rows = pq.read_metadata(io.BytesIO(content)).num_rows
        return Known(rows, rows, frozenset(range(1, rows + 1)))
    text = _plain(_unpacked(content)) if settings.encoding == "auto" else None
    if text is None:
        return Known()
    if kind == "google-xml":
        return _known_items(text)
    lines = [(number, line) for number, line in enumerate(text.splitlines(), 1) if line.strip(" \t")]
    if kind == "jsonl":
        lines = [(number, line) for number, line in lines if line.strip()]
        return Known(len(lines), len(lines), frozenset(number for number, _ in lines))
    return _known_rows(lines)


def _known_rows(lines: list[tuple[int, str]]) -> Known:
    if not lines or not all(line.strip(" \t,;|") for _, line in lines):
        return Known()
    (_, header), *others = lines
    if not any('"' in line for _, line in lines):
        return Known(len(others), len(others), frozenset(number for number, _ in others))
    # Where there are quotes, where a row ends is the reader's rule; a line as wide as the header is one in any case.
    found = [delimiter for delimiter in "\t,;|" if delimiter in header]
    if '"' in header or len(found) != 1 or not header.rsplit(found[0], 1)[1].strip():
        return Known()
    width = header.count(found[0])
    whole = [number for number, line in others if '"' not in line and line.count(found[0]) == width]
    return Known(None, len(whole), frozenset(whole))


def _plain(content: bytes) -> str | None:
    """A file's text where it is UTF-8 or has a byte order mark, and its only line ends are line feeds."""
    marked = content.startswith((b"\xff\xfe", b"\xfe\xff"))
    try:
        text = content.decode("utf-16" if marked else "utf-8-sig")
    except UnicodeDecodeError:
        return None
    # With zeros it may well be UTF-16 without a mark, or UTF-32.
    plain = not {"\0", "\r"} & set(text) and len(text.splitlines()) == len(text.rstrip("\n").split("\n"))
    return text if plain else None


_WHOLE_ITEM = re.compile(r"<(item|entry)>(?:(?!</?(?:item|entry)\b)[^\0])*?</\1>")


def _known_items(text: str) -> Known:
    if "<!DOCTYPE" in text or "<!ENTITY" in text:
        return Known()
    try:
        root = ElementTree.fromstring(text)
    except (ElementTree.ParseError, ValueError):
        # Without comments and the like, what begins and ends like an item is one, wherever it stands.
        rest = re.sub(r"\A<\?xml [^<>?]*\?>", "", text)
        mixed = ("<item" in rest) == ("<entry" in rest) or re.search(r":(item|entry)\b|<[!?]", rest)
        return Known(fewest=0 if mixed else len(_WHOLE_ITEM.findall(rest)))
    names = [element.tag.rpartition("}")[2] for element in root.iter()]
    # Items within items are nobody's feed.
    nested = any(len(list(one.iter(one.tag))) > 1 for one in root.iter() if one.tag.endswith(("item", "entry")))
    if nested or ("item" in names) == ("entry" in names):
        return Known()
    return Known(names.count("item") + names.count("entry"))


@cache
def _folder() -> Path:
    """Where inputs are written: in memory, unless somebody chose a folder (and will clear it away)."""
    memory = Path("/dev/shm")
    chosen = None if "TMPDIR" in os.environ or not memory.is_dir() else memory
    folder = Path(tempfile.mkdtemp(prefix="fuzzed-", dir=chosen))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return folder


# What the fuzzers begin with ----------------------------------------------------------------------------------------


def corpus() -> tuple[bytes, ...]:
    """The made-up feeds that are not large; those that can be read also with their format named."""
    usable, broken = _pieces()
    return usable + broken


@cache
def _pieces() -> tuple[tuple[bytes, ...], tuple[bytes, ...]]:
    small = [made for made in made_feeds() if len(made.content) <= LONGEST]
    usable = [bytes([_mode(made)]) + made.content for made in small if made.format]
    usable += [bytes([_mode(made) | FORMATS.index(made.format)]) + made.content for made in small if made.format]
    return tuple(usable), tuple(bytes([_mode(made)]) + made.content for made in small if not made.format)


def _mode(made: MadeFeed) -> int:
    alike = [number for number, one in enumerate(SETTINGS) if one == made.settings]
    return alike[0] << 3 if alike else 0


def mutated(seed: int) -> bytes:
    """A made-up feed after some accidents; the same for the same seed."""
    drawn = random.Random(seed)
    data = drawn.choice(_pieces()[drawn.random() < 0.1])
    mode, content = data[0], _unpacked(data[1:])
    if drawn.random() < 0.1:
        mode = drawn.randrange(64)
    accidents = _ACCIDENTS
    if content.startswith(b"PAR1") and drawn.random() < 0.8:
        accidents = (_columns_changed,)
    for _ in range(drawn.choice((1, 1, 2, 3, 5, 9))):
        content = drawn.choice(accidents)(drawn, content)[:LONGEST]
    if drawn.random() < 0.2:
        content = _written_otherwise(drawn, content)
    if drawn.random() < 0.15:
        content = drawn.choice(_PACKERS)(content)
        if drawn.random() < 0.4:
            content = drawn.choice((_cut, _flipped, _spliced))(drawn, content)
    return bytes([mode]) + content


def _unpacked(content: bytes) -> bytes:
    """What a compressed feed holds, so that accidents reach the reader behind."""
    for signature, opened in ((b"\x1f\x8b", gzip.open), (b"BZh", bz2.open), (b"\xfd7zXZ", lzma.open)):
        if content.startswith(signature):
            try:
                with opened(io.BytesIO(content)) as file:
                    return file.read(LONGEST)
            except (OSError, EOFError, ValueError, zlib.error, lzma.LZMAError):
                return content
    return content


def _written_otherwise(drawn: random.Random, content: bytes) -> bytes:
    encoding = drawn.choice(("utf-16", "utf-16-le", "utf-16-be", "utf-8-sig", "cp1252", "utf-32"))
    return content.decode("utf-8", "replace").encode(encoding, "replace")


def _zipped(content: bytes) -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr(zipfile.ZipInfo("feed"), content, zipfile.ZIP_DEFLATED)
    return packed.getvalue()


def _zstandard(content: bytes) -> bytes:
    return pa.compress(content, "zstd", asbytes=True)


def _gzipped(content: bytes) -> bytes:
    return gzip.compress(content, 1, mtime=0)


_PACKERS: tuple[Callable[[bytes], bytes], ...] = (_gzipped, bz2.compress, lzma.compress, _zipped, _zstandard)

# Accidents ----------------------------------------------------------------------------------------------------------

_NASTY: tuple[bytes, ...] = (
    *(b'"', b'""', b'"""', b"'", b"\\", b'\\"', b"\\,", b"\t", b",", b";", b"|", b"\n", b"\r", b"\r\n", b"\n\n"),
    *(b"\0", b"\0\0\0\0", b"\x07", b"\x1a", b"\x7f", b"\x85", b"\xa0", b"\xff", b"\x81", b"\xe9", b"\xc3", b"\xf0\x9f"),
    *(b"\xef\xbb\xbf", b"\xff\xfe", b"\xfe\xff", b"\xff\xfe\0\0", b"\xed\xa0\x80", b"\xe2\x80\xa8", b"\xc2\x85"),
    *(b"<![CDATA[", b"]]>", b"<!--", b"-->", b"<!DOCTYPE x [", b"<!ENTITY x 'y'>", b"<?x?>", b"&a;", b"&#0;"),
    *(b"<item>", b"</item>", b"<item/>", b"<entry>", b"</entry>", b"</channel>", b"<g:id>", b"</g:id>", b"&#xD800;"),
    *(b"<", b">", b"&", b"{", b"}", b"[", b"]", b":", b"null", b"NaN", b"-Infinity", b"1e999", b"0x1", b"9" * 5000),
    *(b"[" * 3000, b'{"a":' * 3000, b'"\\ud800"', b'"\\u0000"', b'"id": 1, "id": 2'),
    *(b'{"id": "x", "title": "y"}\n', b'{"id": "x"} {"id": "y"}', b"id", b"sku", b"id:10", b"id:999", b"nl"),
    *(b"variation", b"variable", b"HOOD", b"tee", b"Default Title", b"Title", b"sku=A,size=M|sku=B", b'a="b'),
    *(b"a=" * 50, b"Default Category/", b"\\/", b" > ", b"../../x", b"x" * 300, b"PAR1"),
    *(b"1" * 20, b"-1", b"1,5", b"0.1.2", "\u0130\u00df\ufb01".encode(), "\U0001f6cb\ufe0f".encode(), "٣".encode()),
)


def _inserted(drawn: random.Random, content: bytes) -> bytes:
    place = drawn.randrange(len(content) + 1)
    return content[:place] + drawn.choice(_NASTY) * drawn.choice((1, 1, 1, 2, 40)) + content[place:]


def _replaced(drawn: random.Random, content: bytes) -> bytes:
    start, end = _span(drawn, content)
    return content[:start] + drawn.choice(_NASTY) + content[end:]


def _cut(drawn: random.Random, content: bytes) -> bytes:
    return content[: drawn.randrange(len(content) + 1)]


def _deleted(drawn: random.Random, content: bytes) -> bytes:
    start, end = _span(drawn, content)
    return content[:start] + content[end:]


def _repeated(drawn: random.Random, content: bytes) -> bytes:
    start, end = _span(drawn, content)
    return content[:end] + content[start:end] * drawn.choice((1, 2, 30)) + content[end:]


def _flipped(drawn: random.Random, content: bytes) -> bytes:
    spoilt = bytearray(content)
    for _ in range(drawn.choice((1, 2, 8, 64)) if content else 0):
        spoilt[drawn.randrange(len(spoilt))] ^= 1 << drawn.randrange(8)
    return bytes(spoilt)


def _spliced(drawn: random.Random, content: bytes) -> bytes:
    other = drawn.choice(corpus())[1:]
    return _cut(drawn, content) + other[drawn.randrange(len(other) + 1) :]


def _lines_changed(drawn: random.Random, content: bytes) -> bytes:
    lines = content.splitlines(keepends=True)
    if not lines:
        return content
    place = drawn.randrange(len(lines))
    kind = drawn.randrange(5)
    if kind == 0:
        lines.insert(drawn.randrange(len(lines) + 1), lines[place])
    elif kind == 1:
        del lines[place]
    elif kind == 2:
        head, rest = lines[:1], lines[1:]
        drawn.shuffle(rest)
        lines = head + rest
    elif kind == 3:
        others = drawn.choice(corpus())[1:].splitlines(keepends=True)
        lines.insert(place, drawn.choice(others) if others else b"\n")
    else:
        lines[place] = lines[place].rstrip(b"\r\n")
    return b"".join(lines)


def _cells_changed(drawn: random.Random, content: bytes) -> bytes:
    lines = content.split(b"\n")
    delimiter = max((b"\t", b",", b";", b"|", b"><"), key=lines[0].count)
    table = [line.split(delimiter) for line in lines]
    first, second = drawn.choice(table), drawn.choice(table)
    one, other = drawn.randrange(len(first)), drawn.randrange(len(second))
    kind = drawn.randrange(5)
    if kind == 0:
        first[one], second[other] = second[other], first[one]
    elif kind == 1:
        first[one] = drawn.choice(_NASTY)
    elif kind == 2:
        first[one] = b'"' + first[one] + drawn.choice((b'"', b"", b'"x', b'\\"'))
    elif kind == 3:
        first[one] = b""
    else:  # a column moves
        for row in table:
            if len(row) > max(one, other):
                row.insert(other, row.pop(one))
    return b"\n".join(delimiter.join(row) for row in table)


def _values_changed(drawn: random.Random, content: bytes) -> bytes:
    """JSON objects with other values, as JSON still."""
    lines = content.split(b"\n")
    place = drawn.randrange(len(lines))
    try:
        row = json.loads(lines[place])
    except (ValueError, RecursionError):
        return _inserted(drawn, content)
    if isinstance(row, dict) and row:
        row[drawn.choice(list(row))] = drawn.choice(
            (None, True, 0, -1.5, 10**30, "", "\0", "\ud800", [], [None], ["a", 1], [[]], {}, {"a": None}, {"": "x"})
        )
    lines[place] = json.dumps(row).encode()
    return b"\n".join(lines)


_TYPES = (
    pa.int8(),
    pa.float32(),
    pa.binary(),
    pa.large_string(),
    pa.bool_(),
    pa.timestamp("us"),
    pa.date32(),
    pa.null(),
)


def _columns_changed(drawn: random.Random, content: bytes) -> bytes:
    """A Parquet table with other columns, as Parquet still."""
    try:
        table = _other_columns(drawn, pq.read_table(io.BytesIO(content)))
        written = io.BytesIO()
        pq.write_table(table, written, row_group_size=drawn.choice((1, 2, 100)), store_schema=drawn.random() < 0.8)
        return written.getvalue()
    except (pa.ArrowException, OSError, ValueError):
        return _flipped(drawn, content)


def _other_columns(drawn: random.Random, table: pa.Table) -> pa.Table:
    place, kind = drawn.randrange(table.num_columns), drawn.randrange(7)
    name, column = table.column_names[place], table.column(place)
    if kind == 0:
        return table.remove_column(place)
    if kind == 1:
        names = ("id", "title", "pictures", "attributes", "g:id", "Title", "item_group_id", "image_link", "", "\ud7ff")
        return table.rename_columns([drawn.choice(names) if one == name else one for one in table.column_names])
    if kind == 2:
        return pa.concat_tables([table, table.slice(drawn.randrange(table.num_rows + 1))])
    if kind == 3:
        return table.slice(drawn.randrange(table.num_rows + 1), drawn.randrange(4))
    if kind == 4:
        return table.append_column(name, column)
    return table.set_column(place, name, _other_values(drawn, column))


def _other_values(drawn: random.Random, column: pa.ChunkedArray) -> pa.Array:
    if drawn.random() < 0.5:
        values = [None, "", " x ", "\0", "1", "x" * 300, "é", "a,b", '"a","b', "\u2028"]
        made = [drawn.choice(values) for _ in range(len(column))]
        if drawn.random() < 0.5:
            return pa.array(made)
        return pa.array([[one] * drawn.randrange(3) for one in made], pa.list_(pa.string()))
    kind = drawn.choice(_TYPES)
    try:
        return column.cast(kind, safe=False).combine_chunks()
    except pa.ArrowException:
        return pa.nulls(len(column), kind)


def _span(drawn: random.Random, content: bytes) -> tuple[int, int]:
    start = drawn.randrange(len(content) + 1)
    return start, min(len(content), start + drawn.choice((1, 2, 5, 20, 100, 1000)))


_ACCIDENTS: tuple[Callable[[random.Random, bytes], bytes], ...] = (
    *(_inserted, _inserted, _inserted, _replaced, _cut, _deleted, _repeated, _flipped, _spliced),
    *(_lines_changed, _lines_changed, _lines_changed, _cells_changed, _cells_changed, _cells_changed, _values_changed),
)
