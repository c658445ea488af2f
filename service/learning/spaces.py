"""The spaces of one catalogue: what is learned from, and the two heads that come of it."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from candidates.collapse import Owners
from candidates.projection import Projection
from candidates.settings import LearnSettings
from candidates.vectors import Vectors
from service.learning.heads import SHRINKAGES, Frame, Head, Learned, frame_of, learn_head

if TYPE_CHECKING:
    from text_retrieval.lexical import Lexicon

Groups = NDArray[np.integer]


@dataclass(frozen=True, eq=False)
class Ingredients:
    """The vectors of one catalogue, as heads take them.

    Attributes:
        text: Joint text vectors of the products.
        image: Vectors of the pictures.
        owners: Which product each picture belongs to.
        lexicon: The lexical half of the text vectors.
    """

    text: Vectors
    image: Vectors
    owners: Owners
    lexicon: Lexicon

    @cached_property
    def frames(self) -> tuple[Frame | None, Frame | None]:
        """The principal components of the texts and of the pictures; None where there is nothing to tell apart."""
        return _frame(self.text), _frame(self.image)


@dataclass(frozen=True)
class Heads:
    """The two heads of a model, with what each was learned from."""

    text: Head
    image: Head


@dataclass(frozen=True)
class Shrinkage:
    """Shares of the identity in the within-group covariance of each head, to choose from."""

    text: tuple[float, ...] = SHRINKAGES
    image: tuple[float, ...] = SHRINKAGES


def learn_heads(
    made_of: Ingredients,
    groups: Groups,
    settings: LearnSettings,
    seed: int,
    image_groups: Groups | None = None,
    shrinkage: Shrinkage | None = None,
) -> Heads:
    """Learns a head on the texts and one on the pictures; without any groups both only whiten.

    Args:
        made_of: The vectors.
        groups: int (n,): known group of each product, −1 without.
        settings: How many dimensions the spaces have.
        seed: Seed of folds and samples.
        image_groups: What the head on the pictures learns from, where that is something else.
        shrinkage: What to choose the heads' shrinkage from; all of `SHRINKAGES` where not given.
    """
    choice = shrinkage or Shrinkage()

    def head(vectors: Vectors, frame: Frame | None, of_rows: Groups, shares: tuple[float, ...]) -> Head:
        if frame is None:
            return _as_they_are(vectors, settings.dimensions)
        options = {"dimensions": settings.dimensions, "seed": seed}
        made_for = vectors.version
        return learn_head(vectors.values, of_rows, made_for=made_for, frame=frame, shrinkages=shares, **options)

    by_text, by_image = made_of.frames
    of_pictures = (groups if image_groups is None else image_groups)[made_of.owners.rows]
    of_texts = head(made_of.text, by_text, groups, choice.text)
    return Heads(of_texts, head(made_of.image, by_image, of_pictures, choice.image))


def _frame(vectors: Vectors) -> Frame | None:
    return frame_of(vectors.values) if _differ(vectors) else None


def _differ(vectors: Vectors) -> bool:
    """Whether there are two different vectors, zeros aside."""
    first = None
    for start in range(0, len(vectors), 1024):
        block = np.asarray(vectors.values[start : start + 1024])
        there = block[block.any(axis=1)]
        if first is None and len(there):
            first = there[0]
        if first is not None and (there != first).any():
            return True
    return False


def _as_they_are(vectors: Vectors, dimensions: int) -> Head:
    """A head that learned nothing, where there is nothing to tell apart: no pictures, or the same for all."""
    kept = np.eye(vectors.dimensions, min(dimensions, vectors.dimensions), dtype=np.float32)
    projection = Projection(kept, np.zeros(vectors.dimensions, np.float32), vectors.version)
    return Head(projection, Learned(0, 0, 0, 0, 0.0, 0.0, 0, 0.0, {}))
