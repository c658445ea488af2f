"""Lists to measure by: of products whose own groups had no part in the spaces that they are searched in.

Where a feed's own groups are all there is, they are dealt into folds, and a fold's products are looked up in spaces
learned from the groups of the others: all look-ups, those of a hop's seeds too. A seed's list from a space that saw the
query's group would make the hop look better than it is.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from candidates.provenance import Candidates
from candidates.run import Run, stacked
from candidates.settings import FusedSettings, MergeSettings
from fusion.merge.reciprocal import Ranking
from fusion.merge.strategies import Lists, Three, cap, fuse_lists, merge
from service.learning.heads import split_groups
from service.learning.spaces import Ingredients
from service.learning.taught import Lookups, ingredients, taught_lookups
from service.neighbours import depths
from service.neighbours.kinds import ByText, ImageLookup
from service.neighbours.open import open_image, open_lexical, open_text
from service.runs.job import Job
from service.runs.progress import track

FOLDS = 5
"""Parts of the known groups; each is measured in spaces learned from the others."""

FAIR = 6000
"""Products in the fair sample, at most."""

Rows = NDArray[np.int32]


@dataclass(frozen=True, eq=False)
class View:
    """Some queries, and the lists by which they are measured.

    Attributes:
        rows: int32 (q,): the products asked for.
        text: Their text lists, deep.
        image: Their image lists, deep.
        every_text: Text lists of every product in the same spaces, not as deep.
        every_image: Image lists of every product.
        lexical: The queries' lists by letters, None where nothing is fused.
        every_lexical: Lists by letters of every product.
        fused: Fused lists of the queries, None where nothing is fused.
        every_fused: Fused lists of every product, as deep as a hop asks them.
        hop: How lists are fused, and how the fused ones are asked again.
        threads: Threads to use.
    """

    rows: Rows
    text: Run
    image: Run
    every_text: Run
    every_image: Run
    lexical: Run | None
    every_lexical: Run | None
    fused: Candidates | None
    every_fused: Candidates | None
    hop: FusedSettings
    threads: int

    def rankings(self) -> list[Ranking]:
        """The queries' three lists with their weights, hubs stepped back; none where nothing is fused."""
        if self.lexical is None or self.every_lexical is None:
            return []
        every = Three(self.every_text, self.every_lexical, self.every_image)
        return Three(self.text, self.lexical, self.image).rankings(self.hop, every)

    def weighed(self, hop: FusedSettings) -> View:
        """The same with lists fused in another way."""
        if self.lexical is None or self.every_lexical is None or (hop == self.hop and self.fused is not None):
            return self
        every = Three(self.every_text, self.every_lexical, self.every_image)
        own = Three(self.text, self.lexical, self.image)
        deep = int(max(1, self.text.counts.max(initial=1), self.image.counts.max(initial=1)))
        return replace(
            self,
            hop=hop,
            every_fused=fuse_lists(every, hop, max(hop.seed_depth, hop.own), self.threads),
            fused=fuse_lists(own, hop, deep, self.threads, every),
        )

    def of(self, places: NDArray[np.integer]) -> View:
        """The same for some of the queries, by their place among them."""
        text, image = self.text.take(places), self.image.take(places)
        lexical = self.lexical.take(places) if self.lexical is not None else None
        fused = self.fused.take(places) if self.fused is not None else None
        return replace(self, rows=self.rows[places], text=text, image=image, lexical=lexical, fused=fused)

    def candidates(self, settings: MergeSettings, groups: NDArray[np.int32] | None) -> Candidates:
        """What the settings make of these lists.

        Args:
            settings: A strategy and its depths.
            groups: int32 (n,): known groups whose members eat no budget, or None.
        """
        text, every_image = self.text, self.every_image
        if settings.hub_cap:
            every_text, every_image, _ = cap(self.every_text, every_image, settings)
            text = every_text.take(self.rows)
        image = every_image if settings.strategy == "hop" or settings.hub_cap else self.image
        return merge(self._lists(text, image, groups), settings)

    def fused_hop(self) -> Candidates:
        """The fused lists of the queries, asked again."""
        deep = MergeSettings(strategy="fused", n=int(max(1, self.text.counts.max(initial=1))))
        return merge(self._lists(self.text, self.image, None), deep)

    def _lists(self, text: Run, image: Run, groups: NDArray[np.int32] | None) -> Lists:
        return Lists(text, image, groups, self.threads, self.every_fused, self.hop, self.fused)


