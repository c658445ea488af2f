"""Evaluates a generation of candidates, and compares it with the previous evaluation."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq

from candidates.artifacts import atomic_folder, digest_file, write_json
from candidates.errors import VariantsError
from candidates.pairs import PairTable
from candidates.qrels import VARIANT, Qrels
from eval.curves import OperatingPoint, from_table, pareto
from service.batches.lines import Batch, Lines, linked_copy, new_batch, publish_generation, published
from service.batches.publishing import Opener, open_uri
from service.files.candidate_files import read_candidates
from service.files.judgements import read_judgements
from service.pipeline.order import between, run_steps
from service.runs.job import Job
from service.runs.run_folder import Counts, locked

SUMMARY = "summary.json"
"""The figures by which two evaluations are compared."""

_KEPT = ("curves.parquet", "curves.png", "evaluation.json", "report.html", "precision.json")
"""The files of a run that make up its evaluation."""

_ALIKE = 0.9
"""Two generations have similar cost if the smaller number of candidates is at least this share of the larger."""


class RecallDropped(VariantsError):
    """Recall of the candidates is lower than in the previous evaluation."""


def measure(store: str, publish: str, generation: str, blind: str, run: str) -> Batch:
    """Evaluates a generation of candidates (default: the current one), and writes its report.

    Args:
        store: The store.
        publish: URI to publish to as well, or empty.
        generation: The generation's identifier, or empty.
        blind: CSV of judgements on a blind sample of pairs (left_id, right_id, verdict), or empty. Judgements on
            suggested pairs can't measure recall: all of them are candidates.
        run: The scheduler's run.
    """
    lines = Lines(Path(store))
    source = lines.generation("candidates", generation)
    # The blind sample grows while the candidates stay the same; they are then evaluated again.
    identifier = f"{source.name}-{digest_file(Path(blind))[:8]}" if blind else source.name
    batch = new_batch(store, publish, "evaluations", identifier, run)
    if published(batch):
        return batch
    building = Path(batch["building"])
    copy = lines.building(f"evaluated-{identifier}")
    with locked(building):
        linked_copy(source, copy)
        job = Job.of(copy)
        run_steps(job, between("evaluate", "report"))
        summary = _summary(job, blind)
        with atomic_folder(building) as temporary:
            for name in _KEPT:
                if (copy / name).is_file():
                    shutil.copyfile(copy / name, temporary / name)
            write_json(temporary / SUMMARY, summary)
        shutil.rmtree(copy)
    return batch


def _summary(job: Job, blind: str) -> dict[str, Any]:
    counts = job.folder.require("evaluate").counts
    cost = job.folder.require("expand").counts["candidates"] / max(1, len(job.catalogue))
    return {
        "queries": counts["queries"],
        "recall": counts.get("recall"),
        "candidates_per_product": cost,
        "blind": _blind_recall(job, Path(blind)) if blind else {},
    }


def _blind_recall(job: Job, path: Path) -> dict[str, Any]:
    """Recall of the candidates on the variants in a blind sample of pairs."""
    no_groups = np.full(len(job.catalogue), -1, np.int32)
    judged = read_judgements(path, Qrels(job.catalogue.axis, no_groups, np.zeros_like(no_groups)))
    variants = judged.keys[judged.values == VARIANT]
    left, right = np.divmod(variants, len(job.catalogue))
    pairs = PairTable.of_candidates(read_candidates(job.folder.candidates, job.catalogue.axis))
    found = int((pairs.find(left, right) >= 0).sum())
    return {"variants": len(variants), "found": found, "recall": found / len(variants) if len(variants) else None}


def folder_of(batch: Batch) -> Path:
    """The folder of an evaluation, before or after it is published."""
    return published(batch) or Path(batch["building"])


def summary_of(batch: Batch) -> Counts:
    """The figures of an evaluation, and the paths of its report and curve."""
    folder = folder_of(batch)
    summary = json.loads((folder / SUMMARY).read_text("utf-8"))
    found = {name: summary[name] for name in ("queries", "recall", "candidates_per_product")}
    return {"report": str(folder / "report.html"), "curve": str(folder / "curves.parquet"), **found}


def compare(batch: Batch, margin: float) -> Counts:
    """Compares an evaluation with the current one.

    They are compared at equal cost: the recall of the curve at the earlier number of candidates per product and, if
    both have about as many candidates, the recall of the candidates, also on the blind sample.

    Raises:
        RecallDropped: Recall is lower by more than the margin; the earlier evaluation stays current.
    """
    before = Lines(Path(batch["store"])).current("evaluations")
    after = folder_of(batch)
    drops = _drops(before, after) if before and before.name != batch["generation"] else {}
    worst = max(drops.values(), default=0.0)
    if worst > margin:
        words = "; ".join(f"{name}: {-drop:+.3f}" for name, drop in drops.items() if drop > margin)
        raise RecallDropped(
            f"recall of candidates {batch['generation']} is lower than that of {before.name if before else ''} "
            f"({words}; margin {margin:.3f})",
            f"Read {after / 'report.html'}; point STORE/current back to the earlier generation if needed",
        )
    return {"against": before.name if before else "", "worst_drop": round(worst, 4)}


def _drops(before: Path, after: Path) -> dict[str, float]:
    """The drop of recall, for each comparison that both evaluations allow."""
    old, new = (json.loads((folder / SUMMARY).read_text("utf-8")) for folder in (before, after))
    drops = {}
    cost = old["candidates_per_product"]
    reached = [_reached(from_table(pq.read_table(folder / "curves.parquet")), cost) for folder in (before, after)]
    if None not in reached:
        drops["curve"] = float(reached[0] or 0) - float(reached[1] or 0)
    alike = min(cost, new["candidates_per_product"]) >= _ALIKE * max(cost, new["candidates_per_product"])
    if alike and None not in (old["recall"], new["recall"]):
        drops["candidates"] = old["recall"] - new["recall"]
    blind = [summary["blind"].get("recall") for summary in (old, new)]
    if alike and None not in blind:
        drops["blind sample"] = blind[0] - blind[1]
    return drops


def _reached(points: list[OperatingPoint], cost: float) -> float | None:
    """The best recall on a curve at no more than `cost` candidates per product."""
    affordable = [point.recall for point in pareto(points) if point.candidates_per_product <= cost]
    return max(affordable, default=None)


def publish(batch: Batch, opener: Opener = open_uri) -> Counts:
    """Publishes an evaluation: the next one is compared with it."""
    publish_generation(batch, opener)
    return summary_of(batch)
