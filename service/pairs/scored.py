"""A run's candidate pairs with their features and probabilities."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from candidates.pairs import PairTable
from fusion.pairs.classifier import PairModel, Scores
from fusion.pairs.unsupervised import contributions_of, unsupervised_score
from service.files.candidate_files import read_candidates
from service.pairs.pair_features import own_features
from service.runs.job import Job


@dataclass(frozen=True, eq=False)
class ScoredPairs:
    """Candidate pairs with features and probabilities.

    Attributes:
        table: The pairs and their features.
        values: float (m,): probability of each pair; without a model a score that is not a probability.
        model: The classifier; None if nothing was learned.
        scores: Its output; None without a model.
    """

    table: PairTable
    values: NDArray[np.floating]
    model: PairModel | None
    scores: Scores | None

    @property
    def names(self) -> list[str]:
        """Names of the columns of `matrix`."""
        return list(self.model.all_names) if self.model else list(self.table.columns)

    def matrix(self, places: NDArray[np.integer]) -> NDArray[np.float32]:
        """The features of the pairs at these positions and, with a model, their collective features; float32."""
        own = self._own(places)
        return own if self.scores is None else np.concatenate([own, self.scores.collective[places]], axis=1)

    def weights(self, places: NDArray[np.integer], threads: int) -> NDArray[np.floating]:
        """Contribution of each column to the value of each pair, float (len(places), columns)."""
        own, names = self._own(places), list(self.table.columns)
        if self.model is None or self.scores is None:
            return contributions_of(own, names)
        return self.model.contributions(own, names, self.scores.collective[places], threads)

    def _own(self, places: NDArray[np.integer]) -> NDArray[np.float32]:
        return np.stack([column[places] for column in self.table.columns.values()], axis=1)


def candidate_pairs(job: Job) -> PairTable:
    """The candidate pairs of a run, each once."""
    return PairTable.of_candidates(read_candidates(job.folder.candidates, job.catalogue.axis))


def scored(job: Job, pairs: PairTable, model: PairModel | None) -> ScoredPairs:
    """Computes features and probabilities of pairs; without a model unsupervised scores."""
    table = own_features(job, pairs)
    matrix, names = table.matrix(), list(table.columns)
    if model is None:
        return ScoredPairs(table, unsupervised_score(matrix, names), None, None)
    scores = model.score(matrix, names, table.left, table.right, len(job.catalogue), job.threads)
    return ScoredPairs(table, scores.probabilities, model, scores)
