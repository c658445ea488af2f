"""Reads a feed into a catalogue; what can't be used is refused by line, with the reason."""

from __future__ import annotations

from candidates.artifacts import digest_bytes, digest_of
from candidates.errors import FeedError
from candidates.feeds import read_feed
from service.job import Job
from service.refusals import keep_refusals
from service.run_folder import Counts, Step, StepRecord


def ingest(job: Job) -> StepRecord:
    """Reads the feed and writes `products.parquet` and the refused rows.

    Raises:
        FeedError: The feed can't be read, or nothing in it can be used.
    """
    feed, folder = job.feed, job.folder
    try:
        content = digest_bytes(feed.read_bytes())
    except OSError as error:
        raise FeedError(f"{feed}: {error.strerror}", "Name a feed file that can be read") from error
    inputs = {"feed": str(feed), "content": content, "settings": job.settings.feed.model_dump(mode="json")}

    def work() -> Counts:
        read = read_feed(feed, job.settings.feed)
        read.catalogue.save(folder.products)
        keep_refusals(folder, "ingest", read.refused)
        return {
            "pictures": str(read.pictures.resolve()),
            "format": read.format,
            "detected_by": read.detected_by,
            "rows": read.rows,
            "products": len(read.catalogue),
            "refused": len(read.refused),
            "catalogue": digest_of(read.catalogue.column("digest")),
        }

    return Step(folder, "ingest", inputs, (folder.products, folder.refused)).run(work)
