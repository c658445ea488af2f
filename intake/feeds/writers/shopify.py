"""Groups as products of Shopify: one handle per family, one variant row per member."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from itertools import chain, repeat
from pathlib import Path

from candidates.artifacts import digest_of
from candidates.errors import VariantsError
from intake.feeds.writers.families import Family, one_line, shown, write_rows

MOST_OPTIONS = 3
"""Maximum options of one product."""

MOST_VARIANTS = 2048
"""Maximum variants of one product."""

_LONGEST = 255
"""Maximum length of a handle and of an option's value, in characters."""

_JOIN = " / "
_HEADER = (
    *("Handle", "Title", "Option1 Name", "Option1 Value", "Option2 Name", "Option2 Value"),
    *("Option3 Name", "Option3 Value", "Variant SKU", "Variant Price", "Variant Barcode", "Image Src", "Variant Image"),
)

_AMOUNT = re.compile(r"[0-9]+(?:[ \u00a0\u202f'’][0-9]{3}(?![0-9]))*(?:[.,][0-9]+)*")
_ADDRESS = re.compile("https?://", re.IGNORECASE)


def write_shopify(path: Path, families: Iterable[Family]) -> int:
    """Writes one product per family: its title on the first row, and a row with SKU and options for each member.

    A parent that is not sold itself gets no row, because in Shopify the handle represents the family. A parent with
    only one child is not written.

    Raises:
        VariantsError: A family has more variants, or an option value is longer, than Shopify allows.
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
                f"{len(family.children):,} variants; Shopify allows {MOST_VARIANTS:,}",
                "Split the group in two with --groups",
            )
        handle = handle_of(family.group, handles)
        handles.add(handle)
        yield from _variants(family, handle)


def _variants(family: Family, handle: str) -> Iterator[list[str]]:
    names, values = _options(family)
    # Only the first row has the title and the option names; the handle's other rows inherit them.
    heads = chain([(family.title, names)], repeat(("", [""] * len(names))))
    listed = {""}
    for member, chosen, (title, head) in zip(family.children, values, heads, strict=False):
        # A shop downloads pictures from the web, so a path on our disk is of no use to it.
        picture = next((picture for picture in member.pictures if _ADDRESS.match(picture)), "")
        options = list(chain.from_iterable(zip(head, chosen, strict=True)))
        options += [""] * (2 * MOST_OPTIONS - len(options))
        source = "" if picture in listed else picture
        listed.add(picture)
        yield [handle, title, *options, member.id, amount(member.price), one_line(member.gtin), source, picture]


def _options(family: Family) -> tuple[list[str], list[list[str]]]:
    """The options' names and each child's values; options beyond Shopify's limit are joined into the last one."""
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
                f"the product {child.id!r} has an option value of {max(map(len, own))} characters; "
                f"Shopify allows {_LONGEST}",
                "Shorten the value in the feed, or leave out its column",
            )
    return [shown(name) for name in names], values


def handle_of(group: str, taken: set[str]) -> str:
    """A group's id as a Shopify handle: lower-case letters, digits and hyphens.

    An id that already is a handle is not changed. If two ids would have the same handle, the later one gets a digest
    of its id at the end, which is the same in every file.
    """
    handle = re.sub(r"[^\w]+", "-", group.lower()).strip("-")[: _LONGEST - 55].strip("-") or "group"
    if handle in taken:
        handle = f"{handle}-{digest_of(group)}"
    return handle


def amount(price: str) -> str:
    """The amount of a price without its currency, with a decimal point; empty unless there is exactly one amount.

    A single comma followed by three digits is a thousands separator. A single point never is, because the formats
    read here use it as the decimal point.
    """
    found = _AMOUNT.findall(price)
    if len(found) != 1:
        return ""
    number = re.sub(r"[^0-9.,]", "", found[0])
    whole, mark, fraction = re.split(r"([.,])(?=[0-9]*\Z)", number) if re.search("[.,]", number) else (number, "", "")
    thousands = mark and (mark in whole or (mark == "," and len(fraction) == 3 and "." not in whole))
    digits = re.sub("[.,]", "", whole)
    return digits + fraction if thousands or not mark else f"{digits}.{fraction}"
