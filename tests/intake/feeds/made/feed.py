"""What a made-up feed is, and what the makers of several formats share."""

from __future__ import annotations

import csv
import io
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import pyarrow as pa

from candidates.errors import FeedError, VariantsError
from candidates.settings import FeedSettings


@dataclass(frozen=True)
class Expected:
    """What is expected of one product.

    Attributes:
        title: Its title.
        group: Its group.
        pictures: All of its pictures in order.
        attributes: All of its attributes.
        others: Some of its other fields by name.
    """

    title: str = ""
    group: str = ""
    pictures: tuple[str, ...] = ()
    attributes: Mapping[str, str] = field(default_factory=dict)
    others: Mapping[str, str | int] = field(default_factory=dict)


@dataclass(frozen=True)
class MadeFeed:
    """One made-up feed and what reading it must give.

    Attributes:
        name: Its file's name.
        content: Its bytes.
        format: The format that it must be recognised as; empty where reading it is an error.
        settings: How it is read.
        products: Every product by id, in feed order.
        refused: Every refused row in feed order: its line, its id (None where that may be found or not), and a
            pattern that stands in the reason.
        merged: Every row merged into a product: its line, and the product's id.
        error: Where nothing can be read: the error's class, and a pattern that stands in its message.
        said: A pattern that stands in what is said about the detection.
    """

    name: str
    content: bytes
    format: str = ""
    settings: FeedSettings = field(default_factory=FeedSettings)
    products: Mapping[str, Expected] = field(default_factory=dict)
    refused: tuple[tuple[int, str | None, str], ...] = ()
    merged: Mapping[int, str] = field(default_factory=dict)
    error: tuple[type[VariantsError], str] | None = None
    said: str = ""

    @property
    def rows(self) -> int:
        """How many rows it has."""
        return len(self.products) + len(self.refused) + len(self.merged)


def product(
    title: str = "",
    group: str = "",
    pictures: tuple[str, ...] = (),
    others: Mapping[str, str | int] | None = None,
    **attributes: str,
) -> Expected:
    """What is expected of one product; other keywords are its attributes."""
    return Expected(title, group, pictures, attributes, others or {})


def unreadable(name: str, content: bytes, pattern: str = "", **chosen: Any) -> MadeFeed:
    """A feed that is refused as a whole; `pattern` stands in the message, `chosen` are its settings."""
    return MadeFeed(name, content, error=(FeedError, pattern), settings=FeedSettings(**chosen))


def text_rows(*rows: str, parted_by: str = "\t", end: str = "\n") -> bytes:
    """Rows whose cells stand with ` | ` between them, written with another delimiter and without any quoting."""
    return "".join(row.replace(" | ", parted_by) + end for row in rows).encode()


def csv_file(columns: tuple[str, ...], *rows: Mapping[str, str]) -> bytes:
    """A standard CSV file; cells that are not given are empty."""
    text = io.StringIO()
    writer = csv.DictWriter(text, columns, restval="", lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue().encode()


def zipped(files: Mapping[str, bytes]) -> bytes:
    """A zip archive of files by name; the same bytes every time."""
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(zipfile.ZipInfo(name), content, zipfile.ZIP_DEFLATED)
    return packed.getvalue()


def zstandard(content: bytes) -> bytes:
    """Packed with Zstandard."""
    sink = pa.BufferOutputStream()
    with pa.CompressedOutputStream(sink, "zstd") as file:
        file.write(content)
    return sink.getvalue().to_pybytes()


CHAIRS = {"1": product("Chair", color="red"), "2": product("Table", color="oak")}
CHAIR_ROWS = ("id | title | color", "1 | Chair | red", "2 | Table | oak")
"""A feed of two products as `text_rows` takes it, and what reading it gives."""
