"""One bundle for the ranked lists of some queries: what strategies, measurements and plans are given."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from candidates.provenance import Candidates
from candidates.run import AnyRun, Run, stacked
from candidates.settings import FusedSettings
from fusion.merge.fused_hop import hop_fused
from fusion.merge.hop import own_rows
from fusion.merge.hubs import correct_hubs, nearness
from fusion.merge.limits import cap_hubs
from fusion.merge.reciprocal import Kind, Ranking, fuse


@dataclass(frozen=True, eq=False)
class QueryLists:
    """The ranked lists of some queries, beside those of every product in the same spaces.

    Attributes:
        text: The queries' text lists, without the query itself, like all others.
        image: Their image lists.
        lexical: Their lists by TF-IDF of letters; None if nothing is fused.
        fused: Their fused lists; None if nothing is fused.
        every: The lists of every product, as deep as a hop or the hub correction reads them; None if the queries are
            every product.
        fusing: How lists are fused, and how far the hop on fused lists goes.
        threads: Threads to use.
    """

    text: Run
    image: Run
    lexical: Run | None = None
    fused: Candidates | None = None
    every: QueryLists | None = None
    fusing: FusedSettings = field(default_factory=FusedSettings)
    threads: int = 1

    def __len__(self) -> int:
        return len(self.text)

    @property
    def products(self) -> QueryLists:
        """The lists of every product."""
        return self.every or self

    @cached_property
    def rows(self) -> NDArray[np.int32]:
        """Each query's row among the products, −1 for a query that is not a product; int32 (q,)."""
        return own_rows(self.text)

    @property
    def deepest(self) -> int:
        """Length of the longest text or image list of a query."""
        return int(max(self.text.counts.max(initial=0), self.image.counts.max(initial=0)))

    @property
    def can_fuse(self) -> bool:
        """Whether all three lists are there, of the queries and of every product."""
        return self.lexical is not None and self.products.lexical is not None

    def of(self, places: NDArray[np.integer]) -> QueryLists:
        """The lists of some of the queries, by their positions among them, in the order given."""
        if len(places) == len(self) and np.array_equal(places, np.arange(len(self))):
            return self
        return replace(
            self,
            text=self.text.take(places),
            image=self.image.take(places),
            lexical=self.lexical.take(places) if self.lexical is not None else None,
            fused=self.fused.take(places) if self.fused is not None else None,
            every=self.products,
        )

    def top(self, depth: int) -> QueryLists:
        """The same with the queries' text and image lists cut at a depth."""
        return replace(self, text=self.text.top(depth), image=self.image.top(depth), every=self.products)

    def capped(self, cap: int) -> tuple[QueryLists, int]:
        """The same with each product in at most `cap` text lists and `cap` image lists of all products.

        The queries' text and image lists are then those of every product, which may be shorter than before. Fused
        lists stay as they are.

        Args:
            cap: The cap; 0 caps nothing.

        Returns:
            The lists, and the number of entries removed.
        """
        if not cap:
            return self, 0
        text, from_text = cap_hubs(self.products.text, cap)
        image, from_image = cap_hubs(self.products.image, cap)
        lists = replace(self.products, text=text, image=image)
        if self.every is not None:
            lists = replace(self, text=text.take(self.rows), image=image.take(self.rows), every=lists)
        return lists, from_text + from_image

    def rankings(self) -> list[Ranking]:
        """The three lists with their weights, hubs corrected; empty if nothing can be fused."""
        products, hub_weight = self.products, self.fusing.hub_weight
        if self.lexical is None or products.lexical is None:
            return []

        def ranking(run: Run, all_lists: Run, kind: Kind, weight: float) -> Ranking:
            return Ranking(correct_hubs(run, nearness(all_lists), weight=hub_weight), kind, weight)

        return [
            ranking(self.image, products.image, "image", self.fusing.image_weight),
            ranking(self.text, products.text, "text", self.fusing.text_weight),
            ranking(self.lexical, products.lexical, "text", self.fusing.lexical_weight),
        ]

    def fuse(self, depth: int) -> Candidates:
        """The queries' three lists fused: hubs are corrected in each list, then ranks are fused.

        Args:
            depth: Maximum length of the fused lists; the three lists should be `hubs.depth_for(depth)` deep.
        """
        return fuse(self.rankings(), k=self.fusing.k, name="fused", depth=depth, threads=self.threads)

    def fused_with(self, fusing: FusedSettings) -> QueryLists:
        """The same with lists fused by these settings; unchanged if they are already, or if nothing can be fused."""
        if not self.can_fuse or (fusing == self.fusing and self.fused is not None):
            return self
        lists, every = replace(self, fusing=fusing), replace(self.products, fusing=fusing)
        fused = lists.fuse(max(1, self.deepest))
        if self.every is None:
            return replace(lists, fused=fused)
        return replace(lists, fused=fused, every=replace(every, fused=every.fuse(max(fusing.seed_depth, fusing.own))))

    def hopped(self) -> Candidates:
        """The hop on the queries' fused lists; without seeds the fused lists themselves."""
        assert self.fused is not None, "the queries have no fused lists"
        assert self.products.fused is not None, "the products have no fused lists"
        hop = self.fusing
        if not hop.seeds:
            return self.fused
        return hop_fused(self.fused, self.products.fused, hop.seeds, hop.seed_depth, hop.own, threads=self.threads)


