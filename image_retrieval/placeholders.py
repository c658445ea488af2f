"""Detects placeholder pictures: files that many different models share, so that they show none of them.

"Image coming soon", a shop's logo or a colour chart is its own nearest neighbour at every product that has it, and
would make candidates of unrelated products. The sizes of a shirt share a picture too, but rightly so. The difference is
not how many products share a file, but how many *different models* (called things here) do:

* One seller's groups are different models; all products of a group are one model.
* Without groups, titles decide: products whose titles have mostly the same words, apart from sizes and numbers, are one
  model. So are groups of different sellers, who may sell the same model with the manufacturer's picture.

A picture is a placeholder if at least `Thresholds.things` models of two or more product types share it, because no
photograph shows five models of several kinds (a look-book's picture of an outfit has three or four). More models are
needed if the types are unknown, and still more within a single type: a product line that a seller has split into many
groups may share a picture, but hardly twenty times.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import astuple, dataclass

import numpy as np
from numpy.typing import NDArray

MOST_THINGS = 100
"""Counting stops here; each further model would be compared with all earlier ones without changing the result."""

_MOST_WORDINGS = 10_000
"""Maximum number of different titles compared for one picture, which limits the time for a malicious feed."""

_ALIKE = 0.5
"""Titles whose words have at least this Jaccard similarity are of one model."""

_WORD = re.compile(r"\w+")
_SIZE = re.compile(
    r"x*[sl]|m|\w*\d\w*|small|medium|large|sizes?|one|eu|uk|us|fr|it|cm|mm|ml|gr|maat|größe|taille|talla|taglia"
)
"""Words for sizes; those without a digit are in the languages of our feeds."""


@dataclass(frozen=True)
class Thresholds:
    """The minimum number of different models that make a shared picture a placeholder.

    Attributes:
        things: If they are of several product types.
        untyped: If the types of most are unknown.
        one_type: If all are of one product type.
    """

    things: int = 5
    untyped: int = 10
    one_type: int = 20


@dataclass(frozen=True, eq=False)
class Products:
    """What is known about the products, by row.

    Attributes:
        groups: int32 (n,): number of the group, −1 without one. Equal numbers of two sellers are two groups.
        types: int32 (n,): number of the product type, −1 if unknown.
        sellers: int32 (n,): number of the seller.
        titles: Their titles; only those of suspects are read.
    """

    groups: NDArray[np.int32]
    types: NDArray[np.int32]
    sellers: NDArray[np.int32]
    titles: Sequence[str]


@dataclass(frozen=True)
class Placeholder:
    """A placeholder picture, with the evidence.

    Attributes:
        content: Number of the file's content.
        products: Number of products that have it.
        things: Number of different models among them, at most `MOST_THINGS`.
        product_types: Number of their known product types.
    """

    content: int
    products: int
    things: int
    product_types: int

    @property
    def evidence(self) -> str:
        """The evidence in words."""
        more = " or more" if self.things >= MOST_THINGS else ""
        shared = f"used by {self.products:,} products of {self.things}{more} different models"
        return f"{shared} in {self.product_types} product types" if self.product_types > 1 else shared


def find_placeholders(
    contents: NDArray[np.integer],
    product_rows: NDArray[np.integer],
    products: Products,
    thresholds: Thresholds = Thresholds(),
) -> tuple[Placeholder, ...]:
    """Finds the placeholders among the pictures of a catalogue.

    Args:
        contents: (m,): for each picture, the number of its file's content; equal files have equal numbers.
        product_rows: (m,): for each picture, its product's row.
        products: The products.
        thresholds: The minimum numbers of different models.

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
    counted, most_of_one_seller = _representatives(codes, rows, products, len(numbers))
    codes, rows = codes[counted], rows[counted]
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
    """The contents that at least `least` pictures have, and their pairs of content and product, sorted.

    Returns:
        The contents' numbers; for each pair, the position of its content among them, and its product's row.
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
    """The number of known product types of each content, and whether the type of most of its products is known."""
    known = types >= 0
    width = int(types.max(initial=0)) + 1
    distinct = np.unique(codes[known] * width + types[known]) // width
    return np.bincount(distinct, minlength=len(counts)), 2 * np.bincount(codes[known], minlength=len(counts)) >= counts


def _representatives(
    codes: NDArray[np.int64], rows: NDArray[np.int64], products: Products, contents: int
) -> tuple[NDArray[np.bool_], NDArray[np.int64]]:
    """The pairs that represent a possible model of their own: one per group, and all products without a group.

    Returns:
        True for each product without a group and for the first one of each group; and for each content, the greatest
        number of groups that one seller has.
    """
    groups, sellers = products.groups[rows], products.sellers[rows]
    counted = groups < 0
    grouped = np.flatnonzero(~counted)
    order = grouped[np.lexsort((rows[grouped], groups[grouped], sellers[grouped], codes[grouped]))]
    same_seller = (np.diff(codes[order], prepend=-1) == 0) & (np.diff(sellers[order], prepend=-1) == 0)
    first = order[~(same_seller & (np.diff(groups[order], prepend=-1) == 0))]
    counted[first] = True
    begins = np.flatnonzero((np.diff(codes[first], prepend=-1) != 0) | (np.diff(sellers[first], prepend=-1) != 0))
    most = np.zeros(contents, np.int64)
    np.maximum.at(most, codes[first[begins]], np.diff(begins, append=len(first)))
    return counted, most


def _count_wordings(titles: Iterable[str]) -> int:
    """The number of models among titles: each title joins the first similar one, or starts a new model."""
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
    """A title's words without sizes and words with digits, unless it has no others."""
    words = _WORD.findall(title.casefold())
    distinctive = [word for word in words if not _SIZE.fullmatch(word)]
    return frozenset(distinctive or words)


def _alike(left: frozenset[str], right: frozenset[str]) -> bool:
    common = len(left & right)
    return common >= _ALIKE * (len(left) + len(right) - common)
