"""Google Merchant product feeds as tab-separated text."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

from candidates.errors import FeedError
from candidates.feeds.contract import Format
from candidates.feeds.delimited import Table, shown_columns, split
from candidates.product import ATTRIBUTES, Product, Refusal
from candidates.settings import FeedSettings

_TEXTS = ("id", "title", "description", "brand", "product_type", "price", "link", "availability", "gtin", "mpn")
_ATTRIBUTES = (*ATTRIBUTES, "size_system")

NAMES: Mapping[str, str] = {
    **{name: name for name in (*_TEXTS, "seller", *_ATTRIBUTES)},
    "pictures": "image_link",
    "additional_image_link": "additional_image_link",
    "group": "item_group_id",
}
"""Google's column for each of our names; Google's names serve as well."""

_EXPECTS = "tab-separated, with the columns id and title or image_link"


def _recognise(path: Path, settings: FeedSettings) -> str:
    table = Table.open(path, "\t", NAMES, settings)
    if not _usable(table):
        return ""
    return "columns " + ", ".join(name for name in (*_TEXTS, "image_link", "item_group_id") if name in table)


def _usable(table: Table) -> bool:
    return "id" in table and ("title" in table or "image_link" in table)


def _read(path: Path, settings: FeedSettings) -> Iterator[Product | Refusal]:
    table = Table.open(path, "\t", NAMES, settings)
    table.require(settings, NAMES)
    if not _usable(table):
        raise FeedError(
            f"{path}: as a Google Merchant TSV it must be {_EXPECTS}; it has {shown_columns(table.given)}",
            "Name its columns with --map title=naam",
        )
    texts = {name: table.position(name) for name in _TEXTS} | {
        "seller": table.seller_position(settings),
        "group": table.position("item_group_id"),
    }
    attributes = [(name, table.position(name)) for name in _ATTRIBUTES if name in table]
    category = table.position("google_product_category")
    main, others = table.position("image_link"), table.position("additional_image_link")
    for row in table.rows(texts["id"]):
        if isinstance(row, Refusal):
            yield row
            continue
        cells = row.cells
        said = {name: cells[place] for name, place in texts.items()}
        said["product_type"] = said["product_type"] or cells[category]
        yield Product(
            **said,
            attributes={name: cells[place] for name, place in attributes if cells[place]},
            pictures=_pictures(cells[main], cells[others]),
            line=row.line,
        )


def _pictures(main: str, others: str) -> tuple[str, ...]:
    # Several stand in one field with commas between; one that holds a comma itself is in quotes.
    named = [main, *(name.strip() for name in split(others, ","))] if others else [main]
    return tuple(dict.fromkeys(filter(None, named)))


GOOGLE_TSV = Format("Google Merchant TSV", _EXPECTS, _recognise, _read, lambda path: path.parent)
