"""The classifier that a run learns from its own known pairs, and its out-of-fold results, kept for later analysis."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from candidates.artifacts import digest_of
from candidates.errors import VariantsError
from candidates.pairs import PairTable
from candidates.qrels import Qrels, Source
from fusion.pairs.classifier import LearnedPairs, learn_pair_model, source_weights
from service.neighbours.build import drop_others
from service.pairs.pair_features import held_out_pairs
from service.pairs.precision import Precision, precision_of
from service.runs.job import Job
from service.runs.progress import track


def features_key(job: Job) -> dict[str, Any]:
    """Everything that the held-out features depend on, for their digest."""
    return {
        "learn": job.folder.require("learn").key,
        "plan": job.folder.require("plan").key,
        "looks": job.folder.require("describe_pictures").key,
        "groups": digest_of(job.truth("learning").groups.tolist()),
        "fused": job.fused.model_dump(mode="json"),
    }


def held_out_features(job: Job) -> PairTable:
    """Known pairs with features from spaces learned without their groups; cached, because they take a while."""
    path = job.folder.work / "pairs" / f"held-out-{digest_of(features_key(job))[:12]}.parquet"
    if not path.is_file():
        held_out_pairs(job).save(path)
        drop_others(path.parent, "held-out-*", path)
    return PairTable.open(path, job.catalogue.axis)


def _judged_path(job: Job) -> Path:
    judged, seed = job.truth("judgements"), job.settings.run.seed
    key = digest_of(features_key(job), judged.keys.tolist(), judged.values.tolist(), seed)
    return job.folder.work / "pairs" / f"judged-{key[:12]}.parquet"


def keep_judged(job: Job, table: PairTable, learned: LearnedPairs) -> PairTable:
    """Saves the out-of-fold results of both stages for the held-out pairs, for later analysis."""
    path, columns = _judged_path(job), {"probability": learned.held_out, "first": learned.first}
    results = {name: values.astype(np.float32) for name, values in columns.items()}
    judged = PairTable(table.items, table.left, table.right, results)
    judged.save(path)
    drop_others(path.parent, "judged-*", path)
    return judged


def judged_held_out(job: Job) -> tuple[PairTable, PairTable]:
    """The pairs that a finished run learned its classifier from, and their out-of-fold results.

    Returns:
        The held-out pairs with their features; and the same pairs with their `probability` and the output of the
        `first` stage, from classifiers learned without the groups of either product. Both are recomputed if the work
        folder no longer has them.

    Raises:
        VariantsError: The run learned no classifier.
    """
    counts = job.folder.require("learn_pairs").counts
    if not counts["learned"]:
        raise VariantsError(
            f"this run learned no classifier: {counts.get('why', 'there was nothing to learn from')}",
            "Run a feed with more known groups",
        )
    table, path = held_out_features(job), _judged_path(job)
    if path.is_file():
        return table, PairTable.open(path, job.catalogue.axis)
    return table, keep_judged(job, table, learn_classifier(table, job.truth("classifier"), job))


def learn_classifier(
    table: PairTable, truth: Qrels, job: Job, bound: NDArray[np.integer] | None = None
) -> LearnedPairs:
    """Learns the classifier.

    Args:
        table: Candidate pairs with features from spaces learned without their groups.
        truth: Known groups and judgements.
        job: The run.
        bound: int (n,): groups that must stay in one fold; by default those of `truth`.
    """
    sources = truth.source(table.left, table.right)
    return learn_pair_model(
        table.matrix(),
        list(table.columns),
        table.left,
        table.right,
        truth.judge(table.left, table.right),
        truth.groups if bound is None else bound,
        weights=source_weights(np.asarray(sources, np.int64)) if (sources == Source.JUDGEMENT).any() else None,
        seed=job.settings.run.seed,
        threads=job.threads,
        track=track,
    )


def measure_precision(job: Job, table: PairTable, probabilities: NDArray[np.floating], truth: Qrels) -> Precision:
    """Measures pairs and groups by the truth, with the run's settings for groups."""
    groups, sellers = job.settings.groups, job.catalogue.codes("seller")
    return precision_of(table, probabilities, truth, sellers, threshold=groups.threshold, most=groups.largest)
