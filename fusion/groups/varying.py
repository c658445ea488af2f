"""What varies in each group: `colour: black, navy; size: S–XL`, from columns, from words, and from pictures.

A product's value is taken from the first that has one: its column; its words, as far as the catalogue's own columns
prove what they mean (`fusion.groups.vocabulary`); the colour of its picture, named as its nearest neighbours in
CIELAB whose column is known. What can't be told well enough is left open. Only values of the catalogue's own columns
and quantities (`500 ml`, `3-pack`) are ever named, so no seller's name and no filler word can be.
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
    Said,
    columns_of,
    columns_of_titles,
    describers,
    said_in_words,
)

SOURCES = ("column", "words", "picture")
"""Where a value can come from, the surest first."""

COLOUR, SIZE, PICTURE_COLOUR = "color", "size", "picture colour"

LEAST_TRUST = 0.75
"""A value from words or a picture is named when it is right at least so often."""

FAR_APART = 30.0
"""Pictures differ in colour, where no name can be given, when their mean lightness or one of the two colour axes of
CIELAB differs by so much: of garments photographed in one and the same named colour nine of ten pairs lie nearer."""

_COLUMN, _WORDS, _PICTURE = range(3)
_UNKNOWN = -1

_NEIGHBOURS, _SPARE = 20, 12
"""Pictures that vote on a colour's name; further ones asked because those of the own group do not vote."""

_LEAST_PICTURES = 50
"""Pictures of known colour that there must be before any picture's colour is named."""

_MOST_PICTURES, _CHECKED = 50_000, 5_000
"""Pictures of known colour that serve as neighbours; those on which trust in them is measured."""

_MOST_SHOWN = 8
"""Values of one attribute that a sentence names."""

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
        attribute: Its name, as the catalogue has it (`color`), or `picture colour`.
        values: The values, sizes in their natural order; for `picture colour` none, since they have no name.
        sources: Where each value comes from, of `SOURCES`: the surest of the members that have it.
        confidence: How sure it is that two of the values are right, and so that the attribute varies at all.
        known: Share of the members whose value is known.
        unknown: Members whose value is not known, where the others' values have names.
    """

    attribute: str
    values: tuple[str, ...]
    sources: tuple[str, ...]
    confidence: float
    known: float
    unknown: int = 0

    @property
    def sentence(self) -> str:
        """What is said of it: `colour: black, navy`, `size: S–XL (1 not known)`, `picture colour differs`."""
        if not self.values:
            return f"{self.attribute} differs"
        shown = _in_one_line(self.values) if self.attribute == SIZE else [*map(spoken, self.values)]
        more = len(shown) - _MOST_SHOWN
        tail = f" and {more} more" if more > 0 else ""
        tail += f" ({self.unknown} not known)" if self.unknown else ""
        return f"{attribute_shown(self.attribute)}: {', '.join(shown[:_MOST_SHOWN])}{tail}"


@dataclass(frozen=True, eq=False)
class Told:
    """The value of one attribute for every product that has one, and how it is known.

    Attributes:
        attribute: Its name.
        values: Its values.
        codes: Which value each product has, int32 (n,); −1 where it is unknown.
        sources: Numbers of `SOURCES`, int8 (n,); −1 where the value is unknown.
        confidence: How often such a value is right, float32 (n,); 1 for a column's.
        compared: Where two values may be taken for two things (`fusion.groups.vocabulary.COMPARED`).
    """

    attribute: str
    values: tuple[str, ...]
    codes: NDArray[np.int32]
    sources: NDArray[np.int8]
    confidence: NDArray[np.float32]
    compared: str = ANYWHERE


def sentence(varying: Sequence[Varying]) -> str:
    """All that varies in a group, as one line; empty where nothing is known to vary."""
    return "; ".join(one.sentence for one in varying)


def attribute_shown(attribute: str) -> str:
    """An attribute's name as people are shown it."""
    return _SHOWN_AS.get(attribute, attribute)


def spoken(value: str) -> str:
    """A value within a sentence: `Dark Blue` becomes `dark blue`; abbreviations stay as they are."""
    return _CAPITALISED.sub(lambda word: word[0].lower() if word[0].istitle() else word[0], value)


