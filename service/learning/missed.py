"""How many variants are outside the candidates, without more labels.

The text list and the image list are two captures. Which of their pairs are variants is known only for products whose
group is known, so for all others the number of variants among the candidates is an expectation: pairs are sorted into
cells by the bands of their text rank and their image rank, and each cell has the share of variants that it has among
the known groups. What neither list holds follows from these expected captures by both, by text alone and by pictures
alone (`eval.capture`), times the odds ratio of the two captures among the known groups: pairs that look alike are
also described alike, so independence alone would promise too much.

**Within the scope of the known groups** (`within`: products without a known group, pairs inside one seller, or all
pairs where groups are global) it assumes

* that a known group is complete within its scope;
* that products without a known group have as many variants as those with one, and are found as easily. A feed that
  gives a group only to products with variants breaks that: what is left has few, and the figure is far too high.

The interval is that of trials on the known groups: again and again some of them, as many as are unknown but at most
half, are hidden, the estimate is made from the others, and the truth is compared with it. It is wider than a
percentile bootstrap of groups, which is too narrow where a few large groups hold many of the pairs: that was tried
first and covered the truth on 15 to 18 of 20 halves (7 to 9 of the first ten), so this form was taken after seeing it
fail on the same feed. Halves of one catalogue are not independent, and no other catalogue has confirmed the table.

Measured on random halves of the groups of the marketplace feed, one half hidden, all groups global; the estimate and
the ends of the interval as multiples of the truth, means of ten halves:

| depth of both lists | missed in the hidden half | estimate | low | high | halves covered |
|---|---|---|---|---|---|
| 10 | 2,900 | 1.04 | .61 | 1.81 | 10 of 10 |
| 25 | 2,100 | 1.03 | .59 | 1.80 | 10 of 10 |
| 50 | 1,500 | 1.05 | .59 | 1.90 | 10 of 10 |
| 100 | 1,000 | 1.06 | .57 | 2.00 | 10 of 10 |
| 200 | 580 | 1.09 | .58 | 2.14 | 10 of 10 |
| 500 | 210 | 1.11 | .53 | 2.39 | 10 of 10 |
| 1,000 | 80 | 1.18 | .45 | 3.04 | 10 of 10 |

So it is an order of magnitude: group sizes have a heavy tail, and the pairs of one large group weigh as much as those
of a hundred small ones. **It does not hold** where only products with variants have a group: with all products that
have none hidden as well, the estimate at depth 100 was 2.8 times the truth and no interval covered it (0 of 10).
Independence alone gave .87 to 1.25 times the truth and Chao's bound 1.07 to 2.05: no bound there. Strata (product
type, the overlap of a query's two lists, how near its neighbours are) made no estimate better and were left out.

**Across sellers** (`across`: pairs of two sellers, where each seller's groups say nothing) the cells can't be carried
over: text puts a seller's own products first, so that the same rank means more for another seller's product (the
expected captures came out at a fifth to two thirds of the true ones), and the share that text finds can't be told from
its false finds. Pictures can: where a picture does not tell who took it, the share of variants at an image rank and
the share that the image list reaches are those within a seller. That gives the number of variants (checked: 10,000 to
10,200 against 10,462), and how many the image list misses. Text finds at least none of these and at most the share
that it finds within a seller. So there is a range, from one bound to the other with the trials' uncertainty at both
ends, and no single figure. On the marketplace feed, six sellers, learned from pairs of one seller alone:

| depth of both lists | missed across sellers | range |
|---|---|---|
| 10 | 5,662 | 1,230 to 8,940 |
| 50 | 3,069 | 340 to 6,020 |
| 100 | 2,070 | 140 to 4,740 |
| 500 | 467 | 6 to 1,890 |

It held the truth at all seven depths tried, and is wide. It is the third way tried: the cells missed three quarters of
what is missed, and taking text's false finds off by their share within a seller gave nonsense. All these photographs
come from one retailer: where every seller takes pictures of his own, even this range may not hold.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from candidates.provenance import CandidatePart
from candidates.qrels import VARIANT, Qrels
from candidates.run import Run
from eval.capture import caught_by_neither, chao_lower_bound, odds_ratio
from eval.metrics import group_numbers, product_rows
from fusion.merge.hop import pool

FEWEST_GROUPS = 30
"""Fewer known groups with variants give no estimate."""

_WEIGHTS = 4_000_000
"""Weights of groups in trials held at once."""

Counts = NDArray[np.float64]


@dataclass(frozen=True)
class Missed:
    """Variants outside the candidates, counted from either side: a pair of two queries counts twice.

    Attributes:
        found: Expected variants among the candidates; None where no single figure is to be had.
        missed: Expected variants outside them; None likewise.
        low: Lower end of the 95 % interval, or of the range.
        high: Upper end.
        independent: Variants that neither list holds, were the two lists independent; None across sellers.
        lower_bound: Chao's bound of the same; None across sellers.
    """

    found: float | None
    missed: float | None
    low: float
    high: float
    independent: float | None
    lower_bound: float | None


@dataclass(frozen=True)
class MissedVariants:
    """What is known to be missed, and what is estimated.

    Attributes:
        known_groups: Groups of two or more, from which everything was learned.
        known: Variants of the queries that these groups state, each from its query's side.
        known_missed: How many of them are outside the candidates: counted, not estimated.
        odds_ratio: Of the two lists among them: above 1, what one list misses the other is likelier to miss too.
        within: Variants of products without a known group, in their own scope; None where there are none such, or
            too few groups are known.
        across: Variants of other sellers outside both lists, whatever the candidates; None likewise.
    """

    known_groups: int
    known: int
    known_missed: int
    odds_ratio: float
    within: Missed | None
    across: Missed | None


@dataclass(frozen=True, eq=False)
class _Tally:
    """Counts by cell, over groups or drawn sets of groups along the first axis.

    Attributes:
        pairs: (…, c): pairs in each cell.
        variants: (…, c): known variants among them.
        neither: (…,): known variants in neither list.
    """

    pairs: Counts
    variants: Counts
    neither: Counts

    def total(self, weights: Counts) -> _Tally:
        """The sums over groups, each weighted: (t, g) weights give t tallies."""
        return _Tally(weights @ self.pairs, weights @ self.variants, weights @ self.neither)


@dataclass(frozen=True, eq=False)
class _Cells:
    """How pairs are sorted: by text band, image band (0: not in the list), and whether they stay candidates.

    Attributes:
        bands: Bands of either rank, with that of pairs that are not in the list.
    """

    bands: int

    @classmethod
    def down_to(cls, depth: int) -> _Cells:
        """Bands 1, 2, 3–4, 5–8, … down to a depth."""
        return cls(int(np.ceil(np.log2(max(depth, 1)))) + 2)

    @property
    def count(self) -> int:
        """How many cells there are."""
        return 2 * self.bands**2

    def of(self, part: CandidatePart, kept: NDArray[np.bool_]) -> NDArray[np.int64]:
        """The cell of each pair, int64 (m,)."""
        text, image = (_band(ranks) for ranks in (part.text_rank, part.image_rank))
        return (text * self.bands + image) * 2 + kept

    def text(self) -> NDArray[np.int64]:
        """The text band of each cell."""
        return np.arange(self.count) // 2 // self.bands

    def image(self) -> NDArray[np.int64]:
        """The image band of each cell."""
        return np.arange(self.count) // 2 % self.bands

    def kept(self) -> NDArray[np.bool_]:
        """Which cells hold candidates."""
        odd: NDArray[np.bool_] = np.arange(self.count) % 2 == 1
        return odd

    def captures(self, variants: Counts) -> tuple[Counts, Counts, Counts]:
        """Variants in both lists, in the text list alone, in the image list alone."""
        text, image = self.text() > 0, self.image() > 0
        both, first, second = (
            variants[..., mask].sum(axis=-1) for mask in (text & image, text & ~image, ~text & image)
        )
        return both, first, second


def _band(ranks: NDArray[np.int32]) -> NDArray[np.int64]:
    return np.where(ranks > 0, np.ceil(np.log2(np.maximum(ranks, 1))) + 1, 0).astype(np.int64)


def estimate_missed(
    text: Run, image: Run, qrels: Qrels, candidates: Run | None = None, *, trials: int = 400, seed: int = 7
) -> MissedVariants:
    """Estimates how many variants of the queries are outside the candidates.

    Args:
        text: Text lists of products (a random sample of the catalogue, or all of it).
        image: Image lists of the same products.
        qrels: What is known.
        candidates: The candidates of the same products; by default all that either list holds. Candidates that
            neither list holds (a hop's) are not counted as found.
        trials: Trials behind the interval.
        seed: Their seed.

    Raises:
        AxisMismatch: The runs speak of different products.
    """
    rows = product_rows(text)
    qrels.items.require(text.items, "the text lists and what is known")
    part = pool(text, image).whole()
    assert isinstance(part, CandidatePart)
    cells = _Cells.down_to(int(max(part.text_rank.max(initial=0), part.image_rank.max(initial=0))))
    cell = cells.of(part, _kept(part, text, candidates))
    owners = rows[part.query_rows]
    same = qrels.scopes[owners] == qrels.scopes[part.rows]
    grouped = qrels.groups[rows] >= 0
    known = _known(part, cell, same, rows, qrels, cells.count)
    whole = known.total(np.ones(len(known.neither)))
    groups = int(((known.variants.sum(axis=1) + known.neither) > 0).sum())
    within = across = None
    if groups >= FEWEST_GROUPS:
        open_pairs = np.bincount(cell[same & ~grouped[part.query_rows]], minlength=cells.count).astype(np.float64)
        if not grouped.all():
            share = (~grouped).sum() / max(grouped.sum(), 1)
            within = _within(open_pairs, known, share, cells, trials, seed)
        if len(np.unique(qrels.scopes)) > 1:
            foreign = np.bincount(cell[~same], minlength=cells.count).astype(np.float64)
            across = _across(foreign, known, cells, trials, seed)
    missed = whole.neither + whole.variants[~cells.kept()].sum()
    return MissedVariants(
        known_groups=groups,
        known=int(whole.variants.sum() + whole.neither),
        known_missed=int(missed),
        odds_ratio=float(odds_ratio(*cells.captures(whole.variants), whole.neither)),
        within=within,
        across=across,
    )


def _kept(part: CandidatePart, text: Run, candidates: Run | None) -> NDArray[np.bool_]:
    """Which pairs of the two lists are candidates."""
    if candidates is None:
        return np.ones(len(part.rows), bool)
    text.queries.require(candidates.queries, "candidates and lists")
    text.items.require(candidates.items, "candidates and lists")
    chosen, size = candidates.whole(), len(text.items)
    wanted = chosen.query_rows.astype(np.int64) * size + chosen.rows
    inside: NDArray[np.bool_] = np.isin(part.query_rows.astype(np.int64) * size + part.rows, wanted)
    return inside


def _known(
    part: CandidatePart, cell: NDArray[np.int64], same: NDArray[np.bool_], rows: NDArray[np.int32], qrels: Qrels, c: int
) -> _Tally:
    """The tally of each known group: what its members meet within their own scope."""
    queries = np.flatnonzero(qrels.groups[rows] >= 0)
    group = np.full(len(rows), -1)
    group[queries] = group_numbers(qrels.groups[rows[queries]])
    count = int(group.max(initial=-1)) + 1
    learnt = same & (group[part.query_rows] >= 0)
    place = group[part.query_rows[learnt]] * c + cell[learnt]
    true = qrels.judge(rows[part.query_rows[learnt]], part.rows[learnt]) == VARIANT
    pairs, variants = (
        np.bincount(which, minlength=count * c).reshape(count, c).astype(np.float64) for which in (place, place[true])
    )
    offsets, members = qrels.variants(rows[queries])
    owners = np.repeat(queries, np.diff(offsets))
    own = qrels.scopes[rows[owners]] == qrels.scopes[members]
    stated = np.bincount(group[owners[own]], minlength=count).astype(np.float64)
    return _Tally(pairs, variants, stated - variants.sum(axis=1))


def _within(open_pairs: Counts, known: _Tally, share: float, cells: _Cells, trials: int, seed: int) -> Missed:
    """The estimate for products without a group; `share`: how many of them there are to one with a group."""
    whole = known.total(np.ones(len(known.neither)))
    found, missed = _estimate(open_pairs, whole, cells)
    expected = open_pairs * _shares(whole)
    both, first, second = cells.captures(expected)
    ratios = []
    for hidden, rest in _split(len(known.neither), share, trials, seed):
        unseen = known.total(hidden)
        truth = unseen.neither + unseen.variants[..., ~cells.kept()].sum(axis=-1)
        ratios.append(truth / np.maximum(_estimate(unseen.pairs, known.total(rest), cells)[1], 1e-9))
    low, high = np.percentile(missed * np.concatenate(ratios), [2.5, 97.5])
    return Missed(
        float(found),
        float(missed),
        float(min(low, missed)),
        float(max(high, missed)),
        float(caught_by_neither(both, first, second)),
        float(chao_lower_bound(both, first, second)),
    )


def _split(groups: int, share: float, trials: int, seed: int) -> Iterator[tuple[Counts, Counts]]:
    """Which groups are hidden and which are known in each trial, as weights (t, g), some trials at a time."""
    hidden = int(np.clip(round(groups * share), 1, max(1, groups // 2)))
    random = np.random.default_rng(seed)
    size = max(1, _WEIGHTS // max(groups, 1))
    for start in range(0, trials, size):
        order = np.argsort(random.random((min(size, trials - start), groups)), axis=1)
        weights = np.zeros(order.shape)
        np.put_along_axis(weights, order[:, :hidden], 1.0, axis=1)
        yield weights, 1 - weights


def _shares(known: _Tally) -> Counts:
    """The share of variants in each cell."""
    return known.variants / np.maximum(known.pairs, 1)


def _estimate(pairs: Counts, known: _Tally, cells: _Cells) -> tuple[Counts, Counts]:
    """Expected variants among candidates and outside them, of pairs of which only the cells are known."""
    expected = pairs * _shares(known)
    dependence = odds_ratio(*cells.captures(known.variants), known.neither)
    neither = caught_by_neither(*cells.captures(expected), dependence)
    kept = cells.kept()
    return expected[..., kept].sum(axis=-1), neither + expected[..., ~kept].sum(axis=-1)


def _across(foreign: Counts, known: _Tally, cells: _Cells, trials: int, seed: int) -> Missed:
    """The range for pairs of two sellers, from the image list alone; see the module's docstring."""
    lows, highs = [], []
    for hidden, rest in _split(len(known.neither), 1.0, trials, seed):
        unseen = known.total(hidden)
        low, high = _range(unseen.pairs, known.total(rest), cells)
        _, by_text_alone, _ = cells.captures(unseen.variants)
        lows.append(unseen.neither / np.maximum(low, 1e-9))
        highs.append((by_text_alone + unseen.neither) / np.maximum(high, 1e-9))
    low, high = _range(foreign, known.total(np.ones(len(known.neither))), cells)
    least = np.percentile(low * np.concatenate(lows), 2.5)
    most = np.percentile(high * np.concatenate(highs), 97.5)
    return Missed(None, None, float(least), float(most), None, None)


def _range(foreign: Counts, known: _Tally, cells: _Cells) -> tuple[Counts, Counts]:
    """Bounds of the foreign variants in neither list: text finds what it finds within a seller, or nothing."""
    listed = cells.image()[None, :] == np.arange(1, cells.bands)[:, None]
    pairs, variants = known.pairs @ listed.T, known.variants @ listed.T
    by_image = (variants / np.maximum(pairs, 1) * (foreign @ listed.T)).sum(axis=-1)
    both, by_text_alone, by_image_alone = cells.captures(known.variants)
    beyond = by_text_alone + known.neither
    missed_by_image = by_image * beyond / np.maximum(both + by_image_alone, 1)
    return missed_by_image * known.neither / np.maximum(beyond, 1), missed_by_image
