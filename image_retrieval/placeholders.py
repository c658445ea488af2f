"""Placeholder pictures: one file that stands at many different things, so that it shows none of them.

"Image coming soon", a shop's logo or a colour chart is the nearest neighbour of itself everywhere it stands, and would
make candidates of products that have nothing in common. The sizes of a shirt share a picture too, rightly so. What
tells the two apart is not how many products share a file but how many *different things* do:

* Groups of one seller are different things, because he says so; all products of a group are one.
* Where nobody says, titles decide: products whose titles hold much the same words, sizes and numbers aside, are one
  thing. So are groups of different sellers, who may offer the same thing with the maker's picture.

A picture is a placeholder from `Thresholds.things` different things on when they are of two product types or more, as
no photograph shows five things of several kinds (a look-book's picture of an outfit stands at three or four). Where
the types are unknown more things are needed, and within a single type more still: a range that a seller has cut into
many groups may share a picture, but hardly twenty times.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import astuple, dataclass

import numpy as np
from numpy.typing import NDArray

MOST_THINGS = 100
"""Counting stops here: more would say nothing new, and would take a comparison each with all that were found."""

_MOST_WORDINGS = 10_000
"""Different wordings looked at for one picture, which bounds the time where somebody means harm."""

_ALIKE = 0.5
"""Titles with this share of their words in common (Jaccard) are of one thing."""

_WORD = re.compile(r"\w+")
_SIZE = re.compile(
    r"x*[sl]|m|\w*\d\w*|small|medium|large|sizes?|one|eu|uk|us|fr|it|cm|mm|ml|gr|maat|größe|taille|talla|taglia"
)
"""Words that tell the sizes of one thing apart; without a digit, those of the languages our feeds come in."""


@dataclass(frozen=True)
class Thresholds:
    """From how many different things on a picture is a placeholder.

    Attributes:
        things: Where they are of several product types.
        untyped: Where the types of most are unknown.
        one_type: Where all are of one product type.
    """

    things: int = 5
    untyped: int = 10
    one_type: int = 20


@dataclass(frozen=True, eq=False)
class Products:
    """What is known of the products, each by its row.

    Attributes:
        groups: int32 (n,): number of the group, −1 without. Equal numbers of two sellers are two groups.
        types: int32 (n,): number of the product type, −1 where it is unknown.
        sellers: int32 (n,): number of the seller.
        titles: Their titles; only those of suspects are looked at.
    """

    groups: NDArray[np.int32]
    types: NDArray[np.int32]
    sellers: NDArray[np.int32]
    titles: Sequence[str]


@dataclass(frozen=True)
class Placeholder:
    """A picture that shows none of its products, and why that is so.

    Attributes:
        content: Number of the file's content.
        products: How many products have it.
        things: How many different things these are; `MOST_THINGS` where there are that many or more.
        product_types: In how many product types, as far as they are known.
    """

    content: int
    products: int
    things: int
    product_types: int

    @property
    def evidence(self) -> str:
        """Why, for a person."""
        more = " or more" if self.things >= MOST_THINGS else ""
        said = f"one picture at {self.products:,} products, {self.things}{more} different things"
        return f"{said} in {self.product_types} product types" if self.product_types > 1 else said


def find_placeholders(
    contents: NDArray[np.integer],
    product_rows: NDArray[np.integer],
    products: Products,
    thresholds: Thresholds = Thresholds(),
) -> tuple[Placeholder, ...]:
    """Finds the placeholders among the pictures of a catalogue.

    Args:
        contents: (m,): for each picture the number of its file's content; equal files have equal numbers.
        product_rows: (m,): for each picture its product's row.
        products: The products.
        thresholds: How many different things it takes.

    Returns:
        The placeholders by rising content. A picture that a product names twice counts once.
    """
    if not len(contents):
        return ()
    numbers, codes, rows = _shared(contents, product_rows, min(astuple(thresholds)))
    counts = np.bincount(codes, minlength=len(numbers))
    product_types, typed = _count_types(codes, products.types[rows], counts)
    needed = np.where(typed, thresholds.one_type, thresholds.untyped)
    needed[product_types > 1] = thresholds.things
    speaking, most_of_one_seller = _speakers(codes, rows, products, len(numbers))
    codes, rows = codes[speaking], rows[speaking]
    starts = np.searchsorted(codes, np.arange(len(numbers) + 1))
    found = []
    for code in np.flatnonzero(np.diff(starts) >= needed).tolist():
        titles = (products.titles[row] for row in rows[starts[code] : starts[code + 1]].tolist())
        things = min(MOST_THINGS, max(int(most_of_one_seller[code]), _count_wordings(titles)))
        if things >= needed[code]:
            found.append(Placeholder(int(numbers[code]), int(counts[code]), things, int(product_types[code])))
    return tuple(found)


def _shared(
    contents: NDArray[np.integer], product_rows: NDArray[np.integer], least: int
) -> tuple[NDArray[np.integer], NDArray[np.int64], NDArray[np.int64]]:
    """The contents that may stand at so many products, and each pair of one of them and a product, in that order.

    Returns:
        The contents' numbers; for each pair the place of its content among them; its product's row.
    """
    numbers, codes = np.unique(contents, return_inverse=True)
    often = np.bincount(codes) >= least
    codes, kept = (np.cumsum(often) - 1)[codes], often[codes]
    width = int(product_rows.max()) + 1
    pairs = np.unique(codes[kept].astype(np.int64) * width + product_rows[kept])
    return numbers[often], *np.divmod(pairs, width)


def _count_types(
    codes: NDArray[np.int64], types: NDArray[np.int32], counts: NDArray[np.int64]
) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    """How many known product types each content has, and whether that of most of its products is known."""
    known = types >= 0
    width = int(types.max(initial=0)) + 1
    distinct = np.unique(codes[known] * width + types[known]) // width
    return np.bincount(distinct, minlength=len(counts)), 2 * np.bincount(codes[known], minlength=len(counts)) >= counts


def _speakers(
    codes: NDArray[np.int64], rows: NDArray[np.int64], products: Products, contents: int
) -> tuple[NDArray[np.bool_], NDArray[np.int64]]:
    """Which pairs speak for a thing of their own, as far as groups say.

    Returns:
        True for each product without a group and for the first of each group; for each content the most groups that
        one seller has there.
    """
    groups, sellers = products.groups[rows], products.sellers[rows]
    speaking = groups < 0
    stated = np.flatnonzero(~speaking)
    order = stated[np.lexsort((rows[stated], groups[stated], sellers[stated], codes[stated]))]
    same_seller = (np.diff(codes[order], prepend=-1) == 0) & (np.diff(sellers[order], prepend=-1) == 0)
    first = order[~(same_seller & (np.diff(groups[order], prepend=-1) == 0))]
    speaking[first] = True
    begins = np.flatnonzero((np.diff(codes[first], prepend=-1) != 0) | (np.diff(sellers[first], prepend=-1) != 0))
    most = np.zeros(contents, np.int64)
    np.maximum.at(most, codes[first[begins]], np.diff(begins, append=len(first)))
    return speaking, most


def _count_wordings(titles: Iterable[str]) -> int:
    """How many different things titles speak of: each joins the first that its words are like, or stands alone."""
    seen: set[frozenset[str]] = set()
    leaders: list[frozenset[str]] = []
    for title in titles:
        words = _words(title)
        if words in seen:
            continue
        seen.add(words)
        if not any(_alike(words, leader) for leader in leaders):
            leaders.append(words)
        if len(leaders) >= MOST_THINGS or len(seen) >= _MOST_WORDINGS:
            break
    return len(leaders)


def _words(title: str) -> frozenset[str]:
    """A title's words without sizes and whatever holds a digit, unless it has no others."""
    words = _WORD.findall(title.casefold())
    telling = [word for word in words if not _SIZE.fullmatch(word)]
    return frozenset(telling or words)


def _alike(left: frozenset[str], right: frozenset[str]) -> bool:
    common = len(left & right)
    return common >= _ALIKE * (len(left) + len(right) - common)
