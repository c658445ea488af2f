"""The strategies by name: a text run and an image run become candidates."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from candidates.provenance import Candidates
from candidates.run import Part, Run
from candidates.settings import MergeSettings
from fusion.merge.fused import reciprocal_rank, union, weighted
from fusion.merge.hop import expand, own_rows
from fusion.merge.limits import cap_hubs, cut


@dataclass(frozen=True, eq=False)
class Lists:
    """What a strategy has at hand.

    Attributes:
        text: Text lists of the queries.
        image: Image lists of every product.
        groups: int32 (n,): known groups whose members do not eat their sibling's budget, or None.
        threads: Threads to use.
    """

    text: Run
    image: Run
    groups: NDArray[np.int32] | None = None
    threads: int = 1

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
    return reciprocal_rank(
        lists.text,
        lists.own_image,
        k=settings.rrf_k,
        text_weight=settings.text_weight,
        image_weight=settings.image_weight,
        threads=lists.threads,
    )


def _weighted(lists: Lists, settings: MergeSettings) -> Candidates:
    weights = {"text_weight": settings.text_weight, "image_weight": settings.image_weight}
    return weighted(lists.text, lists.own_image, threads=lists.threads, **weights)


STRATEGIES: dict[str, Callable[[Lists, MergeSettings], Candidates]] = {
    "hop": _hop,
    "text": _text,
    "image": _image,
    "union": _union,
    "rrf": _rrf,
    "weighted": _weighted,
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
    made = STRATEGIES[settings.strategy](Lists(text, lists.image, lists.groups, lists.threads), settings)
    return cut(made, budget(settings), lists.groups, own) if budget(settings) else made
