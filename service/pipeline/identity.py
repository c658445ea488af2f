"""Identifiers of generations: digests of everything that the results depend on, so that a retry finds its own work."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from candidates.artifacts import digest_of
from candidates.settings import Settings
from intake.feeds.several import FeedSource, feed_sources
from intake.picture_files import list_pictures
from service.runs.job import Job

_LENGTH = 16


def building_name(feed: Path | Sequence[FeedSource], settings: Settings) -> str:
    """Identifies a generation before its feeds are read, by feeds and settings."""
    sources = [(str(source.path.resolve()), source.seller) for source in feed_sources(feed)]
    return digest_of(sources, settings.model_dump(mode="json"))[:_LENGTH]


def generation_name(job: Job, *line: str) -> str:
    """Identifies a generation once its feeds are read and its pictures fetched.

    Args:
        job: The run so far.
        line: The line of generations it belongs to, if there are several.
    """
    pictures = [(picture.id, picture.name, picture.stamp) for picture in list_pictures(job.catalogue, job.places)]
    read = job.folder.require("ingest").key
    return digest_of(*line, read, job.settings.model_dump(mode="json"), pictures)[:_LENGTH]
