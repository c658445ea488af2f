"""Product exports of Magento (Adobe Commerce): a CSV file with configurable products and their children."""

from __future__ import annotations

import re
from collections.abc import Container, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from candidates.errors import FeedError
from candidates.product import Merged, Product, Refusal
from candidates.settings import FeedSettings
from intake.feeds.contract import FeedRow, Format, refused
from intake.feeds.delimited import Row, Table, plain_name, shown_columns
from intake.feeds.markup import plain_text

NAMES: Mapping[str, str] = {
    "id": "sku",
    "title": "name",
    "description": "description",
    "seller": "seller",
    "product_type": "categories",
    "price": "price",
    "link": "url_key",
    "availability": "is_in_stock",
    "pictures": "base_image",
}
"""Magento's column for each of our names; colour and the like are in `additional_attributes`."""

_SIGNS = ("configurable_variations", "base_image", "additional_attributes", "attribute_set_code", "store_view_code")
_EXPECTS = f"comma-separated, with the columns sku, name and one of {', '.join(_SIGNS)}"
_ROOT = "Default Category"
_INTERNAL = frozenset(("has_options", "required_options"))
_NO_PICTURE = "no_selection"

_PAIR = re.compile(
    r"""(?: \A | , ) \s*
    (?: "(?P<wrapped> [a-z]\w*=(?:[^"]|"")* )" (?= \s*(?:,|\Z) )
      | (?P<name> [a-z]\w* ) =
        (?P<value> "(?:[^"]|"")*" (?: \| "(?:[^"]|"")*" )* (?= \s*(?:,|\Z) )
                 | .*? (?= , \s* "?[a-z]\w*= | \Z ) ) )""",
    re.VERBOSE | re.IGNORECASE | re.DOTALL,
)


_NOT_CHOSEN = "a store view's texts, not chosen in the settings"
_NO_ROW = "a store view's row of a product that has no row of its own"


@dataclass(frozen=True)
class _Membership:
    """The configurable product that a row belongs to, and the row's attributes in that product's list of children."""

    group: str
    attributes: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class _Overview:
    """What must be known about the whole export before the first product can be built.

    Attributes:
        families: The configurable product of each SKU; the first if several claim it.
        roots: The categories at which category paths begin.
        views: The store views that have rows, in feed order.
        overrides: By SKU, the chosen store view's values by column.
        without: SKUs with rows in store views but none in the default view.
    """

    families: Mapping[str, _Membership]
    roots: frozenset[str]
    views: tuple[str, ...]
    overrides: Mapping[str, Mapping[str, str]]
    without: frozenset[str]


def _table(path: Path, settings: FeedSettings) -> Table:
    return Table.open(path, ",", NAMES, settings)


def _recognise(path: Path, settings: FeedSettings) -> str:
    table = _table(path, settings)
    named = {*table.columns, *map(plain_name, settings.columns)}
    signs = [name for name in _SIGNS if name in named]
    return "columns " + ", ".join(["sku", *signs]) if "sku" in table and "name" in table and signs else ""


def _read(path: Path, settings: FeedSettings) -> Iterator[FeedRow]:
    table = _table(path, settings)
    table.require(settings, NAMES)
    if "sku" not in table:
        raise FeedError(
            f"{path}: a Magento export must be {_EXPECTS}; this one has {shown_columns(table.columns)}",
            "Map its column names with --map id=…",
        )
    seller, view, sku = table.seller_position(settings), table.position("store_view_code"), table.position("sku")
    overview = _overview(table, seller, settings.store_view)
    if settings.store_view and settings.store_view not in overview.views:
        raise FeedError(
            f"{path}: has no store view {settings.store_view!r}",
            f"Use one of {shown_columns(overview.views)}"
            if overview.views
            else "Leave the setting out; the export only has the default view",
        )
    for row in table.rows(sku):
        if isinstance(row, Refusal):
            yield row
        elif row.cells[view]:
            yield _of_view(row.line, row.cells[sku], row.cells[view], settings.store_view, overview)
        else:
            yield _product(_named_cells(row, table, seller), row.line, overview)


def _named_cells(row: Row, table: Table, seller: int) -> dict[str, str]:
    return {name: row.cells[place] for name, place in table.positions.items()} | {"seller": row.cells[seller]}


def _overview(table: Table, seller: int, store_view: str) -> _Overview:
    """Reads the file once, because configurable products follow their children, and store views the default view."""
    sku, view = table.position("sku"), table.position("store_view_code")
    variations, categories = table.position("configurable_variations"), table.position("categories")
    families: dict[str, _Membership] = {}
    roots: set[str] = set()
    views: dict[str, None] = {}
    overrides: dict[str, dict[str, str]] = {}
    in_views: set[str] = set()
    in_default: set[str] = set()
    for row in table.rows(sku):
        if isinstance(row, Refusal):
            continue
        identifier = row.cells[sku]
        roots.add(_root(row.cells[categories]))
        if row.cells[view]:
            views[row.cells[view]] = None
            in_views.add(identifier)
            if row.cells[view] == store_view:
                filled = {name: cell for name, cell in _named_cells(row, table, seller).items() if cell}
                overrides.setdefault(identifier, {}).update(filled)
        else:
            in_default.add(identifier)
            _join_family(families, identifier, row.cells[variations])
    return _Overview(families, frozenset(roots), tuple(views), overrides, frozenset(in_views - in_default))


