"""What varies in each group: `colour: black, navy; size: S–XL`, from columns, from words, and from pictures.

A product's value comes from the first of these sources that has one: its column; its words, if the catalogue's own
columns prove what they mean (`fusion.groups.vocabulary`); or the colour of its picture, named after the nearest
pictures in CIELAB whose column is known. Values that are too uncertain are left open. Only values of the catalogue's
own columns and quantities (`500 ml`, `3-pack`) are ever shown, so a seller's name or a filler word never is.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from candidates.catalogue import Catalogue
from candidates.product import ATTRIBUTES
from fusion.groups.vocabulary import (
    ANYWHERE,
    WITHIN_A_SELLER,
    Column,
    WordValues,
    columns_of,
    columns_of_titles,
    describers,
    values_in_words,
)

SOURCES = ("column", "words", "picture")
"""Where a value can come from, most reliable first."""

COLOUR, SIZE, PICTURE_COLOUR = "color", "size", "picture colour"

LEAST_TRUST = 0.75
"""A value from words or a picture is shown only if such values are right at least this often."""

FAR_APART = 30.0
"""Where no colour can be named, pictures count as different in colour if their mean lightness or one of the two
colour axes of CIELAB differs by this much. Nine in ten pairs of garments of the same named colour differ by less."""

_COLUMN, _WORDS, _PICTURE = range(3)
_UNKNOWN = -1

_NEIGHBOURS, _SPARE = 20, 12
"""Pictures that vote on the name of a colour, and extra ones searched because the product's own group has no vote."""

_LEAST_PICTURES = 50
"""Fewest pictures of known colour needed to name any picture's colour."""

_MOST_PICTURES, _CHECKED = 50_000, 5_000
"""Most pictures of known colour used as neighbours, and number of them on which the accuracy of votes is measured."""

_MOST_SHOWN = 8
"""Most values of one attribute that a sentence lists."""

_SHOWN_AS = {"color": "colour", "age_group": "age group"}

_LETTERS = ("XXXXS", "XXXS", "XXS", "XS", "S", "M", "L", "XL", "XXL", "XXXL", "XXXXL", "XXXXXL", "XXXXXXL")
_MEASURES = {"mm": 0.001, "cm": 0.01, "m": 1, "ml": 0.001, "cl": 0.01, "l": 1, "mg": 0.001, "g": 1, "kg": 1000.0}
_MEASURES |= {"month": 1 / 12, "months": 1 / 12, "mon": 1 / 12, "mo": 1 / 12, "mb": 1 / 1024, "gb": 1, "tb": 1024.0}
_MEASURE = re.compile(r"\d\s*([a-z]+)\Z")
_NUMBER = re.compile(r"\d+(?:[.,]\d+)?")
_CAPITALISED = re.compile(r"[^\W\d_]{2,}")
_EVEN_SIZES = 30


@dataclass(frozen=True)
class Varying:
    """One attribute in which the members of a group differ.

    Attributes:
        attribute: Its name in the catalogue (`color`), or `picture colour`.
        values: The values, sizes in their natural order; empty for `picture colour`, whose values have no names.
        sources: Source of each value, from `SOURCES`: the most reliable one among the members that have it.
        confidence: Estimated probability that two of the values are right, so that the attribute really varies.
        known: Share of the members whose value is known.
        unknown: Number of members whose value is not known; 0 for `picture colour`.
    """

    attribute: str
    values: tuple[str, ...]
    sources: tuple[str, ...]
    confidence: float
    known: float
    unknown: int = 0

    @property
    def sentence(self) -> str:
        """In words: `colour: black, navy`, `size: S–XL (1 not known)`, `picture colour differs`."""
        if not self.values:
            return f"{self.attribute} differs"
        shown = _in_one_line(self.values) if self.attribute == SIZE else [*map(in_sentence, self.values)]
        hidden = len(shown) - _MOST_SHOWN
        tail = f" and {hidden} more" if hidden > 0 else ""
        tail += f" ({self.unknown} not known)" if self.unknown else ""
        return f"{attribute_shown(self.attribute)}: {', '.join(shown[:_MOST_SHOWN])}{tail}"


@dataclass(frozen=True, eq=False)
class AttributeValues:
    """The values of one attribute for all products, and where they come from.

    Attributes:
        attribute: Name of the attribute.
        values: Its distinct values.
        codes: int32 (n,): position of each product's value in `values`; −1 where unknown.
        sources: int8 (n,): position of its source in `SOURCES`; −1 where unknown.
        confidence: float32 (n,): how often such a value is right; 1 for a column's.
        compared: Between which products values are comparable: `ANYWHERE`, `WITHIN_A_SELLER` or `UNLIKE_SELLERS` of
            `fusion.groups.vocabulary`.
    """

    attribute: str
    values: tuple[str, ...]
    codes: NDArray[np.int32]
    sources: NDArray[np.int8]
    confidence: NDArray[np.float32]
    compared: str = ANYWHERE


