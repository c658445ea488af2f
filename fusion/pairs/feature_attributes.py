"""Features that compare the columns of two products: attributes, categories, prices and sellers.

All values come from the catalogue's columns. They are compared without case and surrounding spaces, GTINs as numbers of
14 digits (GS1 General Specifications), manufacturers' part numbers by letters and digits only.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial

import numpy as np
from numpy.typing import NDArray

from candidates.product import ATTRIBUTES
from fusion.pairs.feature import Block, Column, Feature, Speaks, where
from fusion.pairs.feature_context import PairContext
from fusion.pairs.feature_sets import Sets, common, jaccard, share

_LEVELS = re.compile(r"[>/|]")
_WORDS = re.compile(r"\w+")
_AMOUNT = re.compile(r"\d+(?:[.,'’]\d+|\s\d{3}(?!\d))*")
_SEPARATORS = re.compile(r"[.,'’\s]")

_DIGITS = 14
"""Length of the longest GTIN; shorter ones are padded with leading zeros."""

_DEAREST = 1e12
"""Higher prices are not accepted as prices."""

SHOWN = {"color": "colour", "product_type": "category"}
"""Columns whose name in features differs from the name in feeds."""

_VARYING = ("color", "size", "pattern", "material")
_FIELDS = ("brand", "product_type", "gtin", "mpn", *ATTRIBUTES)
"""Columns compared one by one. Variants may differ in those of `_VARYING`, where agreement counts neither way."""


def attribute_columns(context: PairContext) -> Mapping[str, list[str]]:
    """Every attribute of the catalogue by name: one value per product, empty where it has none."""
    return context.once("attributes", lambda: _attribute_columns(context))


def _attribute_columns(context: PairContext) -> dict[str, list[str]]:
    columns: dict[str, list[str]] = {}
    for row, own in enumerate(context.catalogue.attributes):
        for name, value in own.items():
            if value:
                columns.setdefault(name, [""] * len(context.catalogue))[row] = value
    return columns


def plain(value: str) -> str:
    """A value without case, its words separated by single spaces."""
    return " ".join(value.casefold().split())


def item_number(value: str) -> str:
    """A GTIN at full length; empty if there are only zeros or too many digits."""
    digits = "".join(letter for letter in value if letter in "0123456789").lstrip("0")
    return digits.zfill(_DIGITS) if 0 < len(digits) <= _DIGITS else ""


def part_number(value: str) -> str:
    """The letters and digits of a manufacturer's part number."""
    return "".join(letter for letter in value.casefold() if letter.isalnum())


_READ: dict[str, Callable[[str], str]] = {"gtin": item_number, "mpn": part_number}


def codes(values: Sequence[str]) -> NDArray[np.int32]:
    """Codes that are equal where values are equal, −1 for empty ones; int32 (n,)."""
    numbers: dict[str, int] = {}
    return np.array([numbers.setdefault(value, len(numbers)) if value else -1 for value in values], np.int32)


def _codes_of(context: PairContext, name: str) -> NDArray[np.int32]:
    def make() -> NDArray[np.int32]:
        if name in ATTRIBUTES:
            values = attribute_columns(context).get(name, [""] * len(context.catalogue))
        else:
            values = context.catalogue.column(name)
        read = _READ.get(name, plain)
        return codes([read(value) for value in values])

    return context.once(("codes", name), make)


def agrees(block: Block, name: str) -> Column:
    """1 where a column agrees for both products, 0 where it differs."""
    numbers = _codes_of(block.context, name)
    return where(block.both(numbers >= 0), numbers[block.left] == numbers[block.right])


def _counts(block: Block) -> NDArray[np.int32]:
    """Number of attributes that agree, that differ, and that only one product has, int32 (m, 3)."""
    return block.once("agreements", lambda: _agreements(block))


def _agreements(block: Block) -> NDArray[np.int32]:
    from fusion.pairs import feature_kernels

    out = np.zeros((len(block), 3), np.int32)
    feature_kernels.agreements(block.left, block.right, *_entries(block.context), out)
    return out


def _entries(context: PairContext) -> tuple[NDArray[np.int64], NDArray[np.int32], NDArray[np.int32]]:
    """Offsets, name codes and value codes of all attributes."""

    def make() -> tuple[NDArray[np.int64], NDArray[np.int32], NDArray[np.int32]]:
        names: dict[str, int] = {}
        numbers: dict[tuple[str, str], int] = {}
        rows = [
            sorted(
                (names.setdefault(name, len(names)), numbers.setdefault((name, plain(value)), len(numbers)))
                for name, value in own.items()
                if value.strip()
            )
            for own in context.catalogue.attributes
        ]
        offsets = np.concatenate([[0], np.cumsum([len(row) for row in rows])]).astype(np.int64)
        flat = np.array([entry for row in rows for entry in row], np.int32).reshape(-1, 2)
        return offsets, np.ascontiguousarray(flat[:, 0]), np.ascontiguousarray(flat[:, 1])

    return context.once("attribute entries", make)


