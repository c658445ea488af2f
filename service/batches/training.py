"""Trains a generation of models on known groups and new judgements; published only if it beats the current one.

A tenth of the known groups, the decisive ones, are held out from every published model. They are selected by a digest
of their names, so they stay the same from week to week, and any two models can be compared on them.
"""

from __future__ import annotations

import csv
import json
import shutil
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from candidates.artifacts import atomic, digest_bytes, digest_file, digest_of, write_json
from candidates.catalogue import Catalogue
from candidates.errors import VariantsError
from candidates.qrels import Qrels
from eval.bootstrap import difference
from eval.metrics import judged, recall
from service.batches.lines import Batch, Lines, linked_copy, new_batch, publish_generation, published
from service.batches.publishing import Opener, open_uri
from service.files.candidate_files import read_candidates
from service.pairs.learned_pairs import measure_precision
from service.pairs.scored import candidate_pairs, scored
from service.pipeline.order import between, run_steps
from service.pipeline.train import train
from service.runs.job import Job
from service.runs.run_folder import Counts, StepRecord, locked

DECISIVE = 10
"""One in this many groups is decisive."""

VERDICT = "decisive.json"
"""The figures of a new and the current model on the decisive groups."""

_STEPS = between("encode_images", "expand")
"""The steps whose results depend on the model, up to the candidates."""


def is_decisive(group: str) -> bool:
    """Whether a group is held out from training, by a digest of its name."""
    return int(digest_bytes(group.encode())[:8], 16) % DECISIVE == 0


def decisive_rows(catalogue: Catalogue) -> NDArray[np.bool_]:
    """The products of decisive groups, bool (n,)."""
    return np.array([bool(name) and is_decisive(name) for name in catalogue.column("group")], bool)


def learn(store: str, publish: str, judgements: str, run: str) -> Batch:
    """Trains a model on the current indexes, without their decisive groups.

    Args:
        store: The store.
        publish: URI to publish to as well, or empty.
        judgements: CSV of judged pairs, or empty.
        run: The scheduler's run.

    Raises:
        RunFolderError: There are no current indexes.
    """
    lines = Lines(Path(store))
    source = lines.generation("indexes")
    content = digest_file(Path(judgements)) if judgements else ""
    identifier = digest_of("models", source.name, content, DECISIVE)[:16]
    batch = new_batch(store, publish, "models", identifier, run)
    building = Path(batch["building"])
    if published(batch) or building.is_dir():
        return batch
    with locked(building):
        lesson = lines.building(f"lesson-{identifier}")
        shutil.rmtree(lesson, ignore_errors=True)
        linked_copy(source, lesson)
        job = _without_decisive(Job.of(lesson), Path(judgements) if judgements else None)
        run_steps(job, ["encode_images"])
        train(job, building)
        shutil.rmtree(lesson)
    return batch


def _without_decisive(job: Job, judgements: Path | None) -> Job:
    """The run without any group or judgement of products in decisive groups."""
    catalogue, hidden = job.catalogue, decisive_rows(job.catalogue)
    groups = ["" if hide else name for hide, name in zip(hidden, catalogue.column("group"), strict=True)]
    table = catalogue.table
    place = table.column_names.index("group")
    column = pa.array(groups, table.schema.field(place).type)
    Catalogue(table.set_column(place, table.schema.field(place), column)).save(job.folder.products)
    record = job.folder.require("ingest")
    counts = record.counts | {"catalogue": digest_of(record.counts["catalogue"], groups)}
    _write_record(job, replace(record, counts=counts))
    pairs = {"judgements": ""}
    if judgements:
        kept = job.folder.root / "judgements.csv"
        _copy_judgements(judgements, kept, {name for name, hide in zip(catalogue.axis, hidden, strict=True) if hide})
        pairs["judgements"] = str(kept.resolve())
    learning = {"model": "", "train": True, "spaces": "learned"}
    return Job.of(job.folder.root).changed({"pairs": pairs, "learn": learning})


def _write_record(job: Job, record: StepRecord) -> None:
    write_json(job.folder.steps / f"{record.name}.json", asdict(record))


