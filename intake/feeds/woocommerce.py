"""Product exports of WooCommerce: a CSV file with a row for each variable product and each variation."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from candidates.errors import FeedError
from candidates.product import ATTRIBUTES, Product, Refusal
from candidates.settings import FeedSettings
from intake.feeds.attribute_names import attribute_name
from intake.feeds.contract import FeedRow, Format
from intake.feeds.delimited import Row, Table, plain_name, shown_columns
from intake.feeds.markup import plain_text

NAMES: Mapping[str, str] = {
    "id": "sku",
    "title": "name",
    "description": "description",
    "seller": "seller",
    "brand": "brands",
    "product_type": "categories",
    "price": "regular_price",
    "link": "external_url",
    "availability": "in_stock?",
    "gtin": "gtin,_upc,_ean,_or_isbn",
    "mpn": "mpn",
    "pictures": "images",
    "group": "parent",
    **{name: name for name in (*ATTRIBUTES, "type", "short_description", "sale_price", "stock")},
}
"""WooCommerce's column for each of our names; colour and the like are in numbered columns."""

_SIGNS = ("parent", "attribute_1_name", "regular_price", "in_stock?", "visibility_in_catalog", "is_featured?")
_EXPECTS = f"separated by commas or semicolons, with the columns type, name, sku or id, and one of {', '.join(_SIGNS)}"

_NUMBERED = re.compile(r"attribute_([0-9]{1,4})_(?:name|value\(s\))")
_COMMA = re.compile(r"(?<!\\),")
_GUARDED = ("'=", "'+", "'-", "'@")


@dataclass(frozen=True)
class _Sheet:
    """The export's table with the positions of its columns.

    Attributes:
        table: The file.
        at: Position of every column, by WooCommerce's names.
        seller: Position of the seller's column.
        attributes: Positions of each numbered attribute's name and values.
    """

    table: Table
    at: Mapping[str, int]
    seller: int
    attributes: Mapping[str, tuple[int, int]]

    @classmethod
    def open(cls, path: Path, settings: FeedSettings) -> _Sheet:
        known = {*NAMES.values(), *_SIGNS}
        tables = (Table.open(path, delimiter, NAMES, settings) for delimiter in ",;")
        table = max(tables, key=lambda table: sum(name in known for name in table.positions))
        numbers = {found[1] for found in map(_NUMBERED.fullmatch, table.positions) if found}
        attributes = {
            number: (table.position(f"attribute_{number}_name"), table.position(f"attribute_{number}_value(s)"))
            for number in sorted(numbers, key=int)
        }
        at = {column: table.position(column) for column in {*NAMES.values(), "id"}}
        return cls(table, at, table.seller_position(settings), attributes)

    @property
    def key(self) -> int:
        """The position of the id, for the refusal of a row that can't be read."""
        return self.at["sku"] if self.at["sku"] >= 0 else self.at["id"]

    @property
    def usable(self) -> bool:
        return self.key >= 0 and self.at["type"] >= 0 and self.at["name"] >= 0

    def cell(self, row: Row, column: str) -> str:
        """A row's cell in a column."""
        return _unguarded(row.cells[self.at[column]])


@dataclass(frozen=True)
class _Parent:
    """A variable product and its attributes' names; its variations take the texts that they lack from it."""

    product: Product
    names: Mapping[str, str]


def _recognise(path: Path, settings: FeedSettings) -> str:
    sheet = _Sheet.open(path, settings)
    named = {*sheet.table.columns, *map(plain_name, settings.columns)}
    signs = [name for name in _SIGNS if name in named]
    if not sheet.usable or not signs:
        return ""
    shown = [name for name in ("id", "type", "sku", "name") if sheet.at[name] >= 0]
    separated = ", separated by semicolons" if sheet.table.delimiter == ";" else ""
    return "columns " + ", ".join([*shown, *signs]) + separated


def _read(path: Path, settings: FeedSettings) -> Iterator[FeedRow]:
    sheet = _Sheet.open(path, settings)
    numbered = {name: name for name in map(plain_name, settings.columns) if _NUMBERED.fullmatch(name)}
    sheet.table.require(settings, {**NAMES, **numbered})
    if not sheet.usable:
        raise FeedError(
            f"{path}: a WooCommerce export must be {_EXPECTS}; this one has {shown_columns(sheet.table.columns)}",
            "Export it in an admin in English, or map its column names with --map title=…",
        )
    parents = _parents(sheet)
    for row in sheet.table.rows(sheet.key):
        if isinstance(row, Refusal):
            yield row
        elif _is_variation(row, sheet):
            yield _variation(row, sheet, parents)
        else:
            known = (parents[name].product for name in _references(row, sheet) if name in parents)
            yield next((parent for parent in known if parent.line == row.line), None) or _product(row, sheet, {})


