"""The classifier that a run learns from its own known pairs, and what is kept of them for later analysis."""

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
    """What the features of the pairs of groups held out depend on."""
    return {
        "learn": job.folder.require("learn").key,
        "plan": job.folder.require("plan").key,
        "looks": job.folder.require("describe_pictures").key,
        "groups": digest_of(job.truth("learning").groups.tolist()),
        "fused": job.fused.model_dump(mode="json"),
    }


def held_out_features(job: Job) -> PairTable:
    """The pairs of groups held out with their features; kept, since they take a while."""
    path = job.folder.work / "pairs" / f"held-out-{digest_of(features_key(job))[:12]}.parquet"
    if not path.is_file():
        held_out_pairs(job).save(path)
        drop_others(path.parent, "held-out-*", path)
    return PairTable.open(path, job.catalogue.axis)


def _judged_path(job: Job) -> Path:
    judged, seed = job.truth("judgements"), job.settings.run.seed
    made_of = digest_of(features_key(job), judged.keys.tolist(), judged.values.tolist(), seed)
    return job.folder.work / "pairs" / f"judged-{made_of[:12]}.parquet"


def keep_judged(job: Job, table: PairTable, learned: LearnedPairs) -> PairTable:
    """Keeps what both stages say of the pairs of groups held out, for who looks into it afterwards."""
    path, columns = _judged_path(job), {"probability": learned.held_out, "first": learned.first}
    told = {name: values.astype(np.float32) for name, values in columns.items()}
    made = PairTable(table.items, table.left, table.right, told)
    made.save(path)
    drop_others(path.parent, "judged-*", path)
    return made


def judged_held_out(job: Job) -> tuple[PairTable, PairTable]:
    """What a finished run learned its classifier from, and what classifiers that did not know each pair say of it.

    Returns:
        The pairs of groups held out with their features; and the same pairs with their `probability` and what the
        `first` stage came to, by classifiers that neither product's group had a part in. Learned once more where
        the work folder has them no longer.

    Raises:
        VariantsError: The run learned no classifier.
    """
    counts = job.folder.require("learn_pairs").counts
    if not counts["learned"]:
        raise VariantsError(
            f"this run learned no classifier: {counts.get('why', 'it had nothing to')}",
            "Run a feed with more known groups",
        )
    table, path = held_out_features(job), _judged_path(job)
    if path.is_file():
        return table, PairTable.open(path, job.catalogue.axis)
    return table, keep_judged(job, table, learn_classifier(table, job.truth("classifier"), job))


def learn_classifier(
    table: PairTable, truth: Qrels, job: Job, bound: NDArray[np.integer] | None = None
) -> LearnedPairs:
    """The classifier that these pairs teach.

    Args:
        table: Candidate pairs with features that their own groups had no part in.
        truth: What is known about them.
        job: The run.
        bound: int (n,): groups that must stay in one fold; those of `truth` where not given.
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
    """How right pairs and groups are, by the truth at hand and the settings of groups."""
    groups, sellers = job.settings.groups, job.catalogue.codes("seller")
    return precision_of(table, probabilities, truth, sellers, threshold=groups.threshold, most=groups.largest)
