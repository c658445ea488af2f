"""The ranked lists that recall is measured on, cross-validated by group.

Where a feed's own groups teach the spaces, they are dealt into folds, and the products of a fold are looked up in
spaces learned from the groups of the other folds. This includes the look-ups of a hop's seeds: a seed's list from a
space that saw the query's group would make the hop look better than it is.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from candidates.provenance import Candidates
from candidates.run import Run
from candidates.settings import FusedSettings, MergeSettings
from fusion.merge.lists import FoldedLists, QueryLists
from fusion.merge.strategies import merge
from service.learning.heads import split_groups
from service.learning.spaces import Ingredients
from service.learning.taught import Lookups, ingredients, lookups_learned_from
from service.neighbours import depths
from service.neighbours.kinds import ByText
from service.neighbours.open import open_image, open_lexical, open_text
from service.runs.job import Job
from service.runs.progress import track

FOLDS = 5
"""Number of folds of the known groups; each fold is measured in spaces learned from the others."""

FAIR = 6000
"""Maximum number of products in the fair sample."""

Rows = NDArray[np.int32]


@dataclass(frozen=True, eq=False)
class HeldOut:
    """The lists of a measurement.

    Attributes:
        queries: The products with known variants, or a sample of them, fold by fold; a single fold if nothing was
            learned from the feed's groups.
        cross_validated: Whether the spaces were learned from other groups of the same feed.
        fair: A fair sample of all products, including those without known variants, in the same spaces.
    """

    queries: FoldedLists
    cross_validated: bool
    fair: FoldedLists

    def fused_with(self, fusing: FusedSettings) -> HeldOut:
        """The same with lists fused by other settings."""
        return HeldOut(self.queries.fused_with(fusing), self.cross_validated, self.fair.fused_with(fusing))


def held_out(job: Job) -> HeldOut:
    """The lists of the products with known variants (a seeded sample of many), looked up once per job."""
    return job.once("held_out", lambda: _held_out(job))


def _held_out(job: Job) -> HeldOut:
    known, fair = job.truth("evaluation").queries(), _sample(job, job.catalogue.axis.rows, FAIR)
    if job.choices.cross_validates:
        folds = list(_folds(job, known, fair))
    else:
        asked = _sample(job, known, job.settings.evaluation.max_queries)
        folds = [_both(looked_up(job, np.union1d(asked, fair)), asked, fair)]
    queries, sample = zip(*folds, strict=True)
    return HeldOut(FoldedLists(queries), job.choices.cross_validates, FoldedLists(sample))


def _folds(job: Job, known: Rows, fair: Rows) -> Iterator[tuple[QueryLists, QueryLists]]:
    """The folds' queries and their share of the fair sample, until enough queries are measured."""
    groups, seed = job.truth("evaluation").groups, job.settings.run.seed
    fold_of = split_groups(groups, FOLDS, seed)
    dealt = np.where(fold_of < 0, np.random.default_rng(seed).integers(0, FOLDS, len(fold_of)), fold_of)
    inputs, measured, limit = ingredients(job), 0, job.settings.evaluation.max_queries
    for fold in track(np.unique(fold_of[known]).tolist(), "looking up held-out groups"):
        if measured < limit:
            asked = _sample(job, known[fold_of[known] == fold], limit - measured)
            measured += len(asked)
            fair_in_fold = fair[dealt[fair] == fold]
            other_groups = np.where(fold_of == fold, -1, groups).astype(np.int32)
            lookups = lookups_learned_from(job, inputs, other_groups, dealt == fold)
            yield _both(_query_lists(job, np.union1d(asked, fair_in_fold), lookups), asked, fair_in_fold)


def _both(lists: QueryLists, asked: Rows, fair: Rows) -> tuple[QueryLists, QueryLists]:
    """The lists of the measured queries, and those of the fair sample."""
    queries, sample = (lists.of(np.flatnonzero(np.isin(lists.rows, rows))) for rows in (asked, fair))
    return queries, sample


