"""Says of pairs what an expert wants to know: what they are to each other, in what they differ, and why."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from candidates.suggestion import Suggestion
from candidates.vectors import Vectors
from fusion.groups.varying import COLOUR, PICTURE_COLOUR, AttributeValues, attribute_values, far_apart
from fusion.groups.vocabulary import describers
from fusion.pairs.reasons import Details, Levels, TitleWords, agreements, attribute_words, differences, reasons
from fusion.pairs.relation import ABSENT, Identities, Likeness, Relations, relations
from service.pairs.pair_features import looks_of
from service.pairs.scored import ScoredPairs
from service.pairs.wordings import OTHER_CANDIDATES, WORDINGS
from service.runs.job import Job

if TYPE_CHECKING:
    from fusion.pairs.collective import PairGraph

_BLOCK = 20_000
"""Pairs of which reasons are found at once."""

_LIKENESS, EQUAL = "description_words", 0.9
"""Feature that says how alike two descriptions are, and from where on they are called nearly the same."""

LIKELY = 0.5
"""A third product is named as fitting both of a pair when it does with at least this probability."""

Rows = NDArray[np.int32]


class Teller:
    """Says what is to be said of one run's pairs; looks at the catalogue once."""

    def __init__(self, job: Job, pairs: ScoredPairs) -> None:
        self.job, self.pairs = job, pairs
        self.lab = mean_lab(job)
        self.told: tuple[AttributeValues, ...] = attribute_values(job.catalogue, None, self.lab)
        self.identities = Identities.of(job.catalogue)
        words = attribute_words(self.told)
        by = describers(job.catalogue)
        self.titles = TitleWords(job.catalogue.column("title"), by, words)
        self.descriptions = TitleWords(job.catalogue.column("description"), by, words, "descriptions")

    def suggestions(self, places: NDArray[np.integer]) -> Iterator[Suggestion]:
        """The pairs at some places of the table with relation, differences and reasons, block by block."""
        for start in range(0, len(places), _BLOCK):
            yield from self._of(places[start : start + _BLOCK])

    def _of(self, places: NDArray[np.integer]) -> Iterator[Suggestion]:
        pairs, axis = self.pairs, self.pairs.table.items
        left, right = pairs.table.left[places], pairs.table.right[places]
        found = relations(left, right, self.identities, self.told, self._likeness(left, right))
        different = self._different(found, left, right)
        details = self._details(places, found, different)
        weights = pairs.weights(places, self.job.threads)
        said = reasons(weights, pairs.matrix(places), pairs.names, WORDINGS, self._levels, details)
        for at, place in enumerate(places.tolist()):
            number = float(pairs.values[place])
            yield Suggestion(
                axis[int(left[at])],
                axis[int(right[at])],
                number if pairs.model else None,
                found.relation(at),
                different[at],
                said[at],
                None if pairs.model else number,
            )

    @cached_property
    def _levels(self) -> Levels:
        return Levels.of(self.pairs.matrix(np.arange(len(self.pairs.table))), self.pairs.names, WORDINGS)

    def _details(self, places: NDArray[np.integer], found: Relations, different: list[tuple[str, ...]]) -> Details:
        left, right = self.pairs.table.left[places], self.pairs.table.right[places]
        agreeing = agreements(found, self.told, left, right)
        sides = list(zip(left.tolist(), right.tolist(), strict=True))
        likeness = self.pairs.table.columns.get(_LIKENESS)
        equal = np.zeros(len(places), bool) if likeness is None else likeness[places] >= EQUAL
        return Details(
            {
                "title words": [self.titles.shared(*both) for both in sides],
                "description words": [
                    "descriptions nearly the same" if same else self.descriptions.shared(*both)
                    for same, both in zip(equal.tolist(), sides, strict=True)
                ],
                "attributes": ["; ".join(one) for one in agreeing],
                OTHER_CANDIDATES: [self._fitting_both(*both) for both in sides],
            },
            {"attributes": ["; ".join(one) for one in different]},
        )

    def _different(self, found: Relations, left: Rows, right: Rows) -> list[tuple[str, ...]]:
        """In what the pairs differ; where no colour can be compared by name, whether the pictures' colours are far."""
        told = differences(found, self.told, left, right)
        if self.lab is None:
            return told
        far = far_apart(self.lab[left], self.lab[right])
        if COLOUR in found.attributes:
            far &= found.compared[:, found.attributes.index(COLOUR)] == ABSENT
        return [(*one, f"{PICTURE_COLOUR}s differ") if apart else one for one, apart in zip(told, far, strict=True)]

    def _fitting_both(self, left: int, right: int) -> str:
        """`p7 'Maja tee' fits both`: the third product that does so best, where a classifier finds it likely."""
        third = third_fitting(self._graph, self.pairs.values, left, right) if self.pairs.model else -1
        if third < 0:
            return ""
        return f"{self.pairs.table.items[third]} {self.titles.beginning(third)}".strip() + " fits both"

    @cached_property
    def _graph(self) -> PairGraph:
        from fusion.pairs.collective import PairGraph

        table = self.pairs.table
        return PairGraph.of(table.left, table.right, len(table.items))

    def _likeness(self, left: Rows, right: Rows) -> Likeness:
        colour = None if self.lab is None else np.linalg.norm(self.lab[left] - self.lab[right], axis=1)
        picture, text = encoders_own(self.job, left, right)
        return Likeness(picture, text, colour)


