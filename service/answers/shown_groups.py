"""Groups and suggestions as the report shows them."""

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
"""Number of groups shown, products of each, and suggestions from the top and from the bottom."""

Show = Callable[[int], model.Shown]


def groups_shown(job: Job, show: Show) -> model.Groups | None:
    """Groups and suggestions of a run; None if it did not classify.

    Args:
        job: The run.
        show: Returns what the page shows for a product's row.
    """
    grouped, classified = job.folder.require("group").counts, job.folder.require("classify").counts
    if not classified.get("classified"):
        return None
    suggestions = list(read_suggestions(job.folder.suggestions))
    ends = [*suggestions[:_PAIRS], *suggestions[_PAIRS:][-_PAIRS:]]
    groups = _members(job) if grouped["groups"] else []
    return model.Groups(
        groups=grouped["groups"],
        products=grouped.get("products", 0),
        suggestions=classified["suggestions"],
        doubtful=grouped.get("doubtful", 0),
        shown=tuple(_shown_groups(job, groups, show)) if groups else (),
        pairs=tuple(_pair(job, suggestion, show) for suggestion in ends),
        figures=tuple(_figures(job)),
        known=_known(job, groups),
    )


def _pair(job: Job, suggestion: Suggestion, show: Show) -> model.ShownSuggestion:
    left, right = (show(job.catalogue.axis.row_of(side)) for side in (suggestion.left, suggestion.right))
    return model.ShownSuggestion(left, right, suggestion.probability, suggestion.relation, suggestion.sentence)


def _members(job: Job) -> list[list[Member]]:
    """The members of each group."""
    return [list(members) for _, members in groupby(read_groups(job.folder.groups), lambda member: member.group)]


def _rows(job: Job, members: list[Member]) -> NDArray[np.int64]:
    return np.array([job.catalogue.axis.row_of(member.product) for member in members])


def _known(job: Job, groups: list[list[Member]]) -> int:
    """Number of groups with two products in the same known group, as far as known groups may be used."""
    known_groups = job.truth("suggestions").groups
    return sum(
        bool((np.unique(known[known >= 0], return_counts=True)[1] > 1).any())
        for known in (known_groups[_rows(job, members)] for members in groups)
    )


def _shown_groups(job: Job, groups: list[list[Member]], show: Show) -> Iterator[model.ShownGroup]:
    """A seeded sample of groups of three or more, or of any if there are none."""
    eligible = [members for members in groups if len(members) > 2] or groups
    chosen = np.random.default_rng(job.settings.run.seed).permutation(len(eligible))[:_GROUPS]
    (path,) = sorted(job.folder.pairs.glob("part-*.parquet"))
    pairs = PairTable.open(path, job.catalogue.axis)
    for members in (eligible[place] for place in np.sort(chosen).tolist()):
        rows = _rows(job, members)
        left, right = np.triu_indices(len(rows), 1)
        place = pairs.find(rows[left], rows[right])
        strength = np.where(place >= 0, pairs.columns["probability"][place], 0.0).mean()
        shown = tuple(show(int(row)) for row in rows[:_MEMBERS])
        first = members[0]
        yield model.ShownGroup(first.group, first.varies, float(strength), len(members), shown)


def _figures(job: Job) -> Iterator[tuple[str, float]]:
    if not job.folder.precision.is_file():
        return
    precision = Precision.open(job.folder.precision)
    yield "average precision of pairs", precision.pairs.average_precision
    yield "recall of pairs at precision 0.9", precision.pairs.recall_at[0.9]
    yield "recall@10 of the candidates, ranked by probability", precision.reranked[10]
    yield "expected calibration error above 0.05", precision.pairs.calibration_error
    yield "B-cubed of groups", precision.groups.b_cubed
    yield "pair F1 of groups", precision.groups.pair_f1
    yield "groups exactly right", precision.groups.exactly_right
