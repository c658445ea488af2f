"""Estimates how many variants are outside the candidates, without more labels.

The text list and the image list are treated as two captures of the same variants. Variants are known only for products
with a known group. For all others the number of variants in the lists is an expectation: pairs are sorted into cells by
bands of text rank and image rank, and each cell is given the share of variants that it has among the known groups. The
number of variants in neither list follows from the expected captures by both lists, by text alone and by pictures alone
(`eval.capture`), times the odds ratio of the two captures among the known groups. The odds ratio is needed because
pairs that look alike are also described alike, so independence would give an estimate that is too low.

**Within the scope of the known groups** (`within`: products without a known group; pairs of one seller, or all pairs if
groups are global) the estimate assumes

* that a known group is complete within its scope;
* that products without a known group have as many variants as those with one, and that these are found as easily. If a
  feed gives a group only to products with variants, the other products have few, and the estimate is far too high.

The interval comes from trials on the known groups. In each trial a random part of the groups is hidden (as many as are
unknown, at most half), the number of their missed variants is estimated from the other groups, and the estimate is
compared with the truth. This interval is wider than a percentile bootstrap of groups, which is too narrow if a few
large groups hold many of the pairs. Treat the estimate as an order of magnitude: group sizes have a heavy tail, and one
large group has as many pairs as a hundred small ones.

**Across sellers** (`across`: pairs of two sellers, if a seller's groups say nothing about other sellers' products) the
cells can't be used. Text ranks a seller's own products first, so the same rank means more for another seller's product.
Pictures can be used: if a picture does not reveal its photographer, the share of variants at an image rank, and the
share of variants that the image list finds, are the same as within a seller. This gives the number of variants, and how
many the image list misses. Text finds at least none of these, and at most the share that it finds within a seller. So
the result is a range without a single figure: from one bound to the other, widened at both ends by the uncertainty from
the trials.

Measurements of both, and what was tried before, are in docs/notes-on-planning.md.
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
"""With fewer known groups that have variants there is no estimate."""

_WEIGHTS = 4_000_000
"""Number of group weights of trials in memory at once."""

Counts = NDArray[np.float64]


@dataclass(frozen=True)
class Missed:
    """Variants outside the candidates, counted by query: a pair of two queries counts twice.

    Attributes:
        found: Expected variants among the candidates; None if there is only a range.
        missed: Expected variants outside them; None if there is only a range.
        low: Lower end of the 95% interval, or of the range.
        high: Upper end.
        independent: Estimate of the variants in neither list if the two lists were independent; None across sellers.
        lower_bound: Chao's lower bound of the same number; None across sellers.
    """

    found: float | None
    missed: float | None
    low: float
    high: float
    independent: float | None
    lower_bound: float | None


@dataclass(frozen=True)
class MissedVariants:
    """Missed variants: counted for known groups, estimated for the rest.

    Attributes:
        known_groups: Number of known groups of two or more, the basis of all estimates.
        known: Number of known variants of the queries, counted by query.
        known_missed: How many of them are outside the candidates (a count, not an estimate).
        odds_ratio: Odds ratio of the two lists among them; above 1, a variant that one list misses is more likely to
            be missed by the other too.
        within: For products without a known group, in their own scope; None if there are no such products, or too
            few known groups.
        across: For variants of other sellers: those outside both lists, whether candidates or not; None if there is
            only one seller, or too few known groups.
    """

    known_groups: int
    known: int
    known_missed: int
    odds_ratio: float
    within: Missed | None
    across: Missed | None


@dataclass(frozen=True, eq=False)
class _Tally:
    """Counts by cell; the first axis is groups, or trials.

    Attributes:
        pairs: (…, c): pairs in each cell.
        variants: (…, c): known variants among them.
        neither: (…,): known variants in neither list.
    """

    pairs: Counts
    variants: Counts
    neither: Counts

    def total(self, weights: Counts) -> _Tally:
        """Weighted sums over groups: weights (t, g) give t tallies."""
        return _Tally(weights @ self.pairs, weights @ self.variants, weights @ self.neither)


@dataclass(frozen=True, eq=False)
class _Cells:
    """How pairs are sorted: by text band, image band (0: not in the list), and whether they are candidates.

    Attributes:
        bands: Number of bands of each rank, including that of pairs not in the list.
    """

    bands: int

    @classmethod
    def down_to(cls, depth: int) -> _Cells:
        """Bands 1, 2, 3–4, 5–8, … down to a depth."""
        return cls(int(np.ceil(np.log2(max(depth, 1)))) + 2)

    @property
    def count(self) -> int:
        """Number of cells."""
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
    """Estimates how many variants of the queries are outside the candidates; see the module's docstring.

    Args:
        text: Text lists of products (a random sample of the catalogue, or all of it).
        image: Image lists of the same products.
        qrels: Known groups.
        candidates: The candidates of the same products; by default the union of both lists. Candidates in neither
            list (those of a hop) are not counted as found.
        trials: Number of trials for the interval.
        seed: Seed of the trials.

    Raises:
        AxisMismatch: The runs are over different products.
    """
    rows = product_rows(text)
    qrels.items.require(text.items, "the text lists and the known groups")
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
    """The tally of each known group: its members' pairs within their own scope."""
    queries = np.flatnonzero(qrels.groups[rows] >= 0)
    group = np.full(len(rows), -1)
    group[queries] = group_numbers(qrels.groups[rows[queries]])
    count = int(group.max(initial=-1)) + 1
    in_known_group = same & (group[part.query_rows] >= 0)
    place = group[part.query_rows[in_known_group]] * c + cell[in_known_group]
    is_variant = qrels.judge(rows[part.query_rows[in_known_group]], part.rows[in_known_group]) == VARIANT
    pairs, variants = (
        np.bincount(which, minlength=count * c).reshape(count, c).astype(np.float64)
        for which in (place, place[is_variant])
    )
    offsets, members = qrels.variants(rows[queries])
    owners = np.repeat(queries, np.diff(offsets))
    own = qrels.scopes[rows[owners]] == qrels.scopes[members]
    stated = np.bincount(group[owners[own]], minlength=count).astype(np.float64)
    return _Tally(pairs, variants, stated - variants.sum(axis=1))


def _within(open_pairs: Counts, known: _Tally, share: float, cells: _Cells, trials: int, seed: int) -> Missed:
    """The estimate for products without a group; `share` is their number per product with a group."""
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
    """Which groups are hidden and which are known in each trial, as weights (t, g), in blocks of trials."""
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
    """Expected variants among the candidates and outside them, from the number of pairs in each cell."""
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
    """Bounds of other sellers' variants in neither list: text finds the share it finds within a seller, or none."""
    listed = cells.image()[None, :] == np.arange(1, cells.bands)[:, None]
    pairs, variants = known.pairs @ listed.T, known.variants @ listed.T
    by_image = (variants / np.maximum(pairs, 1) * (foreign @ listed.T)).sum(axis=-1)
    both, by_text_alone, by_image_alone = cells.captures(known.variants)
    beyond = by_text_alone + known.neither
    missed_by_image = by_image * beyond / np.maximum(both + by_image_alone, 1)
    return missed_by_image * known.neither / np.maximum(beyond, 1), missed_by_image
