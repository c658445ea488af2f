"""Whether the two products of a pair are the same item or variants, and in which attributes they differ.

*Same item* means one thing listed twice. Two listings are the same item if both have the same identifying number (a
GTIN, or a part number with its brand), or if no attribute is known to differ and their pictures or texts are nearly the
same. Any other pair that the classifier suggests is a *variant*, the weaker claim.
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
from fusion.groups.varying import AttributeValues
from fusion.groups.vocabulary import ANYWHERE, describers, words_of

AGREE, ABSENT, DIFFER = 1, 0, -1
"""How two products compare in an attribute; absent if either has no value."""

MOST_LISTINGS = 20
"""Most products that may share a number before it counts as a placeholder. An item is rarely offered by more than
twenty sellers of one marketplace. A placeholder (`4012345678901` from a template) is at hundreds of different products,
and the number of pairs it would create grows with their square."""

PER_SELLER = 2
"""Most products per seller that may share a number, on average over its sellers. A seller lists an item once, or twice
by mistake; more listings are sizes of an article that all repeat its number."""

NEAR_PICTURE, NEAR_TEXT = 0.98, 0.95
"""Cosines from which pictures and texts count as nearly the same. They apply to the encoders' own vectors. Learned
spaces move variants together, so that a black and a navy dress are as close as two copies of one photograph."""

NEAR_COLOUR = 6.0
"""Two copies of a photograph differ by less than this in mean CIELAB; the eye sees differences from about two."""

LEAST_SURE = 0.9
"""Values from words and pictures count here only if they are right at least this often; a wrong value separates a
pair."""

EVIDENCE = (
    "same GTIN",
    "same part number and brand",
    "no attribute differs, and pictures or texts are nearly the same",
    "attributes differ",
    "GTINs differ",
    "part numbers differ",
    "numbers in the titles differ",
    "not similar enough to be the same item",
)
"""The rule that decides a relation, by number."""
(_GTIN, _MPN, _NEAR, _ATTRIBUTES, _GTINS, _MPNS, _NUMBERS, _UNLIKE) = range(len(EVIDENCE))

_DIGIT = re.compile(r"\d+")
_SPOILED = re.compile(r"\.0+\Z")


@dataclass(frozen=True, eq=False)
class Identities:
    """Identifying numbers as codes: equal numbers have equal codes, −1 means none.

    Attributes:
        gtin: int32 (n,): the GTIN.
        mpn: int32 (n,): manufacturer's part number together with the brand.
        brand: int32 (n,): the brand, without case and punctuation.
        title_numbers: int32 (n,): the set of numbers in the title.
        sellers: int32 (n,): the seller; −1 where the catalogue has none.
        wording: int32 (n,): who wrote the attributes (`fusion.groups.vocabulary.describers`).
    """

    gtin: NDArray[np.int32]
    mpn: NDArray[np.int32]
    brand: NDArray[np.int32]
    title_numbers: NDArray[np.int32]
    sellers: NDArray[np.int32]
    wording: NDArray[np.int32]

    @classmethod
    def of(cls, catalogue: Catalogue, most_listings: int = MOST_LISTINGS) -> Identities:
        """Reads them from a catalogue; a number of more than `most_listings` products is ignored."""
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
    """A GTIN with all 14 digits, or an empty string if it does not identify an item worldwide.

    Leading zeros that a spreadsheet dropped are restored; the check digit must be right (GS1 General Specifications,
    section 7.9). Numbers for internal use or coupons, and runs of one digit, are not accepted.
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
    if whole.startswith("000000"):  # A GTIN-8; its first digit decides.
        return whole[6] in "02"
    prefix = whole[1:4]
    return prefix[0] == "2" or prefix[:2] in ("02", "04", "05", "98", "99")


def part_number(written: str) -> str:
    """A part number without spaces, hyphens and case; empty if it has no digit (`does not apply`)."""
    plain = "".join(words_of(written))
    return plain if len(plain) >= 3 and any(letter.isdecimal() for letter in plain) else ""


def _numbers_of(title: str) -> str:
    return " ".join(sorted({number.lstrip("0") or "0" for number in _DIGIT.findall(title)}))


def _keyed(catalogue: Catalogue, name: str, key: Callable[[str], str]) -> NDArray[np.int32]:
    """A column as codes of the `key` of each text; −1 where the key is empty."""
    encoded = pc.fill_null(catalogue.table[name].combine_chunks(), "").dictionary_encode()
    numbers: dict[str, int] = {"": -1}
    codes = [numbers.setdefault(key(text), len(numbers) - 1) for text in encoded.dictionary.to_pylist()]
    return np.array(codes, np.int32)[encoded.indices.to_numpy(zero_copy_only=False)]


