"""Guesses which products of two sellers are variants, so that heads can learn across sellers.

A seller's groups show how his own pictures and words differ between variants. They do not show how two sellers describe
the same thing. So each view labels pairs for the other, as in co-training (Blum, Mitchell, "Combining Labeled and
Unlabeled Data with Co-Training", COLT 1998): heads learned from the sellers' own groups make lists; pairs that are each
other's nearest by *pictures* become groups for the *text* head, and pairs nearest by *text* become groups for the
*image* head. A head never learns from pairs that it found itself: these are similar in its own view by selection, and
would suggest that variants hardly differ.

The share of pairs that are right (the precision) is estimated without labels, and guesses are used only down to a
minimum precision. The larger of two lower bounds counts:

* **By score.** Wrong pairs look like pairs that are each other's nearest *within* a seller without being in the same
  known group (decoys). As many wrong pairs are expected between two sellers as there are decoys with the same score or
  a higher one. Elias and Gygi, "Target-decoy search strategy for increased confidence in large-scale protein
  identifications by mass spectrometry", Nature Methods 4, 2007; the +1 in the count is from Barber and Candès,
  "Controlling the false discovery rate via knockoffs", Annals of Statistics 43, 2015. If a view also reflects the
  seller, as texts do, decoys are nearer than true pairs, and this bound is useless.
* **By agreement.** The other view also ranks the two near each other, more often than it does for decoys. Agreement
  beyond that of decoys is the share of variants, or less if the views do not agree on every variant. This assumes that
  the two views have not learned from each other yet. So guessing is not repeated with heads that learned from guesses:
  the estimate would be too high.

If sellers offer different things, all pairs are wrong, both bounds are near zero, and nothing is guessed. A decoy that
is a variant after all (of a seller who states no groups) makes both bounds smaller, never larger.

**Guesses are for learning only, never for measuring.** Pairs that are not guessed stay unjudged and are no negatives. A
head remembers a guess about a product: it finds this pair again, which says nothing about products without a guess. To
measure a head, leave the measured products out of the guesses (`leave_out`).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from candidates.catalogue import Catalogue
from candidates.run import Part, Run
from fusion.merge.hubs import correct_hubs, nearness

Rows = NDArray[np.int64]

LEAST_BY_PICTURES = 0.35
"""Minimum estimated precision of guesses by pictures. It is low, because a text head learns how sellers differ in their
words even from pairs that are merely similar, and more pairs help more."""

LEAST_BY_TEXTS = 0.65
"""Minimum estimated precision of guesses by text. An image head already learns well from each seller's own groups, and
wrong pairs harm it."""

FEWEST = 50
"""With fewer guesses than this the estimate is unreliable, and none is used."""

AGREEING = 10
"""The other view agrees on a pair if each product is among so many first of its seller's in the other's list."""

_ERRORS = 2.0
"""Safety margin of both bounds, in standard errors."""

_BLOCK = 2**22
"""Entries of lists processed at once."""


@dataclass(frozen=True, eq=False)
class Guesses:
    """Pairs of two sellers' products that are probably variants, most certain first.

    Attributes:
        left: One row of each pair, int64 (m,).
        right: The other row.
        considered: Pairs of two sellers' products that are each other's nearest.
        decoys: Such pairs within a seller that are not known variants.
        precision: Estimated share of the guesses that are right, a lower bound; NaN if no guess is used.
        certain: How many pairs at the beginning are not guesses: they share a product number.
    """

    left: Rows
    right: Rows
    considered: int
    decoys: int
    precision: float
    certain: int = 0

    def as_json(self) -> dict[str, Any]:
        """Plain values for a report."""
        return {
            "pairs": len(self.left),
            "certain": self.certain,
            "considered": self.considered,
            "decoys": self.decoys,
            "precision": None if np.isnan(self.precision) else round(self.precision, 3),
        }


@dataclass(frozen=True, eq=False)
class GuessesByHead:
    """The pairs that each head learns from besides known groups.

    Attributes:
        text: For the text head: pairs found by pictures.
        image: For the image head: pairs found by text.
    """

    text: Guesses
    image: Guesses


@dataclass(frozen=True, eq=False)
class _Nearest:
    """Pairs of products, each the nearest to the other among its seller's products.

    Attributes:
        left: One row, int64 (m,).
        right: The other row, larger than the left.
        scores: The lower of the two directions' scores, float64 (m,).
    """

    left: Rows
    right: Rows
    scores: NDArray[np.float64]

    def take(self, places: NDArray[Any]) -> _Nearest:
        """Some of the pairs, in the order given."""
        return _Nearest(self.left[places], self.right[places], self.scores[places])

    def __len__(self) -> int:
        return len(self.left)


def guessed_pairs(
    text: Run,
    image: Run,
    groups: NDArray[np.integer],
    sellers: NDArray[np.integer],
    *,
    leave_out: NDArray[np.bool_] | None = None,
    certain: tuple[Rows, Rows] | None = None,
) -> GuessesByHead:
    """Guesses from the lists of both views which pairs of two sellers' products are variants.

    Args:
        text: Text lists of every product, by a head learned from the sellers' own groups (or from none).
        image: Image lists of every product, likewise.
        groups: Each product's known group within its seller, (n,); −1 without, or if it may not be learned from.
        sellers: Number of each product's seller, (n,); −1 if unknown, then the product is in no pair.
        leave_out: Products excluded from guesses because they will be measured, bool (n,).
        certain: Rows of pairs known to be the same product, such as those of `pairs_of_equal_numbers`.

    Returns:
        Pairs for each head; `heads.with_guesses` joins them to the known groups.
    """
    text.items.require(image.items, "text lists and image lists")
    free = (np.asarray(sellers) >= 0) & ~(np.zeros(len(groups), bool) if leave_out is None else leave_out)
    known = _Known(np.asarray(groups, np.int64), np.asarray(sellers, np.int64), free)
    lists = [correct_hubs(run, nearness(run)) if len(run) else run for run in (text, image)]
    sure = _certain(certain, known)
    return GuessesByHead(
        text=_guess(lists[1], lists[0], known, sure, LEAST_BY_PICTURES),
        image=_guess(lists[0], lists[1], known, sure, LEAST_BY_TEXTS),
    )


def pairs_of_equal_numbers(catalogue: Catalogue, sellers: NDArray[np.integer]) -> tuple[Rows, Rows]:
    """Pairs of two sellers' products with the same GTIN, or the same brand and part number.

    A number that a seller gives to several products ("n/a", "1") does not identify a product and is ignored. So is a
    GTIN with a wrong check digit (GS1 General Specifications, section 7.9).
    """
    gtins = [_gtin(text) for text in catalogue.column("gtin")]
    parts = [
        f"{brand.strip().casefold()}\n{part.strip().casefold()}" if brand.strip() and part.strip() else ""
        for brand, part in zip(catalogue.column("brand"), catalogue.column("mpn"), strict=True)
    ]
    found = [_of_equal(np.array(numbers, object), np.asarray(sellers)) for numbers in (gtins, parts)]
    pairs = np.unique(np.concatenate(found), axis=0)
    return pairs[:, 0], pairs[:, 1]


def _gtin(text: str) -> str:
    """The GTIN as fourteen digits; empty if the text is not a GTIN."""
    digits = "".join(text.split()).replace("-", "")
    if not (digits.isascii() and digits.isdigit() and len(digits) in (8, 12, 13, 14) and digits.strip("0")):
        return ""
    padded = digits.zfill(14)
    total = sum(int(digit) * (3 if place % 2 == 0 else 1) for place, digit in enumerate(padded))
    return padded if total % 10 == 0 else ""


def _of_equal(numbers: NDArray[np.object_], sellers: NDArray[np.integer]) -> Rows:
    """Products with the same number, linked in a chain of pairs, int64 (m, 2)."""
    rows = np.flatnonzero((numbers != "") & (sellers >= 0))
    codes = np.unique(numbers[rows].astype(str), return_inverse=True)[1].reshape(-1)
    _, carriers, times = np.unique(np.stack([codes, sellers[rows]]), axis=1, return_inverse=True, return_counts=True)
    repeated = np.unique(codes[times[carriers.reshape(-1)] > 1])
    kept = ~np.isin(codes, repeated)
    rows, codes = rows[kept], codes[kept]
    order = np.argsort(codes, kind="stable")
    rows, codes = rows[order], codes[order]
    same = codes[1:] == codes[:-1]
    return np.stack([rows[:-1][same], rows[1:][same]], axis=1).astype(np.int64)


@dataclass(frozen=True, eq=False)
class _Known:
    """Known groups and sellers of the products.

    Attributes:
        groups: int64 (n,): known group within its seller, −1 without.
        sellers: int64 (n,): seller, −1 if unknown.
        free: bool (n,): whether it may be in a guess.
    """

    groups: Rows
    sellers: Rows
    free: NDArray[np.bool_]

    def variants(self, left: Rows, right: Rows) -> NDArray[np.bool_]:
        """Which pairs are known to be variants."""
        same: NDArray[np.bool_] = (self.groups[left] >= 0) & (self.groups[left] == self.groups[right])
        return same


def _certain(pairs: tuple[Rows, Rows] | None, known: _Known) -> _Nearest:
    """The certain pairs, without products that are left out."""
    left, right = (np.asarray(side, np.int64) for side in pairs or ((), ()))
    sure = _Nearest(left, right, np.full(len(left), np.inf))
    return sure.take(known.free[left] & known.free[right])


def _guess(found: Run, judge: Run, known: _Known, certain: _Nearest, least_precision: float) -> Guesses:
    """Pairs found in one view; their precision is estimated from their scores and from the other view."""
    nearest = _nearest(found, known)
    across = known.sellers[nearest.left] != known.sellers[nearest.right]
    targets, decoys = nearest.take(across), nearest.take(~across)
    targets = targets.take(np.lexsort((targets.right, targets.left, -targets.scores)))
    precision = np.maximum(_by_score(targets, decoys, known), _by_agreement(targets, decoys, judge, known))
    enough = np.flatnonzero(precision >= least_precision)
    count = int(enough[-1]) + 1 if len(enough) and enough[-1] + 1 >= FEWEST else 0
    used = targets.take(np.arange(count))
    left, right = np.concatenate([certain.left, used.left]), np.concatenate([certain.right, used.right])
    kept = _consistent(left, right, known)
    return Guesses(
        left=left[kept],
        right=right[kept],
        considered=len(targets),
        decoys=len(decoys),
        precision=float(precision[count - 1]) if count else float("nan"),
        certain=int(kept[: len(certain)].sum()),
    )


def _nearest(run: Run, known: _Known) -> _Nearest:
    """All mutual nearest pairs: of two sellers, or of one seller but not known variants."""
    count = int(known.sellers.max(initial=0)) + 1
    keys, items, scores = _firsts(run, known, count)
    # The reverse look-up: the first product of the query's seller in the found product's list.
    queries = keys // count
    reverse = items * count + known.sellers[queries]
    place = np.minimum(np.searchsorted(keys, reverse), max(0, len(keys) - 1))
    mutual = (queries < items) & (keys[place] == reverse) & (items[place] == queries)
    return _Nearest(queries[mutual], items[mutual], np.minimum(scores, scores[place])[mutual])


def _firsts(run: Run, known: _Known, count: int) -> tuple[Rows, Rows, NDArray[np.float64]]:
    """The first product of each seller in each free product's list; keys are product · sellers + seller, ascending."""
    keys, items, scores = [], [], []
    for part in _blocks(run):
        queries, rows = part.query_rows.astype(np.int64), part.rows.astype(np.int64)
        kept = known.free[queries] & known.free[rows] & ~known.variants(queries, rows)
        key = queries[kept] * count + known.sellers[rows[kept]]
        first, place = np.unique(key, return_index=True)
        keys.append(first)
        items.append(rows[kept][place])
        scores.append(part.scores[kept][place].astype(np.float64))
    empty = np.zeros(0, np.int64)
    return np.concatenate([empty, *keys]), np.concatenate([empty, *items]), np.concatenate([np.zeros(0), *scores])


