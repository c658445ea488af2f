"""The whole path: feed in, candidates, curve and report out."""

from __future__ import annotations

import logging
import shutil
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from candidates.artifacts import digest_of, write_json
from candidates.catalogue import Catalogue
from candidates.settings import Settings
from intake.feeds.several import FeedSource, feed_sources
from intake.picture_files import list_pictures
from service.pipeline.changes import Changes
from service.pipeline.estimate import estimate
from service.runs.job import Job
from service.runs.run_folder import RunFolder, StepRecord, locked
from service.runs.store import Store
from service.steps.classify import classify
from service.steps.describe import describe_pictures
from service.steps.encode_images import encode_images
from service.steps.encode_text import encode_text
from service.steps.evaluate import evaluate
from service.steps.expand import expand
from service.steps.fetch_pictures import fetch_pictures
from service.steps.group import group
from service.steps.ingest import ingest
from service.steps.learn import learn
from service.steps.learn_pairs import learn_pairs
from service.steps.plan import plan
from service.steps.project import project
from service.steps.report import report
from service.steps.retrieve import retrieve_images, retrieve_lexical, retrieve_text

log = logging.getLogger("variants")

STEPS: dict[str, Callable[[Job], StepRecord]] = {
    "ingest": ingest,
    "fetch_pictures": fetch_pictures,
    "encode_text": encode_text,
    "encode_images": encode_images,
    "learn": learn,
    "project": project,
    "plan": plan,
    "retrieve_text": retrieve_text,
    "retrieve_lexical": retrieve_lexical,
    "retrieve_images": retrieve_images,
    "expand": expand,
    "describe_pictures": describe_pictures,
    "learn_pairs": learn_pairs,
    "classify": classify,
    "group": group,
    "evaluate": evaluate,
    "report": report,
}
"""Every step, in order."""


def run(feed: Path | Sequence[FeedSource], out: Path, settings: Settings) -> Job:
    """Runs every step into the folder `out`; what is done already is not done again."""
    with locked(out):
        job = Job.start(out, feed, settings)
        _read(job)
        return _finish(job, ("ingest",))


@contextmanager
def encode(feed: Path | Sequence[FeedSource], out: Path, settings: Settings) -> Iterator[Job]:
    """Runs the steps up to the vectors into the folder `out`, which stays locked within the block."""
    with locked(out):
        job = Job.start(out, feed, settings)
        for step in (ingest, fetch_pictures, encode_text, encode_images):
            _say(step, job)
        yield job


def run_into_store(feed: Path | Sequence[FeedSource], store: Store, settings: Settings) -> Job:
    """Runs every step into a new generation of `store` and brings it into force.

    What the store's earlier generations encoded and fetched is not encoded and fetched again. The same feed,
    pictures and settings are the same generation: a second call only writes the pointer.
    """
    choices = settings.model_dump(mode="json")
    named = [(str(one.path.resolve()), one.seller) for one in feed_sources(feed)]
    building = store.building(digest_of(named, choices)[:16])
    with locked(building):
        job = Job.start(building, feed, settings, store.work)
        _read(job, store)
        _say(fetch_pictures, job)
        pictures = [(p.id, p.name, p.stamp) for p in list_pictures(job.catalogue, job.places)]
        identifier = digest_of(job.folder.require("ingest").key, choices, pictures)[:16]
        if store.generation(identifier).is_dir():
            shutil.rmtree(building)
        else:
            _finish(job, ("ingest", "fetch_pictures"))
        published = store.publish(building, identifier)
    return Job(RunFolder(published, store.work), settings)


def _say_changes(job: Job, store: Store) -> None:
    """Says, and writes beside the results, how the catalogue differs from the one in force."""
    if not store.has_current:
        return
    changes = Changes.between(Catalogue.open(store.current / "products.parquet"), job.catalogue)
    write_json(job.folder.changes, {"since": store.current.name, **changes.counts})
    log.info("since %s: %s", store.current.name, changes.in_words())


def _read(job: Job, store: Store | None = None) -> None:
    """Reads the feeds and says what is to be done, before anything is fetched or encoded."""
    _say(ingest, job)
    if store:
        _say_changes(job, store)
    expected = estimate(job)
    log.info("to do: %s", expected.in_words())
    expected.require_disk(job.folder.root)


def _finish(job: Job, done: Collection[str]) -> Job:
    """Runs the steps that are not done yet, in order, and writes the manifest."""
    for name, step in STEPS.items():
        if name not in done:
            _say(step, job)
    job.write_manifest()
    return job


def _say(step: Callable[[Job], StepRecord], job: Job) -> StepRecord:
    record = step(job)
    counts = ", ".join(f"{name} {value}" for name, value in record.counts.items() if isinstance(value, int))
    log.info("%-15s %6.1f s  %s", record.name, record.seconds, counts)
    return record