def _copy_judgements(source: Path, target: Path, hidden: set[str]) -> None:
    """Copies the judgements in which no hidden product occurs."""
    with source.open(encoding="utf-8-sig", newline="") as file:
        rows = list(csv.reader(file))
    named = [rows[0].index(name) for name in ("left_id", "right_id") if name in rows[0]] if rows else []
    with atomic(target) as temporary, temporary.open("w", encoding="utf-8", newline="") as file:
        kept = [row for row in rows if not any(place < len(row) and row[place] in hidden for place in named)]
        csv.writer(file).writerows(kept)


def compare(batch: Batch) -> Counts:
    """Evaluates a new and the current model on the decisive groups; writes the figures beside the new model.

    Raises:
        VariantsError: The catalogue has no decisive group with two products.
    """
    folder = published(batch)
    if folder is None:
        building, lines = Path(batch["building"]), Lines(Path(batch["store"]))
        with locked(building):
            write_json(building / VERDICT, _verdict(lines, building, batch["generation"]))
    verdict = json.loads(((folder or Path(batch["building"])) / VERDICT).read_text("utf-8"))
    return {name: value for name, value in verdict.items() if name != "interval"}


def _verdict(lines: Lines, model: Path, identifier: str) -> dict[str, Any]:
    serving = lines.current("models")
    new, groups, precision = _decisive_figures(lines, model, identifier)
    if not len(new):
        raise VariantsError(
            "no decisive group has two products in the catalogue", "Add groups to the feed; a tenth of them is decisive"
        )
    figures = {"recall": float(new.mean()), "average_precision": precision, "queries": len(new)}
    if serving is None:
        return figures | {"against": "", "beats": True}
    old, _, before = _decisive_figures(lines, serving, f"{identifier}-before")
    gain = difference(new, old, groups)
    ahead = (gain.mean, (precision or 0.0) - (before or 0.0))
    return figures | {
        "against": serving.name,
        "recall_before": float(old.mean()),
        "average_precision_before": before,
        "gain": gain.mean,
        "interval": [gain.low, gain.high],
        # Recall and average precision no lower, and at least one of them higher.
        "beats": bool(min(ahead) >= 0 and max(ahead) > 0),
    }


def _decisive_figures(
    lines: Lines, model: Path, name: str
) -> tuple[NDArray[np.float64], NDArray[np.int32], float | None]:
    """Recall of each product in a decisive group, its group, and the average precision of pairs."""
    copy = lines.building(f"decisive-{name}")
    shutil.rmtree(copy, ignore_errors=True)
    linked_copy(lines.generation("indexes"), copy)
    merge = {"strategy": "planned"}
    job = Job.of(copy).changed({"learn": {"model": str(model.resolve())}, "merge": merge, "groups": {"known": "keep"}})
    run_steps(job, _STEPS)
    truth = _decisive_truth(job)
    queries = truth.queries()
    candidates = read_candidates(job.folder.candidates, job.catalogue.axis)
    values = recall(judged(candidates.take(queries), truth), len(job.catalogue))
    precision = _average_precision(job, truth) if len(queries) else None
    shutil.rmtree(copy)
    return values, truth.groups[queries], precision


def _decisive_truth(job: Job) -> Qrels:
    groups = np.where(decisive_rows(job.catalogue), job.truth("evaluation").groups, -1).astype(np.int32)
    return replace(job.truth("evaluation"), groups=groups)


def _average_precision(job: Job, truth: Qrels) -> float | None:
    """Average precision of a model's classifier on pairs of decisive groups; None if it has no classifier."""
    if job.given_model is None or job.given_model.pairs is None or not job.settings.pairs.classify:
        return None
    run_steps(job, ["describe_pictures"])
    pairs = scored(job, candidate_pairs(job), job.given_model.pairs)
    return float(measure_precision(job, pairs.table, pairs.values, truth).pairs.average_precision)


def publish(batch: Batch, opener: Opener = open_uri) -> Counts:
    """Publishes a model if it beats the current one; otherwise reports that and changes nothing."""
    folder = published(batch) or Path(batch["building"])
    verdict = json.loads((folder / VERDICT).read_text("utf-8"))
    if verdict["beats"]:
        publish_generation(batch, opener)
    return {"published": verdict["beats"], "generation": batch["generation"], "against": verdict["against"]}