def _count(block: Block, place: int) -> Column:
    return _counts(block)[:, place].astype(np.float32)


def levels(path: str) -> list[str]:
    """The levels of a category path, each with all levels above it."""
    names = [plain(level) for level in _LEVELS.split(path)]
    names = [name for name in names if name]
    return [" > ".join(names[: depth + 1]) for depth in range(len(names))]


def _category_levels(context: PairContext) -> Sets:
    paths = context.catalogue.column
    return context.once("category levels", lambda: Sets.of([levels(path) for path in paths("product_type")]))


def _category_prefix(block: Block) -> Column:
    """Number of top levels that two paths share, as a share of the longer path."""
    sets = _category_levels(block.context)
    longer = np.maximum(sets.lengths[block.left], sets.lengths[block.right])
    return share(block, sets.known, common(block, sets)[0], longer)


def _category_words(block: Block) -> Column:
    """Jaccard index of the words of two category paths."""

    def make() -> Sets:
        return Sets.of([_WORDS.findall(path.lower()) for path in block.context.catalogue.column("product_type")])

    return jaccard(block, block.context.once("category words", make))


def amount_of(price: str) -> tuple[float, str]:
    """The amount and the currency of a price; an amount of 0 unless there is exactly one positive number.

    The last separator marks the decimals unless three digits follow it, as in "1.299"; after a 0 it always does.
    """
    found = _AMOUNT.findall(price)
    if len(found) != 1:
        return 0.0, ""
    whole, decimals = found[0], ""
    parts = _SEPARATORS.split(whole)
    if len(parts) > 1 and (len(parts[-1]) != 3 or parts[0] == "0"):
        *parts, decimals = parts
    amount = float(f"{''.join(parts)}.{decimals or 0}")
    return (amount if amount < _DEAREST else 0.0), plain(price.replace(whole, " ")).strip(" .,-")


def _prices(context: PairContext) -> tuple[NDArray[np.float64], NDArray[np.int32]]:
    """The logarithm of each product's price (NaN if none), and the code of its currency."""

    def make() -> tuple[NDArray[np.float64], NDArray[np.int32]]:
        read = [amount_of(price) for price in context.catalogue.column("price")]
        amounts = np.array([amount for amount, _ in read], np.float64)
        with np.errstate(divide="ignore"):
            logs = np.where(amounts > 0, np.log(amounts), np.nan)
        return logs, codes([currency for _, currency in read])

    return context.once("prices", make)


def _price_ratio(block: Block) -> Column:
    """Absolute logarithm of the ratio of two prices of one currency."""
    logs, currencies = _prices(block.context)
    same = currencies[block.left] == currencies[block.right]
    return where(same, np.abs(logs[block.left] - logs[block.right]))


def _same_seller(block: Block) -> Column:
    context = block.context
    sellers = context.once("sellers", lambda: context.catalogue.codes("seller"))
    return (sellers[block.left] == sellers[block.right]).astype(np.float32)


def _features() -> Iterator[Feature]:
    for name in _FIELDS:
        speaks: Speaks = "neither" if name in _VARYING else "for"
        shown = SHOWN.get(name, name)
        what = shown.replace("_", " ")
        words, lacking = f"whether the {what} agrees", f"one of the two has no {what}"
        yield Feature(f"{shown}_agrees", "attributes", words, speaks, lacking, partial(agrees, name=name))
    kinds: tuple[tuple[str, str, Speaks], ...] = (
        ("agreeing", "how many attributes agree", "for"),
        ("differing", "how many attributes differ", "against"),
        ("one_sided", "how many attributes only one of the two has", "neither"),
    )
    for place, (kind, words, says) in enumerate(kinds):
        yield Feature(f"attributes_{kind}", "attributes", words, says, "", partial(_count, place=place))
    lacking = "one of the two has no category"
    prefix = "how much of the category path is the same from the top"
    yield Feature("category_prefix", "attributes", prefix, "for", lacking, _category_prefix)
    shared_words = "how many words the categories share"
    yield Feature("category_words", "attributes", shared_words, "for", lacking, _category_words)
    lacking = "one of the two has no price, or the currencies differ"
    yield Feature("price_ratio", "attributes", "how different the prices are", "against", lacking, _price_ratio)
    yield Feature("same_seller", "attributes", "whether both are from the same seller", "neither", "", _same_seller)


ATTRIBUTE_FEATURES: tuple[Feature, ...] = tuple(_features())
"""The features of this room."""