def what_varies(
    catalogue: Catalogue,
    groups: NDArray[np.int32],
    lab: NDArray[np.floating] | None = None,
    told: Sequence[Told] | None = None,
) -> dict[int, tuple[Varying, ...]]:
    """What varies in each group of two or more products.

    Args:
        catalogue: The products.
        groups: Each product's group, int32 (n,); negative where it is in none.
        lab: Mean CIELAB of each product's picture without its ground, (n, 3); NaN where there is none.
        told: The products' values where they were told before, by `tell` with the same groups or with none.

    Returns:
        The attributes by group, those that feeds have a name for first; groups in which nothing is known to vary
        are left out.
    """
    members = _members(groups)
    if told is None:
        told = tell(catalogue, groups, lab)
    sellers = describers(catalogue)
    found: dict[int, list[Varying]] = {}
    for one in sorted(told, key=_place):
        for group, varying in _varying(one, members, sellers):
            found.setdefault(group, []).append(varying)
    if lab is not None:
        colours = next((one.codes >= 0 for one in told if one.attribute == COLOUR), np.zeros(len(groups), bool))
        for group, varying in _by_picture_alone(lab, members, colours):
            if not any(one.attribute == COLOUR for one in found.get(group, ())):
                found.setdefault(group, []).append(varying)
    return {group: tuple(found[group]) for group in sorted(found)}


def tell(
    catalogue: Catalogue, groups: NDArray[np.int32] | None = None, lab: NDArray[np.floating] | None = None
) -> tuple[Told, ...]:
    """Each product's attributes: from its columns, and from words and its picture where a column has nothing.

    Args:
        catalogue: The products.
        groups: Each product's group, int32 (n,), negative where it is in none: then only the members of groups of
            two or more are told anything beyond their columns. None tells it of every product by itself.
        lab: As `what_varies` takes it.
    """
    columns = columns_of(catalogue)
    members = np.ones(len(catalogue), bool) if groups is None else _members(groups).inside
    together = np.arange(len(catalogue), dtype=np.int32) if groups is None else groups
    lacking = [members & (column.codes < 0) for column in columns.values()]
    anyone = np.any(lacking, axis=0) if lacking else np.zeros(len(catalogue), bool)
    said = said_in_words(catalogue, tuple(columns.values()), anyone)
    told = []
    for column, words, wanted in zip(columns.values(), said, lacking, strict=True):
        one = _with_words(_from_column(column), words, together, wanted)
        told.append(_with_pictures(one, column, lab, together, members) if column.name == COLOUR else one)
    for column in columns_of_titles(catalogue, members, columns):
        one = _from_column(column)
        told.append(replace(one, sources=np.where(one.codes >= 0, _WORDS, _UNKNOWN).astype(np.int8)))
    return tuple(told)


def _place(told: Told) -> tuple[int, str]:
    named = ATTRIBUTES.index(told.attribute) if told.attribute in ATTRIBUTES else len(ATTRIBUTES)
    return named, told.attribute


def _from_column(column: Column) -> Told:
    has = column.codes >= 0
    sources = np.where(has, _COLUMN, _UNKNOWN).astype(np.int8)
    confidence = np.where(has, column.trust, 0).astype(np.float32)
    return Told(column.name, column.values, column.codes, sources, confidence, column.compared)


