"""Why two products are, or are not, suggested, and in which groups they stand."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from candidates.pairs import PairTable
from candidates.suggestion import Suggestion, read_suggestions
from service.files.groups_file import read_groups
from service.pairs.scored import candidate_pairs, scored
from service.pairs.suggesting import Teller
from service.runs.job import Job


@dataclass(frozen=True)
class PairExplanation:
    """What the precise stage says of a pair.

    Attributes:
        suggestion: Probability (or score), relation, differences and reasons; None where the two are no candidates of
            each other.
        suggested: Whether it is among the suggestions of the run.
        least: The probability from which pairs are suggested; None where nothing was learned.
        groups: Id of the group of either product; empty for a product alone.
    """

    suggestion: Suggestion | None
    suggested: bool
    least: float | None
    groups: tuple[str, str]


def explain_pair(job: Job, one: str, other: str) -> PairExplanation | None:
    """Explains a pair; None where the run does not classify.

    A pair that is not among the suggestions is scored anew with all pairs that either product is part of: they are
    all that its probability depends on.

    Raises:
        UnknownId: An id is not in the catalogue.
    """
    told = job.folder.require("classify").counts
    if not told["classified"]:
        return None
    axis = job.catalogue.axis
    rows = np.array([[axis.row_of(one)], [axis.row_of(other)]])
    left, right = (axis[int(row)] for row in sorted(rows.ravel()))
    suggestions = read_suggestions(job.folder.suggestions)
    found = next((said for said in suggestions if (said.left, said.right) == (left, right)), None)
    groups = _groups(job)
    return PairExplanation(
        found or _told(job, rows[0], rows[1]),
        found is not None,
        told.get("threshold"),
        (groups.get(one, ""), groups.get(other, "")),
    )


def _told(job: Job, one: NDArray[np.int64], other: NDArray[np.int64]) -> Suggestion | None:
    pairs = candidate_pairs(job)
    if pairs.find(one, other)[0] < 0:
        return None
    ends = np.concatenate([one, other])
    around: PairTable = pairs.take(np.isin(pairs.left, ends) | np.isin(pairs.right, ends))
    return next(Teller(job, scored(job, around, job.pair_model)).suggestions(around.find(one, other)))


def _groups(job: Job) -> dict[str, str]:
    """Id of a product → id of its group."""
    if not job.folder.groups.is_file():
        return {}
    return {one.product: one.group for one in read_groups(job.folder.groups)}
