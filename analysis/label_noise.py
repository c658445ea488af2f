"""How many of the classifier's errors are probably label errors: one model that is listed under two codes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import pyarrow.parquet as pq
from numpy.typing import NDArray

from analysis.held_pairs import HeldPairs, Places
from candidates.qrels import NOT_A_VARIANT, VARIANT
from eval.metrics import group_numbers
from eval.pair_metrics import PRECISIONS, PrecisionRecall
from fusion.groups.vocabulary import words_of
from fusion.pairs.relation import NEAR_COLOUR, NEAR_PICTURE, NEAR_TEXT
from service.pairs.suggesting import encoder_cosines, mean_lab

KINDS = (
    "same photograph",
    "nearly the same picture and title",
    "same name",
    "as similar as most variants",
    "less similar",
)
"""How similar the two products of a pair are; the first that applies:

same photograph: both have the same picture file, byte by byte.
nearly the same picture and title: by the thresholds for duplicate listings (`fusion.pairs.relation`): `NEAR_PICTURE` in
the encoder's own vectors, mean colours within `NEAR_COLOUR`, and `NEAR_TEXT` between titles without their words for
colour, size, pattern and material.
same name: a title of one group and a title of the other share a word, or two consecutive words, that no third group
uses. For a pair of known variants, their group is split in two between the products.
as similar as most variants: pictures (in learned spaces) and titles are each at least as close as those of half of the
known variants.

