"""Lists to measure by: of products whose own groups had no part in the spaces that they are searched in.

Where a feed's own groups are all there is, they are dealt into folds, and a fold's products are looked up in spaces
learned from the groups of the others: all look-ups, those of a hop's seeds too. A seed's list from a space that saw the
query's group would make the hop look better than it is.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from candidates.exact import ExactIndex
from candidates.provenance import Candidates
from candidates.run import Run, stacked
from candidates.settings import FusedSettings, MergeSettings
from candidates.vectors import Vectors
from fusion.merge.hubs import depth_for
from fusion.merge.lists import QueryLists
from fusion.merge.reciprocal import Ranking
from fusion.merge.strategies import budget, merge
from service.learning.guesses import guessed_pairs, pairs_of_equal_numbers
from service.learning.heads import split_groups, with_guesses
from service.learning.planner import BUDGETS
from service.learning.spaces import Heads, Shrinkage, learn_heads
from service.neighbours.lookups import ByText, ImageLookup, TextLookup, image_lookup, lexical_lookup, text_lookup
from service.runs.progress import track

if TYPE_CHECKING:
    from service.learning.spaces import Ingredients
    from service.runs.job import Job

FOLDS = 5
"""Parts of the known groups; each is measured in spaces learned from the others."""

EXACT_UP_TO = 50_000
"""Vectors that are searched exactly in a fold's spaces; of more an index is built, as the settings say."""

_GUESSED_FROM = 400
"""Depth of the lists from which variants of two sellers are guessed."""

FAIR = 6000
"""Products in the fair sample, at most."""

Rows = NDArray[np.int32]


@dataclass(frozen=True, eq=False)
class Lookups:
    """How products are looked up in one pair of spaces.

    Attributes:
        text: By text.
        image: By picture.
        lexical: By the letters of texts, the same in all spaces; None where nothing is fused.
        every_lexical: Its lists of every product.
    """

    text: ByText
    image: ImageLookup
    lexical: ByText | None = None
    every_lexical: Run | None = None


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

    @property
    def lists(self) -> QueryLists:
        """The same lists as strategies take them."""
        every = QueryLists(self.every_text, self.every_image, self.every_lexical, self.every_fused, None, self.hop)
        every = replace(every, threads=self.threads)
        return QueryLists(self.text, self.image, self.lexical, self.fused, every, self.hop, self.threads)

    def rankings(self) -> list[Ranking]:
        """The queries' three lists with their weights, hubs corrected; none where nothing is fused."""
        return self.lists.rankings()

    def weighed(self, hop: FusedSettings) -> View:
        """The same with lists fused in another way."""
        lists = self.lists.fused_with(hop)
        return replace(self, hop=lists.fusing, fused=lists.fused, every_fused=lists.products.fused)

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
        return merge(self.lists.capped(settings.hub_cap)[0], settings, groups)

    def fused_hop(self) -> Candidates:
        """The fused lists of the queries, asked again."""
        return self.lists.hopped().top(max(1, int(self.text.counts.max(initial=0))))


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
    """Looks up the products with known variants (a seeded sample where there are many), fold by fold if need be."""
    rows, some = job.qrels.queries(), _sample(job, job.catalogue.axis.rows, FAIR)
    if job.spaces != "learned" or not job.teaches:
        asked = _sample(job, rows, job.settings.evaluation.max_queries)
        view, fair = _both(looked_up(job, np.union1d(asked, some)), asked, some)
        return HeldOut((view,), False, (fair,))
    made = list(_folds(job, rows, some))
    return HeldOut(tuple(view for view, _ in made), True, tuple(fair for _, fair in made))


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

    lists: QueryLists
    fused: Candidates
    text: ByText
    image: ImageLookup
    lexical: ByText

    def candidates(self, settings: MergeSettings, hop: FusedSettings, threads: int) -> Candidates:
        """What the settings make of these lists."""
        lists = replace(self.lists, fused=self.fused, fusing=hop, threads=threads)
        return merge(lists.capped(settings.hub_cap)[0], settings)


def everyone(job: Job, lookups: Lookups, depth: int) -> Everyone:
    """Looks every product up, and fuses what is found.

    Args:
        job: The run.
        lookups: How products are looked up.
        depth: Length of the fused lists; the lists that are fused are deeper.
    """
    rows, deep = job.catalogue.axis.rows, max(1, min(depth_for(depth), len(job.catalogue) - 1))
    lexical = lookups.lexical or lexical_lookup(job)
    by_letters = lookups.every_lexical or lexical.neighbours(rows, deep)
    by_text, by_image = lookups.text.neighbours(rows, deep), lookups.image.neighbours(rows, deep)
    lists = QueryLists(by_text, by_image, by_letters, fusing=job.fused, threads=job.threads)
    return Everyone(lists, lists.fuse(depth), lookups.text, lookups.image, lexical)


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
    depth = max(1, min(_GUESSED_FROM, len(rows) - 1))
    text, image = alone.text.neighbours(rows, depth), alone.image.neighbours(rows, depth)
    certain = pairs_of_equal_numbers(job.catalogue, sellers)
    taught = guessed_pairs(text, image, groups, sellers, leave_out=leave_out, certain=certain)
    of_texts, of_pictures = (with_guesses(groups, one.left, one.right) for one in (taught.text, taught.image))
    said = {"text": taught.text.as_json(), "image": taught.image.as_json()}
    return TaughtHeads(learn_heads(made_of, of_texts, settings, seed, of_pictures, shrinkage), said)