def _with_words(told: Told, said: Said, groups: NDArray[np.int32], wanted: NDArray[np.bool_]) -> Told:
    """Fills in what words say of the products that lack a value.

    Words in which all members of a group agree do not tell them apart (all of `Black Label shirt navy` and `Black
    Label shirt red` are of Black Label): they are dropped where any member has others.
    """
    group, product, value = groups[said.products].astype(np.int64), said.products, said.values
    width = len(told.values)
    of_group = np.unique(group * len(groups) + product) // len(groups) if len(group) else group
    speaking = np.bincount(of_group, minlength=1)
    pairs, number, times = np.unique(group * width + value, return_inverse=True, return_counts=True)
    shared = times[number] == speaking[group] if len(group) else np.zeros(0, bool)
    others = np.bincount(pairs // width, minlength=1)[group] > 1 if len(group) else shared
    keep = (said.trust >= LEAST_TRUST) & wanted[product] & ~(shared & others & (speaking[group] > 1))
    product, value, trust = product[keep], value[keep], said.trust[keep]
    order = np.lexsort((value, -trust, product))
    product, value, trust = product[order], value[order], trust[order]
    best = np.append(True, np.diff(product) != 0)[: len(product)]
    return _filled(told, product[best], value[best], trust[best], _WORDS)


def _filled(
    told: Told,
    products: NDArray[np.integer],
    values: NDArray[np.integer],
    confidence: NDArray[np.floating],
    source: int,
) -> Told:
    codes, sources, sure = told.codes.copy(), told.sources.copy(), told.confidence.copy()
    codes[products], sources[products], sure[products] = values, source, confidence
    return replace(told, codes=codes, sources=sources, confidence=sure)


def _with_pictures(
    told: Told,
    column: Column,
    lab: NDArray[np.floating] | None,
    groups: NDArray[np.int32],
    members: NDArray[np.bool_],
) -> Told:
    if lab is None:
        return told
    seen = np.isfinite(lab).all(axis=1)
    wanted = np.flatnonzero(members & seen & (told.codes < 0))
    known = np.flatnonzero(seen & (column.codes >= 0))
    if not len(wanted) or len(known) < _LEAST_PICTURES:
        return told
    draw = np.random.default_rng(7)
    if len(known) > _MOST_PICTURES:
        known = np.sort(draw.choice(known, _MOST_PICTURES, replace=False))
    voters = _Voters(lab, column.codes, known, groups)
    checked = np.sort(draw.choice(known, min(len(known), _CHECKED), replace=False))
    trust = _Trust.measured(*voters.names(checked), column.codes[checked])
    values, shares = voters.names(wanted)
    confidence = trust.of(shares)
    sure = (confidence >= LEAST_TRUST) & (values >= 0)
    return _filled(told, wanted[sure], values[sure], confidence[sure], _PICTURE)


class _Voters:
    """Pictures of known colour that name the colour of others by a vote of the nearest."""

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
        """The colour with most votes and its share of them; a product's own group, and itself, do not vote."""
        depth = min(_NEIGHBOURS + _SPARE, len(self._known))
        # A distance of nothing would outvote everybody; below two units of CIELAB nobody sees a difference.
        apart, at = self._tree.query(self._lab[products], depth)
        voters = self._known[at]
        group = self._groups[products][:, None]
        own = (voters == products[:, None]) | ((self._groups[voters] == group) & (group >= 0))
        weight = np.where(own, 0.0, 1 / (apart + 2.0))
        weight[np.cumsum(~own, axis=1) > _NEIGHBOURS] = 0
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
    """How often the vote is right, by the share of votes: never falling, in the middle of equally many pictures."""

    shares: NDArray[np.float64]
    right: NDArray[np.float64]

    @classmethod
    def measured(cls, named: NDArray[np.int64], shares: NDArray[np.float64], truth: NDArray[np.int32]) -> _Trust:
        """Counts it on pictures whose column is known."""
        from sklearn.isotonic import isotonic_regression

        order = np.argsort(shares, kind="stable")
        parts = np.array_split(order, max(1, min(20, len(order) // 25)))
        middle = np.array([shares[part].mean() for part in parts])
        right = np.array([((named[part] == truth[part]).sum() + 1) / (len(part) + 2) for part in parts])
        return cls(middle, isotonic_regression(right))

    def of(self, shares: NDArray[np.float64]) -> NDArray[np.float64]:
        """Trust in votes."""
        return np.interp(shares, self.shares, self.right)


@dataclass(frozen=True, eq=False)
class _Members:
    """The members of groups of two or more, by group.

    Attributes:
        products: In the order of their groups.
        begin: Where each group begins in `products`, and where the last ends.
        numbers: The groups' numbers.
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


def _varying(told: Told, members: _Members, sellers: NDArray[np.int32]) -> list[tuple[int, Varying]]:
    """The groups in which one attribute varies."""
    sizes = np.diff(members.begin)
    group = np.repeat(np.arange(len(sizes)), sizes)
    codes = told.codes[members.products].astype(np.int64)
    has = codes >= 0
    group, products, codes = group[has], members.products[has], codes[has]
    if not len(codes):
        return []
    # Numbered in their natural order, the values of every group come out sorted.
    natural = sorted(range(len(told.values)), key=lambda at: natural_order(told.values[at]))
    codes = np.argsort(natural)[codes]
    pairs, number = np.unique(group * len(told.values) + codes, return_inverse=True)
    of_group, value = pairs // len(told.values), pairs % len(told.values)
    source = np.full(len(pairs), len(SOURCES), np.int8)
    np.minimum.at(source, number, told.sources[products])
    sure = np.zeros(len(pairs), np.float32)
    np.maximum.at(sure, number, told.confidence[products])
    varies = np.bincount(of_group, minlength=len(sizes)) > 1
    if told.compared != ANYWHERE:
        varies &= _varies_by_product(told.compared, group, codes, sellers[products], len(sizes))
    told_of = np.bincount(group, minlength=len(sizes))
    known, unknown = told_of / np.maximum(sizes, 1), sizes - told_of
    begin = np.searchsorted(of_group, np.arange(len(sizes) + 1))
    found = []
    for at in np.flatnonzero(varies).tolist():
        part = slice(int(begin[at]), int(begin[at + 1]))
        names = tuple(told.values[natural[one]] for one in value[part].tolist())
        origins = tuple(SOURCES[one] for one in source[part].tolist())
        two = sorted(sure[part].tolist())[-2:]
        sure_of_two, share = round(two[0] * two[1], 4), round(float(known[at]), 4)
        varying = Varying(told.attribute, names, origins, sure_of_two, share, int(unknown[at]))
        found.append((int(members.numbers[at]), varying))
    return found


def _varies_by_product(
    compared: str, group: NDArray[np.int64], codes: NDArray[np.int64], sellers: NDArray[np.int32], groups: int
) -> NDArray[np.bool_]:
    """Whether values differ otherwise than because sellers do, bool (groups,)."""
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
    """The groups whose pictures are far apart in colour, without those of whose members every colour is known."""
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


def far_apart(one: NDArray[np.floating], other: NDArray[np.floating]) -> NDArray[np.bool_]:
    """Which pictures differ in colour beyond doubt, bool (m,): mean CIELAB of either side, (m, 3); NaN never does."""
    with np.errstate(invalid="ignore"):
        apart = np.abs(one.astype(np.float64) - other) > FAR_APART
    return np.asarray(apart.any(axis=1), bool)


def natural_order(value: str) -> tuple[int, str, tuple[float, ...], str]:
    """A key that brings sizes into their natural order: S < M < L, numbers by their amount, anything else by letters.

    Measures compare across their units (`500 ml` < `1 l`, `6-9 months` < `1-2 years`).
    """
    folded = " ".join(value.casefold().split())
    letters = [_letter(part) for part in re.split(r"[/–-]", folded.upper())]
    known = [one for one in letters if one is not None]
    if known and len(known) == len(letters):
        return 0, "", (sum(known) / len(known),), folded
    numbers = [float(number.replace(",", ".")) for number in _NUMBER.findall(folded)]
    if numbers:
        unit = _MEASURE.search(folded)
        factor = _MEASURES.get(unit[1], 1.0) if unit else 1.0
        return 1, _NUMBER.split(folded, maxsplit=1)[0], tuple(number * factor for number in numbers), folded
    return 2, "", (), folded


def _letter(size: str) -> float | None:
    """The place of a letter size: `2XL` stands where `XXL` does."""
    counted = re.fullmatch(r"(\d)X([SL])", size.strip())
    whole = "X" * int(counted[1]) + counted[2] if counted else size.strip()
    return float(_LETTERS.index(whole)) if whole in _LETTERS else None


def _in_one_line(values: Sequence[str]) -> list[str]:
    """Sizes as they are shown: three or more that follow each other become a range."""
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
    """Whether a size is the next one: the next letter, the next number, or the next even number of clothes' sizes."""
    last = before[-1]
    if last is None or place is None or last[0] != place[0]:
        return False
    step = place[1] - last[1]
    first = before[-2] if len(before) > 1 else None
    if first is not None and step != last[1] - first[1]:
        return False
    return step == 1 or (step == 2 and place[0] == "number" and last[1] >= _EVEN_SIZES and last[1] % 2 == 0)