@dataclass(frozen=True, eq=False)
class HeldOut:
    """The queries of a measurement in views of their own.

    Attributes:
        views: Each with the queries of one fold; a single one where nothing was learned from the feed's groups.
        crossed: Whether the spaces were learned from groups of the same feed, the queries' own left out.
        fair: Views of the same spaces with a fair sample of all products, those without known variants too.
    """

    views: tuple[View, ...]
    crossed: bool
    fair: tuple[View, ...]

    @cached_property
    def rows(self) -> Rows:
        """All queries, view by view."""
        return np.concatenate([view.rows for view in self.views])

    @cached_property
    def view_of(self) -> NDArray[np.int64]:
        """The place of each query's view, int64 (q,)."""
        return np.repeat(np.arange(len(self.views)), [len(view.rows) for view in self.views])

    @cached_property
    def text(self) -> Run:
        """Deep text lists of all queries."""
        return stacked([view.text for view in self.views])

    @cached_property
    def image(self) -> Run:
        """Deep image lists of all queries."""
        return stacked([view.image for view in self.views])

    def weighed(self, hop: FusedSettings) -> HeldOut:
        """The same with lists fused in another way."""
        views, fair = (tuple(view.weighed(hop) for view in some) for some in (self.views, self.fair))
        return HeldOut(views, self.crossed, fair)

    def rankings(self) -> list[Ranking]:
        """The three lists of all queries with their weights, hubs stepped back."""
        made = [view.rankings() for view in self.views]
        return [replace(ones[0], run=stacked([one.run for one in ones])) for ones in zip(*made, strict=True)]

    def candidates(self, settings: MergeSettings, groups: NDArray[np.int32] | None = None) -> Candidates:
        """What the settings make of the lists, for all queries."""
        return stacked([view.candidates(settings, groups) for view in self.views])

    @cached_property
    def fused(self) -> Candidates | None:
        """Fused lists of all queries; None where nothing is fused."""
        made = [view.fused for view in self.views if view.fused is not None]
        return stacked(made) if len(made) == len(self.views) else None

    def fused_hop(self) -> Candidates | None:
        """Fused lists of all queries, asked again; None where nothing is fused."""
        if any(view.fused is None for view in self.views):
            return None
        return stacked([view.fused_hop() for view in self.views])


def looked_up(job: Job, rows: Rows) -> View:
    """Any products, looked up in the spaces of the run itself."""
    return _view(job, rows, _own_lookups(job))


def taught_by(job: Job, made_of: Ingredients, groups: Rows, rows: Rows) -> View:
    """Any products, looked up in spaces learned from some groups alone.

    Args:
        job: The run.
        made_of: Its vectors.
        groups: int32 (n,): the groups to learn from, all others −1; they should hold none of the products asked for.
        rows: int32 (q,): these products.
    """
    lexical, every_lexical = _letters(job)
    measured = np.isin(np.arange(len(groups)), rows)
    lookups = replace(taught_lookups(job, made_of, groups, measured), lexical=lexical, every_lexical=every_lexical)
    return _view(job, rows, lookups)


def held_out(job: Job) -> HeldOut:
    """The lists of the products with known variants (a seeded sample of many), in folds where groups were learned from.

    They are found once and kept for the job.
    """
    return job.once("held_out", lambda: _held_out(job))


def _held_out(job: Job) -> HeldOut:
    rows, fair_rows = job.truth("evaluation").queries(), _sample(job, job.catalogue.axis.rows, FAIR)
    if not job.choices.cross_validates:
        asked = _sample(job, rows, job.settings.evaluation.max_queries)
        view, fair = _both(looked_up(job, np.union1d(asked, fair_rows)), asked, fair_rows)
        return HeldOut((view,), False, (fair,))
    folds = list(_folds(job, rows, fair_rows))
    return HeldOut(tuple(view for view, _ in folds), True, tuple(fair for _, fair in folds))