def _blocks(run: Run) -> Iterator[Part]:
    """The run in blocks of queries."""
    for part in run.parts:
        size = max(1, _BLOCK // max(1, int(part.counts.max(initial=1))))
        for low in range(0, len(part.counts), size):
            block = part.take(np.arange(low, min(low + size, len(part.counts))))
            yield Part(part.start + low, block.offsets, block.rows, block.scores)


def _by_score(targets: _Nearest, decoys: _Nearest, known: _Known) -> NDArray[np.float64]:
    """Estimated precision of the first 1, 2, … pairs, from the number of decoys that score as high.

    Each seller's decoys represent the wrong pairs with every other seller: two sets of n products have about as many
    pairs of mutual neighbours between them as within the two together.
    """
    others = max(0, len(np.unique(known.sellers[known.free])) - 1)
    ordered = np.sort(decoys.scores)
    as_high = len(ordered) - np.searchsorted(ordered, targets.scores, side="left")
    wrong = others * (as_high + 1.0 + _ERRORS * np.sqrt(as_high))
    return 1 - wrong / np.arange(1, len(targets) + 1)


def _by_agreement(targets: _Nearest, decoys: _Nearest, judge: Run, known: _Known) -> NDArray[np.float64]:
    """Estimated precision of the first 1, 2, … pairs, from how much more often the other view agrees than on decoys."""
    if not len(decoys):
        return np.full(len(targets), -np.inf)
    by_chance = float(_agrees(decoys, judge, known).mean())
    counts = np.arange(1, len(targets) + 1)
    share = np.cumsum(_agrees(targets, judge, known)) / counts
    error = np.sqrt(share * (1 - share) / counts + by_chance * (1 - by_chance) / len(decoys))
    return (share - _ERRORS * error - by_chance) / max(1 - by_chance, 1e-9)


def _agrees(pairs: _Nearest, judge: Run, known: _Known) -> NDArray[np.bool_]:
    """Whether each product of a pair is among the first of its seller in the other's list, known variants aside."""
    lists = judge.whole()
    return _near(pairs.left, pairs.right, lists, known) & _near(pairs.right, pairs.left, lists, known)


def _near(queries: Rows, wanted: Rows, lists: Part, known: _Known) -> NDArray[np.bool_]:
    near = np.zeros(len(queries), bool)
    size = max(1, _BLOCK // max(1, int(lists.counts.max(initial=1))))
    for low in range(0, len(queries), size):
        own, target = queries[low : low + size], wanted[low : low + size]
        part = lists.take(own)
        query, rows = part.query_rows, part.rows.astype(np.int64)
        kept = (known.sellers[rows] == known.sellers[target[query]]) & ~known.variants(own[query], rows)
        listed = part.keep(kept)
        hit = (listed.rows == target[listed.query_rows]) & (listed.ranks <= AGREEING)
        near[low + listed.query_rows[hit]] = True
    return near


def _consistent(left: Rows, right: Rows, known: _Known) -> NDArray[np.bool_]:
    """Which pairs to keep: none that would join two different groups of one seller; most certain first."""
    joined = _Joined(known)
    return np.array([joined.join(*pair) for pair in zip(left.tolist(), right.tolist(), strict=True)], bool)


class _Joined:
    """Sets of products, joined pair by pair, that never contain two groups of one seller."""

    def __init__(self, known: _Known) -> None:
        n = len(known.groups)
        grouped = known.groups >= 0
        names, first, members = np.unique(
            np.where(grouped, n + known.groups, np.arange(n)), return_index=True, return_inverse=True
        )
        self._set_of = members.reshape(-1)
        self._parents = np.arange(len(names)).tolist()
        self._stated: list[dict[int, int]] = [
            {int(known.sellers[row]): int(known.groups[row])} if grouped[row] else {} for row in first
        ]

    def join(self, left: int, right: int) -> bool:
        """Joins the sets of two products; False if that would join two groups of one seller."""
        first, second = self._root(int(self._set_of[left])), self._root(int(self._set_of[right]))
        mine, theirs = self._stated[first], self._stated[second]
        if any(theirs.get(seller, group) != group for seller, group in mine.items()):
            return False
        if first != second:
            self._parents[second] = first
            mine.update(theirs)
        return True

    def _root(self, place: int) -> int:
        while self._parents[place] != place:
            self._parents[place] = self._parents[self._parents[place]]
            place = self._parents[place]
        return place
