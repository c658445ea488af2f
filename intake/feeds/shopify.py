"""Product exports of Shopify: a CSV file in which adjacent rows with one handle form one product.

The first row has the product's shared fields. It is a variant, and so is every row with an option value, a SKU or a
price; every other row is a further picture.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from candidates.errors import FeedError
from candidates.product import ATTRIBUTES, Merged, Product, Refusal
from candidates.settings import FeedSettings
from intake.feeds.attribute_names import attribute_name
from intake.feeds.contract import FeedRow, Format, refused
from intake.feeds.delimited import Row, Table, plain_name, shown_columns
from intake.feeds.markup import plain_text

_OPTIONS = tuple((f"option{number}_name", f"option{number}_value") for number in (1, 2, 3))

_NEWER: Mapping[str, str] = {
    "url_handle": "handle",
    "description": "body_(html)",
    "price": "variant_price",
    "sku": "variant_sku",
    "barcode": "variant_barcode",
    "inventory_quantity": "variant_inventory_qty",
    "product_image_url": "image_src",
    "variant_image_url": "variant_image",
    "google_shopping_/_manufacturer_part_number_(mpn)": "google_shopping_/_mpn",
}
"""The former names of columns that Shopify has renamed."""

NAMES: Mapping[str, str] = {
    "id": "variant_sku",
    "title": "title",
    "description": "body_(html)",
    "seller": "seller",
    "brand": "vendor",
    "product_type": "type",
    "price": "variant_price",
    "link": "link",
    "availability": "variant_inventory_qty",
    "gtin": "variant_barcode",
    "mpn": "google_shopping_/_mpn",
    "pictures": "image_src",
    "group": "handle",
    **{name: name for name in ATTRIBUTES},
    "gender": "google_shopping_/_gender",
    "age_group": "google_shopping_/_age_group",
    **_NEWER,
    **{name: name for name in ("product_category", "status", "image_position", "variant_image")},
    **{name: name for option in _OPTIONS for name in option},
}
"""Shopify's column for each of our names and for each renamed column."""

_SIGNS = ("url_handle", "option1_name", "variant_sku", "variant_price", "body_(html)", "image_src", "product_image_url")
_EXPECTS = (
    "separated by commas or semicolons, with the columns title and url_handle, or title, handle and one of "
    f"{', '.join(_SIGNS[1:])}"
)

_MOST_ROWS = 10_000
_MOST_PICTURES = 250  # as many as Shopify takes; every variant lists them all

_NO_TITLE = "no row with this handle's title before it"
_FIX_ORDER = "Keep the rows of each handle together, beginning with the row that has the title, as Shopify exports them"


@dataclass(frozen=True)
class _Sheet:
    """The export's table with the positions of its columns, by their former names."""

    table: Table
    at: Mapping[str, int]
    seller: int

    @classmethod
    def open(cls, path: Path, settings: FeedSettings) -> _Sheet:
        known = {*NAMES, *NAMES.values()}
        tables = (Table.open(path, delimiter, NAMES, settings) for delimiter in ",;")
        table = max(tables, key=lambda table: sum(name in known for name in table.positions))
        at = {column: table.position(column) for column in NAMES.values()}
        at |= {older: table.position(newer) for newer, older in _NEWER.items() if at[older] < 0}
        return cls(table, at, table.seller_position(settings))

    def __contains__(self, column: str) -> bool:
        return self.at[column] >= 0

    @property
    def usable(self) -> bool:
        return "handle" in self and "title" in self


@dataclass
class _Handle:
    """The rows of one handle; `flaw` is the reason why none of them can be used, or empty."""

    name: str = ""
    title: str = ""
    flaw: str = ""
    rows: list[Row | Refusal] = field(default_factory=list)

    def continues_with(self, name: str, title: str) -> bool:
        """Whether a row belongs to this handle; some tools repeat the title on every row."""
        return bool(name) and name == self.name and title in ("", self.title)


def _recognise(path: Path, settings: FeedSettings) -> str:
    sheet = _Sheet.open(path, settings)
    named = {*sheet.table.columns, *map(plain_name, settings.columns)}
    signs = [name for name in _SIGNS if name in named]
    if not sheet.usable or not signs:
        return ""
    shown = [name for name in ("handle", "title") if name in named]
    separated = ", separated by semicolons" if sheet.table.delimiter == ";" else ""
    return "columns " + ", ".join([*shown, *signs]) + separated


def _read(path: Path, settings: FeedSettings) -> Iterator[FeedRow]:
    sheet = _Sheet.open(path, settings)
    sheet.table.require(settings, NAMES)
    if not sheet.usable:
        raise FeedError(
            f"{path}: a Shopify export must be {_EXPECTS}; this one has {shown_columns(sheet.table.columns)}",
            "Map its column names with --map title=…",
        )
    for handle in _handles(sheet):
        yield from _refused_all(handle, sheet) if handle.flaw else _of_handle(handle, sheet)


def _handles(sheet: _Sheet) -> Iterator[_Handle]:
    """The rows, handle by handle; rows before the first handle form a nameless one."""
    lines: dict[str, int] = {}
    current = _Handle()
    for row in sheet.table.rows(sheet.at["handle"]):
        if isinstance(row, Refusal):
            current.rows.append(row)
            continue
        name, title = row.cells[sheet.at["handle"]], row.cells[sheet.at["title"]]
        if not current.continues_with(name, title):
            yield current
            current = _Handle(name, title, _flaw(name, title, lines))
            if not current.flaw:
                lines[name] = row.line
        if len(current.rows) < _MOST_ROWS:
            current.rows.append(row)
        else:
            reason = f"more than {_MOST_ROWS:,} rows with one handle"
            current.rows.append(refused(row.line, name, reason, "Give each product a handle of its own"))
    yield current