def _both(view: View, asked: Rows, some: Rows) -> tuple[View, View]:
    """The queries that are measured, and the fair sample."""
    return view.of(np.flatnonzero(np.isin(view.rows, asked))), view.of(np.flatnonzero(np.isin(view.rows, some)))


@dataclass(frozen=True, eq=False)
class Everyone:
    """Every product's lists in one pair of spaces, and the vectors that they come from.

    Attributes:
        lists: The three lists.
        fused: They, fused.
        text: The look-up by text.
        image: The look-up by picture.
        lexical: The look-up by letters.
    """

    lists: Three
    fused: Candidates
    text: ByText
    image: ImageLookup
    lexical: ByText

    def candidates(self, settings: MergeSettings, hop: FusedSettings, threads: int) -> Candidates:
        """What the settings make of these lists."""
        text, image, _ = cap(self.lists.text, self.lists.image, settings)
        return merge(Lists(text, image, None, threads, self.fused, hop), settings)


def everyone(job: Job, lookups: Lookups, depth: int) -> Everyone:
    """Looks every product up, and fuses what is found.

    Args:
        job: The run.
        lookups: How products are looked up.
        depth: Length of the fused lists; the lists that are fused are deeper.
    """
    rows, deep = job.catalogue.axis.rows, depths.below_fused(job, depth)
    lexical = lookups.lexical or open_lexical(job)
    by_letters = lookups.every_lexical or lexical.neighbours(rows, deep)
    lists = Three(lookups.text.neighbours(rows, deep), by_letters, lookups.image.neighbours(rows, deep))
    fused = fuse_lists(lists, job.fused, depth, job.threads)
    return Everyone(lists, fused, lookups.text, lookups.image, lexical)


def _folds(job: Job, rows: Rows, some: Rows) -> Iterator[tuple[View, View]]:
    """The folds' queries and their share of the fair sample, until enough queries are measured."""
    groups, seed = job.truth("evaluation").groups, job.settings.run.seed
    fold_of = split_groups(groups, FOLDS, seed)
    drawn = np.where(fold_of < 0, np.random.default_rng(seed).integers(0, FOLDS, len(fold_of)), fold_of)
    made_of, measured, most = ingredients(job), 0, job.settings.evaluation.max_queries
    lexical, every_lexical = _letters(job)
    for fold in track(np.unique(fold_of[rows]).tolist(), "looking up groups held out"):
        if measured < most:
            asked = _sample(job, rows[fold_of[rows] == fold], most - measured)
            measured += len(asked)
            fair = some[drawn[some] == fold]
            taught = np.where(fold_of == fold, -1, groups).astype(np.int32)
            lookups = taught_lookups(job, made_of, taught, drawn == fold)
            lookups = replace(lookups, lexical=lexical, every_lexical=every_lexical)
            yield _both(_view(job, np.union1d(asked, fair), lookups), asked, fair)


def _sample(job: Job, rows: Rows, most: int) -> Rows:
    if len(rows) <= most:
        return rows
    return np.sort(np.random.default_rng(job.settings.run.seed).choice(rows, most, replace=False))


def _own_lookups(job: Job) -> Lookups:
    return Lookups(open_text(job), open_image(job), *_letters(job))


def _letters(job: Job) -> tuple[ByText | None, Run | None]:
    """The look-up by letters, and its lists of every product; nothing where nothing is fused."""
    if not job.choices.fuses:
        return None, None
    lookup = open_lexical(job)
    return lookup, lookup.neighbours(job.catalogue.axis.rows, depths.held_out_products(job))


def _view(job: Job, rows: Rows, lookups: Lookups) -> View:
    depth, every, axis = depths.held_out_queries(job), depths.held_out_products(job), job.catalogue.axis
    own_text, own_image = (one.neighbours(rows, depth) for one in (lookups.text, lookups.image))
    every_text, every_image = (one.neighbours(axis.rows, every) for one in (lookups.text, lookups.image))
    lexical = lookups.lexical.neighbours(rows, depth) if lookups.lexical else None
    lists = (own_text, own_image, every_text, every_image, lexical, lookups.every_lexical)
    hop = job.settings.fused
    return View(rows, *lists, fused=None, every_fused=None, hop=hop, threads=job.threads).weighed(hop)
