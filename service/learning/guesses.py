"""Guesses which products of two sellers are variants, for heads to learn from where groups end at a seller.

A seller's groups show how his own pictures and words differ between variants. How two sellers describe the same thing
they do not show, and half of the evidence about pictures is missing too. So each view teaches the other, as in
co-training (Blum, Mitchell, "Combining Labeled and Unlabeled Data with Co-Training", COLT 1998): heads learned from the
sellers' own groups make lists; pairs that are each other's nearest by *pictures* become groups for the *text* head, and
pairs nearest by *text* become groups for the *image* head. A head never learns from what it found itself: such pairs
are alike in its own view by choice, and would teach it that variants hardly differ.

How many of the pairs are right is estimated without asking for a single label, and where too few are, none is used. Of
two lower bounds the greater counts:

* **By score.** What is no variant looks like the pairs that are each other's nearest *within* a seller without
  standing in one group. As many of these are expected among two sellers' pairs of the same score (targets and decoys:
  Elias, Gygi, Nature Methods 2007; the one added to the count is Barber and Candès', Annals of Statistics 2015). Where
  a view knows who is speaking, as texts do, decoys stand nearer than true pairs, and this bound says nothing.
* **By agreement.** The other view, too, finds the two near each other, more often than it finds decoys near. Agreement
  beyond that of decoys is the share of variants, or less where variants do not always agree. This asks that the two
  views have not learned from each other yet, so guessing once more from heads that learned from guesses is no use: the
  estimate said .65 where .48 were right.

Where sellers offer different things all pairs are wrong, both bounds are near zero, and nothing is guessed. A decoy
that is a variant after all (a seller who states no groups) makes both bounds smaller, never greater.

**Guesses are for learning alone, never for measuring.** What is not guessed stays unjudged and is no negative. A head
remembers a guess about a product: it then finds this very pair again, which says nothing about products that were not
guessed about. To measure what a head will do elsewhere, leave the products that are measured out of guesses
(`leave_out`).
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
"""Guesses by pictures are used down to where so many of them are right, by the estimate. A text head learns how sellers
differ in their words even from pairs that are merely alike, and more pairs teach it more."""

LEAST_BY_TEXTS = 0.65
"""The same for guesses by text. An image head has known groups of each seller to learn from; wrong pairs spoil it."""

FEWEST = 50
"""Fewer guesses than this are not worth an estimate, and none is used."""

AGREEING = 10
"""Two views agree on a pair when either product is among so many first of the other's seller in the other view."""

_ERRORS = 2.0
"""Standard errors by which agreement, and a count of decoys, may be off to our cost."""

_BLOCK = 2**22
"""Entries of lists looked at at once."""


@dataclass(frozen=True, eq=False)
class Guesses:
    """Pairs of two sellers' products that are probably variants, the surest first.

    Attributes:
        left: One row of each pair, int64 (m,).
        right: The other row.
        considered: Pairs of two sellers' products that are each other's nearest.
        decoys: Such pairs within a seller, that are not known to be variants.
        precision: Estimated share of the guesses that are right, a lower bound; NaN where none is used.
        certain: How many of the pairs, the first, were no guesses: they share a product number.
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
class Taught:
    """What each head learns from besides known groups.

    Attributes:
        text: For the text head: pairs found by pictures.
        image: For the image head: pairs found by text.
    """

    text: Guesses
    image: Guesses


@dataclass(frozen=True, eq=False)
class _Nearest:
    """Pairs of products that are each other's nearest, each among the other's seller's products.

    Attributes:
        left: One row, int64 (m,).
        right: The other row, greater than the left.
        scores: The lower of both directions' scores, float64 (m,).
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
) -> Taught:
    """Guesses, from lists of both views, which pairs of two sellers' products are variants.

    Args:
        text: Text lists of every product, by a head that was learned from the sellers' own groups (or from none).
        image: Image lists of every product, likewise.
        groups: Each product's known group within its seller, −1 where none is known, (n,). Groups that may not be
            learned from are −1 too.
        sellers: Number of each product's seller, −1 where it is not named: no pair holds such a product, (n,).
        leave_out: Products about which nothing may be guessed, bool (n,): those that will be measured.
        certain: Rows of pairs that are known to be the same thing, such as `pairs_of_equal_numbers` finds.

    Returns:
        What each head may learn from: join the pairs to the known groups with `heads.with_guesses`.
    """
    text.items.require(image.items, "text lists and image lists")
    free = (np.asarray(sellers) >= 0) & ~(np.zeros(len(groups), bool) if leave_out is None else leave_out)
    told = _Told(np.asarray(groups, np.int64), np.asarray(sellers, np.int64), free)
    lists = [correct_hubs(run, nearness(run)) if len(run) else run for run in (text, image)]
    sure = _certain(certain, told)
    return Taught(
        text=_guess(lists[1], lists[0], told, sure, LEAST_BY_PICTURES),
        image=_guess(lists[0], lists[1], told, sure, LEAST_BY_TEXTS),
    )


