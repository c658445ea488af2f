"""The whole pipeline: from feeds to candidates, curve and report."""

from __future__ import annotations

import logging
import shutil
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from candidates.artifacts import write_json
from candidates.catalogue import Catalogue
from candidates.settings import Settings
from intake.feeds.several import FeedSource
from service.pipeline.changes import Changes
from service.pipeline.estimate import estimate
from service.pipeline.identity import building_name, generation_name
from service.pipeline.order import STEPS, between
from service.runs.choices import Choices
from service.runs.job import Job
from service.runs.manifest import write_manifest
from service.runs.run_folder import RunFolder, StepRecord, locked
from service.runs.store import Store

log = logging.getLogger("variants")


def run(feed: Path | Sequence[FeedSource], out: Path, settings: Settings) -> Job:
    """Runs every step into the folder `out`; skips work that is already done."""
    with locked(out):
        job = Job.start(out, feed, settings)
        _read(job)
        return _finish(job, ("ingest",))


@contextmanager
def encode(feed: Path | Sequence[FeedSource], out: Path, settings: Settings) -> Iterator[Job]:
    """Runs the steps up to the vectors into the folder `out`, which stays locked within the block."""
    with locked(out):
        job = Job.start(out, feed, settings)
        for name in between("ingest", "encode_images"):
            _run_step(name, job)
        yield job


def run_into_store(feed: Path | Sequence[FeedSource], store: Store, settings: Settings) -> Job:
    """Runs every step into a new generation of `store` and publishes it.

    Vectors and pictures of earlier generations are reused. The same feed, pictures and settings give the same
    generation: a second call only writes the pointer.
    """
    building = store.building(building_name(feed, settings))
    with locked(building):
        job = Job.start(building, feed, settings, store.work)
        _read(job, store)
        _run_step("fetch_pictures", job)
        identifier = generation_name(job)
        if store.generation(identifier).is_dir():
            shutil.rmtree(building)
        else:
            _finish(job, ("ingest", "fetch_pictures"))
        published = store.publish(building, identifier)
    return Job(Choices(RunFolder(published, store.work), settings))


def _log_changes(job: Job, store: Store) -> None:
    """Logs, and writes beside the results, how the catalogue differs from the current one."""
    if not store.has_current:
        return
    changes = Changes.between(Catalogue.open(store.current / "products.parquet"), job.catalogue)
    write_json(job.folder.changes, {"since": store.current.name, **changes.counts})
    log.info("since %s: %s", store.current.name, changes.in_words())


def _read(job: Job, store: Store | None = None) -> None:
    """Reads the feeds and logs the estimate, before anything is fetched or encoded."""
    _run_step("ingest", job)
    if store:
        _log_changes(job, store)
    expected = estimate(job)
    log.info("to do: %s", expected.in_words())
    expected.require_disk(job.folder.root)


def _finish(job: Job, done: Collection[str]) -> Job:
    """Runs the remaining steps in order, and writes the manifest."""
    for name in STEPS:
        if name not in done:
            _run_step(name, job)
    write_manifest(job)
    return job


def _run_step(name: str, job: Job) -> StepRecord:
    """Runs a step and logs its time and counts."""
    record = STEPS[name](job)
    counts = ", ".join(f"{name} {value}" for name, value in record.counts.items() if isinstance(value, int))
    log.info("%-15s %6.1f s  %s", record.name, record.seconds, counts)
    return record