The first three count as one model under two codes. No threshold was chosen by looking at errors."""

SAME_MODEL = 3
"""The first kinds, this many, count as one model under two codes."""


def kinds_of(held: HeldPairs, places: Places) -> NDArray[np.int8]:
    """The kind of each of these pairs, int8 (k,): position in `KINDS`."""
    job, table = held.job, held.table
    left, right = table.left[places], table.right[places]
    lab = mean_lab(job)
    colour = np.full(len(places), np.nan) if lab is None else np.linalg.norm(lab[left] - lab[right], axis=1)
    picture, _ = encoder_cosines(job, left, right)
    shape, title = (table.columns[name] for name in ("image_similarity", "title_kept_words"))
    known = held.truth == VARIANT
    with np.errstate(invalid="ignore"):
        near = (picture >= NEAR_PICTURE) & ~(colour >= NEAR_COLOUR) & (title[places] >= NEAR_TEXT)
        alike = np.ones(len(places), bool)
        for column in (shape, title):
            present = column[known & np.isfinite(column)]
            alike &= column[places] >= (np.median(present) if len(present) else np.inf)
    cases = [_one_photograph(held, places), near, Names.of(held).shared(left, right), alike]
    return np.select(cases, list(range(len(cases))), len(cases)).astype(np.int8)


def _one_photograph(held: HeldPairs, places: Places) -> NDArray[np.bool_]:
    images = pq.read_table(held.job.folder.images, columns=["product_row", "digest"])
    files: dict[int, set[str]] = {}
    for row, digest in zip(images["product_row"].to_pylist(), images["digest"].to_pylist(), strict=True):
        files.setdefault(row, set()).add(digest)
    sides = zip(held.table.left[places].tolist(), held.table.right[places].tolist(), strict=True)
    return np.array([bool(files.get(left, set()) & files.get(right, set())) for left, right in sides], bool)


@dataclass(frozen=True, eq=False)
class Names:
    """Words that only the titles of one or two groups use.

    Attributes:
        groups: int64 (n,): group of each product; a product without one is a group of its own.
        phrases: The words and pairs of consecutive words of each product's title.
        own: Word → groups that use it, at most three of them.
        seed: Seed for splitting groups in two.
    """

    groups: NDArray[np.int64]
    phrases: tuple[frozenset[str], ...]
    own: Mapping[str, frozenset[int]]
    seed: int

    @classmethod
    def of(cls, held: HeldPairs) -> Names:
        """Reads all titles of a run."""
        groups = group_numbers(held.qrels.groups)
        by_title = tuple(_phrases(title) for title in held.job.catalogue.column("title"))
        own: dict[str, set[int]] = {}
        for group, words in zip(groups.tolist(), by_title, strict=True):
            for word in words:
                holders = own.setdefault(word, set())
                if len(holders) < 3:
                    holders.add(group)
        return cls(
            groups, by_title, {word: frozenset(holders) for word, holders in own.items()}, held.job.settings.run.seed
        )

    def shared(self, left: NDArray[np.int32], right: NDArray[np.int32]) -> NDArray[np.bool_]:
        """Whether the groups of each pair share words that no third group uses, bool (k,)."""
        random = np.random.default_rng(self.seed)
        order = np.argsort(self.groups, kind="stable")
        bounds = np.concatenate([[0], np.cumsum(np.bincount(self.groups))])
        found = np.zeros(len(left), bool)
        for place, (left_row, right_row) in enumerate(zip(left.tolist(), right.tolist(), strict=True)):
            first, second = (
                order[bounds[group] : bounds[group + 1]] for group in self.groups[[left_row, right_row]].tolist()
            )
            if self.groups[left_row] == self.groups[right_row]:
                side = random.random(len(first)) < 0.5
                side[first == left_row], side[first == right_row] = True, False
                first, second = first[side], first[~side]
            both = frozenset(self.groups[[left_row, right_row]].tolist())
            words = self._words(first) & self._words(second)
            found[place] = any(self.own[word] <= both for word in words)
        return found

    def _words(self, rows: NDArray[np.int64]) -> frozenset[str]:
        return frozenset().union(*(self.phrases[row] for row in rows.tolist()))


def _phrases(title: str) -> frozenset[str]:
    words = words_of(title)
    return frozenset([*words, *(f"{first} {second}" for first, second in pairwise(words))])


@dataclass(frozen=True)
class Sample:
    """How similar the products of a sample of pairs are.

    Attributes:
        name: Name of the sample.
        pairs: Number of pairs.
        counts: Number of pairs of each of `KINDS`.
    """

    name: str
    pairs: int
    counts: tuple[int, ...]

    @property
    def same_model(self) -> int:
        """Number of pairs that count as one model under two codes."""
        return sum(self.counts[:SAME_MODEL])


def label_noise(held: HeldPairs, count: int = 100) -> list[Sample]:
    """How many of the most probable pairs of two groups look like one model, with two random samples for comparison.

    Args:
        held: The pairs.
        count: Number of pairs in each sample.
    """
    random = np.random.default_rng(held.job.settings.run.seed)

    def drawn(value: int) -> Places:
        places = np.flatnonzero(held.truth == value)
        return random.choice(places, min(count, len(places)), replace=False)

    samples = {
        "the most probable pairs of two groups": held.best(NOT_A_VARIANT, count),
        "pairs of two groups, random sample": drawn(NOT_A_VARIANT),
        "known variants, random sample": drawn(VARIANT),
    }
    return [_sample(held, name, places) for name, places in samples.items()]


def suggested_errors(held: HeldPairs) -> Sample:
    """How similar the products of all suggested pairs of two groups are."""
    return _sample(held, "suggested pairs of two groups", _suggested_errors(held))


def _sample(held: HeldPairs, name: str, places: Places) -> Sample:
    counts = np.bincount(kinds_of(held, places), minlength=len(KINDS))
    return Sample(name, len(places), tuple(counts.tolist()))


@dataclass(frozen=True)
class Without:
    """Recall at given precisions if some pairs of groups are left out.

    Attributes:
        groups: Number of pairs of groups left out: those with most errors among the suggestions.
        errors: Errors among the suggestions that disappear with them.
        recall_at: Precision → highest recall at that precision.
    """

    groups: int
    errors: int
    recall_at: dict[float, float]


LEFT_OUT = (0, 1, 2, 5, 10, 20)
"""Numbers of pairs of groups to leave out."""


def gathered(held: HeldPairs) -> NDArray[np.int64]:
    """Number of errors among the suggestions for each pair of groups, most first; int64 (pairs of groups,)."""
    _, counts = np.unique(_joined(held)[_suggested_errors(held)], return_counts=True)
    return np.sort(counts)[::-1].astype(np.int64)


def without_worst(held: HeldPairs, left_out: Sequence[int] = LEFT_OUT) -> list[Without]:
    """Recall at given precisions without the few pairs of groups that have most errors.

    They are chosen by these errors, so this is not a forecast. It shows how few label errors are enough to put a
    precision out of reach.
    """
    joined, errors = _joined(held), _suggested_errors(held)
    names, counts = np.unique(joined[errors], return_counts=True)
    order = np.argsort(-counts, kind="stable")
    results = []
    for count in left_out:
        worst = order[:count]
        kept = ~np.isin(joined, names[worst]) | (held.truth == VARIANT)
        found = PrecisionRecall.of(held.probabilities[kept], held.truth[kept], held.known)
        recall_at = {precision: found.recall_at(precision) for precision in PRECISIONS}
        results.append(Without(len(worst), int(counts[worst].sum()), recall_at))
    return results


def _suggested_errors(held: HeldPairs) -> Places:
    return np.flatnonzero((held.truth == NOT_A_VARIANT) & (held.probabilities >= held.threshold))


def _joined(held: HeldPairs) -> NDArray[np.int64]:
    """The pair of groups of each pair as a single number, int64 (m,)."""
    groups = group_numbers(held.qrels.groups)
    sides = np.sort(np.stack([groups[held.table.left], groups[held.table.right]]), axis=0)
    numbered: NDArray[np.int64] = sides[0] * (int(groups.max(initial=0)) + 1) + sides[1]
    return numbered
