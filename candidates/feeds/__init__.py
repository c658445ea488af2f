"""Feeds: what merchants' shops put out, read into a `Catalogue`.

A further format is one file with a `Format` in it, and one entry in `FORMATS`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from candidates.catalogue import Catalogue
from candidates.errors import FeedError, SettingsError
from candidates.feeds.contract import LONGEST_ID, Format, refused
from candidates.feeds.delimited import header, missing_columns, shown_columns
from candidates.feeds.google import GOOGLE_TSV
from candidates.feeds.magento import MAGENTO
from candidates.product import Product, Refusal
from candidates.settings import FeedSettings

FORMATS: dict[str, Format] = {"google-tsv": GOOGLE_TSV, "magento": MAGENTO}
"""Every format by the name that the settings give it, in the order in which they are tried."""

_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")


@dataclass(frozen=True, eq=False)
class Feed:
    """A feed as it was read.

    Attributes:
        catalogue: The accepted products, in feed order.
        refused: Every row that is not among them, in feed order.
        pictures: The folder that picture paths are relative to.
        format: A key of `FORMATS`.
        detected_by: How the format was chosen, in words.
        rows: How many rows the feed has: products and refusals together.
    """

    catalogue: Catalogue
    refused: tuple[Refusal, ...]
    pictures: Path
    format: str
    detected_by: str
    rows: int


def read_feed(path: Path, settings: FeedSettings) -> Feed:
    """Reads a merchant's feed; bad rows are refused one by one.

    Args:
        path: The feed's file.
        settings: The format, or `auto`; own column names; the seller's column.

    Raises:
        FeedError: The file can't be read, is of no known format, lacks a column that the settings name, or has
            no row that can be used.
        SettingsError: There is no format, or no name of ours, as the settings have it.
    """
    name, detected_by = _recognised(path, settings)
    chosen = FORMATS[name]
    refusals: list[Refusal] = []
    catalogue = Catalogue.of(_accepted(chosen.read(path, settings), refusals))
    if not len(catalogue):
        first = f", first {refusals[0].where}: {refusals[0].reason}" if refusals else ""
        mend = refusals[0].mend if refusals else "Below the column names there must be products"
        raise FeedError(f"{path}: none of its {len(refusals)} rows can be used{first}", mend)
    rows = len(catalogue) + len(refusals)
    return Feed(catalogue, tuple(refusals), chosen.pictures(path), name, detected_by, rows)


def _recognised(path: Path, settings: FeedSettings) -> tuple[str, str]:
    """A key of `FORMATS` and how it was chosen."""
    if settings.format != "auto":
        if settings.format not in FORMATS:
            raise SettingsError(f"feed.format: no format {settings.format!r}", f"There are {', '.join(FORMATS)}")
        return settings.format, f"{FORMATS[settings.format].label}: named in the settings"
    for name, known in FORMATS.items():
        with suppress(FeedError):  # what one format can't read may be another's
            reason = known.recognise(path, settings)
            if reason:
                return name, f"{known.label}: {reason}"
    raise _unrecognised(path, settings)


def _unrecognised(path: Path, settings: FeedSettings) -> FeedError:
    given = max((header(path, delimiter) for delimiter in "\t,;|"), key=len)
    missing = missing_columns(settings, given)
    lacks = f", and it lacks {', '.join(missing)}, which the settings name" if missing else ""
    formats = "; ".join(f"{name} ({known.expects})" for name, known in FORMATS.items())
    return FeedError(
        f"{path}: not recognised by its columns ({shown_columns(given)}){lacks}",
        "Say under which names it has them with --map title=naam (settings: feed.columns), or name its format with "
        f"--format: {formats}",
    )


def _accepted(rows: Iterable[Product | Refusal], refusals: list[Refusal]) -> Iterator[Product]:
    """The products among `rows` that can be used; all other rows go to `refusals`."""
    seen: dict[str, int] = {}
    for row in rows:
        refusal = row if isinstance(row, Refusal) else _flaw(row, seen)
        if refusal:
            refusals.append(refusal)
        elif isinstance(row, Product):
            seen[row.id] = row.line
            yield row


def _flaw(product: Product, seen: dict[str, int]) -> Refusal | None:
    if not product.id:
        reason, mend = "no id", "Give every product an id"
    elif len(product.id) > LONGEST_ID:
        reason, mend = f"an id of {len(product.id):,} letters", f"Ids have {LONGEST_ID} letters at most"
    elif _CONTROL.search(product.id):
        reason, mend = "control characters in the id", "Ids are one line of visible letters"
    elif product.id in seen:
        reason, mend = f"its id stands on line {seen[product.id]} already", "Give every product an id of its own"
    elif not product.title and not product.pictures:
        reason, mend = "neither a title nor a picture", "Give it one of the two"
    else:
        return None
    return refused(product.line, product.id, reason, mend)