def _sample(job: Job, rows: Rows, size: int) -> Rows:
    if len(rows) <= size:
        return rows
    return np.sort(np.random.default_rng(job.settings.run.seed).choice(rows, size, replace=False))


def looked_up(job: Job, rows: Rows) -> QueryLists:
    """The lists of some products, looked up in the run's own spaces.

    Args:
        job: The run; its indexes are built.
        rows: int32 (q,): rows of these products.
    """
    return _query_lists(job, rows, Lookups(open_text(job), open_image(job)))


def lists_learned_from(job: Job, inputs: Ingredients, groups: Rows, rows: Rows) -> QueryLists:
    """The lists of some products, looked up in spaces learned from the given groups only.

    Args:
        job: The run.
        inputs: Its vectors.
        groups: int32 (n,): the groups to learn from, all others −1; they should contain none of these products.
        rows: int32 (q,): rows of these products.
    """
    return _query_lists(job, rows, lookups_learned_from(job, inputs, groups, np.isin(np.arange(len(groups)), rows)))


def _query_lists(job: Job, rows: Rows, lookups: Lookups) -> QueryLists:
    own, every = depths.held_out_queries(job), depths.held_out_products(job)
    products = job.catalogue.axis.rows
    text, image = (lookup.neighbours(rows, own) for lookup in (lookups.text, lookups.image))
    every_text, every_image = (lookup.neighbours(products, every) for lookup in (lookups.text, lookups.image))
    lexical, every_lexical = None, None
    if job.choices.fuses:
        lexical, every_lexical = lexical_lookup(job).neighbours(rows, own), lexical_lists(job, every)
    fusing, threads = job.settings.fused, job.threads
    of_products = QueryLists(every_text, every_image, every_lexical, fusing=fusing, threads=threads)
    lists = QueryLists(text, image, lexical, every=of_products, fusing=fusing, threads=threads)
    return lists.fused_with(fusing)


def lexical_lookup(job: Job) -> ByText:
    """The look-up by spelling; it is the same in all spaces, so it is opened once."""
    return job.once("lexical_lookup", lambda: open_lexical(job))


def lexical_lists(job: Job, depth: int) -> Run:
    """The lists of every product by spelling, computed once per depth."""
    return job.once(("lexical_lists", depth), lambda: lexical_lookup(job).neighbours(job.catalogue.axis.rows, depth))


def every_product(job: Job, lookups: Lookups, depth: int) -> QueryLists:
    """The lists of every product in one pair of spaces, fused.

    Args:
        job: The run.
        lookups: The look-ups of these spaces.
        depth: Length of the fused lists; the three lists behind them are deeper.
    """
    rows, below = job.catalogue.axis.rows, depths.below_fused(job, depth)
    text, image = lookups.text.neighbours(rows, below), lookups.image.neighbours(rows, below)
    lists = QueryLists(text, image, lexical_lists(job, below), fusing=job.fused, threads=job.threads)
    return QueryLists(text, image, lists.lexical, lists.fuse(depth), fusing=job.fused, threads=job.threads)


def candidates_of(lists: QueryLists, settings: MergeSettings, groups: Rows | None = None) -> Candidates:
    """Candidates from the lists of some queries, merged by the settings.

    Args:
        lists: The lists.
        settings: The strategy and its depths.
        groups: int32 (n,): known groups whose members do not count towards the budget, or None.
    """
    return merge(lists.capped(settings.hub_cap)[0], settings, groups)


def hopped(lists: QueryLists) -> Candidates:
    """The hop on the queries' fused lists, as deep as their text lists."""
    return lists.hopped().top(max(1, int(lists.text.counts.max(initial=0))))


def fused_lists(lists: QueryLists) -> Candidates:
    """The queries' fused lists; fusing must be on."""
    assert lists.fused is not None
    return lists.fused
