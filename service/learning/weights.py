"""Weights of the fused lists, learned from known groups that had no part in the lists."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from fusion.merge.learned_weights import LearnedWeights, learn_weights
from service.learning.held_out import held_out
from service.runs.job import Job


@dataclass(frozen=True)
class FusedWeights:
    """What was learned, in the words of the settings.

    Attributes:
        learned: What was learned, and whether it is worth using.
    """

    learned: LearnedWeights

    @property
    def chosen_settings(self) -> dict[str, float]:
        """The weights to use: the learned ones where they find more than chance explains, else those set."""
        image, text, lexical = self.learned.chosen.weights
        return {"image_weight": image, "text_weight": text, "lexical_weight": lexical, "k": self.learned.chosen.k}

    def as_json(self) -> dict[str, Any]:
        """Plain values."""
        return asdict(self.learned)


def learned_weights(job: Job, budget: int) -> FusedWeights | None:
    """Learns the weights of the three lists at a budget; None where no group may be learned from.

    The lists are those of groups held out. With weights learned from the same groups recall is then measured on them
    too: three numbers from hundreds of groups flatter it by less than what decides whether they are used at all.
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
