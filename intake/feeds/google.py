"""Google Merchant product feeds as delimited text, usually with tabs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

from candidates.errors import FeedError
from candidates.product import ATTRIBUTES, Product, Refusal
from candidates.settings import FeedSettings
from intake.feeds.contract import Format
from intake.feeds.delimited import SELLER_COLUMNS, Table, shown_columns, split

_TEXTS = ("id", "title", "description", "brand", "product_type", "price", "link", "availability", "gtin", "mpn")
_ATTRIBUTES = (*ATTRIBUTES, "size_system")
_PICTURES = ("image_link", "pictures")
_GROUP = ("item_group_id", "group")

NAMES: Mapping[str, str] = {
    **{name: name for name in (*_TEXTS, "seller", *_ATTRIBUTES)},
    "pictures": "image_link",
    "additional_image_link": "additional_image_link",
    "group": "item_group_id",
}
"""Google's column for each of our names; Google's own names are accepted too."""

_DELIMITERS = {"\t": "tab", ",": "comma", ";": "semicolon", "|": "pipe"}
_KNOWN = frozenset((*NAMES, *NAMES.values(), "google_product_category", *SELLER_COLUMNS))
_EXPECTS = "separated by tabs, commas, semicolons or pipes, with the columns id and title or image_link"


def _table(path: Path, settings: FeedSettings) -> Table:
    """The feed, split at the delimiter that gives the most known columns; the first of these if several tie."""
    tables = [Table.open(path, delimiter, NAMES, settings) for delimiter in _DELIMITERS]
    return max(tables, key=lambda table: (len(_KNOWN & table.positions.keys()), len(table.columns)))


def _recognise(path: Path, settings: FeedSettings) -> str:
    table = _table(path, settings)
    if not _usable(table):
        return ""
    known = ", ".join(name for name in (*_TEXTS, *_PICTURES, *_GROUP) if name in table)
    return f"{_DELIMITERS[table.delimiter]}-separated, columns {known}"


def _usable(table: Table) -> bool:
    return "id" in table and ("title" in table or any(name in table for name in _PICTURES))


def _first(table: Table, names: tuple[str, ...]) -> int:
    return next((table.position(name) for name in names if name in table), -1)


def _read(path: Path, settings: FeedSettings) -> Iterator[Product | Refusal]:
    table = _table(path, settings)
    table.require(settings, NAMES)
    if not _usable(table):
        raise FeedError(
            f"{path}: a Google Merchant text feed must be {_EXPECTS}; this one has {shown_columns(table.columns)}",
            "Map its column names with --map title=naam",
        )
    texts = {name: table.position(name) for name in _TEXTS} | {
        "seller": table.seller_position(settings),
        "group": _first(table, _GROUP),
    }
    attributes = [(name, table.position(name)) for name in _ATTRIBUTES if name in table]
    category = table.position("google_product_category")
    # Our own column `pictures` lists all pictures; Google has the main one in a column of its own.
    main, others = table.position("image_link"), _first(table, ("additional_image_link", "pictures"))
    for row in table.rows(texts["id"]):
        if isinstance(row, Refusal):
            yield row
            continue
        cells = row.cells
        values = {name: cells[place] for name, place in texts.items()}
        values["product_type"] = values["product_type"] or cells[category]
        yield Product(
            **values,
            attributes={name: cells[place] for name, place in attributes if cells[place]},
            pictures=_pictures(cells[main], cells[others]),
            line=row.line,
        )


def _pictures(main: str, others: str) -> tuple[str, ...]:
    # One field may list several, separated by commas; a name that contains a comma is quoted.
    named = [main, *(name.strip() for name in split(others, ","))] if others else [main]
    return tuple(dict.fromkeys(filter(None, named)))


GOOGLE_TSV = Format("Google Merchant text feed", _EXPECTS, _recognise, _read, lambda path: path.parent)
