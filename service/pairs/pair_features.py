"""The features of a catalogue's candidate pairs, cross-validated by group."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from candidates.pairs import PairTable
from candidates.vectors import Vectors
from fusion.merge.lists import QueryLists
from fusion.pairs.feature_context import Looks, PairContext, Space
from fusion.pairs.table import with_features
from service.learning.heads import split_groups
from service.learning.held_out import FOLDS, candidates_of, every_product, lexical_lookup
from service.learning.spaces import Ingredients, Shrinkage
from service.learning.taught import Lookups, ingredients, lookups_learned_from
from service.neighbours import depths
from service.neighbours.open import open_image, open_text
from service.runs.job import Job
from service.runs.progress import track

MOST_GROUPS = 5_000
"""With more known groups than this, a sample of this size is held out once, instead of cross-validating all."""


def _context(job: Job, lookups: Lookups, lists: QueryLists) -> PairContext:
    """The context that pair features are computed from, in one pair of spaces.

    Args:
        job: The run.
        lookups: The look-ups of these spaces.
        lists: The lists of every product from these look-ups, fused.
    """
    hub, lexical = job.fused.hub_weight, lexical_lookup(job)
    assert lists.lexical is not None
    assert lists.fused is not None
    spaces = {
        "text": Space.of(lookups.text.weights, lists.text, hub_weight=hub),
        "image": Space.of(lookups.image.vectors.values, lists.image, lookups.image.owners, hub_weight=hub),
        "lexical": Space.of(lexical.weights, lists.lexical, hub_weight=hub),
    }
    return PairContext(job.catalogue, spaces, lists.fused, looks_of(job), job.threads)


def looks_of(job: Job) -> Looks | None:
    """Colours and framing of the pictures, read once per job; None if there are no pictures."""
    return job.once("looks", lambda: _looks(job))


def _looks(job: Job) -> Looks | None:
    axis, owners = job.pictures.axis, job.pictures.owners
    if not len(axis):
        return None
    return Looks(np.asarray(Vectors.open(job.folder.looks, axis).values, np.float32), owners)


def own_features(job: Job, pairs: PairTable) -> PairTable:
    """The features of pairs in the run's own spaces."""
    lookups = Lookups(open_text(job), open_image(job))
    return with_features(_context(job, lookups, every_product(job, lookups, depths.feature_lists(job))), pairs)


def held_out_pairs(job: Job, bound: NDArray[np.int32] | None = None) -> PairTable:
    """All candidate pairs of a catalogue with features from spaces learned without either product's group.

    Groups are dealt to folds. For every two folds, spaces are learned from the groups of the others, and the pairs
    between the two folds are taken. A pair within one fold is taken from the spaces of that fold and another one, drawn
    for each pair. So pairs of variants, which are always within one fold, come from the same spaces as other pairs.
    Products without a group are dealt to folds too. With more than `MOST_GROUPS` groups, one sample is held out, and
    the pairs that touch it are taken from spaces learned from all other groups.

    Args:
        job: The run.
        bound: int32 (n,): groups that stay in one fold; by default those that may be used for learning.
    """
    inputs, shrinkage = ingredients(job), _shrinkage(job)
    parts = [_part(job, inputs, part, shrinkage) for part in track(list(_parts(job, bound)), "held-out pairs")]
    order = np.argsort(np.concatenate([part.keys for part in parts]), kind="stable")
    left, right = (np.concatenate([getattr(part, side) for part in parts])[order] for side in ("left", "right"))
    columns = {name: np.concatenate([part.columns[name] for part in parts])[order] for name in parts[0].columns}
    return PairTable(job.catalogue.axis, left, right, columns)


@dataclass(frozen=True, eq=False)
class _Part:
    """Groups to learn from, and the pairs to take from these spaces.

    Attributes:
        groups: int32 (n,): groups that the spaces are learned from.
        first: One of the two folds whose pairs are taken.
        second: The other fold.
        fold: int64 (n,): fold of each product; −1 for products that are not sampled.
    """

    groups: NDArray[np.int32]
    first: int
    second: int
    fold: NDArray[np.int64]

    @property
    def left_out(self) -> NDArray[np.bool_]:
        """Products excluded from guesses: those whose pairs are taken."""
        return np.isin(self.fold, (self.first, self.second))

    def takes(self, pairs: PairTable) -> NDArray[np.bool_]:
        """Which pairs are taken from this part's spaces."""
        left, right = self.fold[pairs.left], self.fold[pairs.right]
        if self.first == self.second:
            return (left >= 0) | (right >= 0)
        drawn = (pairs.left * np.int64(2_654_435_761) + pairs.right * np.int64(40_503)) >> 7
        right = np.where(left == right, (left + 1 + drawn % (FOLDS - 1)) % FOLDS, right)
        taken: NDArray[np.bool_] = (np.minimum(left, right) == self.first) & (np.maximum(left, right) == self.second)
        return taken


def _parts(job: Job, bound: NDArray[np.int32] | None) -> Iterator[_Part]:
    groups, seed = job.truth("learning").groups, job.settings.run.seed
    bound = groups if bound is None else bound
    names = np.unique(bound[bound >= 0])
    random = np.random.default_rng(seed)
    if len(names) > MOST_GROUPS:
        sampled = np.isin(bound, random.choice(names, MOST_GROUPS, replace=False))
        yield _Part(np.where(sampled, -1, groups).astype(np.int32), 0, 0, np.where(sampled, 0, -1))
        return
    fold = split_groups(bound, FOLDS, seed)
    fold = np.where(fold < 0, random.integers(0, FOLDS, len(fold)), fold)
    for first, second in combinations(range(FOLDS), 2):
        others = np.where((fold == first) | (fold == second), -1, groups).astype(np.int32)
        yield _Part(others, first, second, fold)


def _shrinkage(job: Job) -> Shrinkage | None:
    """The shrinkage that the run's own heads chose. All groups took part in that choice of one number of five."""
    learned = job.folder.require("learn").counts.get("learned")
    return Shrinkage(*((learned[side]["shrinkage"],) for side in ("text", "image"))) if learned else None


def _part(job: Job, inputs: Ingredients, part: _Part, shrinkage: Shrinkage | None) -> PairTable:
    lookups = lookups_learned_from(job, inputs, part.groups, part.left_out, shrinkage)
    lists = every_product(job, lookups, depths.feature_lists(job))
    pairs = PairTable.of_candidates(candidates_of(lists, job.merge))
    return with_features(_context(job, lookups, lists), pairs.take(part.takes(pairs)))
