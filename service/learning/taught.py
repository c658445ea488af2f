"""Spaces learned from some groups of a catalogue: their heads, their look-ups, and the model of all groups."""

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
    """The vectors that spaces are learned from, with a lexicon of the catalogue's own texts."""
    lexicon = fitted_lexicon(job)
    image = Vectors.open(job.folder.image / "vectors.arrow", job.pictures.axis)
    return Ingredients(joint_text(job, lexicon), image, job.pictures.owners, lexicon)


@dataclass(frozen=True, eq=False)
class Lookups:
    """How products are looked up in one pair of spaces, by text and by picture."""

    text: ByText
    image: ImageLookup


@dataclass(frozen=True, eq=False)
class TaughtHeads:
    """Heads, and what was guessed across sellers to learn them.

    Attributes:
        heads: One on the texts, one on the pictures.
        guesses: By head, what was guessed; empty where nothing was.
    """

    heads: Heads
    guesses: dict[str, Any]


def taught_heads(
    job: Job,
    made_of: Ingredients,
    groups: Rows,
    leave_out: NDArray[np.bool_] | None = None,
    shrinkage: Shrinkage | None = None,
) -> TaughtHeads:
    """Learns the heads from groups; where these end at a seller, from probable variants across sellers as well.

    Args:
        job: The run.
        made_of: Its vectors.
        groups: int32 (n,): the groups to learn from, all others −1.
        leave_out: bool (n,): products about which nothing may be guessed, since they will be measured.
        shrinkage: What to choose the heads' shrinkage from.
    """
    settings, seed = job.settings.learn, job.settings.run.seed
    heads = learn_heads(made_of, groups, settings, seed, shrinkage=shrinkage)
    sellers = job.catalogue.codes("seller")
    if not _guesses(job, groups, sellers):
        return TaughtHeads(heads, {})
    alone, rows = _lookups(job, made_of, heads), job.catalogue.axis.rows
    depth = depths.within(job, depths.GUESSING)
    text, image = alone.text.neighbours(rows, depth), alone.image.neighbours(rows, depth)
    certain = pairs_of_equal_numbers(job.catalogue, sellers)
    taught = guessed_pairs(text, image, groups, sellers, leave_out=leave_out, certain=certain)
    of_texts, of_pictures = (with_guesses(groups, one.left, one.right) for one in (taught.text, taught.image))
    said = {"text": taught.text.as_json(), "image": taught.image.as_json()}
    return TaughtHeads(learn_heads(made_of, of_texts, settings, seed, of_pictures, shrinkage), said)


def _guesses(job: Job, groups: Rows, sellers: NDArray[np.int32]) -> bool:
    """Whether anything may be guessed: groups are each seller's own, and there are several sellers."""
    wanted = job.settings.learn.guess and job.choices.learns_from_groups and not job.settings.feed.groups_are_global
    return bool(wanted and sellers.max(initial=-1) > 0 and (groups >= 0).any())


def _lookups(job: Job, made_of: Ingredients, heads: Heads) -> Lookups:
    text, image = heads.text.projection.apply(made_of.text), heads.image.projection.apply(made_of.image)
    return Lookups(passing_text_lookup(job, text), passing_image_lookup(job, image, made_of.owners))


def taught_lookups(
    job: Job,
    made_of: Ingredients,
    groups: Rows,
    leave_out: NDArray[np.bool_] | None = None,
    shrinkage: Shrinkage | None = None,
) -> Lookups:
    """Look-ups in spaces learned from these groups; the arguments are those of `taught_heads`."""
    return _lookups(job, made_of, taught_heads(job, made_of, groups, leave_out, shrinkage).heads)


def learned_model(job: Job, made_of: Ingredients, **about: Any) -> Model:
    """The model of all groups that may be learned from.

    Args:
        job: The run.
        made_of: Its vectors.
        about: Further plain values to keep with the model.
    """
    from image_retrieval.base import Base

    taught = taught_heads(job, made_of, job.truth("learning").groups)
    heads = taught.heads
    described = {
        "learned": {"text": heads.text.learned.as_json(), "image": heads.image.learned.as_json()},
        "guesses": taught.guesses,
        "encoders": {"text": made_of.text.version, "image": made_of.image.version},
    }
    base = Base.open(job.folder.image / "base.npz")
    return Model(heads.text.projection, heads.image.projection, base, made_of.lexicon, described | about)