def sentence(varying: Sequence[Varying]) -> str:
    """Everything that varies in a group, as one line; empty where nothing is known to vary."""
    return "; ".join(attr.sentence for attr in varying)


def attribute_shown(attribute: str) -> str:
    """The name of an attribute as shown to people."""
    return _SHOWN_AS.get(attribute, attribute)


def in_sentence(value: str) -> str:
    """A value as written within a sentence: `Dark Blue` becomes `dark blue`; abbreviations are kept."""
    return _CAPITALISED.sub(lambda word: word[0].lower() if word[0].istitle() else word[0], value)


def what_varies(
    catalogue: Catalogue,
    groups: NDArray[np.int32],
    lab: NDArray[np.floating] | None = None,
    attributes: Sequence[AttributeValues] | None = None,
) -> dict[int, tuple[Varying, ...]]:
    """What varies in each group of two or more products.

    Args:
        catalogue: The products.
        groups: int32 (n,): group of each product; negative where it is in none.
        lab: (n, 3): mean CIELAB of each product's picture without its background; NaN where there is none.
        attributes: The products' values, if already computed by `attribute_values` with the same groups or with none.

    Returns:
        The attributes by group, standard feed attributes first. Groups in which nothing is known to vary are left out.
    """
    members = _members(groups)
    if attributes is None:
        attributes = attribute_values(catalogue, groups, lab)
    sellers = describers(catalogue)
    found: dict[int, list[Varying]] = {}
    for attr in sorted(attributes, key=_place):
        for group, varying in _varying(attr, members, sellers):
            found.setdefault(group, []).append(varying)
    if lab is not None:
        colours = next(
            (attr.codes >= 0 for attr in attributes if attr.attribute == COLOUR), np.zeros(len(groups), bool)
        )
        for group, varying in _by_picture_alone(lab, members, colours):
            if not any(attr.attribute == COLOUR for attr in found.get(group, ())):
                found.setdefault(group, []).append(varying)
    return {group: tuple(found[group]) for group in sorted(found)}


def attribute_values(
    catalogue: Catalogue, groups: NDArray[np.int32] | None = None, lab: NDArray[np.floating] | None = None
) -> tuple[AttributeValues, ...]:
    """Each product's attributes: from its columns, and from its words and picture where a column is empty.

    Args:
        catalogue: The products.
        groups: int32 (n,): group of each product, negative where it is in none. If given, only members of groups of
            two or more get values from words and pictures; if None, every product does, on its own.
        lab: As for `what_varies`.
    """
    columns = columns_of(catalogue)
    members = np.ones(len(catalogue), bool) if groups is None else _members(groups).inside
    owners = np.arange(len(catalogue), dtype=np.int32) if groups is None else groups
    lacking = [members & (column.codes < 0) for column in columns.values()]
    any_lacking = np.any(lacking, axis=0) if lacking else np.zeros(len(catalogue), bool)
    by_words = values_in_words(catalogue, tuple(columns.values()), any_lacking)
    attributes = []
    for column, words, lacks in zip(columns.values(), by_words, lacking, strict=True):
        attr = _with_words(_from_column(column), words, owners, lacks)
        attributes.append(_with_pictures(attr, column, lab, owners, members) if column.name == COLOUR else attr)
    for column in columns_of_titles(catalogue, members, columns):
        attr = _from_column(column)
        attributes.append(replace(attr, sources=np.where(attr.codes >= 0, _WORDS, _UNKNOWN).astype(np.int8)))
    return tuple(attributes)


def _place(attr: AttributeValues) -> tuple[int, str]:
    named = ATTRIBUTES.index(attr.attribute) if attr.attribute in ATTRIBUTES else len(ATTRIBUTES)
    return named, attr.attribute


def _from_column(column: Column) -> AttributeValues:
    has = column.codes >= 0
    sources = np.where(has, _COLUMN, _UNKNOWN).astype(np.int8)
    confidence = np.where(has, column.trust, 0).astype(np.float32)
    return AttributeValues(column.name, column.values, column.codes, sources, confidence, column.compared)


