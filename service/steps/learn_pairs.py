"""Learns which candidates are variants, from the groups that the feed itself knows and from judgements."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from candidates.artifacts import digest_of
from candidates.errors import VariantsError
from candidates.pairs import PairTable
from candidates.qrels import Qrels, Source
from fusion.pairs.classifier import FEWEST_GROUPS, LearnedPairs, TooLittleKnown, learn_pair_model, source_weights
from service.neighbours.lookups import drop_others
from service.pairs.pair_features import held_out_pairs
from service.pairs.precision import Precision, precision_of
from service.runs.job import Job
from service.runs.progress import track
from service.runs.run_folder import Counts, Step, StepRecord


def learn_pairs(job: Job) -> StepRecord:
    """Writes `pair-model/` and how right it is on groups held out, `precision.json`, where enough is known.

    The features come from spaces, and the probabilities from classifiers, that neither product's group had a part in.
    """
    folder, own = job.folder, job.teaches and job.fuses and job.settings.pairs.classify
    inputs = {
        "own": own,
        "pairs": digest_of(_made_of(job)),
        "judgements": digest_of(job.judged.keys.tolist(), job.judged.values.tolist()),
        "settings": job.settings.groups.model_dump(mode="json"),
    }

    def work() -> Counts:
        folder.precision.unlink(missing_ok=True)
        if not own:
            return {"learned": False, "why": _why_not(job)}
        truth = job.lessons_and_judgements
        several = np.bincount(truth.groups[truth.groups >= 0]) > 1
        if several.sum() < FEWEST_GROUPS:
            return {"learned": False, "why": f"it takes {FEWEST_GROUPS} known groups, {several.sum()} are there"}
        return _learned(job, _kept(job), truth)

    return Step(folder, "learn_pairs", inputs).run(work)


def _why_not(job: Job) -> str:
    """Why nothing was to be learned, in words."""
    if not job.settings.pairs.classify:
        return "nothing is to be classified"
    if job.settings.learn.model:
        return "a model was given"
    if not job.teaches:
        return "it was told to learn nothing from the feed's groups"
    return f"the strategy {job.merge.strategy!r} fuses no lists, from which pairs are described"


def _made_of(job: Job) -> dict[str, Any]:
    """What the features of the pairs of groups held out depend on."""
    return {
        "learn": job.folder.require("learn").key,
        "plan": job.folder.require("plan").key,
        "looks": job.folder.require("describe_pictures").key,
        "groups": digest_of(job.lessons.groups.tolist()),
        "fused": job.fused.model_dump(mode="json"),
    }


def _learned(job: Job, table: PairTable, truth: Qrels) -> Counts:
    try:
        learned = learned_model(table, truth, job)
    except TooLittleKnown as error:
        return {"learned": False, "why": str(error)}
    learned.model.save(job.folder.pair_model)
    _keep_judged(job, table, learned)
    figures = measured(job, table, learned.held_out, truth)
    figures.save(job.folder.precision)
    return {"learned": True, "pairs": len(table), "average_precision": figures.pairs.average_precision}


def _kept(job: Job) -> PairTable:
    """The pairs of groups held out with their features; kept, since they take a while."""
    path = job.folder.work / "pairs" / f"held-out-{digest_of(_made_of(job))[:12]}.parquet"
    if not path.is_file():
        held_out_pairs(job).save(path)
        drop_others(path.parent, "held-out-*", path)
    return PairTable.open(path, job.catalogue.axis)


def _judged_path(job: Job) -> Path:
    judged, seed = job.judged, job.settings.run.seed
    made_of = digest_of(_made_of(job), judged.keys.tolist(), judged.values.tolist(), seed)
    return job.folder.work / "pairs" / f"judged-{made_of[:12]}.parquet"


def _keep_judged(job: Job, table: PairTable, learned: LearnedPairs) -> PairTable:
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
    table, path = _kept(job), _judged_path(job)
    if path.is_file():
        return table, PairTable.open(path, job.catalogue.axis)
    return table, _keep_judged(job, table, learned_model(table, job.lessons_and_judgements, job))


def learned_model(table: PairTable, truth: Qrels, job: Job, bound: NDArray[np.integer] | None = None) -> LearnedPairs:
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


def measured(job: Job, table: PairTable, probabilities: NDArray[np.floating], truth: Qrels) -> Precision:
    """How right pairs and groups are, by the truth at hand and the settings of groups."""
    groups, sellers = job.settings.groups, job.catalogue.codes("seller")
    return precision_of(table, probabilities, truth, sellers, threshold=groups.threshold, most=groups.largest)