def _parents(sheet: _Sheet) -> dict[str, _Parent]:
    """The variable products by the references that variations use; products without variations are left out.

    A parent may follow its variations, so the file is read once just for the parents.
    """
    found: dict[str, _Parent] = {}
    wanted: set[str] = set()
    for row in sheet.table.rows(sheet.key):
        if isinstance(row, Refusal):
            continue
        if _is_variation(row, sheet):
            wanted.add(sheet.cell(row, "parent"))
        elif _is_variable(row, sheet):
            names = {number: row.cells[name] for number, (name, _) in sheet.attributes.items()}
            product = _product(row, sheet, {})
            parent = _Parent(replace(product, group=product.id), names)
            for reference in _references(row, sheet):
                found.setdefault(reference, parent)
    return {reference: parent for reference, parent in found.items() if reference in wanted}


def _kinds(row: Row, sheet: _Sheet) -> list[str]:
    # `simple, virtual`; plug-ins add `variable-subscription`, `subscription_variation` and the like.
    return [kind.strip().lower() for kind in sheet.cell(row, "type").split(",")]


def _is_variation(row: Row, sheet: _Sheet) -> bool:
    kinds = _kinds(row, sheet)
    return any(kind.endswith("variation") for kind in kinds) or (kinds == [""] and bool(sheet.cell(row, "parent")))


def _is_variable(row: Row, sheet: _Sheet) -> bool:
    return any(kind.startswith("variable") for kind in _kinds(row, sheet))


def _references(row: Row, sheet: _Sheet) -> list[str]:
    """How a variation's `Parent` may refer to this row; the first is the product's id."""
    number = sheet.cell(row, "id")
    return list(filter(None, (sheet.cell(row, "sku"), number and f"id:{number}")))


def _variation(row: Row, sheet: _Sheet, parents: Mapping[str, _Parent]) -> Product:
    reference = sheet.cell(row, "parent")
    parent = parents.get(reference)
    if parent is None:
        return replace(_product(row, sheet, {}), group=reference)
    own, shared = _product(row, sheet, parent.names), parent.product
    return replace(
        own,
        title=own.title or shared.title,
        description=own.description or shared.description,
        seller=own.seller or shared.seller,
        brand=own.brand or shared.brand,
        product_type=own.product_type or shared.product_type,
        pictures=own.pictures or shared.pictures,
        group=shared.id,
    )


def _product(row: Row, sheet: _Sheet, names: Mapping[str, str]) -> Product:
    def cell(column: str) -> str:
        return sheet.cell(row, column)

    attributes = _attributes(row, sheet, names)
    descriptions = (plain_text(cell(part)) for part in ("description", "short_description"))
    return Product(
        id=next(iter(_references(row, sheet)), ""),
        title=cell("name"),
        description=" ".join(filter(None, descriptions)),
        seller=row.cells[sheet.seller],
        brand=_unescaped(cell("brands")) or attributes.get("brand", ""),
        product_type=_deepest(cell("categories")),
        price=cell("regular_price") or cell("sale_price"),
        link=cell("external_url"),
        availability=_availability(cell("in_stock?"), cell("stock")),
        gtin=cell("gtin,_upc,_ean,_or_isbn"),
        mpn=cell("mpn"),
        attributes=attributes,
        pictures=tuple(dict.fromkeys(_listed(cell("images")))),
        line=row.line,
    )


def _attributes(row: Row, sheet: _Sheet, names: Mapping[str, str]) -> dict[str, str]:
    """A row's attributes; `names` has the names that the row leaves out.

    A variable product lists the values of all its variations; each variation has one of them.
    """
    variable = _is_variable(row, sheet)
    found: dict[str, str] = {}
    for number, (named, valued) in sheet.attributes.items():
        name = attribute_name(row.cells[named] or names.get(number, "")) or f"attribute {number}"
        value = _unguarded(row.cells[valued])
        if value and not (variable and len(_listed(value)) > 1):
            found.setdefault(name, _unescaped(value))
    for name in ATTRIBUTES:
        value = sheet.cell(row, name)
        if value:
            found.setdefault(name, value)
    return found


def _unguarded(cell: str) -> str:
    """A cell without the apostrophe that WooCommerce puts before text that looks like a formula."""
    return cell[1:] if cell.startswith(_GUARDED) else cell


def _unescaped(text: str) -> str:
    return text.replace("\\,", ",")


def _listed(text: str) -> list[str]:
    """The values of a list; a comma within a value is escaped with a backslash."""
    return [_unescaped(part).strip() for part in _COMMA.split(text) if part.strip()]


def _deepest(categories: str) -> str:
    """The deepest of several category paths (the first of the deepest), levels joined by ` > `."""
    paths = [[level.strip() for level in path.split(">") if level.strip()] for path in _listed(categories)]
    deepest: list[str] = max(paths, key=len, default=[])
    return " > ".join(deepest)


def _availability(in_stock: str, quantity: str) -> str:
    if not in_stock:
        try:
            in_stock = "1" if float(quantity) > 0 else "0"
        except ValueError:
            return quantity
    return {"1": "in_stock", "0": "out_of_stock"}.get(in_stock, in_stock)


WOOCOMMERCE = Format("WooCommerce export", _EXPECTS, _recognise, _read, lambda path: path.parent)
