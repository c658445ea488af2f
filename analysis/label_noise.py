"""How many of the classifier's errors are probably the labels': one model that is filed under two codes."""

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
    "one photograph",
    "nearly the same picture and title",
    "one name",
    "as alike as most variants",
    "less alike",
)
"""How alike the two products of a pair are, the first that applies:

one photograph: a picture file at both, byte by byte.
nearly the same picture and title: by the bounds that tell a duplicate listing (`fusion.pairs.relation`): `NEAR_PICTURE`
by the encoder's own vectors, mean colours within `NEAR_COLOUR`, and `NEAR_TEXT` by the titles' words without those for
colour, size, pattern and material.
one name: some title of the one group and some title of the other share a word, or two words on end, that no third group
says. A pair of known variants is asked the same, with its group cut in two between the products.
as alike as most variants: pictures (in learned spaces) and titles each at least as near as those of half of the known
variants.

The first three are taken for one model under two codes. No bound was chosen by looking at errors."""

SAME_MODEL = 3
"""So many of the first kinds are taken for one model under two codes."""


def kinds_of(held: HeldPairs, places: Places) -> NDArray[np.int8]:
    """The kind of each of some pairs, int8 (k,): numbers of `KINDS`."""
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
            there = column[known & np.isfinite(column)]
            alike &= column[places] >= (np.median(there) if len(there) else np.inf)
    cases = [_one_photograph(held, places), near, Names.of(held).shared(left, right), alike]
    return np.select(cases, list(range(len(cases))), len(cases)).astype(np.int8)


def _one_photograph(held: HeldPairs, places: Places) -> NDArray[np.bool_]:
    images = pq.read_table(held.job.folder.images, columns=["product_row", "digest"])
    files: dict[int, set[str]] = {}
    for row, digest in zip(images["product_row"].to_pylist(), images["digest"].to_pylist(), strict=True):
        files.setdefault(row, set()).add(digest)
    sides = zip(held.table.left[places].tolist(), held.table.right[places].tolist(), strict=True)
    return np.array([bool(files.get(one, set()) & files.get(other, set())) for one, other in sides], bool)


@dataclass(frozen=True, eq=False)
class Names:
    """The words that the titles of one or two groups have for themselves.

    Attributes:
        groups: int64 (n,): group of each product; one without stands by itself.
        said: The words of each product's title, and its words two by two.
        own: Groups that a word is said by, at most three of them.
        seed: Seed by which groups are cut in two.
    """

    groups: NDArray[np.int64]
    said: tuple[frozenset[str], ...]
    own: Mapping[str, frozenset[int]]
    seed: int

    @classmethod
    def of(cls, held: HeldPairs) -> Names:
        """Reads all titles of a run."""
        groups = group_numbers(held.qrels.groups)
        said = tuple(_phrases(title) for title in held.job.catalogue.column("title"))
        own: dict[str, set[int]] = {}
        for group, words in zip(groups.tolist(), said, strict=True):
            for word in words:
                found = own.setdefault(word, set())
                if len(found) < 3:
                    found.add(group)
        return cls(groups, said, {word: frozenset(found) for word, found in own.items()}, held.job.settings.run.seed)

    def shared(self, left: NDArray[np.int32], right: NDArray[np.int32]) -> NDArray[np.bool_]:
        """Whether the groups of each pair share words that no third group says, bool (k,)."""
        random = np.random.default_rng(self.seed)
        order = np.argsort(self.groups, kind="stable")
        bounds = np.concatenate([[0], np.cumsum(np.bincount(self.groups))])
        found = np.zeros(len(left), bool)
        for place, (one, other) in enumerate(zip(left.tolist(), right.tolist(), strict=True)):
            first, second = (order[bounds[group] : bounds[group + 1]] for group in self.groups[[one, other]].tolist())
            if self.groups[one] == self.groups[other]:
                side = random.random(len(first)) < 0.5
                side[first == one], side[first == other] = True, False
                first, second = first[side], first[~side]
            both = frozenset(self.groups[[one, other]].tolist())
            words = self._words(first) & self._words(second)
            found[place] = any(self.own[word] <= both for word in words)
        return found

    def _words(self, rows: NDArray[np.int64]) -> frozenset[str]:
        return frozenset().union(*(self.said[row] for row in rows.tolist()))


