"""Weights of the fused lists, learned from held-out lists of known groups."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from fusion.merge.learned_weights import LearnedWeights, learn_weights
from service.learning.held_out import held_out
from service.runs.job import Job


@dataclass(frozen=True)
class FusedWeights:
    """Learned weights, as values of the settings.

    Attributes:
        learned: The learned weights, and whether they are worth using.
    """

    learned: LearnedWeights

    @property
    def chosen_settings(self) -> dict[str, float]:
        """The weights to use: the learned ones if they find significantly more, otherwise those of the settings."""
        image, text, lexical = self.learned.chosen.weights
        return {"image_weight": image, "text_weight": text, "lexical_weight": lexical, "k": self.learned.chosen.k}

    def as_json(self) -> dict[str, Any]:
        """Plain values."""
        return asdict(self.learned)


def learned_weights(job: Job, budget: int) -> FusedWeights | None:
    """Learns the weights of the three lists at a budget; None if no group may be used for learning.

    The lists are held out, but recall is later measured on the same groups that the weights were learned from. This
    bias is small: three numbers are fitted to hundreds of groups, and they are used only if the gain is significant.
    """
    known = job.truth("learning").queries()
    if not len(known):
        return None
    found = held_out(job).queries
    places = np.flatnonzero(np.isin(found.rows, known))
    seed, threads = job.settings.run.seed, job.threads
    learned = learn_weights(
        found.rankings(), job.truth("evaluation"), places, budget, k=job.settings.fused.k, seed=seed, threads=threads
    )
    return FusedWeights(learned)
