"""The spaces of one catalogue: the vectors that heads are learned from, and the two heads."""

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
    """The vectors of one catalogue that heads are learned from.

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
        """The principal components of the texts and of the pictures; None if all vectors are the same."""
        return _frame(self.text), _frame(self.image)


@dataclass(frozen=True)
class Heads:
    """The two heads of a model, with what each was learned from."""

    text: Head
    image: Head


@dataclass(frozen=True)
class Shrinkage:
    """The shrinkage values to choose from, for each head: shares of the identity in the within-group covariance."""

    text: tuple[float, ...] = SHRINKAGES
    image: tuple[float, ...] = SHRINKAGES


def learn_heads(
    inputs: Ingredients,
    groups: Groups,
    settings: LearnSettings,
    seed: int,
    image_groups: Groups | None = None,
    shrinkage: Shrinkage | None = None,
) -> Heads:
    """Learns a head for texts and one for pictures; without known groups both only whiten.

    Args:
        inputs: The vectors.
        groups: int (n,): known group of each product, −1 without.
        settings: The number of dimensions of the spaces.
        seed: Seed of folds and samples.
        image_groups: Groups for the image head; `groups` if not given.
        shrinkage: Values to choose the heads' shrinkage from; all of `SHRINKAGES` if not given.
    """
    choice = shrinkage or Shrinkage()

    def head(vectors: Vectors, frame: Frame | None, row_groups: Groups, shares: tuple[float, ...]) -> Head:
        if frame is None:
            return _unlearned_head(vectors, settings.dimensions)
        options = {"dimensions": settings.dimensions, "seed": seed}
        made_for = vectors.version
        return learn_head(vectors.values, row_groups, made_for=made_for, frame=frame, shrinkages=shares, **options)

    text_frame, image_frame = inputs.frames
    picture_groups = (groups if image_groups is None else image_groups)[inputs.owners.rows]
    text_head = head(inputs.text, text_frame, groups, choice.text)
    return Heads(text_head, head(inputs.image, image_frame, picture_groups, choice.image))


def _frame(vectors: Vectors) -> Frame | None:
    return frame_of(vectors.values) if _differ(vectors) else None


def _differ(vectors: Vectors) -> bool:
    """Whether at least two vectors differ, zeros aside."""
    first = None
    for start in range(0, len(vectors), 1024):
        block = np.asarray(vectors.values[start : start + 1024])
        present = block[block.any(axis=1)]
        if first is None and len(present):
            first = present[0]
        if first is not None and (present != first).any():
            return True
    return False


def _unlearned_head(vectors: Vectors, dimensions: int) -> Head:
    """A head that keeps the first dimensions: there are no vectors, or all are the same."""
    kept = np.eye(vectors.dimensions, min(dimensions, vectors.dimensions), dtype=np.float32)
    projection = Projection(kept, np.zeros(vectors.dimensions, np.float32), vectors.version)
    return Head(projection, Learned(0, 0, 0, 0, 0.0, 0.0, 0, 0.0, {}))
