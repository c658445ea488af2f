"""Groups as configurable products of Magento (Adobe Commerce), each after its simple children."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from pathlib import Path

from candidates.errors import VariantsError
from candidates.product import Product
from intake.feeds.writers.families import Family, write_rows

_LONGEST_SKU = 64
_SET = "Default"
_HEADER = (
    *("sku", "attribute_set_code", "product_type", "name", "additional_attributes"),
    *("configurable_variations", "configurable_variation_labels"),
)

# Magento splits `configurable_variations` at every pipe, comma and equals sign and has no escape for them; it reads a
# quotation mark at the beginning as one that encloses the value.
_NOT_ALLOWED = re.compile(r'[|,=]|\A"')
_CODE = re.compile(r"[a-z][a-z0-9_]{0,59}")
_RESERVED = frozenset(("sku", "display"))


def write_magento(path: Path, families: Iterable[Family]) -> int:
    """Writes each member as a simple product with its distinguishing values, then the configurable product.

    Only a configurable product that the shop does not have yet gets an attribute set, because an import moves existing
    products into the set in their row.

    Raises:
        VariantsError: An id or value has a character that Magento's list of variations can't contain, an id is too
            long, or an attribute's name is not a valid attribute code.
    """
    return write_rows(path, _HEADER, _rows(families))


def _rows(families: Iterable[Family]) -> Iterator[tuple[str, ...]]:
    for family in families:
        codes = {name: _code(name, family) for name in family.varies}
        variations = []
        for child in family.children:
            sku = _listed_sku(child)
            values = ",".join(f"{code}={_value(child, name)}" for name, code in codes.items())
            yield sku, "", "simple", child.title or family.title, values, "", ""
            variations.append(f"sku={sku},{values}")
        labels = ",".join(f"{code}={code.replace('_', ' ').capitalize()}" for code in codes.values())
        key = _sku(family.key, family.members[0])
        known = family.parent is not None
        yield key, "" if known else _SET, "configurable", _name(family), "", "|".join(variations), labels


def _name(family: Family) -> str:
    # Magento derives a new product's URL from its name, and two products can't share a URL.
    names = {child.title.casefold() for child in family.children}
    new = family.parent is None and family.title.casefold() in names
    return f"{family.title} {family.key}" if new else family.title


def _sku(sku: str, product: Product) -> str:
    if len(sku) > _LONGEST_SKU:
        raise VariantsError(
            f"the SKU {sku!r} (of the product {product.id!r} or its group) has {len(sku)} characters; "
            f"Magento allows {_LONGEST_SKU}",
            "Shorten it: a product's SKU in the shop, a group's with --groups",
        )
    return sku


def _listed_sku(child: Product) -> str:
    if found := _NOT_ALLOWED.search(child.id):
        raise VariantsError(
            f"the SKU {child.id!r} has a {found[0]!r}, which Magento's list of variations can't contain",
            "Change the SKU in the shop, and export the feed again",
        )
    return _sku(child.id, child)


def _value(child: Product, name: str) -> str:
    value = child.attributes[name]
    if found := _NOT_ALLOWED.search(value):
        raise VariantsError(
            f"the product {child.id!r} has {name} {value!r}; Magento's list of variations can't contain the "
            f"{found[0]!r}",
            "Change the value in the shop and in the feed",
        )
    return value


def _code(name: str, family: Family) -> str:
    code = re.sub(r"[\s-]+", "_", name)
    same = [other for other in family.varies if re.sub(r"[\s-]+", "_", other) == code]
    if not _CODE.fullmatch(code) or code in _RESERVED or len(same) > 1:
        raise VariantsError(
            f"the product {family.children[0].id!r} varies in {name!r}, which is not a valid attribute code in Magento",
            "Name the attribute by its code in the feed (a lower-case letter, then lower-case letters, digits and _)",
        )
    return code