def _join_family(families: dict[str, _Membership], parent: str, variations: str) -> None:
    for variation in re.split(r"\|\s*(?=sku=)", variations) if variations else ():
        attributes = named_values(variation)
        child = attributes.pop("sku", "")
        if child:
            families.setdefault(child, _Membership(parent, attributes))
            families.setdefault(parent, _Membership(parent))


def _of_view(line: int, sku: str, view: str, store_view: str, overview: _Overview) -> Merged | Refusal:
    """A store view's row, whose values are already part of the default view's product."""
    if sku in overview.without:
        return refused(line, sku, _NO_ROW, "Export the default view as well; its rows name no store view")
    return Merged(line, sku, sku, f"store view {view}, merged" if view == store_view else _NOT_CHOSEN)


def _product(cells: Mapping[str, str], line: int, overview: _Overview) -> Product:
    identifier = cells["sku"]
    override = overview.overrides.get(identifier, {})
    # A store view's row only has the attributes in which it differs.
    family = overview.families.get(identifier, _Membership(""))
    attributes = {**family.attributes, **_own_attributes(cells), **_own_attributes(override)}
    cells = {**cells, **override}
    return Product(
        id=identifier,
        title=cells.get("name", ""),
        description=" ".join(
            filter(None, (plain_text(cells.get(part, "")) for part in ("description", "short_description")))
        ),
        seller=cells["seller"],
        brand=attributes.get("brand") or attributes.get("manufacturer", ""),
        product_type=_deepest(cells.get("categories", ""), overview.roots),
        price=cells.get("price", ""),
        link=cells.get("url_key", ""),
        availability=_availability(cells.get("is_in_stock", ""), cells.get("qty", "")),
        attributes={name: value for name, value in attributes.items() if name not in _INTERNAL},
        pictures=_pictures(cells.get("base_image", ""), cells.get("additional_images", "")),
        group=family.group,
        line=line,
    )


def _own_attributes(cells: Mapping[str, str]) -> dict[str, str]:
    values = named_values(cells.get("additional_attributes", ""))
    return {name: value for name, value in values.items() if value}


def named_values(text: str) -> dict[str, str]:
    """Parses `name=value,name=value` as Magento writes it.

    A value may contain commas, with or without quotes around it (or around name and value together). Magento
    separates several values with `|`; the result separates them with `, `.
    """
    values: dict[str, str] = {}
    for pair in _PAIR.finditer(text):
        name, value = pair["name"], pair["value"]
        if pair["wrapped"]:
            name, value = pair["wrapped"].replace('""', '"').split("=", 1)
        elif value.startswith('"') and value.endswith('"') and len(value) > 1:
            value = value[1:-1].replace('"|"', "|").replace('""', '"')
        values[name.lower()] = ", ".join(part.strip() for part in value.split("|") if part.strip())
    return values


def _root(categories: str) -> str:
    """The first level of the first category path."""
    return re.split("[/,]", categories.lstrip(", "), maxsplit=1)[0].strip()


def _deepest(categories: str, roots: Container[str]) -> str:
    """The deepest of several category paths (the first of the deepest), without the root, levels joined by ` > `.

    Commas separate paths, but names may contain commas too; so a comma only separates paths if a root follows.
    """
    paths: list[str] = []
    for piece in categories.strip(", ").split(","):
        if paths and _root(piece) not in roots:
            paths[-1] += "," + piece
        else:
            paths.append(piece)
    # A slash within a level's name is escaped with a backslash.
    named = [re.split(r"(?<!\\)/", path) for path in paths]
    levels = [level.replace("\\/", "/").strip() for level in max(named, key=len)]
    return " > ".join(levels[1:] if levels[0] == _ROOT else levels)


def _availability(in_stock: str, quantity: str) -> str:
    if not in_stock:
        try:
            in_stock = "1" if float(quantity) > 0 else "0"
        except ValueError:
            return ""
    return {"1": "in_stock", "0": "out_of_stock"}.get(in_stock, in_stock)


def _pictures(base: str, additional: str) -> tuple[str, ...]:
    # Paths begin with a slash but are relative to the folder of product pictures.
    named = [name.strip().lstrip("/") for name in (base, *additional.split(","))]
    return tuple(dict.fromkeys(name for name in named if name and name != _NO_PICTURE))


def _pictures_folder(path: Path) -> Path:
    media = path.parent / "media" / "catalog" / "product"
    return media if media.is_dir() else path.parent


MAGENTO = Format("Magento export", _EXPECTS, _recognise, _read, _pictures_folder)