def _flaw(name: str, title: str, lines: Mapping[str, int]) -> str:
    if name and name in lines:
        return f"its handle stands on line {lines[name]} already"
    if title:
        return ""
    return _NO_TITLE if name else "no handle"


def _refused_all(handle: _Handle, sheet: _Sheet) -> Iterator[Refusal]:
    for row in handle.rows:
        if isinstance(row, Refusal):
            yield row
        else:
            yield refused(row.line, row.cells[sheet.at["variant_sku"]] or handle.name, handle.flaw, _FIX_ORDER)


def _of_handle(handle: _Handle, sheet: _Sheet) -> Iterator[FeedRow]:
    rows = [row for row in handle.rows if isinstance(row, Row)]
    variants = {row.line for row in rows if row is rows[0] or _is_variant(row, sheet)}
    pictures = _pictures(rows, sheet)
    first_id = _identifier(handle.name, rows[0], len(variants), sheet) if rows else ""
    for row in handle.rows:
        if isinstance(row, Refusal):
            yield row
        elif row.line in variants:
            yield _product(row, rows[0], handle.name, len(variants), pictures, sheet)
        else:
            yield _further(row, handle.name, first_id, pictures, sheet)


def _is_variant(row: Row, sheet: _Sheet) -> bool:
    columns = ("variant_sku", "variant_price", *(value for _, value in _OPTIONS))
    return any(row.cells[sheet.at[name]] for name in columns)


def _pictures(rows: list[Row], sheet: _Sheet) -> tuple[str, ...]:
    """The product's pictures in order of position; a picture without a position has that of its row."""
    found: dict[str, int] = {}
    for row in rows:
        picture = row.cells[sheet.at["image_src"]]
        if picture and picture not in found and len(found) < _MOST_PICTURES:
            written = row.cells[sheet.at["image_position"]]
            found[picture] = int(written) if re.fullmatch("[0-9]{1,9}", written) else len(found) + 1
    return tuple(sorted(found, key=found.__getitem__))


def _further(row: Row, handle: str, first_id: str, pictures: tuple[str, ...], sheet: _Sheet) -> Merged | Refusal:
    """A row that is not a variant."""
    picture = row.cells[sheet.at["image_src"]]
    if picture and picture not in pictures:
        reason = f"more than {_MOST_PICTURES} pictures of one product"
        return refused(row.line, handle, reason, f"Keep at most {_MOST_PICTURES}, which is Shopify's limit")
    return Merged(row.line, "", first_id, "a further picture" if picture else "neither a variant nor a picture")


def _product(row: Row, first: Row, handle: str, variants: int, pictures: tuple[str, ...], sheet: _Sheet) -> Product:
    def own(column: str) -> str:
        return row.cells[sheet.at[column]]

    def shared(column: str) -> str:
        return own(column) or first.cells[sheet.at[column]]

    # The row's own picture stays with the variant even if the product's list is full.
    named = (own("variant_image"), *pictures, own("image_src"))
    return Product(
        id=_identifier(handle, row, variants, sheet),
        title=shared("title"),
        description=plain_text(shared("body_(html)")),
        seller=row.cells[sheet.seller] or first.cells[sheet.seller],
        brand=shared("vendor"),
        product_type=shared("type") or shared("product_category"),
        price=own("variant_price"),
        link=own("link") or handle,
        availability=_availability(own("variant_inventory_qty"), shared("status")),
        gtin=own("variant_barcode").lstrip("'"),  # Shopify protects it from spreadsheets with an apostrophe
        mpn=own("google_shopping_/_mpn"),
        attributes=_attributes(row, first, sheet),
        pictures=tuple(dict.fromkeys(filter(None, named))),
        group=handle if variants > 1 else "",
        line=row.line,
    )


def _identifier(handle: str, row: Row, variants: int, sheet: _Sheet) -> str:
    sku = row.cells[sheet.at["variant_sku"]]
    if sku or variants == 1:
        return sku or handle
    values = [row.cells[sheet.at[value]] for _, value in _OPTIONS]
    return "/".join([handle, *(re.sub(r"\s", "-", value.lower()) for value in values if value)])


def _attributes(row: Row, first: Row, sheet: _Sheet) -> dict[str, str]:
    found: dict[str, str] = {}
    for named, valued in _OPTIONS:
        name = attribute_name(row.cells[sheet.at[named]] or first.cells[sheet.at[named]])
        value = row.cells[sheet.at[valued]]
        if value and (value.lower() != "default title" or name not in ("title", "")):
            found.setdefault(name or named.removesuffix("_name"), value)
    for name in ATTRIBUTES:
        place = sheet.at[NAMES[name]]
        value = row.cells[place] or first.cells[place]
        if value:
            found.setdefault(name, value)
    return found


def _availability(quantity: str, status: str) -> str:
    if status.lower() in ("draft", "archived"):
        return "out_of_stock"
    try:
        return "in_stock" if float(quantity) > 0 else "out_of_stock"
    except ValueError:
        return quantity or ("in_stock" if status else "")  # without a count, a product on sale is available


SHOPIFY = Format("Shopify export", _EXPECTS, _recognise, _read, lambda path: path.parent)
