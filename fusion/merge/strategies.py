"""The strategies by name: a text run and an image run become candidates."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from candidates.provenance import Candidates
from candidates.run import Part, Run
from candidates.settings import FusedSettings, MergeSettings
from fusion.merge.fused import union, weighted
from fusion.merge.fused_hop import hop_fused
from fusion.merge.hop import expand, own_rows
from fusion.merge.hubs import correct_hubs, nearness
from fusion.merge.limits import cap_hubs, cut
from fusion.merge.reciprocal import Kind, Ranking, fuse


@dataclass(frozen=True, eq=False)
class Lists:
    """What a strategy has at hand.

    Attributes:
        text: Text lists of the queries.
        image: Image lists of every product.
        groups: int32 (n,): known groups whose members do not eat their sibling's budget, or None.
        threads: Threads to use.
        fused: Fused lists of every product, for the strategy `fused`.
        hop: How that strategy asks them again.
        own_fused: Fused lists of the queries, where they are deeper than those of every product.
    """

    text: Run
    image: Run
    groups: NDArray[np.int32] | None = None
    threads: int = 1
    fused: Candidates | None = None
    hop: FusedSettings = field(default_factory=FusedSettings)
    own_fused: Candidates | None = None

    @property
    def own_image(self) -> Run:
        """Image lists of the queries themselves."""
        return self.image if self.text.queries == self.image.queries else self.image.take(own_rows(self.text))


def _hop(lists: Lists, settings: MergeSettings) -> Candidates:
    return expand(lists.text, lists.image, len(lists.text.items), settings.k, threads=lists.threads)


def _text(lists: Lists, settings: MergeSettings) -> Candidates:
    return union(lists.text, _empty_like(lists.text), threads=lists.threads)


def _image(lists: Lists, settings: MergeSettings) -> Candidates:
    return union(_empty_like(lists.text), lists.own_image, threads=lists.threads)


def _union(lists: Lists, settings: MergeSettings) -> Candidates:
    return union(lists.text, lists.own_image, threads=lists.threads)


def _rrf(lists: Lists, settings: MergeSettings) -> Candidates:
    rankings = [
        Ranking(lists.text, "text", settings.text_weight),
        Ranking(lists.own_image, "image", settings.image_weight),
    ]
    return fuse(rankings, k=settings.rrf_k, threads=lists.threads)


def _weighted(lists: Lists, settings: MergeSettings) -> Candidates:
    weights = {"text_weight": settings.text_weight, "image_weight": settings.image_weight}
    return weighted(lists.text, lists.own_image, threads=lists.threads, **weights)


def _fused(lists: Lists, settings: MergeSettings) -> Candidates:
    assert lists.fused is not None, "the strategy `fused` needs fused lists"
    own, hop = lists.own_fused or lists.fused.take(own_rows(lists.text)), lists.hop
    if not hop.seeds:
        return own
    return hop_fused(own, lists.fused, hop.seeds, hop.seed_depth, hop.own, rest=True, threads=lists.threads)


@dataclass(frozen=True, eq=False)
class Three:
    """The lists that are fused.

    Attributes:
        text: Text lists.
        lexical: Lists by the letters of the texts.
        image: Image lists.
    """

    text: Run
    lexical: Run
    image: Run

    def rankings(self, settings: FusedSettings, every: Three | None = None) -> list[Ranking]:
        """The lists with their weights, hubs stepped back.

        Args:
            settings: Weights.
            every: The lists of every product, by which hubs are known; by default these are they.
        """
        near = every or self

        def ranking(run: Run, all_lists: Run, kind: Kind, weight: float) -> Ranking:
            return Ranking(correct_hubs(run, nearness(all_lists), weight=settings.hub_weight), kind, weight)

        return [
            ranking(self.image, near.image, "image", settings.image_weight),
            ranking(self.text, near.text, "text", settings.text_weight),
            ranking(self.lexical, near.lexical, "text", settings.lexical_weight),
        ]


def fuse_lists(
    lists: Three, settings: FusedSettings, depth: int, threads: int = 1, every: Three | None = None
) -> Candidates:
    """The fused lists: hubs step back in each list, then ranks are fused.

    Args:
        lists: The three lists of the queries; they should be `hubs.depth_for` as deep.
        settings: Weights.
        depth: Length of the fused lists.
        threads: Threads to use.
        every: Lists of every product, where `lists` are those of some.
    """
    return fuse(lists.rankings(settings, every), k=settings.k, name="fused", depth=depth, threads=threads)


STRATEGIES: dict[str, Callable[[Lists, MergeSettings], Candidates]] = {
    "hop": _hop,
    "text": _text,
    "image": _image,
    "union": _union,
    "rrf": _rrf,
    "weighted": _weighted,
    "fused": _fused,
}


def _empty_like(run: Run) -> Run:
    nothing = Part(0, np.zeros(len(run) + 1, np.int64), np.zeros(0, np.int32), np.zeros(0, np.float32))
    return Run(run.name, run.queries, run.items, (nothing,))


def image_depth(settings: MergeSettings) -> int:
    """How deep the image lists must be for a strategy."""
    return settings.k if settings.strategy == "hop" else budget(settings)


def budget(settings: MergeSettings) -> int:
    """Candidates per product at most; 0 where nothing is cut."""
    return settings.budget or (0 if settings.strategy == "hop" else settings.n)


def cap(text: Run, image: Run, settings: MergeSettings) -> tuple[Run, Run, int]:
    """Both runs under the hub cap of the settings, and how many entries it cut."""
    if not settings.hub_cap:
        return text, image, 0
    text, one = cap_hubs(text, settings.hub_cap)
    image, two = cap_hubs(image, settings.hub_cap)
    return text, image, one + two


def merge(lists: Lists, settings: MergeSettings) -> Candidates:
    """Makes candidates by the strategy, depths and budget of the settings.

    Text lists are cut at N (fused strategies: at the budget) before, the result at the budget after; with
    `groups`, known siblings are not counted in either cut.
    """
    own = own_rows(lists.text)
    depth = settings.n if settings.strategy == "hop" else max(settings.n, budget(settings))
    text = cut(lists.text, depth, lists.groups, own)
    made = STRATEGIES[settings.strategy](replace(lists, text=text), settings)
    return cut(made, budget(settings), lists.groups, own) if budget(settings) else made