def third_fitting(graph: PairGraph, values: NDArray[np.floating], left: int, right: int) -> int:
    """The product that is most probably a variant of both of a pair, or −1 where none is with at least `LIKELY`.

    Args:
        graph: All pairs.
        values: float (m,): probability of each.
        left: Row of the one product.
        right: Row of the other.
    """
    one, two = (slice(graph.offsets[row], graph.offsets[row + 1]) for row in (left, right))
    thirds, at, there = np.intersect1d(graph.others[one], graph.others[two], True, True)
    if not len(thirds):
        return -1
    weaker = np.minimum(values[graph.pairs[one][at]], values[graph.pairs[two][there]])
    best = int(np.argmax(weaker))
    return int(thirds[best]) if weaker[best] >= LIKELY else -1


def mean_lab(job: Job) -> NDArray[np.float32] | None:
    """Mean CIELAB of the first picture of each product, float32 (n, 3); None where there are no pictures."""
    looks = looks_of(job)
    if looks is None:
        return None
    made = np.full((len(job.catalogue), 3), np.nan, np.float32)
    rows, first = np.unique(looks.owners.rows, return_index=True)
    made[rows] = looks.values[first, :3]
    return made


def encoders_own(job: Job, left: Rows, right: Rows) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Cosines of pictures (the first of each) and of texts, by the encoders' own vectors; NaN where one is missing.

    A space that was learned to bring variants together calls a black and a white shirt the same; an encoder's own
    does not. Texts that are searched by TF-IDF were never encoded.
    """
    axis, owners = job.pictures.axis, job.pictures.owners
    pictures = Vectors.open(job.folder.image / "vectors.arrow", axis)
    place = np.full(len(job.catalogue), -1, np.int64)
    rows, first = np.unique(owners.rows, return_index=True)
    place[rows] = first
    by_picture = _cosines(pictures, place[left], place[right])
    if job.settings.text.index == "tfidf":
        return by_picture, np.full(len(left), np.nan, np.float32)
    texts = Vectors.open(job.folder.text / "vectors.arrow", job.catalogue.axis)
    return by_picture, _cosines(texts, left.astype(np.int64), right.astype(np.int64))


def _cosines(vectors: Vectors, left: NDArray[np.int64], right: NDArray[np.int64]) -> NDArray[np.float32]:
    made = np.full(len(left), np.nan, np.float32)
    there = np.flatnonzero((left >= 0) & (right >= 0))
    for start in range(0, len(there), 4096):
        some = there[start : start + 4096]
        one, two = (np.asarray(vectors.values[side[some]], np.float32) for side in (left, right))
        length = np.linalg.norm(one, axis=1) * np.linalg.norm(two, axis=1)
        dots = np.einsum("ij,ij->i", one, two)
        made[some] = np.divide(dots, length, out=np.full(len(some), np.nan, np.float32), where=length > 0)
    return made
