"""Families of variants as shops define them, and the table file that every writer produces."""

from __future__ import annotations

import csv
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import takewhile
from pathlib import Path

from candidates.artifacts import atomic
from candidates.catalogue import Catalogue
from candidates.errors import VariantsError
from candidates.product import ATTRIBUTES, Product

MISSING = "-"
"""Value for members that lack an attribute which others have: shops require a value, and in WooCommerce an empty cell
would mean that the variation matches every value."""

_ID_ATTRIBUTE = "variant"
"""Attribute with the id as its value, which distinguishes members when nothing else does."""

_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]+")
_SEPARATORS = " -–—|,;/:(["
"""Characters between the words that titles share and those in which they differ."""


@dataclass(frozen=True)
class Family:
    """Two or more products that a shop shows as one.

    Attributes:
        group: The group's id.
        members: The products in feed order; texts and attribute values are on one line each, and every member
            except the parent has a value for every name in `varies`.
        varies: Names of the attributes in which the members differ, colour and size first. No two members, the
            parent aside, have the same values in all of them.
        parent: The member that represents the family and is not sold itself (Magento's configurable product,
            WooCommerce's variable product), if there is one.
        key: The id of the row that represents the family: the parent's id, else the group's id, changed if a
            product already has it.
    """

    group: str
    members: tuple[Product, ...]
    varies: tuple[str, ...]
    parent: Product | None = None
    key: str = ""

    @property
    def children(self) -> tuple[Product, ...]:
        """The members without the parent."""
        return tuple(member for member in self.members if member is not self.parent)

    @property
    def title(self) -> str:
        """The family's title: the parent's, else the words with which all titles begin.

        Values in which the members differ are left out (`Shirt red S` and `Shirt blue M` give `Shirt`). If the
        titles share too little, the first member's title is used.
        """
        if self.parent is not None and self.parent.title:
            return self.parent.title
        titled = [child for child in self.children if child.title]
        if not titled:
            return self.group
        titles = [self._common_words(child) for child in titled]
        equal = takewhile(lambda words: len(set(words)) == 1, zip(*titles, strict=False))
        shared = [words[0] for words in equal]
        enough = 2 * len(shared) >= min(map(len, titles))
        return (enough and " ".join(shared).rstrip(_SEPARATORS)) or titled[0].title

    def _common_words(self, child: Product) -> list[str]:
        varying = {word for name in self.varies for word in child.attributes[name].casefold().split()}
        return [word for word in child.title.split() if word.casefold().strip(_SEPARATORS) not in varying]


Writer = Callable[[Path, Iterable[Family]], int]
"""Writes families atomically to a file that a shop imports; returns the number of rows."""


def families(catalogue: Catalogue, groups: Sequence[str], seller: str | None = None) -> Iterator[Family]:
    """The families of a catalogue, in the order of their first members; groups with one member are left out.

    Args:
        catalogue: The products.
        groups: The group of each row, empty for none.
        seller: Only this seller's products; by default all.

    Raises:
        VariantsError: A group's id has control characters or surrounding spaces.
    """
    sellers = catalogue.column("seller") if seller else []
    rows: dict[str, list[int]] = {}
    for row, group in enumerate(groups):
        if group and (not seller or sellers[row] == seller):
            rows.setdefault(group, []).append(row)
    taken = {*catalogue.axis}
    for group, members in rows.items():
        if len(members) > 1:
            products = [_in_one_line(catalogue.product(row)) for row in members]
            _check(group, products[0])
            family = _family(group, products)
            yield replace(family, key=group if family.parent else _free(group, taken, rows))


def _check(group: str, product: Product) -> None:
    if _CONTROL.search(group) or group != group.strip():
        raise VariantsError(
            f"the group {group!r} of the product {product.id!r} has control characters or spaces around it",
            "Give the group an id of visible characters on one line",
        )


def _free(group: str, taken: set[str], groups: Mapping[str, object]) -> str:
    key, number = group, 1
    while key in taken or (key in groups and key != group):
        key = f"{group}-group" if number == 1 else f"{group}-group-{number}"
        number += 1
    taken.add(key)
    return key


def one_line(text: str) -> str:
    """A text without line breaks and other control characters, with single spaces between words."""
    return " ".join(_CONTROL.sub(" ", text).split())


def shown(name: str) -> str:
    """An attribute's name as shown to readers; its lower case is the attribute's name again."""
    return name[:1].upper() + name[1:]


def _in_one_line(product: Product) -> Product:
    attributes: dict[str, str] = {}
    for name, value in product.attributes.items():
        plain_name, plain_value = one_line(name).lower(), one_line(value)
        if plain_name and plain_value:
            attributes.setdefault(plain_name, plain_value)
    pictures = tuple(map(one_line, product.pictures))
    return replace(product, title=one_line(product.title), attributes=attributes, pictures=pictures)


def _family(group: str, products: Sequence[Product]) -> Family:
    parent = _parent(group, products)
    children = [product for product in products if product is not parent]
    # An only child differs from nobody, so customers choose it by the attributes that its parent lacks.
    names = _differing(children) or (_beyond(children[0], parent) if parent else ())
    filled = {child.id: _filled(child, names) for child in children}
    distinct = {tuple(attributes[name].casefold() for name in names) for attributes in filled.values()}
    if len(distinct) < len(children) or not names:
        id_attribute = _ID_ATTRIBUTE
        while any(id_attribute in attributes for attributes in filled.values()):
            id_attribute += " id"
        names = (*names, id_attribute)
        filled = {identifier: attributes | {id_attribute: identifier} for identifier, attributes in filled.items()}
    members = [
        product if product is parent else replace(product, attributes=filled[product.id]) for product in products
    ]
    return Family(group, tuple(members), names, parent)


def _filled(child: Product, names: Sequence[str]) -> dict[str, str]:
    return dict(child.attributes) | {name: child.attributes.get(name, MISSING) for name in names}


def _parent(group: str, products: Sequence[Product]) -> Product | None:
    """The product whose id is the group's, if it has no value for any attribute in which the others differ.

    If it has such a value, it is a variant like the others, whatever the group is called.
    """
    named = next((product for product in products if product.id == group), None)
    if named is None:
        return None
    others = [product for product in products if product is not named]
    names = _differing(others) if len(others) > 1 else _beyond(others[0], named)
    return named if names and not any(name in named.attributes for name in names) else None


def _differing(products: Sequence[Product]) -> tuple[str, ...]:
    names = {name for product in products for name in product.attributes}
    return _ordered(name for name in names if len({product.attributes.get(name, "") for product in products}) > 1)


def _beyond(child: Product, parent: Product) -> tuple[str, ...]:
    return _ordered(name for name in child.attributes if name not in parent.attributes)


def _ordered(names: Iterable[str]) -> tuple[str, ...]:
    places = {name: place for place, name in enumerate(ATTRIBUTES)}
    return tuple(sorted(names, key=lambda name: (places.get(name, len(places)), name)))


def write_rows(path: Path, header: Sequence[str], rows: Iterable[Sequence[str]], delimiter: str = ",") -> int:
    """Writes a table atomically as UTF-8 text; returns the number of rows below the header.

    Cells are written as they are. The apostrophe that our own reports put before a cell that looks like a formula
    would become part of the shop's data.
    """
    count = 0
    with atomic(path) as temporary, temporary.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, delimiter=delimiter, lineterminator="\n")
        writer.writerow(header)
        for row in rows:
            writer.writerow(row)
            count += 1
    return count
