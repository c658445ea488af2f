"""Feeds: the files that shops export, read into a `Catalogue`.

To add a format, write one module with a `Format` in it and add it to `FORMATS`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path

from candidates.catalogue import Catalogue
from candidates.errors import FeedError, SettingsError
from candidates.product import Merged, Product, Refusal
from candidates.settings import FeedSettings
from intake.feeds.contract import LONGEST_ID, FeedRow, Format, refused
from intake.feeds.delimited import header, missing_columns, shown_columns
from intake.feeds.google import GOOGLE_TSV
from intake.feeds.google_xml import GOOGLE_XML
from intake.feeds.json_lines import JSON_LINES
from intake.feeds.magento import MAGENTO
from intake.feeds.parquet import PARQUET
from intake.feeds.shopify import SHOPIFY
from intake.feeds.source import Source
from intake.feeds.woocommerce import WOOCOMMERCE

FORMATS: dict[str, Format] = {
    "parquet": PARQUET,
    "jsonl": JSON_LINES,
    "google-xml": GOOGLE_XML,
    "shopify": SHOPIFY,
    "woocommerce": WOOCOMMERCE,
    "magento": MAGENTO,
    "google-tsv": GOOGLE_TSV,
}
"""Every format by its name in the settings, in the order in which they are tried."""

_FIX_DUPLICATE = "Give every product an id of its own; if sellers use the same ids, --qualify-ids makes them SELLER:ID"

_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")


@dataclass(frozen=True, eq=False)
class Feed:
    """A feed that was read; each row is a product, refused, or merged into a product.

    Attributes:
        catalogue: The accepted products, in feed order.
        refused: The rows that were not used, in feed order.
        merged: The rows that became part of an accepted product, in feed order.
        pictures: The folder that picture paths are relative to.
        format: A key of `FORMATS`.
        detected_by: How format, encoding and compression were detected, in words.
    """

    catalogue: Catalogue
    refused: tuple[Refusal, ...]
    merged: tuple[Merged, ...]
    pictures: Path
    format: str
    detected_by: str

    @property
    def rows(self) -> int:
        """The number of rows in the feed."""
        return len(self.catalogue) + len(self.refused) + len(self.merged)


def read_feed(path: Path, settings: FeedSettings, place: str = "", seen: dict[str, str] | None = None) -> Feed:
    """Reads a merchant's feed; bad rows are refused individually.

    Args:
        path: The feed's file.
        settings: The format, or `auto`; custom column names; the seller column.
        place: Prefix of the line number in every refusal (`acme.csv, `), for when several feeds are read.
        seen: Where each id was seen in the feeds before this one; this feed's ids are added.

    Raises:
        FeedError: The file can't be read, is of no known format, lacks a column named in the settings, or has
            no row that can be used.
        SettingsError: The settings name an unknown format or an unknown column.
    """
    name, detected_by = _recognised(path, settings)
    chosen = FORMATS[name]
    rows = _Rows(settings, place, {} if seen is None else seen)
    catalogue = Catalogue.of(rows.accepted(chosen.read(path, settings)))
    refused = rows.all_refused()
    if not len(catalogue):
        first = f", first {refused[0].where}: {refused[0].reason}" if refused else ""
        fix = refused[0].fix if refused else "Add products below the column names"
        raise FeedError(f"{path}: none of its {len(refused)} rows can be used{first}", fix)
    return Feed(catalogue, refused, rows.all_merged(), chosen.pictures(path), name, detected_by)


def _recognised(path: Path, settings: FeedSettings) -> tuple[str, str]:
    """A key of `FORMATS` and how it was chosen."""
    if settings.format != "auto":
        if settings.format not in FORMATS:
            raise SettingsError(f"feed.format: no format {settings.format!r}", f"Use one of {', '.join(FORMATS)}")
        return settings.format, _detection(path, settings, f"{FORMATS[settings.format].label}: named in the settings")
    for name, known in FORMATS.items():
        with suppress(FeedError):  # a file that one format can't read may be of another
            reason = known.recognise(path, settings)
            if reason:
                return name, _detection(path, settings, f"{known.label}: {reason}")
    raise _unrecognised(path, settings)


def _detection(path: Path, settings: FeedSettings, format_reason: str) -> str:
    """How the format was chosen, and which encoding and compression were detected."""
    with suppress(FeedError):  # Parquet is not text
        return "; ".join(filter(None, (format_reason, Source.inspect(path, settings).detected)))
    return format_reason


def _unrecognised(path: Path, settings: FeedSettings) -> FeedError:
    columns = max((header(path, delimiter, settings) for delimiter in "\t,;|"), key=len)
    missing = missing_columns(settings, columns)
    lacks = f", and it lacks {', '.join(missing)}, which the settings name" if missing else ""
    formats = "; ".join(f"{name} ({known.expects})" for name, known in FORMATS.items())
    return FeedError(
        f"{path}: its columns match no known format ({shown_columns(columns)}){lacks}",
        "Map its column names with --map title=naam (settings: feed.columns), or name its format with "
        f"--format: {formats}",
    )


@dataclass(eq=False)
class _Rows:
    """Sorts the rows of one feed into accepted, refused and merged.

    Attributes:
        settings: How the feed is read.
        place: Prefix of the line number in every refusal.
        seen: Where each id was seen; ids as in the catalogue.
        own: The catalogue's id of each accepted product, by its id in this feed.
        refused: Refusals with their lines.
        merged: Rows merged into a product.
        last: Line of the last product.
    """

    settings: FeedSettings
    place: str
    seen: dict[str, str]
    own: dict[str, str] = field(default_factory=dict)
    refused: list[tuple[int, Refusal]] = field(default_factory=list)
    merged: list[Merged] = field(default_factory=list)
    last: int = 0

    def accepted(self, rows: Iterable[FeedRow]) -> Iterator[Product]:
        """Yields the products that can be used, and keeps all other rows."""
        for row in rows:
            if isinstance(row, Merged):
                self.merged.append(row)
            elif isinstance(row, Refusal):
                self.refused.append((_line(row.where, self.last), replace(row, where=self.place + row.where)))
            else:
                self.last = row.line
                product = self._owned(row)
                flaw = _flaw(product, self.seen)
                if flaw:
                    self.refused.append((product.line, replace(flaw, where=self.place + flaw.where)))
                    continue
                self.seen[product.id] = f"{self.place}line {product.line}"
                self.own[row.id] = product.id
                yield product

    def _owned(self, product: Product) -> Product:
        seller = product.seller or self.settings.seller
        qualified = self._qualified(product.id, seller)
        if seller == product.seller and qualified == product.id:
            return product
        return replace(product, seller=seller, id=qualified)

    def _qualified(self, identifier: str, seller: str) -> str:
        return f"{seller}:{identifier}" if self.settings.qualify_ids and seller and identifier else identifier

    def all_merged(self) -> tuple[Merged, ...]:
        """The rows merged into an accepted product."""
        return tuple(replace(row, into=self.own[row.into]) for row in self.merged if row.into in self.own)

    def all_refused(self) -> tuple[Refusal, ...]:
        """The refused rows, and those merged into a product that was refused, in feed order."""
        orphans = [(row.line, self._orphan(row)) for row in self.merged if row.into not in self.own]
        ordered = sorted([*self.refused, *orphans], key=lambda pair: pair[0])
        return tuple(refusal for _, refusal in ordered)

    def _orphan(self, row: Merged) -> Refusal:
        reason = f"{row.reason}, of the product {row.into!r}, which was refused"
        flaw = refused(row.line, row.id, reason, "Fix that product's row")
        return replace(flaw, where=self.place + flaw.where)


def _line(where: str, otherwise: int) -> int:
    number = where.removeprefix("line ")
    return int(number) if number.isdigit() else otherwise


def _flaw(product: Product, seen: dict[str, str]) -> Refusal | None:
    if not product.id:
        reason, fix = "no id", "Give every product an id"
    elif len(product.id) > LONGEST_ID:
        reason, fix = f"an id of {len(product.id):,} letters", f"Use at most {LONGEST_ID} characters"
    elif _CONTROL.search(product.id):
        reason, fix = "control characters in the id", "Use only visible characters, on one line"
    elif product.id in seen:
        reason, fix = f"its id stands on {seen[product.id]} already", _FIX_DUPLICATE
    elif not product.title and not product.pictures:
        reason, fix = "neither a title nor a picture", "Give it a title or a picture"
    else:
        return None
    return refused(product.line, product.id, reason, fix)
