"""Writes suggestions for experts: the relation of a pair, its differences, and the reasons for its probability."""

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
"""Pairs whose reasons are computed at once."""

_LIKENESS, EQUAL = "description_words", 0.9
"""Feature for the similarity of two descriptions, and the value from which they are called nearly the same."""

LIKELY = 0.5
"""Minimum probability with which a third product must match both of a pair to be named in the reasons."""

Rows = NDArray[np.int32]


class SuggestionWriter:
    """Writes suggestions for pairs of one run; prepares the catalogue once.

    Args:
        job: The run.
        pairs: Its pairs with features and probabilities.
    """

    def __init__(self, job: Job, pairs: ScoredPairs) -> None:
        self.job, self.pairs = job, pairs
        self.lab = mean_lab(job)
        self.stated: tuple[AttributeValues, ...] = attribute_values(job.catalogue, None, self.lab)
        self.identities = Identities.of(job.catalogue)
        words = attribute_words(self.stated)
        descriptive = describers(job.catalogue)
        self.titles = TitleWords(job.catalogue.column("title"), descriptive, words)
        self.descriptions = TitleWords(job.catalogue.column("description"), descriptive, words, "descriptions")

    def suggestions(self, places: NDArray[np.integer]) -> Iterator[Suggestion]:
        """Suggestions for the pairs at these positions of the table, in the same order.

        Args:
            places: int (k,): positions.
        """
        for start in range(0, len(places), _BLOCK):
            yield from self._of(places[start : start + _BLOCK])

    def _of(self, places: NDArray[np.integer]) -> Iterator[Suggestion]:
        pairs, axis = self.pairs, self.pairs.table.items
        left, right = pairs.table.left[places], pairs.table.right[places]
        found = relations(left, right, self.identities, self.stated, self._likeness(left, right))
        different = self._different(found, left, right)
        details = self._details(places, found, different)
        weights = pairs.weights(places, self.job.threads)
        pair_reasons = reasons(weights, pairs.matrix(places), pairs.names, WORDINGS, self._levels, details)
        for at, place in enumerate(places.tolist()):
            value = float(pairs.values[place])
            yield Suggestion(
                axis[int(left[at])],
                axis[int(right[at])],
                value if pairs.model else None,
                found.relation(at),
                different[at],
                pair_reasons[at],
                None if pairs.model else value,
            )

    @cached_property
    def _levels(self) -> Levels:
        return Levels.of(self.pairs.matrix(np.arange(len(self.pairs.table))), self.pairs.names, WORDINGS)

    def _details(self, places: NDArray[np.integer], found: Relations, different: list[tuple[str, ...]]) -> Details:
        left, right = self.pairs.table.left[places], self.pairs.table.right[places]
        agreeing = agreements(found, self.stated, left, right)
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
                "attributes": ["; ".join(names) for names in agreeing],
                OTHER_CANDIDATES: [self._matching_both(*both) for both in sides],
            },
            {"attributes": ["; ".join(names) for names in different]},
        )

    def _different(self, found: Relations, left: Rows, right: Rows) -> list[tuple[str, ...]]:
        """In what each pair differs; if no colours are known by name, the pictures' colours are compared."""
        named = differences(found, self.stated, left, right)
        if self.lab is None:
            return named
        far = far_apart(self.lab[left], self.lab[right])
        if COLOUR in found.attributes:
            far &= found.compared[:, found.attributes.index(COLOUR)] == ABSENT
        return [
            (*names, f"{PICTURE_COLOUR}s differ") if apart else names for names, apart in zip(named, far, strict=True)
        ]

    def _matching_both(self, left: int, right: int) -> str:
        """`p7 'Maja tee' matches both`: the best third product, if the classifier finds it likely; empty otherwise."""
        third = third_match(self._graph, self.pairs.values, left, right) if self.pairs.model else -1
        if third < 0:
            return ""
        return f"{self.pairs.table.items[third]} {self.titles.beginning(third)}".strip() + " matches both"

    @cached_property
    def _graph(self) -> PairGraph:
        from fusion.pairs.collective import PairGraph

        table = self.pairs.table
        return PairGraph.of(table.left, table.right, len(table.items))

    def _likeness(self, left: Rows, right: Rows) -> Likeness:
        colour = None if self.lab is None else np.linalg.norm(self.lab[left] - self.lab[right], axis=1)
        picture, text = encoder_cosines(self.job, left, right)
        return Likeness(picture, text, colour)


def third_match(graph: PairGraph, values: NDArray[np.floating], left: int, right: int) -> int:
    """The product that is most probably a variant of both of a pair; −1 if none is with at least `LIKELY`.

    Args:
        graph: All pairs.
        values: float (m,): probability of each.
        left: Row of one product.
        right: Row of the other.
    """
    first, second = (slice(graph.offsets[row], graph.offsets[row + 1]) for row in (left, right))
    thirds, at_first, at_second = np.intersect1d(graph.others[first], graph.others[second], True, True)
    if not len(thirds):
        return -1
    weaker = np.minimum(values[graph.pairs[first][at_first]], values[graph.pairs[second][at_second]])
    best = int(np.argmax(weaker))
    return int(thirds[best]) if weaker[best] >= LIKELY else -1


def mean_lab(job: Job) -> NDArray[np.float32] | None:
    """Mean CIELAB of the first picture of each product, float32 (n, 3); None if there are no pictures."""
    looks = looks_of(job)
    if looks is None:
        return None
    lab = np.full((len(job.catalogue), 3), np.nan, np.float32)
    rows, first = np.unique(looks.owners.rows, return_index=True)
    lab[rows] = looks.values[first, :3]
    return lab


def encoder_cosines(job: Job, left: Rows, right: Rows) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Cosines of first pictures and of texts, from the encoders' own vectors; NaN if one is missing.

    In a learned space, where variants are close, a black and a white shirt are the same; in an encoder's own space they
    are not. Texts searched by TF-IDF have no encoder vectors, so their cosines are NaN.
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
    cosines = np.full(len(left), np.nan, np.float32)
    present = np.flatnonzero((left >= 0) & (right >= 0))
    for start in range(0, len(present), 4096):
        block = present[start : start + 4096]
        first, second = (np.asarray(vectors.values[side[block]], np.float32) for side in (left, right))
        length = np.linalg.norm(first, axis=1) * np.linalg.norm(second, axis=1)
        dots = np.einsum("ij,ij->i", first, second)
        cosines[block] = np.divide(dots, length, out=np.full(len(block), np.nan, np.float32), where=length > 0)
    return cosines
