"""The whole path: feed in, candidates, curve and report out."""

from __future__ import annotations

import logging
import shutil
from collections.abc import Callable
from pathlib import Path

from candidates.artifacts import digest_of
from candidates.settings import Settings
from service.job import Job
from service.picture_files import list_pictures
from service.run_folder import RunFolder, StepRecord, locked
from service.steps.encode_images import encode_images
from service.steps.encode_text import encode_text
from service.steps.evaluate import evaluate
from service.steps.expand import expand
from service.steps.ingest import ingest
from service.steps.report import report
from service.steps.retrieve import retrieve_images, retrieve_text
from service.store import Store

log = logging.getLogger("variants")

STEPS: dict[str, Callable[[Job], StepRecord]] = {
    "ingest": ingest,
    "encode_text": encode_text,
    "encode_images": encode_images,
    "retrieve_text": retrieve_text,
    "retrieve_images": retrieve_images,
    "expand": expand,
    "evaluate": evaluate,
    "report": report,
}
"""Every step, in order."""


def run(feed: Path, out: Path, settings: Settings) -> Job:
    """Runs every step into the folder `out`; what is done already is not done again."""
    with locked(out):
        return _steps(Job.start(out, feed, settings))


def run_into_store(feed: Path, store: Store, settings: Settings) -> Job:
    """Runs every step into a new generation of `store` and brings it into force.

    The same feed, pictures and settings are the same generation: a second call only writes the pointer.
    """
    choices = settings.model_dump(mode="json")
    building = store.building(digest_of(str(feed.resolve()), choices)[:16])
    with locked(building):
        job = Job.start(building, feed, settings, store.work)
        _say(ingest, job)
        pictures = [(p.id, p.name, p.stamp) for p in list_pictures(job.catalogue, job.pictures)]
        identifier = digest_of(job.folder.require("ingest").key, choices, pictures)[:16]
        if store.generation(identifier).is_dir():
            shutil.rmtree(building)
        else:
            _steps(job)
        published = store.publish(building, identifier)
    return Job(RunFolder(published, store.work), settings)


def _steps(job: Job) -> Job:
    for step in STEPS.values():
        _say(step, job)
    job.write_manifest()
    return job


def _say(step: Callable[[Job], StepRecord], job: Job) -> StepRecord:
    record = step(job)
    counts = ", ".join(f"{name} {value}" for name, value in record.counts.items() if isinstance(value, int))
    log.info("%-15s %6.1f s  %s", record.name, record.seconds, counts)
    return record
