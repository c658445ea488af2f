"""Evaluates the candidates, and every other strategy, against the feed's known groups."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

import numpy as np
from numpy.typing import NDArray

from candidates.artifacts import write_json, write_parquet
from candidates.provenance import Candidates
from candidates.run import Run
from eval.bootstrap import Interval, interval
from eval.curves import QuerySet, to_table
from eval.metrics import METRICS, by_group, judged, pairs_completeness, recall, reduction_ratio
from eval.plots import curves_png
from eval.slices import Slice, by_group_size, slices, within_and_across
from service.files.candidate_files import read_candidates
from service.learning.curve import Deep, deep_lists, gains, operating_points
from service.learning.held_out import candidates_of
from service.learning.missed import estimate_missed
from service.neighbours import depths
from service.runs.job import Job
from service.runs.run_folder import Counts, Step, StepRecord


def evaluate(job: Job) -> StepRecord:
    """Writes `curves.parquet`, `curves.png` and `evaluation.json`; without known groups, they are empty."""
    folder = job.folder
    inputs = {
        "candidates": folder.require("expand").key,
        "text": folder.require("retrieve_text").key,
        "images": folder.require("retrieve_images").key,
        "catalogue": folder.require("ingest").counts["catalogue"],
        "settings": job.settings.evaluation.model_dump(mode="json"),
        "merge": job.merge.model_dump(mode="json"),
        "learn": folder.require("learn").key,
        "fused": job.fused.model_dump(mode="json"),
        "global": job.settings.feed.groups_are_global,
    }
    outputs = (folder.root / "curves.parquet", folder.evaluation)
    return Step(folder, "evaluate", inputs, outputs).run(lambda: _measure(job))


def _measure(job: Job) -> Counts:
    rows = job.truth("evaluation").queries()
    if not len(rows):
        write_parquet(job.folder.root / "curves.parquet", to_table([]))
        write_json(job.folder.evaluation, {"queries": 0})
        (job.folder.root / "curves.png").unlink(missing_ok=True)  # left by an earlier run, whose feed had groups
        return {"queries": 0}
    deep = deep_lists(job)
    points = operating_points(job, deep)
    everything, own = _candidates(job, deep)
    found = _of_candidates(job, everything, own, deep.queries)
    write_parquet(job.folder.root / "curves.parquet", to_table(points))
    cost, reached = float(own.counts.mean()), found["recall"]["mean"]
    curves_png(points, job.folder.root / "curves.png", (cost, reached))
    document = {
        "queries": len(deep.queries.rows),
        "groups": len(np.unique(deep.queries.groups[deep.queries.groups >= 0])),
        "candidates": found,
        "metrics": _metric_rows(job, deep, own, found),
        "gains": gains(job, deep, points),
        "slices": [asdict(part) for part in _slices(job, own)],
        "folds": len(deep.held_out.queries.folds) if deep.held_out.cross_validated else 0,
        "missed": _missed(job, deep),
    }
    write_json(job.folder.evaluation, document)
    return {
        "queries": len(deep.queries.rows),
        "points": len(points),
        "recall": round(reached, 4),
        "candidates_per_product": cost,
        "folds": document["folds"],
    }


def _candidates(job: Job, deep: Deep) -> tuple[Candidates, Candidates]:
    """The candidates for metrics over all pairs, and those of the evaluated queries.

    The run's candidates use all known groups. If the spaces were learned from these groups, the queries are evaluated
    on cross-validated candidates instead, built in the same way but without the queries' own groups.
    """
    if deep.held_out.cross_validated:
        siblings = _siblings(job)
        own = deep.held_out.queries.each(lambda fold: candidates_of(fold, job.merge, siblings))
        return own, own
    everything = read_candidates(job.folder.candidates, job.catalogue.axis)
    return everything, everything.take(deep.queries.rows)


def _siblings(job: Job) -> NDArray[np.int32] | None:
    """Known groups whose members count towards no budget."""
    return job.truth("evaluation").groups if job.merge.collapse_known else None


def _missed(job: Job, deep: Deep) -> dict[str, Any]:
    """The estimate of variants outside the candidates, on a random sample of all products."""
    fair, depth, siblings = deep.held_out.fair, depths.curve_lists(job), _siblings(job)
    own = fair.each(lambda fold: candidates_of(fold, job.merge, siblings))
    text, image = fair.text.top(depth), fair.image.top(depth)
    found = estimate_missed(text, image, job.truth("evaluation"), own, seed=job.settings.run.seed)
    return asdict(found) | {"products": len(text), "of": len(job.catalogue)}


def _metric_rows(job: Job, deep: Deep, own: Candidates, found: dict[str, Any]) -> list[dict[str, Any]]:
    both = {"pairs completeness": found["pairs_completeness"], "reduction ratio": found["reduction_ratio"]}
    lists = [_row(name, run, deep.queries) for name, run in (("text", deep.text), ("image", deep.image))]
    chosen = _row(job.merge.strategy, own, deep.queries)
    return [chosen | {"chosen": True, "values": chosen["values"] | both}, *lists]


def _row(name: str, run: Run, queries: QuerySet) -> dict[str, Any]:
    lists = judged(run, queries.qrels)
    return {
        "strategy": name,
        "depth": int(run.counts.max(initial=0)),
        "candidates_per_product": float(run.counts.mean()),
        "values": {metric: float(np.nanmean(measure(lists))) for metric, measure in METRICS.items()},
        "chosen": False,
    }


def _of_candidates(job: Job, everything: Candidates, own: Candidates, queries: QuerySet) -> dict[str, Any]:
    lists = judged(own, job.truth("evaluation"))
    values = recall(lists, len(job.catalogue))
    reached: Interval = interval(values, queries.groups, resamples=job.settings.evaluation.bootstrap)
    return {
        "recall": asdict(reached),
        "recall_by_group": by_group(values, queries.groups),
        "candidates_per_product": float(own.counts.mean()),
        "pairs_completeness": pairs_completeness(everything, job.truth("evaluation")),
        "reduction_ratio": reduction_ratio(everything),
    }


def _slices(job: Job, own: Candidates) -> list[Slice]:
    lists = judged(own, job.truth("evaluation"))
    values = recall(lists, len(job.catalogue))
    groups = job.truth("evaluation").groups[lists.query_rows]
    categories, sellers = job.catalogue.column("product_type"), job.catalogue.column("seller")
    result = slices(
        "category", [categories[row].split(" > ")[0] or "(none)" for row in lists.query_rows], values, groups
    )
    result += by_group_size(lists, values, groups)
    if any(sellers):
        result += slices("seller", [sellers[row] or "(none)" for row in lists.query_rows], values, groups)
        result += within_and_across(own, job.truth("evaluation"), job.catalogue.codes("seller"), len(job.catalogue))
    return result