def _with_words(
    attr: AttributeValues, words: WordValues, groups: NDArray[np.int32], lacking: NDArray[np.bool_]
) -> AttributeValues:
    """Adds values from words for the products that lack one.

    A word that all members of a group share does not distinguish them (in `Black Label shirt navy` and `Black Label
    shirt red`, `black` belongs to the label). It is dropped where any member has another value as well.
    """
    group, product, value = groups[words.products].astype(np.int64), words.products, words.values
    width = len(attr.values)
    of_group = np.unique(group * len(groups) + product) // len(groups) if len(group) else group
    speaking = np.bincount(of_group, minlength=1)
    pairs, number, times = np.unique(group * width + value, return_inverse=True, return_counts=True)
    shared = times[number] == speaking[group] if len(group) else np.zeros(0, bool)
    others = np.bincount(pairs // width, minlength=1)[group] > 1 if len(group) else shared
    keep = (words.trust >= LEAST_TRUST) & lacking[product] & ~(shared & others & (speaking[group] > 1))
    product, value, trust = product[keep], value[keep], words.trust[keep]
    order = np.lexsort((value, -trust, product))
    product, value, trust = product[order], value[order], trust[order]
    best = np.append(True, np.diff(product) != 0)[: len(product)]
    return _filled(attr, product[best], value[best], trust[best], _WORDS)


def _filled(
    attr: AttributeValues,
    products: NDArray[np.integer],
    values: NDArray[np.integer],
    confidence: NDArray[np.floating],
    source: int,
) -> AttributeValues:
    codes, sources, sure = attr.codes.copy(), attr.sources.copy(), attr.confidence.copy()
    codes[products], sources[products], sure[products] = values, source, confidence
    return replace(attr, codes=codes, sources=sources, confidence=sure)


def _with_pictures(
    attr: AttributeValues,
    column: Column,
    lab: NDArray[np.floating] | None,
    groups: NDArray[np.int32],
    members: NDArray[np.bool_],
) -> AttributeValues:
    if lab is None:
        return attr
    seen = np.isfinite(lab).all(axis=1)
    wanted = np.flatnonzero(members & seen & (attr.codes < 0))
    known = np.flatnonzero(seen & (column.codes >= 0))
    if not len(wanted) or len(known) < _LEAST_PICTURES:
        return attr
    draw = np.random.default_rng(7)
    if len(known) > _MOST_PICTURES:
        known = np.sort(draw.choice(known, _MOST_PICTURES, replace=False))
    voters = _Voters(lab, column.codes, known, groups)
    checked = np.sort(draw.choice(known, min(len(known), _CHECKED), replace=False))
    trust = _Trust.measured(*voters.names(checked), column.codes[checked])
    values, shares = voters.names(wanted)
    confidence = trust.of(shares)
    sure = (confidence >= LEAST_TRUST) & (values >= 0)
    return _filled(attr, wanted[sure], values[sure], confidence[sure], _PICTURE)


class _Voters:
    """Pictures of known colour; the nearest ones vote on the colour of other pictures."""

    def __init__(
        self,
        lab: NDArray[np.floating],
        codes: NDArray[np.int32],
        known: NDArray[np.int64],
        groups: NDArray[np.int32],
    ) -> None:
        from scipy.spatial import cKDTree

        self._lab, self._groups, self._known, self._codes = lab, groups, known, codes
        self._tree = cKDTree(lab[known])

    def names(self, products: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
        """The colour with most votes and its share of them; the product and its own group have no vote."""
        depth = min(_NEIGHBOURS + _SPARE, len(self._known))
        # A distance of zero would outvote everything; below two units of CIELAB nobody sees a difference.
        apart, nearest = self._tree.query(self._lab[products], depth)
        voters = self._known[nearest]
        group = self._groups[products][:, None]
        excluded = (voters == products[:, None]) | ((self._groups[voters] == group) & (group >= 0))
        weight = np.where(excluded, 0.0, 1 / (apart + 2.0))
        weight[np.cumsum(~excluded, axis=1) > _NEIGHBOURS] = 0
        return _most_voted(self._codes[voters], weight)


def _most_voted(codes: NDArray[np.int32], weight: NDArray[np.float64]) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    rows, depth = codes.shape
    row = np.repeat(np.arange(rows), depth)
    width = int(codes.max(initial=0)) + 1
    pairs, number = np.unique(row * width + codes.ravel(), return_inverse=True)
    votes = np.bincount(number, weight.ravel())
    order = np.lexsort((-votes, pairs // width))
    first = np.append(True, np.diff(pairs[order] // width) != 0)
    best = order[first]
    total = weight.sum(axis=1)
    values = np.where(total > 0, pairs[best] % width, _UNKNOWN)
    return values, votes[best] / np.maximum(total, 1e-12)


@dataclass(frozen=True, eq=False)
class _Trust:
    """How often votes are right, by the share of votes: isotonic, from bins of equally many pictures."""

    shares: NDArray[np.float64]
    right: NDArray[np.float64]

    @classmethod
    def measured(cls, named: NDArray[np.int64], shares: NDArray[np.float64], truth: NDArray[np.int32]) -> _Trust:
        """Measures it on pictures whose column is known."""
        from sklearn.isotonic import isotonic_regression

        order = np.argsort(shares, kind="stable")
        parts = np.array_split(order, max(1, min(20, len(order) // 25)))
        middle = np.array([shares[part].mean() for part in parts])
        right = np.array([((named[part] == truth[part]).sum() + 1) / (len(part) + 2) for part in parts])
        return cls(middle, isotonic_regression(right))

    def of(self, shares: NDArray[np.float64]) -> NDArray[np.float64]:
        """How often votes with these shares are right."""
        return np.interp(shares, self.shares, self.right)


@dataclass(frozen=True, eq=False)
class _Members:
    """The members of groups of two or more, by group.

    Attributes:
        products: Rows of the members, ordered by group.
        begin: Start of each group in `products`, and the end of the last.
        numbers: Numbers of the groups.
        inside: Which products of the catalogue are members.
    """

    products: NDArray[np.int64]
    begin: NDArray[np.int64]
    numbers: NDArray[np.int64]
    inside: NDArray[np.bool_]


def _members(groups: NDArray[np.int32]) -> _Members:
    numbers, place, sizes = np.unique(groups, return_inverse=True, return_counts=True)
    inside: NDArray[np.bool_] = (groups >= 0) & np.isin(place, np.flatnonzero(sizes >= 2))
    products = np.flatnonzero(inside)
    products = products[np.argsort(groups[products], kind="stable")]
    chosen = (numbers >= 0) & (sizes >= 2)
    begin = np.append(0, np.cumsum(sizes[chosen]))
    return _Members(products, begin, numbers[chosen].astype(np.int64), inside)


def _varying(attr: AttributeValues, members: _Members, sellers: NDArray[np.int32]) -> list[tuple[int, Varying]]:
    """The groups in which one attribute varies."""
    sizes = np.diff(members.begin)
    group = np.repeat(np.arange(len(sizes)), sizes)
    codes = attr.codes[members.products].astype(np.int64)
    has = codes >= 0
    group, products, codes = group[has], members.products[has], codes[has]
    if not len(codes):
        return []
    # Values are numbered in their natural order, so each group's values come out sorted.
    natural = sorted(range(len(attr.values)), key=lambda at: natural_order(attr.values[at]))
    codes = np.argsort(natural)[codes]
    pairs, number = np.unique(group * len(attr.values) + codes, return_inverse=True)
    of_group, value = pairs // len(attr.values), pairs % len(attr.values)
    source = np.full(len(pairs), len(SOURCES), np.int8)
    np.minimum.at(source, number, attr.sources[products])
    sure = np.zeros(len(pairs), np.float32)
    np.maximum.at(sure, number, attr.confidence[products])
    varies = np.bincount(of_group, minlength=len(sizes)) > 1
    if attr.compared != ANYWHERE:
        varies &= _varies_by_product(attr.compared, group, codes, sellers[products], len(sizes))
    known_members = np.bincount(group, minlength=len(sizes))
    known, unknown = known_members / np.maximum(sizes, 1), sizes - known_members
    begin = np.searchsorted(of_group, np.arange(len(sizes) + 1))
    found = []
    for at in np.flatnonzero(varies).tolist():
        part = slice(int(begin[at]), int(begin[at + 1]))
        names = tuple(attr.values[natural[place]] for place in value[part].tolist())
        origins = tuple(SOURCES[place] for place in source[part].tolist())
        two = sorted(sure[part].tolist())[-2:]
        sure_of_two, share = round(two[0] * two[1], 4), round(float(known[at]), 4)
        varying = Varying(attr.attribute, names, origins, sure_of_two, share, int(unknown[at]))
        found.append((int(members.numbers[at]), varying))
    return found


def _varies_by_product(
    compared: str, group: NDArray[np.int64], codes: NDArray[np.int64], sellers: NDArray[np.int32], groups: int
) -> NDArray[np.bool_]:
    """Whether values differ for another reason than that the sellers do, bool (groups,)."""
    offers = np.unique(np.stack([group, sellers, codes], axis=1), axis=0)
    of_seller, values = np.unique(offers[:, :2], axis=0, return_counts=True)
    within = np.bincount(of_seller[values > 1, 0], minlength=groups) > 0
    if compared == WITHIN_A_SELLER:
        return within
    of_value, sellers_of = np.unique(offers[:, ::2], axis=0, return_counts=True)
    return within | (np.bincount(of_value[sellers_of > 1, 0], minlength=groups) > 0)


def _by_picture_alone(
    lab: NDArray[np.floating], members: _Members, named: NDArray[np.bool_]
) -> list[tuple[int, Varying]]:
    """The groups whose pictures are far apart in colour, except those in which every member's colour is known."""
    if not len(members.numbers):
        return []
    seen = lab[members.products].astype(np.float64)
    absent = ~np.logical_and.reduce(np.isfinite(seen), axis=1)
    low, high = (np.where(absent[:, None], end, seen) for end in (np.inf, -np.inf))
    starts = members.begin[:-1]
    spread = np.maximum.reduceat(high, starts) - np.minimum.reduceat(low, starts)
    all_named = np.logical_and.reduceat(named[members.products], starts)
    known = np.add.reduceat(~absent, starts) / np.diff(members.begin)
    return [
        (int(members.numbers[at]), Varying(PICTURE_COLOUR, (), ("picture",), 0.9, round(float(known[at]), 4)))
        for at in np.flatnonzero((spread > FAR_APART).any(axis=1) & ~all_named).tolist()
    ]


def far_apart(left: NDArray[np.floating], right: NDArray[np.floating]) -> NDArray[np.bool_]:
    """Which pairs of pictures clearly differ in colour, bool (m,), from their mean CIELAB (m, 3); never with NaN."""
    with np.errstate(invalid="ignore"):
        apart = np.abs(left.astype(np.float64) - right) > FAR_APART
    return np.asarray(apart.any(axis=1), bool)


def natural_order(value: str) -> tuple[int, str, tuple[float, ...], str]:
    """A sort key for the natural order of sizes: S < M < L, numbers by their amount, anything else alphabetically.

    Measures compare across their units (`500 ml` < `1 l`, `6-9 months` < `1-2 years`).
    """
    folded = " ".join(value.casefold().split())
    letters = [_letter(part) for part in re.split(r"[/–-]", folded.upper())]
    known = [letter for letter in letters if letter is not None]
    if known and len(known) == len(letters):
        return 0, "", (sum(known) / len(known),), folded
    numbers = [float(number.replace(",", ".")) for number in _NUMBER.findall(folded)]
    if numbers:
        unit = _MEASURE.search(folded)
        factor = _MEASURES.get(unit[1], 1.0) if unit else 1.0
        return 1, _NUMBER.split(folded, maxsplit=1)[0], tuple(number * factor for number in numbers), folded
    return 2, "", (), folded


def _letter(size: str) -> float | None:
    """The rank of a letter size; `2XL` equals `XXL`."""
    counted = re.fullmatch(r"(\d)X([SL])", size.strip())
    whole = "X" * int(counted[1]) + counted[2] if counted else size.strip()
    return float(_LETTERS.index(whole)) if whole in _LETTERS else None


def _in_one_line(values: Sequence[str]) -> list[str]:
    """Sizes as they are shown: three or more consecutive ones become a range."""
    places = [_place_on_scale(value) for value in values]
    shown: list[str] = []
    start = 0
    while start < len(values):
        end = start + 1
        while end < len(values) and _follows(places[start:end], places[end]):
            end += 1
        if end - start >= 3:
            shown.append(f"{values[start]}–{values[end - 1]}")
        else:
            end = start + 1
            shown.append(values[start])
        start = end
    return shown


def _place_on_scale(value: str) -> tuple[str, float] | None:
    letter = _letter(value.upper())
    if letter is not None:
        return "letter", letter
    return ("number", float(value)) if re.fullmatch(r"\d{1,4}", value) else None


def _follows(before: Sequence[tuple[str, float] | None], place: tuple[str, float] | None) -> bool:
    """Whether a size is the next one: the next letter, the next number, or the next even number in clothes sizes."""
    last = before[-1]
    if last is None or place is None or last[0] != place[0]:
        return False
    step = place[1] - last[1]
    first = before[-2] if len(before) > 1 else None
    if first is not None and step != last[1] - first[1]:
        return False
    return step == 1 or (step == 2 and place[0] == "number" and last[1] >= _EVEN_SIZES and last[1] % 2 == 0)
