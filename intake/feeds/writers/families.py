"""Families of variants as shops know them, and the table file that every writer makes of them."""

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
"""What a member that lacks a value is given where others have one: shops ask for a value, and an empty cell in
WooCommerce would mean that the variation serves them all."""

_UNTOLD = "variant"
"""Attribute, with the id as its value, that tells members apart when nothing else does."""

_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]+")
_PARTING = " -–—|,;/:(["
"""What may stand between the words that titles share and those in which they differ."""


@dataclass(frozen=True)
class Family:
    """Two or more products that a shop shows as one.

    Attributes:
        group: The group's id.
        members: The products in feed order; texts and attribute values are one line each, and every member but
            the parent has a value for every name in `varies`.
        varies: Names of the attributes by which the members differ, colour and size first. No two members but
            the parent have the same values in all of them.
        parent: The member that stands for all of them and is not itself sold (Magento's configurable product,
            WooCommerce's variable product), where there is one.
        key: The id of the row that stands for the whole family: the parent's, else the group's, made distinct
            from the ids of all products.
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
        """What all are called together: the parent's title, else the words with which all titles begin.

        The values in which the members differ are left out (`Shirt red S` and `Shirt blue M` are a `Shirt`). Where
        little is left in common, the first member's title serves.
        """
        if self.parent is not None and self.parent.title:
            return self.parent.title
        titled = [child for child in self.children if child.title]
        if not titled:
            return self.group
        titles = [self._lasting_words(child) for child in titled]
        alike = takewhile(lambda words: len(set(words)) == 1, zip(*titles, strict=False))
        shared = [words[0] for words in alike]
        enough = 2 * len(shared) >= min(map(len, titles))
        return (enough and " ".join(shared).rstrip(_PARTING)) or titled[0].title

    def _lasting_words(self, child: Product) -> list[str]:
        chosen = {word for name in self.varies for word in child.attributes[name].casefold().split()}
        return [word for word in child.title.split() if word.casefold().strip(_PARTING) not in chosen]


Writer = Callable[[Path, Iterable[Family]], int]
"""Writes families to a file that their shop imports, atomically; returns how many rows it wrote."""


def families(catalogue: Catalogue, groups: Sequence[str], seller: str | None = None) -> Iterator[Family]:
    """The families of a catalogue, in the order of their first members; groups of one are left out.

    Args:
        catalogue: The products.
        groups: The group of each row, empty where it has none.
        seller: Leaves out other sellers' products.

    Raises:
        VariantsError: A group's id can't stand in a file.
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
            "Give the group an id that is one line of visible letters",
        )


def _free(group: str, taken: set[str], groups: Mapping[str, object]) -> str:
    key, number = group, 1
    while key in taken or (key in groups and key != group):
        key = f"{group}-group" if number == 1 else f"{group}-group-{number}"
        number += 1
    taken.add(key)
    return key


def one_line(text: str) -> str:
    """A text without line breaks and other control characters, one space between words."""
    return " ".join(_CONTROL.sub(" ", text).split())


def shown(name: str) -> str:
    """An attribute's name as people are shown it; in lower case it is the attribute's name again."""
    return name[:1].upper() + name[1:]


def _in_one_line(product: Product) -> Product:
    attributes: dict[str, str] = {}
    for name, value in product.attributes.items():
        plain, said = one_line(name).lower(), one_line(value)
        if plain and said:
            attributes.setdefault(plain, said)
    pictures = tuple(map(one_line, product.pictures))
    return replace(product, title=one_line(product.title), attributes=attributes, pictures=pictures)


def _family(group: str, products: Sequence[Product]) -> Family:
    parent = _parent(group, products)
    children = [product for product in products if product is not parent]
    # One child alone differs from nobody: what it has beyond its parent is what it would be chosen by.
    names = _differing(children) or (_beyond(children[0], parent) if parent else ())
    filled = {child.id: _filled(child, names) for child in children}
    told = {tuple(said[name].casefold() for name in names) for said in filled.values()}
    if len(told) < len(children) or not names:
        untold = _UNTOLD
        while any(untold in said for said in filled.values()):
            untold += " id"
        names = (*names, untold)
        filled = {identifier: said | {untold: identifier} for identifier, said in filled.items()}
    members = [
        product if product is parent else replace(product, attributes=filled[product.id]) for product in products
    ]
    return Family(group, tuple(members), names, parent)


def _filled(child: Product, names: Sequence[str]) -> dict[str, str]:
    return dict(child.attributes) | {name: child.attributes.get(name, MISSING) for name in names}


def _parent(group: str, products: Sequence[Product]) -> Product | None:
    """The product after which the group is named, if it has no value for anything in which the others differ.

    A product that has such values is one to be chosen like the others, whatever the group is called.
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
    """Writes a table as UTF-8 text, atomically; returns how many rows stand below the header.

    Cells are written as they are. An apostrophe before a cell that a spreadsheet would calculate, as our own
    reports have it, would become part of the shop's data.
    """
    count = 0
    with atomic(path) as temporary, temporary.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, delimiter=delimiter, lineterminator="\n")
        writer.writerow(header)
        for row in rows:
            writer.writerow(row)
            count += 1
    return count
