"""Same item or variant: what two products of a pair are to each other, and which attributes say so.

A *same item* is one thing listed twice. Two listings are the same item when a number that names the item (a GTIN, or
a part number with its brand) stands at both, or when no attribute is known to differ and they look or read nearly
the same. Anything else that a classifier takes for a match is a *variant*, the claim that asks less.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow.compute as pc
from numpy.typing import NDArray

from candidates.catalogue import Catalogue
from candidates.suggestion import SAME_ITEM, VARIANT
from fusion.groups.varying import Told
from fusion.groups.vocabulary import ANYWHERE, describers, words_of

AGREE, ABSENT, DIFFER = 1, 0, -1
"""How two products compare in an attribute; absent where either has no value."""

MOST_LISTINGS = 20
"""Products at which one number may stand before it is taken for a placeholder. An item is seldom offered by more than
a score of sellers of one marketplace; a placeholder (`4012345678901` from a template) stands at hundreds of
different things, and the pairs that it would make grow with the square of them."""

PER_SELLER = 2
"""Products of one seller at which a number may stand, on average over its sellers. A seller lists an item once, by
oversight twice; more of them are the sizes of an article on which its own number was repeated."""

NEAR_PICTURE, NEAR_TEXT = 0.98, 0.95
"""Cosine from which pictures, or texts, are nearly the same. It holds for encoders' own vectors: learned spaces draw
variants together, and in them the black and the navy dress are as near as two copies of one photograph."""

NEAR_COLOUR = 6.0
"""Two copies of a photograph differ in mean CIELAB by less; the eye tells colours apart from about two."""

LEAST_SURE = 0.9
"""Values from words and pictures count here when they are right at least so often: one wrong value parts a pair."""

EVIDENCE = (
    "same gtin",
    "same part number and brand",
    "no attribute differs, and they are nearly the same",
    "attributes differ",
    "their gtins differ",
    "their part numbers differ",
    "the numbers in their titles differ",
    "not near enough to be one item",
)
"""What a relation rests on, by number."""
(_GTIN, _MPN, _NEAR, _ATTRIBUTES, _GTINS, _MPNS, _NUMBERS, _UNLIKE) = range(len(EVIDENCE))

_DIGIT = re.compile(r"\d+")
_SPOILED = re.compile(r"\.0+\Z")


@dataclass(frozen=True, eq=False)
class Identities:
    """Numbers that name an item, as codes: equal numbers have equal codes, −1 where there is none that counts.

    Attributes:
        gtin: int32 (n,).
        mpn: int32 (n,): manufacturer's part number together with the brand.
        brand: int32 (n,): the brand, in one spelling.
        title_numbers: int32 (n,): the numbers that stand in the title, as a set.
        sellers: int32 (n,): who offers it; −1 where the catalogue does not say.
        wording: int32 (n,): who words its attributes (`fusion.groups.vocabulary.describers`).
    """

    gtin: NDArray[np.int32]
    mpn: NDArray[np.int32]
    brand: NDArray[np.int32]
    title_numbers: NDArray[np.int32]
    sellers: NDArray[np.int32]
    wording: NDArray[np.int32]

    @classmethod
    def of(cls, catalogue: Catalogue, most_listings: int = MOST_LISTINGS) -> Identities:
        """Reads them; a number at more than `most_listings` products counts nowhere."""
        sellers = catalogue.codes("seller")
        brand = _keyed(catalogue, "brand", lambda text: " ".join(words_of(text)))
        number = _keyed(catalogue, "mpn", part_number)
        both = np.where((brand >= 0) & (number >= 0), brand.astype(np.int64) << 32 | number, -1)
        mpn = np.unique(both, return_inverse=True)[1].astype(np.int32)
        mpn[both < 0] = -1
        gtin = _keyed(catalogue, "gtin", global_number)
        gtin, mpn = (_without_placeholders(codes, sellers, most_listings) for codes in (gtin, mpn))
        return cls(gtin, mpn, brand, _keyed(catalogue, "title", _numbers_of), sellers, describers(catalogue))


def global_number(written: str) -> str:
    """A GTIN in its 14 digits, or nothing where it names no item all over the world.

    Leading zeros that a spreadsheet took are put back; the check digit must be right (GS1 General Specifications,
    section 7.9). Numbers for use within one company or for coupons, and runs of one digit, name nothing.
    """
    digits = re.sub(r"[\s-]", "", _SPOILED.sub("", written.strip()))
    if not (8 <= len(digits) <= 14 and digits.isascii() and digits.isdecimal()):
        return ""
    whole = digits.zfill(14)
    weighted = sum(int(digit) * (3 if place % 2 == 0 else 1) for place, digit in enumerate(whole))
    if weighted % 10 or len(set(digits.lstrip("0"))) < 2 or _is_restricted(whole):
        return ""
    return whole


def _is_restricted(whole: str) -> bool:
    if whole.startswith("000000"):  # A GTIN-8: its first digit tells.
        return whole[6] in "02"
    prefix = whole[1:4]
    return prefix[0] == "2" or prefix[:2] in ("02", "04", "05", "98", "99")


def part_number(written: str) -> str:
    """A part number without spaces, hyphens and case; nothing where it has no digit (`does not apply`)."""
    plain = "".join(words_of(written))
    return plain if len(plain) >= 3 and any(letter.isdecimal() for letter in plain) else ""


def _numbers_of(title: str) -> str:
    return " ".join(sorted({number.lstrip("0") or "0" for number in _DIGIT.findall(title)}))


def _keyed(catalogue: Catalogue, name: str, key: Callable[[str], str]) -> NDArray[np.int32]:
    """A column as codes of what `key` makes of each text; −1 where that is nothing."""
    encoded = pc.fill_null(catalogue.table[name].combine_chunks(), "").dictionary_encode()
    numbers: dict[str, int] = {"": -1}
    codes = [numbers.setdefault(key(text), len(numbers) - 1) for text in encoded.dictionary.to_pylist()]
    return np.array(codes, np.int32)[encoded.indices.to_numpy(zero_copy_only=False)]


def _without_placeholders(
    codes: NDArray[np.int32], sellers: NDArray[np.int32], most_listings: int
) -> NDArray[np.int32]:
    has = codes >= 0
    if not has.any():
        return codes
    listings = np.bincount(codes[has])
    many = listings > most_listings
    told = has & (sellers >= 0)
    offers = np.unique(np.stack([codes[told], sellers[told]], axis=1), axis=0)
    by = np.bincount(offers[:, 0], minlength=len(listings))
    many |= np.bincount(codes[told], minlength=len(listings)) > PER_SELLER * by
    return np.where(has & ~many[np.maximum(codes, 0)], codes, -1).astype(np.int32)


@dataclass(frozen=True, eq=False)
class Relations:
    """What the products of each pair are to each other.

    Attributes:
        same: Whether they are the same item, bool (m,); otherwise they are variants.
        evidence: What that rests on, int8 (m,): numbers of `EVIDENCE`.
        attributes: The attributes compared.
        compared: `AGREE`, `ABSENT` or `DIFFER`, int8 (m, attributes).
    """

    same: NDArray[np.bool_]
    evidence: NDArray[np.int8]
    attributes: tuple[str, ...]
    compared: NDArray[np.int8]

    def relation(self, pair: int) -> str:
        """`same item` or `variant`."""
        return SAME_ITEM if self.same[pair] else VARIANT

    def varies_in(self, pair: int) -> tuple[str, ...]:
        """The attributes in which a pair is known to differ."""
        return tuple(self.attributes[at] for at in np.flatnonzero(self.compared[pair] == DIFFER).tolist())

    def said(self, pair: int) -> str:
        """What the relation rests on, in words."""
        return EVIDENCE[self.evidence[pair]]


@dataclass(frozen=True, eq=False)
class Likeness:
    """How alike the two products of each pair are; an array is float (m,), NaN where it can't be said.

    Attributes:
        picture: Cosine of their pictures, by the encoder's own vectors.
        text: Cosine of their texts, likewise.
        colour: Distance of their pictures' mean colours in CIELAB.
    """

    picture: NDArray[np.floating] | None = None
    text: NDArray[np.floating] | None = None
    colour: NDArray[np.floating] | None = None


def relations(
    left: NDArray[np.integer],
    right: NDArray[np.integer],
    identities: Identities,
    told: Sequence[Told],
    likeness: Likeness | None = None,
) -> Relations:
    """Says of each pair whether it is the same item or a variant.

    The first that applies decides: the same GTIN (unless one seller's own columns tell the two apart: then the number
    is the article's, not the item's); two GTINs; an attribute that differs; the same part number; two part numbers
    of one brand; other numbers in the titles; nearly the same picture, or text where a picture is missing. Two
    listings of one seller must be alike in both: who gives them different titles means different things.

    Args:
        left: Rows of the first products, int (m,).
        right: Rows of the second.
        identities: The catalogue's numbers.
        told: The products' attributes, by `fusion.groups.varying.tell`.
        likeness: How alike they are; without it only numbers make a same item.
    """
    columns = [_comparison(one, left, right, identities.wording) for one in told]
    nothing = np.zeros((len(left), 1), bool)
    differ_in_column = np.hstack([nothing, *(by_column[:, None] for _, by_column in columns)]).any(axis=1)
    compared = np.hstack([nothing.astype(np.int8), *(column[:, None] for column, _ in columns)])[:, 1:]
    gtin, mpn, numbers = (
        compare(codes, left, right) for codes in (identities.gtin, identities.mpn, identities.title_numbers)
    )
    one_seller = identities.sellers[left] == identities.sellers[right]
    cases = (
        ((gtin == AGREE) & ~(one_seller & differ_in_column), _GTIN),
        ((compared == DIFFER).any(axis=1), _ATTRIBUTES),
        (gtin == DIFFER, _GTINS),
        (mpn == AGREE, _MPN),
        ((mpn == DIFFER) & (identities.brand[left] == identities.brand[right]), _MPNS),
        (numbers == DIFFER, _NUMBERS),
        (_near(likeness, one_seller), _NEAR),
    )
    evidence = np.select([case for case, _ in cases], [number for _, number in cases], _UNLIKE).astype(np.int8)
    return Relations(evidence <= _NEAR, evidence, tuple(one.attribute for one in told), compared)


def compare(codes: NDArray[np.int32], left: NDArray[np.integer], right: NDArray[np.integer]) -> NDArray[np.int8]:
    """Compares one attribute of each pair, int8 (m,): `AGREE`, `DIFFER`, or `ABSENT` where either has none."""
    first, second = codes[left], codes[right]
    found = np.where(first == second, AGREE, DIFFER)
    return np.where((first < 0) | (second < 0), ABSENT, found).astype(np.int8)


def _comparison(
    told: Told, left: NDArray[np.integer], right: NDArray[np.integer], wording: NDArray[np.int32]
) -> tuple[NDArray[np.int8], NDArray[np.bool_]]:
    """How an attribute compares, and where two columns differ in it."""
    sure = np.where(told.confidence >= LEAST_SURE, told.codes, -1).astype(np.int32)
    compared = compare(sure, left, right)
    if told.compared != ANYWHERE:
        compared[wording[left] != wording[right]] = ABSENT
    by_column = (compared == DIFFER) & (told.sources[left] == 0) & (told.sources[right] == 0)
    return compared, by_column


def _near(likeness: Likeness | None, one_seller: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Which pairs look or read nearly the same."""
    unknown = np.full(len(one_seller), np.nan)
    given = likeness or Likeness()
    picture, text, colour = (unknown if part is None else part for part in (given.picture, given.text, given.colour))
    with np.errstate(invalid="ignore"):
        picture_near = (picture >= NEAR_PICTURE) & ~(colour >= NEAR_COLOUR)
        text_near = text >= NEAR_TEXT
    no_picture, no_text = np.isnan(picture), np.isnan(text)
    across = picture_near | (no_picture & text_near)
    within = (picture_near | no_picture) & (text_near | no_text) & (picture_near | text_near)
    return np.where(one_seller, within, across)
