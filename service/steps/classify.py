"""Estimates for every candidate pair the probability that the two are variants; explains the suggested pairs."""

from __future__ import annotations

import shutil
from typing import Any

import numpy as np
from numpy.typing import NDArray

from candidates.artifacts import digest_of
from candidates.pairs import PairTable
from candidates.qrels import UNJUDGED
from candidates.suggestion import write_suggestions, write_suggestions_csv
from service.neighbours.build import build_lexical_index
from service.pairs.learned_pairs import measure_precision
from service.pairs.scored import ScoredPairs, candidate_pairs, scored
from service.pairs.suggesting import SuggestionWriter
from service.runs.job import Job
from service.runs.run_folder import Counts, Step, StepRecord


def classify(job: Job) -> StepRecord:
    """Writes `pairs/`, `suggestions.parquet` and `suggestions.csv`.

    With a classifier, each pair has a probability. Without one (no groups are known to train it) pairs are ordered by a
    score that is not a probability, and at most as many pairs as products are suggested.
    """
    folder, on = job.folder, job.settings.pairs.classify
    model = job.pair_model if on else None
    inputs = {
        "on": on,
        "candidates": folder.require("expand").key,
        "plan": folder.require("plan").key,
        "looks": folder.require("describe_pictures").key,
        "model": model.version if model else "",
        "settings": job.settings.pairs.model_dump(mode="json"),
        "judgements": digest_of(job.truth("judgements").keys.tolist(), job.truth("judgements").values.tolist()),
        "groups": digest_of(job.truth("suggestions").groups.tolist()),
        "truth": digest_of(job.truth("evaluation").groups.tolist()) if job.given_model else "",
    }

    def work() -> Counts:
        if not on:
            return {"classified": False}
        build_lexical_index(job)
        return _write(job, scored(job, candidate_pairs(job), model))

    outputs = (folder.pairs, folder.suggestions, folder.suggestions_csv) if on else ()
    return Step(folder, "classify", inputs, outputs).run(work)


def _write(job: Job, pairs: ScoredPairs) -> Counts:
    """Writes pairs and suggestions; returns the counts."""
    folder, table, model = job.folder, pairs.table, pairs.model
    name = "probability" if model else "score"
    plain = PairTable(table.items, table.left, table.right, {name: pairs.values.astype(np.float32)})
    if folder.pairs.is_dir():
        shutil.rmtree(folder.pairs)
    plain.save(folder.pairs / f"part-{0:09d}-{len(plain):09d}.parquet")
    threshold = _threshold(job, pairs)
    shown = _shown(job, pairs, threshold)
    suggestions = list(SuggestionWriter(job, pairs).suggestions(shown))
    write_suggestions(folder.suggestions, suggestions)
    titles = dict(zip(job.catalogue.axis, job.catalogue.column("title"), strict=True))
    write_suggestions_csv(folder.suggestions_csv, suggestions, titles)
    if model and job.given_model and len(job.truth("evaluation").queries()):
        # The model was trained elsewhere, so the groups of this catalogue are held out and can evaluate it.
        measure_precision(job, table, pairs.values, job.truth("evaluation")).save(folder.precision)
    counts: dict[str, Any] = {"classified": True, "pairs": len(plain), "suggestions": len(shown), "by": name}
    return counts | ({"threshold": threshold} if model else {})


def _shown(job: Job, pairs: ScoredPairs, threshold: float) -> NDArray[np.int64]:
    """Rows of the suggested pairs, most probable first: not yet known, above the threshold, at most `pairs.most`."""
    left, right = pairs.table.left, pairs.table.right
    groups = job.truth("suggestions").groups
    known = (groups[left] == groups[right]) & (groups[left] >= 0)
    judged = job.truth("judgements").judge(left, right) != UNJUDGED
    places = np.flatnonzero((pairs.values >= threshold) & ~known & ~judged)
    order = np.argsort(-pairs.values[places], kind="stable")
    return places[order[: job.settings.pairs.most]]


def _threshold(job: Job, pairs: ScoredPairs) -> float:
    """Threshold of suggestions: for the wanted precision or, without a classifier, for as many pairs as products."""
    if pairs.model:
        return pairs.model.threshold_for(job.settings.pairs.precision).probability
    # Nobody would review more suggestions than there are products.
    wanted, values = min(len(pairs.values), len(job.catalogue)), pairs.values
    return float(np.partition(values, len(values) - wanted)[-wanted]) if wanted else 0.0
