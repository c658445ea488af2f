"""Groups as products of Shopify: one handle a family, one variant row a member."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from itertools import chain, repeat
from pathlib import Path

from candidates.artifacts import digest_of
from candidates.errors import VariantsError
from intake.feeds.writers.families import Family, one_line, shown, write_rows

MOST_OPTIONS = 3
"""Options of one product, at most."""

MOST_VARIANTS = 2048
"""Variants of one product, at most."""

_LONGEST = 255
"""Letters of a handle and of an option's value, at most."""

_JOIN = " / "
_HEADER = (
    *("Handle", "Title", "Option1 Name", "Option1 Value", "Option2 Name", "Option2 Value"),
    *("Option3 Name", "Option3 Value", "Variant SKU", "Variant Price", "Variant Barcode", "Image Src", "Variant Image"),
)

_AMOUNT = re.compile(r"[0-9]+(?:[ \u00a0\u202f'’][0-9]{3}(?![0-9]))*(?:[.,][0-9]+)*")
_ADDRESS = re.compile("https?://", re.IGNORECASE)


def write_shopify(path: Path, families: Iterable[Family]) -> int:
    """Writes one product a family: its title on the first row, and a row with SKU and options for each member.

    A parent that is not itself sold has no row, since in Shopify the handle stands for the whole; where it has
    but one child there is no group to write.

    Raises:
        VariantsError: A family has more variants, or an option a longer value, than Shopify takes.
    """
    return write_rows(path, _HEADER, _rows(families))


def _rows(families: Iterable[Family]) -> Iterator[list[str]]:
    handles: set[str] = set()
    for family in families:
        if len(family.children) < 2:
            continue
        if len(family.children) > MOST_VARIANTS:
            raise VariantsError(
                f"the group {family.group!r} of the product {family.children[0].id!r} has "
                f"{len(family.children):,} variants, and Shopify takes {MOST_VARIANTS:,}",
                "Part the group in two with --groups",
            )
        handle = handle_of(family.group, handles)
        handles.add(handle)
        yield from _variants(family, handle)


def _variants(family: Family, handle: str) -> Iterator[list[str]]:
    names, values = _options(family)
    # Names and title stand on the first row alone; the rows that continue a handle inherit them.
    heads = chain([(family.title, names)], repeat(("", [""] * len(names))))
    listed = {""}
    for member, chosen, (title, head) in zip(family.children, values, heads, strict=False):
        # A shop fetches pictures from the web; a path on the exporter's disk means nothing to it.
        picture = next((picture for picture in member.pictures if _ADDRESS.match(picture)), "")
        options = list(chain.from_iterable(zip(head, chosen, strict=True)))
        options += [""] * (2 * MOST_OPTIONS - len(options))
        source = "" if picture in listed else picture
        listed.add(picture)
        yield [handle, title, *options, member.id, amount(member.price), one_line(member.gtin), source, picture]


def _options(family: Family) -> tuple[list[str], list[list[str]]]:
    """Names of the options, and each child's values; what goes beyond Shopify's limit is joined in the last."""
    names = list(family.varies)
    values = [[child.attributes[name] for name in names] for child in family.children]
    if len(names) > MOST_OPTIONS:
        last = MOST_OPTIONS - 1
        joined = [[*own[:last], _JOIN.join(own[last:])] for own in values]
        if len({tuple(map(str.casefold, own)) for own in joined}) < len(joined):
            joined = [[*own, child.id] for own, child in zip(values, family.children, strict=True)]
            joined = [[*own[:last], _JOIN.join(own[last:])] for own in joined]
        names, values = [*names[:last], _JOIN.join(names[last:])], joined
    for child, own in zip(family.children, values, strict=True):
        if max(map(len, own)) > _LONGEST:
            raise VariantsError(
                f"the product {child.id!r} has an option value of {max(map(len, own))} letters, "
                f"and Shopify takes {_LONGEST}",
                "Shorten the value in the feed, or leave its column out",
            )
    return [shown(name) for name in names], values


def handle_of(group: str, taken: set[str]) -> str:
    """A group's id as a Shopify handle: small letters, digits and hyphens.

    What is a handle already stays as it is. Where two ids would have the same handle, the later one's ends in a
    digest of its id, so that it is the same in every file.
    """
    handle = re.sub(r"[^\w]+", "-", group.lower()).strip("-")[: _LONGEST - 55].strip("-") or "group"
    if handle in taken:
        handle = f"{handle}-{digest_of(group)}"
    return handle


def amount(price: str) -> str:
    """The amount of a price without its currency, with a decimal point; empty where there is not exactly one.

    A single comma with three digits behind it parts thousands; a single point never does, since the formats that
    are read here write decimals with it.
    """
    found = _AMOUNT.findall(price)
    if len(found) != 1:
        return ""
    number = re.sub(r"[^0-9.,]", "", found[0])
    whole, mark, fraction = re.split(r"([.,])(?=[0-9]*\Z)", number) if re.search("[.,]", number) else (number, "", "")
    thousands = mark and (mark in whole or (mark == "," and len(fraction) == 3 and "." not in whole))
    digits = re.sub("[.,]", "", whole)
    return digits + fraction if thousands or not mark else f"{digits}.{fraction}"
