"""From a feed to a generation of indexes: read, encode shard by shard, index, audit, publish."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import TypedDict

from candidates.errors import VariantsError
from candidates.settings import Settings
from intake.feeds.several import FeedSource
from intake.picture_files import list_pictures
from service.batches.audit import read_audit
from service.batches.lines import Batch, Lines, begun, bring_into_force, do, in_work, opened, published
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
    """A range of rows, from `start` up to and without `stop`."""

    start: int
    stop: int


def feeds_of(words: str, date: str) -> tuple[FeedSource, ...]:
    """Feeds as a Param names them: FEED or SELLER=FEED, parted by spaces; `{date}` in a path is the run's date."""
    named = [word.replace("{date}", date) for word in words.split()]
    if not named:
        raise VariantsError("no feed is named", "Set the Param `feed`, or VARIANTS_FEED where the scheduler runs")
    return tuple(map(FeedSource.of, named))


def chosen(settings: str, store: Path) -> Settings:
    """Settings from a file (defaults where none is named), with the store's model in force where they name none."""
    made = Settings.read(Path(settings) if settings else None)
    model = Lines(store).in_force("models")
    if model is None or made.learn.model or not made.learn.train or made.learn.spaces == "encoded":
        return made
    return made.model_copy(update={"learn": made.learn.model_copy(update={"model": str(model.resolve())})})


def read_feed(feed: str, date: str, store: str, publish: str, settings: str, run: str) -> Batch:
    """Reads the feeds and fetches their pictures: what the generation will be made of is known from here on.

    Raises:
        FeedError: As `variants run` would.
        DiskFull: It would not fit.
    """
    lines, sources = Lines(Path(store)), feeds_of(feed, date)
    made = chosen(settings, Path(store))
    building = lines.building(f"indexes-{building_name(sources, made)}")
    with locked(building):
        job = Job.start(building, sources, made, lines.work)
        ingest(job)
        estimate(job).require_disk(building)
        fetch_pictures(job)
        identifier = generation_name(job, "indexes")
        batch = begun(store, publish, "indexes", identifier, run, building)
        if published(batch):
            shutil.rmtree(building)
    return batch


def text_shards(batch: Batch, most: int) -> list[Shard]:
    """Ranges of products whose texts are encoded apart."""
    job = opened(batch)
    return shards(len(job.catalogue), most, job.settings.run.chunk)


def image_shards(batch: Batch, most: int) -> list[Shard]:
    """Ranges of the catalogue's picture files that are encoded apart; makes the base that all of them need."""
    with in_work(batch, "base") as job:
        if job:
            encode_images(job, slice(0, 0))
    job = opened(batch)
    found = sum(one.path is not None for one in list_pictures(job.catalogue, job.places))
    return shards(found, most, job.settings.run.chunk)


def shards(count: int, most: int, chunk: int) -> list[Shard]:
    """At most so many ranges of rows, each of whole chunks: the same numbers come out however many there are."""
    if not 0 < most <= MOST_SHARDS:
        raise VariantsError(f"{most} shards were asked for", f"Ask for 1 to {MOST_SHARDS}")
    chunks = -(-count // chunk)
    size = -(-chunks // most) * chunk
    return [Shard(start=start, stop=min(start + size, count)) for start in range(0, count, size)] if count else []


def encode_texts(batch: Batch, shard: Shard) -> Counts:
    """Encodes the texts of one shard; nothing that was encoded before."""
    if published(batch):
        return {"encoded": 0}
    return encode_text(opened(batch), slice(shard["start"], shard["stop"])).counts


def encode_pictures(batch: Batch, shard: Shard) -> Counts:
    """Encodes the pictures of one shard; nothing that was encoded before."""
    if published(batch):
        return {"encoded": 0}
    return encode_images(opened(batch), slice(shard["start"], shard["stop"])).counts


def gather_vectors(batch: Batch) -> Counts:
    """Gathers what the shards encoded, and brings it into the spaces that are searched."""
    return do(batch, *between("encode_text", "plan"))


def build_text_index(batch: Batch) -> Counts:
    """Builds the text index, and asks it for every product's neighbours."""
    return do(batch, "retrieve_text")


def build_image_index(batch: Batch) -> Counts:
    """Builds the image index, and asks it for every product's neighbours."""
    return do(batch, "retrieve_images")


def publish(batch: Batch, opener: Opener = open_uri) -> Counts:
    """Brings an audited generation into force; `VariantsError` where it did not pass its audit."""
    with in_work(batch, "publish") as job:
        if job:
            if not read_audit(job.folder.root)["passed"]:
                raise VariantsError(f"{batch['generation']} did not pass its audit", "Audit it before it is published")
            write_manifest(job)
    folder = bring_into_force(batch, opener)
    return {"generation": batch["generation"], "folder": str(folder), "products": len(Job.of(folder).catalogue)}
