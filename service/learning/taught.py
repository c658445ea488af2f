"""Spaces learned from known groups of a catalogue: their heads and look-ups, and the model of all groups."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from candidates.vectors import Vectors
from service.learning.guesses import guessed_pairs, pairs_of_equal_numbers
from service.learning.heads import with_guesses
from service.learning.spaces import Heads, Ingredients, Shrinkage, learn_heads
from service.neighbours import depths
from service.neighbours.build import passing_image_lookup, passing_text_lookup
from service.neighbours.kinds import ByText, ImageLookup
from service.neighbours.vectors import fitted_lexicon, joint_text
from service.runs.job import Job
from service.runs.model import Model

Rows = NDArray[np.int32]


def ingredients(job: Job) -> Ingredients:
    """The vectors that heads are learned from, with a lexicon fitted to the catalogue's texts."""
    lexicon = fitted_lexicon(job)
    image = Vectors.open(job.folder.image / "vectors.arrow", job.pictures.axis)
    return Ingredients(joint_text(job, lexicon), image, job.pictures.owners, lexicon)


@dataclass(frozen=True, eq=False)
class Lookups:
    """The look-ups of one pair of spaces, by text and by picture."""

    text: ByText
    image: ImageLookup


@dataclass(frozen=True, eq=False)
class HeadsAndGuesses:
    """Heads, and the guesses across sellers that they were learned from.

    Attributes:
        heads: One for texts, one for pictures.
        guesses: Counts and estimated precision of the guesses, by head; empty if there were none.
    """

    heads: Heads
    guesses: dict[str, Any]


def learn_with_guesses(
    job: Job,
    inputs: Ingredients,
    groups: Rows,
    leave_out: NDArray[np.bool_] | None = None,
    shrinkage: Shrinkage | None = None,
) -> HeadsAndGuesses:
    """Learns the heads from groups and, if each seller has its own groups, from probable variants across sellers.

    Args:
        job: The run.
        inputs: Its vectors.
        groups: int32 (n,): the groups to learn from, all others −1.
        leave_out: bool (n,): products excluded from guesses, because they will be measured.
        shrinkage: Values to choose the heads' shrinkage from.
    """
    settings, seed = job.settings.learn, job.settings.run.seed
    heads = learn_heads(inputs, groups, settings, seed, shrinkage=shrinkage)
    sellers = job.catalogue.codes("seller")
    if not _may_guess(job, groups, sellers):
        return HeadsAndGuesses(heads, {})
    without_guesses, rows = _lookups(job, inputs, heads), job.catalogue.axis.rows
    depth = depths.within(job, depths.GUESSING)
    text, image = without_guesses.text.neighbours(rows, depth), without_guesses.image.neighbours(rows, depth)
    certain = pairs_of_equal_numbers(job.catalogue, sellers)
    guesses = guessed_pairs(text, image, groups, sellers, leave_out=leave_out, certain=certain)
    text_groups, image_groups = (
        with_guesses(groups, pairs.left, pairs.right) for pairs in (guesses.text, guesses.image)
    )
    summary = {"text": guesses.text.as_json(), "image": guesses.image.as_json()}
    return HeadsAndGuesses(learn_heads(inputs, text_groups, settings, seed, image_groups, shrinkage), summary)


def _may_guess(job: Job, groups: Rows, sellers: NDArray[np.int32]) -> bool:
    """Whether to guess: each seller has its own groups, and there are several sellers."""
    allowed = job.settings.learn.guess and job.choices.learns_from_groups and not job.settings.feed.groups_are_global
    return bool(allowed and sellers.max(initial=-1) > 0 and (groups >= 0).any())


def _lookups(job: Job, inputs: Ingredients, heads: Heads) -> Lookups:
    text, image = heads.text.projection.apply(inputs.text), heads.image.projection.apply(inputs.image)
    return Lookups(passing_text_lookup(job, text), passing_image_lookup(job, image, inputs.owners))


def lookups_learned_from(
    job: Job,
    inputs: Ingredients,
    groups: Rows,
    leave_out: NDArray[np.bool_] | None = None,
    shrinkage: Shrinkage | None = None,
) -> Lookups:
    """Look-ups in spaces learned from these groups; the arguments are those of `learn_with_guesses`."""
    return _lookups(job, inputs, learn_with_guesses(job, inputs, groups, leave_out, shrinkage).heads)


def learned_model(job: Job, inputs: Ingredients, **about: Any) -> Model:
    """The model learned from all groups that may be used for learning.

    Args:
        job: The run.
        inputs: Its vectors.
        about: Further plain values to store with the model.
    """
    from image_retrieval.base import Base

    learned = learn_with_guesses(job, inputs, job.truth("learning").groups)
    heads = learned.heads
    described = {
        "learned": {"text": heads.text.learned.as_json(), "image": heads.image.learned.as_json()},
        "guesses": learned.guesses,
        "encoders": {"text": inputs.text.version, "image": inputs.image.version},
    }
    base = Base.open(job.folder.image / "base.npz")
    return Model(heads.text.projection, heads.image.projection, base, inputs.lexicon, described | about)
