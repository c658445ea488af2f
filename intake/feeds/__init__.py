"""Feeds: what merchants' shops put out, read into a `Catalogue`.

A further format is one file with a `Format` in it, and one entry in `FORMATS`.
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
"""Every format by the name that the settings give it, in the order in which they are tried."""

_FIX_TWICE = "Give every product an id of its own; where sellers share ids, --qualify-ids makes them SELLER:ID"

_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")


@dataclass(frozen=True, eq=False)
class Feed:
    """A feed as it was read; every one of its rows is a product, refused, or merged into a product.

    Attributes:
        catalogue: The accepted products, in feed order.
        refused: Every row that was not used, in feed order.
        merged: Every row that became part of an accepted product, in feed order.
        pictures: The folder that picture paths are relative to.
        format: A key of `FORMATS`.
        detected_by: How format, encoding and compression were told, in words.
    """

    catalogue: Catalogue
    refused: tuple[Refusal, ...]
    merged: tuple[Merged, ...]
    pictures: Path
    format: str
    detected_by: str

    @property
    def rows(self) -> int:
        """How many rows the feed has."""
        return len(self.catalogue) + len(self.refused) + len(self.merged)


def read_feed(path: Path, settings: FeedSettings, place: str = "", seen: dict[str, str] | None = None) -> Feed:
    """Reads a merchant's feed; bad rows are refused one by one.

    Args:
        path: The feed's file.
        settings: The format, or `auto`; own column names; the seller's column.
        place: Stands before the line in every refusal (`acme.csv `), where several feeds are read.
        seen: Where each id was seen in the feeds before this one; grows by this one's.

    Raises:
        FeedError: The file can't be read, is of no known format, lacks a column that the settings name, or has
            no row that can be used.
        SettingsError: There is no format, or no name of ours, as the settings have it.
    """
    name, detected_by = _recognised(path, settings)
    chosen = FORMATS[name]
    rows = _Rows(settings, place, {} if seen is None else seen)
    catalogue = Catalogue.of(rows.accepted(chosen.read(path, settings)))
    refused = rows.all_refused()
    if not len(catalogue):
        first = f", first {refused[0].where}: {refused[0].reason}" if refused else ""
        fix = refused[0].fix if refused else "Below the column names there must be products"
        raise FeedError(f"{path}: none of its {len(refused)} rows can be used{first}", fix)
    return Feed(catalogue, refused, rows.all_merged(), chosen.pictures(path), name, detected_by)


def _recognised(path: Path, settings: FeedSettings) -> tuple[str, str]:
    """A key of `FORMATS` and how it was chosen."""
    if settings.format != "auto":
        if settings.format not in FORMATS:
            raise SettingsError(f"feed.format: no format {settings.format!r}", f"There are {', '.join(FORMATS)}")
        return settings.format, _said(path, settings, f"{FORMATS[settings.format].label}: named in the settings")
    for name, known in FORMATS.items():
        with suppress(FeedError):  # what one format can't read may be another's
            reason = known.recognise(path, settings)
            if reason:
                return name, _said(path, settings, f"{known.label}: {reason}")
    raise _unrecognised(path, settings)


def _said(path: Path, settings: FeedSettings, how: str) -> str:
    """How the format was chosen, and what was told of encoding and compression."""
    with suppress(FeedError):  # Parquet is no text
        return "; ".join(filter(None, (how, Source.inspect(path, settings).said)))
    return how


def _unrecognised(path: Path, settings: FeedSettings) -> FeedError:
    given = max((header(path, delimiter, settings) for delimiter in "\t,;|"), key=len)
    missing = missing_columns(settings, given)
    lacks = f", and it lacks {', '.join(missing)}, which the settings name" if missing else ""
    formats = "; ".join(f"{name} ({known.expects})" for name, known in FORMATS.items())
    return FeedError(
        f"{path}: not recognised by its columns ({shown_columns(given)}){lacks}",
        "Say under which names it has them with --map title=naam (settings: feed.columns), or name its format with "
        f"--format: {formats}",
    )


@dataclass(eq=False)
class _Rows:
    """The rows of one feed on their way into the catalogue: what is accepted, what is not, and why.

    `seen` knows ids as the catalogue has them, `own` those of this feed's accepted products as the feed has them.
    """

    settings: FeedSettings
    place: str
    seen: dict[str, str]
    own: dict[str, str] = field(default_factory=dict)
    refused: list[tuple[int, Refusal]] = field(default_factory=list)
    merged: list[Merged] = field(default_factory=list)
    last: int = 0

    def accepted(self, rows: Iterable[FeedRow]) -> Iterator[Product]:
        """The products that can be used; all other rows are kept here."""
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
        """The rows that became part of an accepted product."""
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
        reason, fix = f"an id of {len(product.id):,} letters", f"Ids have {LONGEST_ID} letters at most"
    elif _CONTROL.search(product.id):
        reason, fix = "control characters in the id", "Ids are one line of visible letters"
    elif product.id in seen:
        reason, fix = f"its id stands on {seen[product.id]} already", _FIX_TWICE
    elif not product.title and not product.pictures:
        reason, fix = "neither a title nor a picture", "Give it one of the two"
    else:
        return None
    return refused(product.line, product.id, reason, fix)
