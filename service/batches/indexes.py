"""Builds a generation of indexes from a feed: read, encode shard by shard, index, audit, publish."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import TypedDict

from candidates.errors import VariantsError
from candidates.settings import Settings
from intake.feeds.several import FeedSource
from intake.picture_files import list_pictures
from service.batches.audit import read_audit
from service.batches.lines import Batch, Lines, do, in_work, new_batch, opened, publish_generation, published
from service.batches.publishing import Opener, open_uri
from service.pipeline.estimate import estimate
from service.pipeline.identity import building_name, generation_name
from service.pipeline.order import between
from service.runs.job import Job
from service.runs.manifest import write_manifest
from service.runs.run_folder import Counts, locked
from service.steps.encode_images import encode_images
from service.steps.encode_text import encode_text
from service.steps.fetch_pictures import fetch_pictures
from service.steps.ingest import ingest

MOST_SHARDS = 1000
"""Schedulers map a task over at most 1,024 shards by default."""


class Shard(TypedDict):
    """A range of rows, from `start` up to, but not including, `stop`."""

    start: int
    stop: int


def feeds_of(words: str, date: str) -> tuple[FeedSource, ...]:
    """Feeds named by a Param: FEED or SELLER=FEED, separated by spaces; `{date}` in a path is the run's date."""
    named = [word.replace("{date}", date) for word in words.split()]
    if not named:
        raise VariantsError("no feed is set", "Set the Param `feed`, or VARIANTS_FEED where the scheduler runs")
    return tuple(map(FeedSource.of, named))


def chosen(settings: str, store: Path) -> Settings:
    """Settings from a file (or defaults), with the store's current model unless they name one or use none."""
    result = Settings.read(Path(settings) if settings else None)
    model = Lines(store).current("models")
    learn = result.learn
    if model is None or learn.model or not learn.train or learn.spaces == "encoded":
        return result
    return result.model_copy(update={"learn": learn.model_copy(update={"model": str(model.resolve())})})


def read_feed(feed: str, date: str, store: str, publish: str, settings: str, run: str) -> Batch:
    """Reads the feeds and fetches their pictures, which determines the identifier of the generation.

    Raises:
        FeedError: As `variants run` would.
        DiskFull: The generation would not fit.
    """
    lines, sources = Lines(Path(store)), feeds_of(feed, date)
    run_settings = chosen(settings, Path(store))
    building = lines.building(f"indexes-{building_name(sources, run_settings)}")
    with locked(building):
        job = Job.start(building, sources, run_settings, lines.work)
        ingest(job)
        estimate(job).require_disk(building)
        fetch_pictures(job)
        identifier = generation_name(job, "indexes")
        batch = new_batch(store, publish, "indexes", identifier, run, building)
        if published(batch):
            shutil.rmtree(building)
    return batch


def text_shards(batch: Batch, most: int) -> list[Shard]:
    """Ranges of products whose texts are encoded separately."""
    job = opened(batch)
    return shards(len(job.catalogue), most, job.settings.run.chunk)


def image_shards(batch: Batch, most: int) -> list[Shard]:
    """Ranges of picture files that are encoded separately; computes the base that all of them need."""
    with in_work(batch, "base") as job:
        if job:
            encode_images(job, slice(0, 0))
    job = opened(batch)
    count = sum(picture.path is not None for picture in list_pictures(job.catalogue, job.places))
    return shards(count, most, job.settings.run.chunk)


def shards(count: int, most: int, chunk: int) -> list[Shard]:
    """At most `most` ranges of rows, each of whole chunks, so that results don't depend on the number of shards."""
    if not 0 < most <= MOST_SHARDS:
        raise VariantsError(f"{most} shards were asked for", f"Ask for 1 to {MOST_SHARDS}")
    chunks = -(-count // chunk)
    size = -(-chunks // most) * chunk
    return [Shard(start=start, stop=min(start + size, count)) for start in range(0, count, size)] if count else []


def encode_texts(batch: Batch, shard: Shard) -> Counts:
    """Encodes the texts of one shard that have no vector yet."""
    if published(batch):
        return {"encoded": 0}
    return encode_text(opened(batch), slice(shard["start"], shard["stop"])).counts


def encode_pictures(batch: Batch, shard: Shard) -> Counts:
    """Encodes the pictures of one shard that have no vector yet."""
    if published(batch):
        return {"encoded": 0}
    return encode_images(opened(batch), slice(shard["start"], shard["stop"])).counts


def gather_vectors(batch: Batch) -> Counts:
    """Gathers the vectors of all shards, and projects them into the spaces that are searched."""
    return do(batch, *between("encode_text", "plan"))


def build_text_index(batch: Batch) -> Counts:
    """Builds the text index, and finds every product's neighbours."""
    return do(batch, "retrieve_text")


def build_image_index(batch: Batch) -> Counts:
    """Builds the image index, and finds every product's neighbours."""
    return do(batch, "retrieve_images")


def publish(batch: Batch, opener: Opener = open_uri) -> Counts:
    """Publishes an audited generation; raises `VariantsError` if it did not pass its audit."""
    with in_work(batch, "publish") as job:
        if job:
            if not read_audit(job.folder.root)["passed"]:
                raise VariantsError(f"{batch['generation']} did not pass its audit", "Audit it before it is published")
            write_manifest(job)
    folder = publish_generation(batch, opener)
    return {"generation": batch["generation"], "folder": str(folder), "products": len(Job.of(folder).catalogue)}
