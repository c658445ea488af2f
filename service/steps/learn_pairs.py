"""Trains the classifier of candidate pairs on the feed's known groups and on judgements."""

from __future__ import annotations

import numpy as np

from candidates.artifacts import digest_of
from candidates.pairs import PairTable
from candidates.qrels import Qrels
from fusion.pairs.classifier import FEWEST_GROUPS, TooLittleKnown
from service.neighbours.build import build_lexical_index
from service.pairs.learned_pairs import (
    features_key,
    held_out_features,
    keep_judged,
    learn_classifier,
    measure_precision,
)
from service.runs.job import Job
from service.runs.run_folder import Counts, Step, StepRecord


def learn_pairs(job: Job) -> StepRecord:
    """Writes `pair-model/` and its cross-validated quality, `precision.json`, if enough groups are known.

    Features and probabilities are both cross-validated by group: they come from spaces and classifiers that were
    learned without either product's group.
    """
    folder, own = job.folder, job.choices.learns_from_groups and job.choices.fuses and job.settings.pairs.classify
    inputs = {
        "own": own,
        "pairs": digest_of(features_key(job)),
        "judgements": digest_of(job.truth("judgements").keys.tolist(), job.truth("judgements").values.tolist()),
        "settings": job.settings.groups.model_dump(mode="json"),
    }

    def work() -> Counts:
        folder.precision.unlink(missing_ok=True)
        if not own:
            return {"learned": False, "why": _why_not(job)}
        truth = job.truth("classifier")
        several = np.bincount(truth.groups[truth.groups >= 0]) > 1
        if several.sum() < FEWEST_GROUPS:
            return {"learned": False, "why": f"it needs {FEWEST_GROUPS} known groups, and the feed has {several.sum()}"}
        build_lexical_index(job)
        return _learned(job, held_out_features(job), truth)

    return Step(folder, "learn_pairs", inputs).run(work)


def _why_not(job: Job) -> str:
    """Why no classifier is trained, for people."""
    if not job.settings.pairs.classify:
        return "classification is switched off"
    if job.settings.learn.model:
        return "a model was given"
    if not job.choices.learns_from_groups:
        return "learning from the feed's groups is switched off"
    return f"the strategy {job.merge.strategy!r} fuses no lists, which the features of pairs need"


def _learned(job: Job, table: PairTable, truth: Qrels) -> Counts:
    try:
        learned = learn_classifier(table, truth, job)
    except TooLittleKnown as error:
        return {"learned": False, "why": str(error)}
    learned.model.save(job.folder.pair_model)
    keep_judged(job, table, learned)
    figures = measure_precision(job, table, learned.held_out, truth)
    figures.save(job.folder.precision)
    return {"learned": True, "pairs": len(table), "average_precision": figures.pairs.average_precision}
