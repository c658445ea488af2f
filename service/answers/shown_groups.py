"""What the report shows of groups and suggestions."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import groupby

import numpy as np
from numpy.typing import NDArray

from candidates.pairs import PairTable
from candidates.suggestion import Suggestion, read_suggestions
from eval.report import model
from service.files.groups_file import Member, read_groups
from service.pairs.precision import Precision
from service.runs.job import Job

_GROUPS, _MEMBERS, _PAIRS = 12, 8, 6
"""Groups shown, products of each, and suggestions from either end."""

Show = Callable[[int], model.Shown]


def groups_shown(job: Job, show: Show) -> model.Groups | None:
    """Groups and suggestions of a run; None where it made none.

    Args:
        job: The run.
        show: Makes of a product's row what the page shows.
    """
    made, told = job.folder.require("group").counts, job.folder.require("classify").counts
    if not told.get("classified"):
        return None
    suggestions = list(read_suggestions(job.folder.suggestions))
    ends = [*suggestions[:_PAIRS], *suggestions[_PAIRS:][-_PAIRS:]]
    every = _members(job) if made["groups"] else []
    return model.Groups(
        groups=made["groups"],
        products=made.get("products", 0),
        suggestions=told["suggestions"],
        doubtful=made.get("doubtful", 0),
        shown=tuple(_groups(job, every, show)) if every else (),
        pairs=tuple(_pair(job, one, show) for one in ends),
        figures=tuple(_figures(job)),
        known=_known(job, every),
    )


def _pair(job: Job, one: Suggestion, show: Show) -> model.ShownSuggestion:
    left, right = (show(job.catalogue.axis.row_of(side)) for side in (one.left, one.right))
    return model.ShownSuggestion(left, right, one.probability, one.relation, one.sentence)


def _members(job: Job) -> list[list[Member]]:
    """The products of groups, group by group."""
    return [list(members) for _, members in groupby(read_groups(job.folder.groups), lambda one: one.group)]


def _rows(job: Job, members: list[Member]) -> NDArray[np.int64]:
    return np.array([job.catalogue.axis.row_of(one.product) for one in members])


def _known(job: Job, every: list[list[Member]]) -> int:
    """Groups of which known groups, where they may be looked at, join two products already."""
    groups = job.truth("suggestions").groups
    return sum(
        bool((np.unique(known[known >= 0], return_counts=True)[1] > 1).any())
        for known in (groups[_rows(job, members)] for members in every)
    )


def _groups(job: Job, every: list[list[Member]], show: Show) -> Iterator[model.ShownGroup]:
    """A seeded draw of groups of three or more, or of any where there are no such."""
    several = [one for one in every if len(one) > 2] or every
    chosen = np.random.default_rng(job.settings.run.seed).permutation(len(several))[:_GROUPS]
    (path,) = sorted(job.folder.pairs.glob("part-*.parquet"))
    pairs = PairTable.open(path, job.catalogue.axis)
    for members in (several[place] for place in np.sort(chosen).tolist()):
        where = _rows(job, members)
        left, right = np.triu_indices(len(where), 1)
        place = pairs.find(where[left], where[right])
        strength = np.where(place >= 0, pairs.columns["probability"][place], 0.0).mean()
        shown = tuple(show(int(row)) for row in where[:_MEMBERS])
        first = members[0]
        yield model.ShownGroup(first.group, first.varies, float(strength), len(members), shown)


def _figures(job: Job) -> Iterator[tuple[str, float]]:
    if not job.folder.precision.is_file():
        return
    found = Precision.open(job.folder.precision)
    yield "average precision of pairs", found.pairs.average_precision
    yield "recall of pairs at precision .9", found.pairs.recall_at[0.9]
    yield "recall@10 of the candidates in the order of their probability", found.reranked[10]
    yield "expected calibration error above .05", found.pairs.calibration_error
    yield "B-cubed of groups", found.groups.b_cubed
    yield "pair F1 of groups", found.groups.pair_f1
    yield "groups exactly right", found.groups.exactly_right
