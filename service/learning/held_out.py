"""The ranked lists that recall is measured on, cross-validated by group.

Where a feed's own groups teach the spaces, they are dealt into folds, and the products of a fold are looked up in
spaces learned from the groups of the other folds. That holds for all look-ups, those of a hop's seeds too: a seed's
list from a space that saw the query's group would make the hop look better than it is.
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
from service.learning.taught import Lookups, ingredients, taught_lookups
from service.neighbours import depths
from service.neighbours.kinds import ByText
from service.neighbours.open import open_image, open_lexical, open_text
from service.runs.job import Job
from service.runs.progress import track

FOLDS = 5
"""Parts that the known groups are dealt into; each is measured in spaces learned from the others."""

FAIR = 6000
"""Products in the fair sample, at most."""

Rows = NDArray[np.int32]


@dataclass(frozen=True, eq=False)
class HeldOut:
    """The lists of a measurement.

    Attributes:
        queries: The products with known variants, or a sample of them, fold by fold; a single fold where nothing was
            learned from the feed's groups.
        cross_validated: Whether the spaces were learned from groups of the same feed, the queries' own left out.
        fair: A fair sample of all products, also of those without known variants, in the same spaces.
    """

    queries: FoldedLists
    cross_validated: bool
    fair: FoldedLists

    def fused_with(self, fusing: FusedSettings) -> HeldOut:
        """The same with lists fused by other settings."""
        return HeldOut(self.queries.fused_with(fusing), self.cross_validated, self.fair.fused_with(fusing))


def held_out(job: Job) -> HeldOut:
    """The lists of the products with known variants (a seeded sample of many), looked up once and kept for the job."""
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
    made_of, measured, most = ingredients(job), 0, job.settings.evaluation.max_queries
    for fold in track(np.unique(fold_of[known]).tolist(), "looking up held-out groups"):
        if measured < most:
            asked = _sample(job, known[fold_of[known] == fold], most - measured)
            measured += len(asked)
            here = fair[dealt[fair] == fold]
            taught = np.where(fold_of == fold, -1, groups).astype(np.int32)
            lookups = taught_lookups(job, made_of, taught, dealt == fold)
            yield _both(_query_lists(job, np.union1d(asked, here), lookups), asked, here)


def _both(lists: QueryLists, asked: Rows, fair: Rows) -> tuple[QueryLists, QueryLists]:
    """The lists of the measured queries, and those of the fair sample."""
    queries, sample = (lists.of(np.flatnonzero(np.isin(lists.rows, rows))) for rows in (asked, fair))
    return queries, sample


def _sample(job: Job, rows: Rows, most: int) -> Rows:
    if len(rows) <= most:
        return rows
    return np.sort(np.random.default_rng(job.settings.run.seed).choice(rows, most, replace=False))


def looked_up(job: Job, rows: Rows) -> QueryLists:
    """The lists of any products, looked up in the spaces of the run itself.

    Args:
        job: The run; its indexes are built.
        rows: int32 (q,): these products.
    """
    return _query_lists(job, rows, Lookups(open_text(job), open_image(job)))


def taught_by(job: Job, made_of: Ingredients, groups: Rows, rows: Rows) -> QueryLists:
    """The lists of any products, looked up in spaces learned from some groups alone.

    Args:
        job: The run.
        made_of: Its vectors.
        groups: int32 (n,): the groups to learn from, all others −1; they should hold none of the products asked for.
        rows: int32 (q,): these products.
    """
    return _query_lists(job, rows, taught_lookups(job, made_of, groups, np.isin(np.arange(len(groups)), rows)))


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
    """The look-up by spelling, the same in all spaces and so opened once."""
    return job.once("lexical_lookup", lambda: open_lexical(job))


def lexical_lists(job: Job, depth: int) -> Run:
    """The lists of every product by spelling, found once for a depth."""
    return job.once(("lexical_lists", depth), lambda: lexical_lookup(job).neighbours(job.catalogue.axis.rows, depth))


def every_product(job: Job, lookups: Lookups, depth: int) -> QueryLists:
    """The lists of every product in one pair of spaces, fused.

    Args:
        job: The run.
        lookups: How products are looked up there.
        depth: Length of the fused lists; the lists that are fused are deeper.
    """
    rows, below = job.catalogue.axis.rows, depths.below_fused(job, depth)
    text, image = lookups.text.neighbours(rows, below), lookups.image.neighbours(rows, below)
    lists = QueryLists(text, image, lexical_lists(job, below), fusing=job.fused, threads=job.threads)
    return QueryLists(text, image, lists.lexical, lists.fuse(depth), fusing=job.fused, threads=job.threads)


def candidates_of(lists: QueryLists, settings: MergeSettings, groups: Rows | None = None) -> Candidates:
    """The candidates that the settings make of the lists of some queries.

    Args:
        lists: The lists.
        settings: A strategy and its depths.
        groups: int32 (n,): known groups whose members count towards no budget, or None.
    """
    return merge(lists.capped(settings.hub_cap)[0], settings, groups)


def hopped(lists: QueryLists) -> Candidates:
    """The hop on the queries' fused lists, as deep as their text lists."""
    return lists.hopped().top(max(1, int(lists.text.counts.max(initial=0))))


def fused_lists(lists: QueryLists) -> Candidates:
    """The queries' fused lists; there must be some."""
    assert lists.fused is not None
    return lists.fused