def pairs_of_equal_numbers(catalogue: Catalogue, sellers: NDArray[np.integer]) -> tuple[Rows, Rows]:
    """Pairs of two sellers' products that carry the same GTIN, or the same part number of the same brand.

    A number that a seller gives to several of his products is no product's number ("n/a", "1") and joins nothing.
    GTINs whose check digit is wrong (GS1 General Specifications, section 7.9) are no numbers either.
    """
    gtins = [_gtin(one) for one in catalogue.column("gtin")]
    parts = [
        f"{brand.strip().casefold()}\n{part.strip().casefold()}" if brand.strip() and part.strip() else ""
        for brand, part in zip(catalogue.column("brand"), catalogue.column("mpn"), strict=True)
    ]
    found = [_of_equal(np.array(numbers, object), np.asarray(sellers)) for numbers in (gtins, parts)]
    pairs = np.unique(np.concatenate(found), axis=0)
    return pairs[:, 0], pairs[:, 1]


def _gtin(text: str) -> str:
    """A GTIN as fourteen digits; empty where it is none."""
    digits = "".join(text.split()).replace("-", "")
    if not (digits.isascii() and digits.isdigit() and len(digits) in (8, 12, 13, 14) and digits.strip("0")):
        return ""
    padded = digits.zfill(14)
    total = sum(int(digit) * (3 if place % 2 == 0 else 1) for place, digit in enumerate(padded))
    return padded if total % 10 == 0 else ""


def _of_equal(numbers: NDArray[np.object_], sellers: NDArray[np.integer]) -> Rows:
    """Pairs of neighbours among the products that carry one number, int64 (m, 2)."""
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
class _Told:
    """What is known about the products.

    Attributes:
        groups: int64 (n,): known group within its seller, −1 without.
        sellers: int64 (n,): seller, −1 where not named.
        free: bool (n,): whether anything may be guessed about it.
    """

    groups: Rows
    sellers: Rows
    free: NDArray[np.bool_]

    def variants(self, left: Rows, right: Rows) -> NDArray[np.bool_]:
        """Which pairs are known to be variants."""
        known: NDArray[np.bool_] = (self.groups[left] >= 0) & (self.groups[left] == self.groups[right])
        return known


def _certain(pairs: tuple[Rows, Rows] | None, told: _Told) -> _Nearest:
    """The pairs that need no guess, without those about which nothing may be learned."""
    left, right = (np.asarray(side, np.int64) for side in pairs or ((), ()))
    sure = _Nearest(left, right, np.full(len(left), np.inf))
    return sure.take(told.free[left] & told.free[right])


def _guess(found: Run, judge: Run, told: _Told, certain: _Nearest, least: float) -> Guesses:
    """Pairs by one view, judged by their scores and by the other view."""
    nearest = _nearest(found, told)
    across = told.sellers[nearest.left] != told.sellers[nearest.right]
    targets, decoys = nearest.take(across), nearest.take(~across)
    targets = targets.take(np.lexsort((targets.right, targets.left, -targets.scores)))
    precision = np.maximum(_by_score(targets, decoys, told), _by_agreement(targets, decoys, judge, told))
    enough = np.flatnonzero(precision >= least)
    count = int(enough[-1]) + 1 if len(enough) and enough[-1] + 1 >= FEWEST else 0
    used = targets.take(np.arange(count))
    left, right = np.concatenate([certain.left, used.left]), np.concatenate([certain.right, used.right])
    kept = _consistent(left, right, told)
    return Guesses(
        left=left[kept],
        right=right[kept],
        considered=len(targets),
        decoys=len(decoys),
        precision=float(precision[count - 1]) if count else float("nan"),
        certain=int(kept[: len(certain)].sum()),
    )


def _nearest(run: Run, told: _Told) -> _Nearest:
    """All pairs that are each other's first: of the other's seller, or of the own one outside the known group."""
    count = int(told.sellers.max(initial=0)) + 1
    keys, items, scores = _firsts(run, told, count)
    # The way back: the first of the query's own seller in the list of what it found.
    queries = keys // count
    back = items * count + told.sellers[queries]
    place = np.minimum(np.searchsorted(keys, back), max(0, len(keys) - 1))
    mutual = (queries < items) & (keys[place] == back) & (items[place] == queries)
    return _Nearest(queries[mutual], items[mutual], np.minimum(scores, scores[place])[mutual])


