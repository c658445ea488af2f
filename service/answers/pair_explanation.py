"""Why two products are, or are not, suggested as variants, and the groups that they are in."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from candidates.pairs import PairTable
from candidates.suggestion import Suggestion, read_suggestions
from service.files.groups_file import read_groups
from service.pairs.scored import candidate_pairs, scored
from service.pairs.suggesting import SuggestionWriter
from service.runs.job import Job


@dataclass(frozen=True)
class PairExplanation:
    """A pair's result in classification and grouping.

    Attributes:
        suggestion: Probability (or score), relation, differences and reasons; None if neither is a candidate of
            the other.
        suggested: Whether it is among the run's suggestions.
        least: Minimum probability of a suggestion; None if nothing was learned.
        groups: Ids of the two products' groups; empty for a product without a group.
    """

    suggestion: Suggestion | None
    suggested: bool
    least: float | None
    groups: tuple[str, str]


def explain_pair(job: Job, first: str, second: str) -> PairExplanation | None:
    """Explains a pair of product ids; None if the run does not classify.

    A pair that is not among the suggestions is scored again, together with all candidate pairs of either product,
    because its probability depends on these.

    Raises:
        UnknownId: An id is not in the catalogue.
    """
    counts = job.folder.require("classify").counts
    if not counts["classified"]:
        return None
    axis = job.catalogue.axis
    rows = np.array([[axis.row_of(first)], [axis.row_of(second)]])
    left, right = (axis[int(row)] for row in sorted(rows.ravel()))
    suggestions = read_suggestions(job.folder.suggestions)
    found = next((pair for pair in suggestions if (pair.left, pair.right) == (left, right)), None)
    groups = _groups(job)
    return PairExplanation(
        found or _scored_again(job, rows[0], rows[1]),
        found is not None,
        counts.get("threshold"),
        (groups.get(first, ""), groups.get(second, "")),
    )


def _scored_again(job: Job, first: NDArray[np.int64], second: NDArray[np.int64]) -> Suggestion | None:
    pairs = candidate_pairs(job)
    if pairs.find(first, second)[0] < 0:
        return None
    ends = np.concatenate([first, second])
    around: PairTable = pairs.take(np.isin(pairs.left, ends) | np.isin(pairs.right, ends))
    return next(SuggestionWriter(job, scored(job, around, job.pair_model)).suggestions(around.find(first, second)))


def _groups(job: Job) -> dict[str, str]:
    """Product id → group id."""
    if not job.folder.groups.is_file():
        return {}
    return {member.product: member.group for member in read_groups(job.folder.groups)}