def _guesses(job: Job, groups: Rows, sellers: NDArray[np.int32]) -> bool:
    """Whether anything may be guessed: groups are each seller's own, and there are several sellers."""
    wanted = job.settings.learn.guess and job.teaches and not job.settings.feed.groups_are_global
    return bool(wanted and sellers.max(initial=-1) > 0 and (groups >= 0).any())


def _lookups(job: Job, made_of: Ingredients, heads: Heads) -> Lookups:
    text, image = heads.text.projection.apply(made_of.text), heads.image.projection.apply(made_of.image)
    return Lookups(TextLookup(text, _text_index(job, text)), _image_lookup(job, image, made_of))


def taught_lookups(
    job: Job,
    made_of: Ingredients,
    groups: Rows,
    leave_out: NDArray[np.bool_] | None = None,
    shrinkage: Shrinkage | None = None,
) -> Lookups:
    """Look-ups in spaces learned from these groups; the arguments are those of `taught_heads`."""
    return _lookups(job, made_of, taught_heads(job, made_of, groups, leave_out, shrinkage).heads)


def _folds(job: Job, rows: Rows, some: Rows) -> Iterator[tuple[View, View]]:
    """The folds' queries and their share of the fair sample, until enough queries are measured."""
    from service.steps.project import ingredients

    groups, seed = job.qrels.groups, job.settings.run.seed
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
    return Lookups(text_lookup(job), image_lookup(job), *_letters(job))


def _letters(job: Job) -> tuple[ByText | None, Run | None]:
    """The look-up by letters, and its lists of every product; nothing where nothing is fused."""
    if not job.fuses:
        return None, None
    lookup = lexical_lookup(job)
    return lookup, lookup.neighbours(job.catalogue.axis.rows, _every_depth(job))


def _text_index(job: Job, vectors: Vectors) -> ExactIndex:
    from text_retrieval.hnsw import NmslibIndex

    if job.settings.text.index == "exact" or len(vectors) <= EXACT_UP_TO:
        return ExactIndex(vectors)
    return NmslibIndex.build(vectors, job.settings.text, job.threads)  # type: ignore[return-value]


def _image_lookup(job: Job, vectors: Vectors, made_of: Ingredients) -> ImageLookup:
    from image_retrieval.hamming import HammingIndex

    settings = job.settings.image
    if settings.index == "exact" or len(vectors) <= EXACT_UP_TO:
        return ImageLookup(vectors, ExactIndex(vectors), made_of.owners)
    index = HammingIndex.build(
        vectors, settings.bits, job.settings.run.seed, settings.shortlist, threads=job.threads, kind=settings.codes
    )
    return ImageLookup(vectors, index, made_of.owners)


def curve_depth(job: Job) -> int:
    """How deep the lists of the queries are that curves are counted from."""
    settings, size = job.settings.evaluation, len(job.catalogue)
    return max(1, min(max(settings.text_depths), int(settings.max_share * size) + 1, size - 1))


def _deepest(job: Job) -> int:
    """How deep the lists of the queries are asked: as the curve and the planner need them."""
    depth = curve_depth(job)
    if job.fuses:
        depth = max(depth, depth_for(max(*BUDGETS, job.settings.merge.budget)))
    return max(1, min(depth, len(job.catalogue) - 1))


def _every_depth(job: Job) -> int:
    """How deep the lists of every product are: as hops need them, and hub correction before a fused hop."""
    settings, hop = job.settings.merge, job.settings.fused
    depth = max(3, *job.settings.evaluation.hops, settings.k)
    depth = max(depth, depth_for(max(hop.seed_depth, hop.own))) if job.fuses else depth
    depth = max(depth, settings.n, budget(settings)) if settings.hub_cap else depth
    return max(1, min(depth, len(job.catalogue) - 1))


def _view(job: Job, rows: Rows, lookups: Lookups) -> View:
    depth, every, axis = _deepest(job), _every_depth(job), job.catalogue.axis
    own_text, own_image = (one.neighbours(rows, depth) for one in (lookups.text, lookups.image))
    every_text, every_image = (one.neighbours(axis.rows, every) for one in (lookups.text, lookups.image))
    lexical = lookups.lexical.neighbours(rows, depth) if lookups.lexical else None
    lists = (own_text, own_image, every_text, every_image, lexical, lookups.every_lexical)
    hop = job.settings.fused
    return View(rows, *lists, fused=None, every_fused=None, hop=hop, threads=job.threads).weighed(hop)