def _phrases(title: str) -> frozenset[str]:
    words = words_of(title)
    return frozenset([*words, *(f"{one} {other}" for one, other in pairwise(words))])


@dataclass(frozen=True)
class Sample:
    """How alike the products of some pairs are.

    Attributes:
        name: Which pairs.
        pairs: How many.
        counts: How many of each of `KINDS`.
    """

    name: str
    pairs: int
    counts: tuple[int, ...]

    @property
    def same_model(self) -> int:
        """Those taken for one model under two codes."""
        return sum(self.counts[:SAME_MODEL])


def label_noise(held: HeldPairs, count: int = 100) -> list[Sample]:
    """How many of the most probable pairs of two groups look like one model; beside them what to compare that with.

    Args:
        held: The pairs.
        count: Pairs of each sample.
    """
    random = np.random.default_rng(held.job.settings.run.seed)

    def drawn(value: int) -> Places:
        places = np.flatnonzero(held.truth == value)
        return random.choice(places, min(count, len(places)), replace=False)

    samples = {
        "the most probable pairs of two groups": held.best(NOT_A_VARIANT, count),
        "pairs of two groups, drawn": drawn(NOT_A_VARIANT),
        "known variants, drawn": drawn(VARIANT),
    }
    return [_sample(held, name, places) for name, places in samples.items()]


def suggested_errors(held: HeldPairs) -> Sample:
    """How alike the products are of all pairs of two groups that would be suggested."""
    return _sample(held, "pairs of two groups that are suggested", _suggested_errors(held))


def _sample(held: HeldPairs, name: str, places: Places) -> Sample:
    counts = np.bincount(kinds_of(held, places), minlength=len(KINDS))
    return Sample(name, len(places), tuple(counts.tolist()))


@dataclass(frozen=True)
class Without:
    """What precision would be if some pairs of groups had not been there.

    Attributes:
        groups: How many pairs of groups are left out: those with most errors among the suggestions.
        errors: Errors among the suggestions that go with them.
        recall_at: Wanted precision → recall.
    """

    groups: int
    errors: int
    recall_at: dict[float, float]


LEFT_OUT = (0, 1, 2, 5, 10, 20)
"""Pairs of groups that are left out."""


def gathered(held: HeldPairs) -> NDArray[np.int64]:
    """Errors among the suggestions by the two groups that they join, most first; int64 (pairs of groups,)."""
    _, counts = np.unique(_joined(held)[_suggested_errors(held)], return_counts=True)
    return np.sort(counts)[::-1].astype(np.int64)


def without_worst(held: HeldPairs, left_out: Sequence[int] = LEFT_OUT) -> list[Without]:
    """Recall at wanted precisions with the few pairs of groups left out on which most errors fall.

    They are chosen by the very errors, so this is no forecast: it says how many mistakes of the labels would suffice
    to put a precision out of reach.
    """
    joined, errors = _joined(held), _suggested_errors(held)
    names, counts = np.unique(joined[errors], return_counts=True)
    order = np.argsort(-counts, kind="stable")
    made = []
    for count in left_out:
        worst = order[:count]
        kept = ~np.isin(joined, names[worst]) | (held.truth == VARIANT)
        found = PrecisionRecall.of(held.probabilities[kept], held.truth[kept], held.known)
        recall_at = {wanted: found.recall_at(wanted) for wanted in PRECISIONS}
        made.append(Without(len(worst), int(counts[worst].sum()), recall_at))
    return made


def _suggested_errors(held: HeldPairs) -> Places:
    return np.flatnonzero((held.truth == NOT_A_VARIANT) & (held.probabilities >= held.threshold))


def _joined(held: HeldPairs) -> NDArray[np.int64]:
    """The two groups of each pair as one number, int64 (m,)."""
    groups = group_numbers(held.qrels.groups)
    sides = np.sort(np.stack([groups[held.table.left], groups[held.table.right]]), axis=0)
    numbered: NDArray[np.int64] = sides[0] * (int(groups.max(initial=0)) + 1) + sides[1]
    return numbered