def _without_placeholders(
    codes: NDArray[np.int32], sellers: NDArray[np.int32], most_listings: int
) -> NDArray[np.int32]:
    present = codes >= 0
    if not present.any():
        return codes
    listings = np.bincount(codes[present])
    many = listings > most_listings
    known = present & (sellers >= 0)
    offers = np.unique(np.stack([codes[known], sellers[known]], axis=1), axis=0)
    sellers_of = np.bincount(offers[:, 0], minlength=len(listings))
    many |= np.bincount(codes[known], minlength=len(listings)) > PER_SELLER * sellers_of
    return np.where(present & ~many[np.maximum(codes, 0)], codes, -1).astype(np.int32)


@dataclass(frozen=True, eq=False)
class Relations:
    """The relation of the two products of each pair.

    Attributes:
        same: bool (m,): whether they are the same item; otherwise they are variants.
        evidence: int8 (m,): position in `EVIDENCE` of the rule that decided.
        attributes: The attributes compared.
        compared: int8 (m, attributes): `AGREE`, `ABSENT` or `DIFFER`.
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


@dataclass(frozen=True, eq=False)
class Likeness:
    """Similarity of the two products of each pair; arrays are float (m,), NaN where unknown.

    Attributes:
        picture: Cosine of their pictures, in the encoder's own vectors.
        text: Cosine of their texts, likewise.
        colour: Distance of the mean colours of their pictures in CIELAB.
    """

    picture: NDArray[np.floating] | None = None
    text: NDArray[np.floating] | None = None
    colour: NDArray[np.floating] | None = None


def relations(
    left: NDArray[np.integer],
    right: NDArray[np.integer],
    identities: Identities,
    attributes: Sequence[AttributeValues],
    likeness: Likeness | None = None,
) -> Relations:
    """Decides for each pair whether it is the same item or a variant.

    The first rule that applies decides: the same GTIN (unless one seller's own columns distinguish the two, because
    then it is the number of an article with several items); an attribute that differs; different GTINs; the same part
    number; different part numbers of one brand; different numbers in the titles; nearly the same picture, or text where
    a picture is missing. Two listings of one seller must be nearly the same in both, because a seller who writes
    different titles means different products.

    Args:
        left: int (m,): rows of the first products.
        right: int (m,): rows of the second products.
        identities: The catalogue's identifying numbers.
        attributes: The products' attributes, from `fusion.groups.varying.attribute_values`.
        likeness: Similarity of the pairs; without it only numbers can make a pair the same item.
    """
    columns = [_comparison(attr, left, right, identities.wording) for attr in attributes]
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
    return Relations(evidence <= _NEAR, evidence, tuple(attr.attribute for attr in attributes), compared)


def compare(codes: NDArray[np.int32], left: NDArray[np.integer], right: NDArray[np.integer]) -> NDArray[np.int8]:
    """Compares one attribute of each pair, int8 (m,): `AGREE`, `DIFFER`, or `ABSENT` if either has none."""
    first, second = codes[left], codes[right]
    found = np.where(first == second, AGREE, DIFFER)
    return np.where((first < 0) | (second < 0), ABSENT, found).astype(np.int8)


def _comparison(
    attr: AttributeValues, left: NDArray[np.integer], right: NDArray[np.integer], wording: NDArray[np.int32]
) -> tuple[NDArray[np.int8], NDArray[np.bool_]]:
    """How an attribute compares, and where both values are from columns and differ."""
    sure = np.where(attr.confidence >= LEAST_SURE, attr.codes, -1).astype(np.int32)
    compared = compare(sure, left, right)
    if attr.compared != ANYWHERE:
        compared[wording[left] != wording[right]] = ABSENT
    by_column = (compared == DIFFER) & (attr.sources[left] == 0) & (attr.sources[right] == 0)
    return compared, by_column


def _near(likeness: Likeness | None, one_seller: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Which pairs are nearly the same in picture or text."""
    unknown = np.full(len(one_seller), np.nan)
    known = likeness or Likeness()
    picture, text, colour = (unknown if part is None else part for part in (known.picture, known.text, known.colour))
    with np.errstate(invalid="ignore"):
        picture_near = (picture >= NEAR_PICTURE) & ~(colour >= NEAR_COLOUR)
        text_near = text >= NEAR_TEXT
    no_picture, no_text = np.isnan(picture), np.isnan(text)
    across = picture_near | (no_picture & text_near)
    within = (picture_near | no_picture) & (text_near | no_text) & (picture_near | text_near)
    return np.where(one_seller, within, across)
