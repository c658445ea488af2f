"""Groups as variable products of WooCommerce, each before its variations."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from pathlib import Path

from candidates.errors import VariantsError
from candidates.product import Product
from intake.feeds.writers.families import Family, shown, write_rows

_HEADER = ("ID", "Type", "SKU", "Name", "Parent")
_ATTRIBUTE = ("name", "value(s)", "visible", "global")

_NUMBERED = re.compile(r"id:([1-9][0-9]*)")
"""How WooCommerce refers to a product without an SKU; our reader uses the same id."""

_GUARDED = re.compile(r"'[=+\-@]")

# WooCommerce stores an attribute's values separated by pipes, reads a backslash before the comma between two values as
# an escape, and an apostrophe before these signs as one added by its own exporter.
_NOT_ALLOWED = re.compile(r"\||\\\Z|\A'(?=[=+\-@])")


def write_woocommerce(path: Path, families: Iterable[Family]) -> int:
    """Writes a variable product per family, with all values of its attributes, and a variation for each child.

    The rows of all families are held at once, because the widest one determines the number of columns.

    Raises:
        VariantsError: A value or an SKU has a character that WooCommerce's lists can't contain.
    """
    rows = list(_rows(families))
    width = max((len(row) for row in rows), default=0)
    count = (width - len(_HEADER)) // len(_ATTRIBUTE)
    attributes = [f"Attribute {number} {part}" for number in range(1, count + 1) for part in _ATTRIBUTE]
    return write_rows(path, (*_HEADER, *attributes), ([*row, *[""] * (width - len(row))] for row in rows))


def _rows(families: Iterable[Family]) -> Iterator[list[str]]:
    for family in families:
        for key in (family.key, *(child.id for child in family.children)):
            _check_sku(key, family)
        values = {child.id: [_value(child, name) for name in family.varies] for child in family.children}
        listed = [", ".join(dict.fromkeys(column)) for column in zip(*values.values(), strict=True)]
        yield _row("variable", family.key, family.title, "", family, listed)
        for child in family.children:
            yield _row("variation", child.id, child.title or family.title, family.key, family, values[child.id])


def _row(kind: str, key: str, name: str, parent: str, family: Family, values: list[str]) -> list[str]:
    numbered = _NUMBERED.fullmatch(key)
    number, sku = (numbered[1], "") if numbered else ("", key)
    attributes = [
        cell
        for attribute, value in zip(family.varies, values, strict=True)
        for cell in (shown(attribute), value, "1", "0")
    ]
    return [number, kind, sku, name, parent, *attributes]


def _check_sku(sku: str, family: Family) -> None:
    if _GUARDED.match(sku):
        raise VariantsError(
            f"the SKU {sku!r} (in the group of the product {family.members[0].id!r}) begins with an apostrophe that "
            "WooCommerce would remove, as it does from text that looks like a formula",
            "Change it: a product's SKU in the shop, a group's with --groups",
        )


def _value(child: Product, name: str) -> str:
    value = child.attributes[name]
    if found := _NOT_ALLOWED.search(value):
        raise VariantsError(
            f"the product {child.id!r} has {name} {value!r}; WooCommerce's lists of values can't contain the "
            f"{found[0]!r} there",
            "Change the value in the shop and in the feed",
        )
    return value.replace(",", r"\,")