def _firsts(run: Run, told: _Told, count: int) -> tuple[Rows, Rows, NDArray[np.float64]]:
    """For each free product and each seller in its list the first: key product · sellers + seller, ascending."""
    keys, items, scores = [], [], []
    for part in _blocks(run):
        queries, rows = part.query_rows.astype(np.int64), part.rows.astype(np.int64)
        kept = told.free[queries] & told.free[rows] & ~told.variants(queries, rows)
        key = queries[kept] * count + told.sellers[rows[kept]]
        first, place = np.unique(key, return_index=True)
        keys.append(first)
        items.append(rows[kept][place])
        scores.append(part.scores[kept][place].astype(np.float64))
    empty = np.zeros(0, np.int64)
    return np.concatenate([empty, *keys]), np.concatenate([empty, *items]), np.concatenate([np.zeros(0), *scores])


def _blocks(run: Run) -> Iterator[Part]:
    """The lists of some queries at a time."""
    for part in run.parts:
        size = max(1, _BLOCK // max(1, int(part.counts.max(initial=1))))
        for low in range(0, len(part.counts), size):
            block = part.take(np.arange(low, min(low + size, len(part.counts))))
            yield Part(part.start + low, block.offsets, block.rows, block.scores)


def _by_score(targets: _Nearest, decoys: _Nearest, told: _Told) -> NDArray[np.float64]:
    """Share of the first 1, 2 … pairs that are right, by how many decoys score as high.

    Each seller's decoys stand in for the wrong pairs with every other seller: two sets of n products have about as
    many pairs of mutual neighbours between them as both have within.
    """
    others = max(0, len(np.unique(told.sellers[told.free])) - 1)
    ordered = np.sort(decoys.scores)
    as_high = len(ordered) - np.searchsorted(ordered, targets.scores, side="left")
    wrong = others * (as_high + 1.0 + _ERRORS * np.sqrt(as_high))
    return 1 - wrong / np.arange(1, len(targets) + 1)


def _by_agreement(targets: _Nearest, decoys: _Nearest, judge: Run, told: _Told) -> NDArray[np.float64]:
    """Share of the first 1, 2 … pairs that are right, by how often the other view agrees beyond decoys."""
    if not len(decoys):
        return np.full(len(targets), -np.inf)
    by_chance = float(_agrees(decoys, judge, told).mean())
    counts = np.arange(1, len(targets) + 1)
    share = np.cumsum(_agrees(targets, judge, told)) / counts
    error = np.sqrt(share * (1 - share) / counts + by_chance * (1 - by_chance) / len(decoys))
    return (share - _ERRORS * error - by_chance) / max(1 - by_chance, 1e-9)


def _agrees(pairs: _Nearest, judge: Run, told: _Told) -> NDArray[np.bool_]:
    """Whether each of a pair is among the first of its seller in the other's list, outside known groups."""
    lists = judge.whole()
    return _near(pairs.left, pairs.right, lists, told) & _near(pairs.right, pairs.left, lists, told)


def _near(queries: Rows, wanted: Rows, lists: Part, told: _Told) -> NDArray[np.bool_]:
    near = np.zeros(len(queries), bool)
    size = max(1, _BLOCK // max(1, int(lists.counts.max(initial=1))))
    for low in range(0, len(queries), size):
        own, one = queries[low : low + size], wanted[low : low + size]
        part = lists.take(own)
        query, rows = part.query_rows, part.rows.astype(np.int64)
        kept = (told.sellers[rows] == told.sellers[one[query]]) & ~told.variants(own[query], rows)
        listed = part.keep(kept)
        hit = (listed.rows == one[listed.query_rows]) & (listed.ranks <= AGREEING)
        near[low + listed.query_rows[hit]] = True
    return near


def _consistent(left: Rows, right: Rows, told: _Told) -> NDArray[np.bool_]:
    """Which pairs to keep: not those that would join two groups which one seller keeps apart; the surest come first."""
    joined = _Joined(told)
    return np.array([joined.join(*pair) for pair in zip(left.tolist(), right.tolist(), strict=True)], bool)


class _Joined:
    """Sets of products that grow by pairs and never hold two groups of one seller."""

    def __init__(self, told: _Told) -> None:
        n = len(told.groups)
        known = told.groups >= 0
        names, first, members = np.unique(
            np.where(known, n + told.groups, np.arange(n)), return_index=True, return_inverse=True
        )
        self._set_of = members.reshape(-1)
        self._parents = np.arange(len(names)).tolist()
        self._stated: list[dict[int, int]] = [
            {int(told.sellers[row]): int(told.groups[row])} if known[row] else {} for row in first
        ]

    def join(self, left: int, right: int) -> bool:
        """Makes one set of the sets of two products; False where a seller keeps parts of them apart."""
        one, other = self._root(int(self._set_of[left])), self._root(int(self._set_of[right]))
        mine, theirs = self._stated[one], self._stated[other]
        if any(theirs.get(seller, group) != group for seller, group in mine.items()):
            return False
        if one != other:
            self._parents[other] = one
            mine.update(theirs)
        return True

    def _root(self, place: int) -> int:
        while self._parents[place] != place:
            self._parents[place] = self._parents[self._parents[place]]
            place = self._parents[place]
        return place
