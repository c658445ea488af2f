"""Product exports of Magento (Adobe Commerce): one CSV, configurable products with their children."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from candidates.errors import FeedError
from candidates.feeds.contract import Format, refused
from candidates.feeds.delimited import Table, shown_columns
from candidates.feeds.markup import plain_text
from candidates.product import Product, Refusal
from candidates.settings import FeedSettings

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
"""Magento's column for each of our names; colour and the like stand in `additional_attributes`."""

_SIGNS = ("configurable_variations", "base_image", "additional_attributes", "attribute_set_code", "store_view_code")
_EXPECTS = f"comma-separated, with the columns sku, name and one of {', '.join(_SIGNS)}"
_ROOT = "Default Category"
_PLUMBING = frozenset(("has_options", "required_options"))
_NO_PICTURE = "no_selection"

_PAIR = re.compile(
    r"""(?: \A | , ) \s*
    (?: "(?P<wrapped> [a-z]\w*=(?:[^"]|"")* )" (?= \s*(?:,|\Z) )
      | (?P<name> [a-z]\w* ) =
        (?P<value> "(?:[^"]|"")*" (?: \| "(?:[^"]|"")*" )* (?= \s*(?:,|\Z) )
                 | .*? (?= , \s* "?[a-z]\w*= | \Z ) ) )""",
    re.VERBOSE | re.IGNORECASE | re.DOTALL,
)


@dataclass(frozen=True)
class _Membership:
    """The configurable product that a row belongs to, and what its list of children says about the row."""

    group: str
    attributes: Mapping[str, str] = field(default_factory=dict)


def _table(path: Path, settings: FeedSettings) -> Table:
    return Table.open(path, ",", NAMES, settings)


def _recognise(path: Path, settings: FeedSettings) -> str:
    table = _table(path, settings)
    signs = [name for name in _SIGNS if name in table]
    return "columns " + ", ".join(["sku", *signs]) if "sku" in table and "name" in table and signs else ""


def _read(path: Path, settings: FeedSettings) -> Iterator[Product | Refusal]:
    table = _table(path, settings)
    table.require(settings, NAMES)
    if "sku" not in table:
        raise FeedError(
            f"{path}: as a Magento export it must be {_EXPECTS}; it has {shown_columns(table.given)}",
            "Name its columns with --map id=…",
        )
    families = _families(table)
    seller, view, sku = table.seller_position(settings), table.position("store_view_code"), table.position("sku")
    for row in table.rows(sku):
        if isinstance(row, Refusal):
            yield row
        elif row.cells[view]:
            yield refused(
                row.line,
                row.cells[sku],
                "a store view's override; the default view is used",
                "Nothing needs doing; an export of the default view alone leaves these rows out",
            )
        else:
            said = {name: row.cells[place] for name, place in table.positions.items()}
            yield _product(said, row.line, row.cells[seller], families)


def _families(table: Table) -> dict[str, _Membership]:
    """Who belongs to which configurable product; where two claim one row, the first does.

    Configurable products usually stand behind their children, so the file is read once for these alone.
    """
    found: dict[str, _Membership] = {}
    sku, view, variations = map(table.position, ("sku", "store_view_code", "configurable_variations"))
    for row in table.rows(sku):
        if isinstance(row, Refusal) or row.cells[view] or not row.cells[variations]:
            continue
        parent = row.cells[sku]
        for variation in re.split(r"\|\s*(?=sku=)", row.cells[variations]):
            attributes = named_values(variation)
            child = attributes.pop("sku", "")
            if child:
                found.setdefault(child, _Membership(parent, attributes))
                found.setdefault(parent, _Membership(parent))
    return found


def _product(said: Mapping[str, str], line: int, seller: str, families: Mapping[str, _Membership]) -> Product:
    identifier = said["sku"]
    own = named_values(said.get("additional_attributes", ""))
    family = families.get(identifier, _Membership(""))
    attributes = {**family.attributes, **{name: value for name, value in own.items() if value}}
    return Product(
        id=identifier,
        title=said.get("name", ""),
        description=" ".join(
            filter(None, (plain_text(said.get(part, "")) for part in ("description", "short_description")))
        ),
        seller=seller,
        brand=attributes.get("brand") or attributes.get("manufacturer", ""),
        product_type=_deepest(said.get("categories", "")),
        price=said.get("price", ""),
        link=said.get("url_key", ""),
        availability=_availability(said.get("is_in_stock", ""), said.get("qty", "")),
        attributes={name: value for name, value in attributes.items() if name not in _PLUMBING},
        pictures=_pictures(said.get("base_image", ""), said.get("additional_images", "")),
        group=family.group,
        line=line,
    )


def named_values(text: str) -> dict[str, str]:
    """Reads `name=value,name=value` as Magento writes it.

    A value may hold commas, with or without quotes around it (or around name and value together); several values
    are parted by `|` there and by `, ` here.
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


def _deepest(categories: str) -> str:
    """The deepest of several category paths (the first of these), levels parted by ` > `, without the root."""
    # A slash within a level's name stands behind a backslash.
    paths = [re.split(r"(?<!\\)/", path) for path in categories.split(",")]
    levels = [level.replace("\\/", "/").strip() for level in max(paths, key=len)]
    return " > ".join(levels[1:] if levels[0] == _ROOT else levels)


def _availability(in_stock: str, quantity: str) -> str:
    if not in_stock:
        try:
            in_stock = "1" if float(quantity) > 0 else "0"
        except ValueError:
            return ""
    return {"1": "in_stock", "0": "out_of_stock"}.get(in_stock, in_stock)


def _pictures(base: str, additional: str) -> tuple[str, ...]:
    # Paths begin with a slash, yet are relative to the folder of product pictures.
    named = [name.strip().lstrip("/") for name in (base, *additional.split(","))]
    return tuple(dict.fromkeys(name for name in named if name and name != _NO_PICTURE))


def _pictures_folder(path: Path) -> Path:
    media = path.parent / "media" / "catalog" / "product"
    return media if media.is_dir() else path.parent


MAGENTO = Format("Magento export", _EXPECTS, _recognise, _read, _pictures_folder)
