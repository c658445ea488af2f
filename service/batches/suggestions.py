"""Builds a generation of candidates and suggestions from one of indexes, for people to review."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, TypedDict

from candidates.artifacts import digest_file, digest_of, write_json
from candidates.catalogue import Catalogue
from candidates.suggestion import read_suggestions, write_suggestions_csv
from service.batches.indexes import Shard, shards
from service.batches.lines import (
    Batch,
    Lines,
    do,
    in_work,
    linked_copy,
    new_batch,
    opened,
    publish_generation,
    published,
)
from service.batches.publishing import Opener, open_uri
from service.pipeline.changes import Changes
from service.pipeline.order import between
from service.runs.job import Job
from service.runs.manifest import write_manifest
from service.runs.run_folder import Counts, locked
from service.steps.expand import expand

BATCH = "batch.json"
"""Which indexes a generation of candidates was built from, and what it was compared with."""

REVIEW = "review.csv"
"""The suggestions to review."""


class Choices(TypedDict, total=False):
    """Settings that a run may override; None keeps those of the indexes."""

    strategy: str | None
    n: int | None
    k: int | None
    budget: int | None
    only_new: bool
    judgements: str | None


def start(store: str, publish: str, indexes: str, choices: Choices, run: str) -> Batch:
    """Starts a generation of candidates from a generation of indexes (default: the current one).

    Raises:
        RunFolderError: There is no such generation.
        SettingsError: A choice is invalid.
    """
    lines = Lines(Path(store))
    source = lines.generation("indexes", indexes)
    since = _since(lines, source.name)
    sections = _sections(choices)
    judged = choices.get("judgements")
    content = digest_file(Path(judged)) if judged and Path(judged).is_file() else ""
    settings = Job.of(source).settings.model_dump(mode="json")
    only_new = bool(choices.get("only_new"))
    identifier = digest_of("candidates", source.name, settings, sections, content, only_new and since)[:16]
    batch = new_batch(store, publish, "candidates", identifier, run)
    if not published(batch):
        building = Path(batch["building"])
        with locked(building):
            linked_copy(source, building)
            Job.of(building).changed(sections)
            write_json(building / BATCH, {"indexes": source.name, "since": since, "only_new": only_new})
    return batch


def _sections(choices: Choices) -> dict[str, dict[str, Any]]:
    strategy, n, k = choices.get("strategy"), choices.get("n"), choices.get("k")
    # N and K are parameters of the hop: setting either selects the paper's strategy.
    merge = {"strategy": strategy or ("hop" if n or k else None), "n": n, "k": k, "budget": choices.get("budget")}
    judged = choices.get("judgements")
    pairs = {"judgements": str(Path(judged).resolve()) if judged else None}
    sections: dict[str, dict[str, Any]] = {"merge": merge, "pairs": pairs}
    kept = {name: {k: v for k, v in values.items() if v is not None} for name, values in sections.items()}
    return {name: values for name, values in kept.items() if values}


def _since(lines: Lines, indexes: str) -> str:
    """The latest candidates built from other indexes; products are new or changed relative to them."""
    current = lines.current("candidates")
    about = _about(current) if current else {}
    if about.get("indexes") == indexes:
        return str(about["since"])
    return current.name if current else ""


def _about(folder: Path) -> dict[str, Any]:
    path = folder / BATCH
    return json.loads(path.read_text("utf-8")) if path.is_file() else {}


def look_up(batch: Batch) -> Counts:
    """Chooses the strategy, and searches the indexes to the depth that it needs."""
    return do(batch, *between("plan", "retrieve_images"))


def parts(batch: Batch, most: int) -> list[Shard]:
    """Ranges of products whose candidates are built separately; each is a whole number of files."""
    job = opened(batch)
    return shards(len(job.catalogue), most, job.settings.run.part)


def merge(batch: Batch, shard: Shard) -> Counts:
    """Builds the candidates of one shard."""
    if published(batch):
        return {"candidates": 0}
    return expand(opened(batch), slice(shard["start"], shard["stop"])).counts


def finish_candidates(batch: Batch) -> Counts:
    """Counts the candidates of all shards."""
    return do(batch, "expand")


def classify(batch: Batch) -> Counts:
    """Estimates the probability of each pair."""
    return do(batch, *between("describe_pictures", "classify"))


def group(batch: Batch) -> Counts:
    """Builds groups from probable pairs."""
    return do(batch, "group")


def publish(batch: Batch, opener: Opener = open_uri) -> Counts:
    """Writes `review.csv`, and publishes the generation."""
    with in_work(batch, "publish") as job:
        if job:
            _write_review(job, Lines(Path(batch["store"])))
            write_manifest(job)
    folder = publish_generation(batch, opener)
    job = Job.of(folder)
    return {
        "generation": batch["generation"],
        "folder": str(folder),
        "review": str(folder / REVIEW),
        "to_review": (folder / REVIEW).read_text("utf-8").count("\n") - 1,  # one line per suggestion
        "candidates": job.folder.require("expand").counts["candidates"],
    }


def _write_review(job: Job, lines: Lines) -> None:
    """Writes `review.csv`: all suggestions, or only those with a new or changed product."""
    about, suggestions = _about(job.folder.root), []
    if job.folder.suggestions.is_file():
        suggestions = list(read_suggestions(job.folder.suggestions))
    if about["only_new"] and about["since"]:
        before = Catalogue.open(lines.line("candidates").generation(about["since"]) / "products.parquet")
        changes = Changes.between(before, job.catalogue)
        new = {job.catalogue.axis[row] for rows in (changes.new, changes.changed) for row in rows.tolist()}
        suggestions = [pair for pair in suggestions if pair.left in new or pair.right in new]
    titles = dict(zip(job.catalogue.axis, job.catalogue.column("title"), strict=True))
    write_suggestions_csv(job.folder.root / REVIEW, suggestions, titles)
