"""From a generation of candidates to its curve, compared with the one before."""

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
from service.batches.lines import Batch, Lines, begun, bring_into_force, linked_copy, published
from service.batches.publishing import Opener, open_uri
from service.files.candidate_files import read_candidates
from service.files.judgements import read_judgements
from service.pipeline.order import between, run_steps
from service.runs.job import Job
from service.runs.run_folder import Counts, locked

SUMMARY = "summary.json"
"""What two evaluations are compared by."""

_KEPT = ("curves.parquet", "curves.png", "evaluation.json", "report.html", "precision.json")
"""The files of a run that are its evaluation."""

_ALIKE = 0.9
"""Two generations cost alike where one has at least so many candidates as the other, as a share."""


class RecallDropped(VariantsError):
    """Candidates find fewer known variants than those that were evaluated before."""


def measure(store: str, publish: str, generation: str, blind: str, run: str) -> Batch:
    """Measures a generation of candidates, the one in force where none is named, and writes its report.

    Args:
        store: The store.
        publish: URI to publish to as well, or empty.
        generation: The generation's identifier, or empty.
        blind: CSV of judgements on pairs drawn blindly (left_id, right_id, verdict), or empty. Judgements on
            pairs that were shown are no measure: the candidates hold every one of them.
        run: Who asks.
    """
    lines = Lines(Path(store))
    source = lines.generation("candidates", generation)
    # What was drawn blindly grows while the candidates stay, and then they are measured anew.
    identifier = f"{source.name}-{digest_file(Path(blind))[:8]}" if blind else source.name
    batch = begun(store, publish, "evaluations", identifier, run)
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
    """The share of the variants in a blind sample of pairs that are candidates."""
    nothing = np.full(len(job.catalogue), -1, np.int32)
    judged = read_judgements(path, Qrels(job.catalogue.axis, nothing, np.zeros_like(nothing)))
    variants = judged.keys[judged.values == VARIANT]
    left, right = np.divmod(variants, len(job.catalogue))
    pairs = PairTable.of_candidates(read_candidates(job.folder.candidates, job.catalogue.axis))
    found = int((pairs.find(left, right) >= 0).sum())
    return {"variants": len(variants), "found": found, "recall": found / len(variants) if len(variants) else None}


def folder_of(batch: Batch) -> Path:
    """Where an evaluation lies by now."""
    return published(batch) or Path(batch["building"])


def said(batch: Batch) -> Counts:
    """What an evaluation found, and where its report is."""
    folder = folder_of(batch)
    summary = json.loads((folder / SUMMARY).read_text("utf-8"))
    found = {name: summary[name] for name in ("queries", "recall", "candidates_per_product")}
    return {"report": str(folder / "report.html"), "curve": str(folder / "curves.parquet"), **found}


def compare(batch: Batch, margin: float) -> Counts:
    """Compares an evaluation with the one in force.

    Two are compared at equal cost: what the whole curve reaches at the earlier one's candidates per product, and,
    where both have about as many candidates, what the candidates themselves reach. On a blind sample as well.

    Raises:
        RecallDropped: Recall is lower by more than the margin; the earlier evaluation stays in force.
    """
    before = Lines(Path(batch["store"])).in_force("evaluations")
    after = folder_of(batch)
    drops = _drops(before, after) if before and before.name != batch["generation"] else {}
    worst = max(drops.values(), default=0.0)
    if worst > margin:
        words = "; ".join(f"{name}: {-drop:+.3f}" for name, drop in drops.items() if drop > margin)
        raise RecallDropped(
            f"candidates {batch['generation']} find less than {before.name if before else ''} did ({words}; margin "
            f"{margin:.3f})",
            f"Read {after / 'report.html'}; STORE/current can be pointed back while it is looked into",
        )
    return {"against": before.name if before else "", "worst_drop": round(worst, 4)}


def _drops(before: Path, after: Path) -> dict[str, float]:
    """By how much recall is lower, for each way to compare that both evaluations allow."""
    old, new = (json.loads((folder / SUMMARY).read_text("utf-8")) for folder in (before, after))
    drops = {}
    cost = old["candidates_per_product"]
    reached = [_reached(from_table(pq.read_table(one / "curves.parquet")), cost) for one in (before, after)]
    if None not in reached:
        drops["curve"] = float(reached[0] or 0) - float(reached[1] or 0)
    alike = min(cost, new["candidates_per_product"]) >= _ALIKE * max(cost, new["candidates_per_product"])
    if alike and None not in (old["recall"], new["recall"]):
        drops["candidates"] = old["recall"] - new["recall"]
    blind = [one["blind"].get("recall") for one in (old, new)]
    if alike and None not in blind:
        drops["blind sample"] = blind[0] - blind[1]
    return drops


def _reached(points: list[OperatingPoint], cost: float) -> float | None:
    """The best recall on a curve for no more than so many candidates per product."""
    affordable = [one.recall for one in pareto(points) if one.candidates_per_product <= cost]
    return max(affordable, default=None)


def publish(batch: Batch, opener: Opener = open_uri) -> Counts:
    """Brings an evaluation into force: the next one is compared with it."""
    bring_into_force(batch, opener)
    return said(batch)
