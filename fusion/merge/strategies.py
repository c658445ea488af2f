"""The strategies by name, each a function from the lists of some queries to their candidates."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from candidates.provenance import Candidates
from candidates.run import Part, Run
from candidates.settings import MergeSettings
from fusion.merge.fused import union, weighted
from fusion.merge.hop import expand
from fusion.merge.limits import cut
from fusion.merge.lists import QueryLists
from fusion.merge.reciprocal import Ranking, fuse


def _hop(lists: QueryLists, settings: MergeSettings) -> Candidates:
    return expand(lists.text, lists.products.image, len(lists.text.items), settings.k, threads=lists.threads)


def _text(lists: QueryLists, settings: MergeSettings) -> Candidates:
    return union(lists.text, _empty_like(lists.text), threads=lists.threads)


def _image(lists: QueryLists, settings: MergeSettings) -> Candidates:
    return union(_empty_like(lists.text), lists.image, threads=lists.threads)


def _union(lists: QueryLists, settings: MergeSettings) -> Candidates:
    return union(lists.text, lists.image, threads=lists.threads)


def _rrf(lists: QueryLists, settings: MergeSettings) -> Candidates:
    rankings = [
        Ranking(lists.text, "text", settings.text_weight),
        Ranking(lists.image, "image", settings.image_weight),
    ]
    return fuse(rankings, k=settings.rrf_k, threads=lists.threads)


def _weighted(lists: QueryLists, settings: MergeSettings) -> Candidates:
    weights = {"text_weight": settings.text_weight, "image_weight": settings.image_weight}
    return weighted(lists.text, lists.image, threads=lists.threads, **weights)


def _fused(lists: QueryLists, settings: MergeSettings) -> Candidates:
    return lists.hopped()


Strategy = Callable[[QueryLists, MergeSettings], Candidates]

STRATEGIES: dict[str, Strategy] = {
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
    """How deep the image lists must be for the strategy of the settings."""
    return settings.k if settings.strategy == "hop" else budget(settings)


def budget(settings: MergeSettings) -> int:
    """Maximum number of candidates per product; 0 if lists are not cut."""
    return settings.budget or (0 if settings.strategy == "hop" else settings.n)


def merge(lists: QueryLists, settings: MergeSettings, groups: NDArray[np.int32] | None = None) -> Candidates:
    """The candidates of the queries by the strategy, depths and budget of the settings.

    Text lists are cut first, at N or at the budget if that is more (for the hop always at N); the result is cut at the
    budget.

    Args:
        lists: The lists of the queries; a hub cap is applied before, by `QueryLists.capped`.
        settings: The strategy and its parameters.
        groups: int32 (n,): known group of each product, −1 without; members of the query's group are then not counted
            in either cut. None counts every candidate.
    """
    depth = settings.n if settings.strategy == "hop" else max(settings.n, budget(settings))
    text = cut(lists.text, depth, groups, lists.rows)
    candidates = STRATEGIES[settings.strategy](replace(lists, text=text, every=lists.products), settings)
    return cut(candidates, budget(settings), groups, lists.rows) if budget(settings) else candidates