@dataclass(frozen=True, eq=False)
class FoldedLists:
    """Queries that were looked up in several pairs of spaces, fold by fold, one after another.

    Attributes:
        folds: At least one; each with its own queries, and its own lists of every product.
    """

    folds: tuple[QueryLists, ...]

    def __len__(self) -> int:
        return sum(map(len, self.folds))

    @cached_property
    def rows(self) -> NDArray[np.int32]:
        """Each query's row among the products, int32 (q,)."""
        return np.concatenate([fold.rows for fold in self.folds])

    @cached_property
    def text(self) -> Run:
        """The text lists of all queries."""
        return self.each(lambda fold: fold.text)

    @cached_property
    def image(self) -> Run:
        """The image lists of all queries."""
        return self.each(lambda fold: fold.image)

    @property
    def deepest(self) -> int:
        """Length of the longest text or image list of a query."""
        return max(fold.deepest for fold in self.folds)

    @property
    def fused(self) -> bool:
        """Whether every fold has fused lists."""
        return all(fold.fused is not None for fold in self.folds)

    def each(self, method: Callable[[QueryLists], AnyRun]) -> AnyRun:
        """One run of all queries, made fold by fold."""
        return stacked([method(fold) for fold in self.folds])

    def of(self, places: NDArray[np.integer]) -> FoldedLists:
        """The lists of some of the queries, by their positions among all, ascending; folds without any are dropped."""
        ends = np.cumsum([len(fold) for fold in self.folds])
        taken = [
            fold.of(places[(places >= end - len(fold)) & (places < end)] - (end - len(fold)))
            for fold, end in zip(self.folds, ends, strict=True)
        ]
        return FoldedLists(tuple(fold for fold in taken if len(fold)) or tuple(taken[:1]))

    def fused_with(self, fusing: FusedSettings) -> FoldedLists:
        """The same with lists fused by these settings, where they can be fused."""
        return FoldedLists(tuple(fold.fused_with(fusing) for fold in self.folds))

    def rankings(self) -> list[Ranking]:
        """The three lists of all queries with their weights, hubs corrected; empty if nothing can be fused."""
        by_fold = [fold.rankings() for fold in self.folds]
        if not all(by_fold):
            return []
        return [
            replace(rankings[0], run=stacked([ranking.run for ranking in rankings]))
            for rankings in zip(*by_fold, strict=True)
        ]
