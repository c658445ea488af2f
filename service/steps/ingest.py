"""Reads the feeds into a catalogue; unusable rows are refused, with line and reason."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from candidates.artifacts import digest_file, digest_of
from candidates.errors import FeedError
from intake.feeds.several import Feeds, ReadFeed, read_feeds
from service.runs.job import Job
from service.runs.refusals import keep_refusals
from service.runs.run_folder import Counts, Step, StepRecord


def ingest(job: Job) -> StepRecord:
    """Reads the feeds and writes `products.parquet` and the refused rows.

    Raises:
        FeedError: A feed can't be read, it has no usable row, or a larger share of its rows is refused than
            `feed.max_refused` allows; `refused.csv` then lists the rows and reasons.
    """
    sources, folder = job.choices.feeds, job.folder
    inputs = {
        "feeds": [[str(source.path), source.seller, _content(source.path)] for source in sources],
        "settings": job.settings.feed.model_dump(mode="json"),
    }

    def work() -> Counts:
        feeds = read_feeds(sources, job.settings.feed)
        keep_refusals(folder, "ingest", feeds.refused)
        _refuse_bad_feeds(feeds.read, job.settings.feed.max_refused, folder.refused)
        feeds.catalogue.save(folder.products)
        return _counts(feeds)

    return Step(folder, "ingest", inputs, (folder.products, folder.refused)).run(work)


def _content(path: Path) -> str:
    try:
        return digest_file(path)
    except OSError as error:
        raise FeedError(f"{path}: {error.strerror}", "Name a feed file that can be read") from error


def _refuse_bad_feeds(read: Sequence[ReadFeed], most: float, written: Path) -> None:
    for entry in read:
        refused, rows = len(entry.feed.refused), entry.feed.rows
        if refused > most * rows:
            first = entry.feed.refused[0]
            raise FeedError(
                f"{entry.source.path}: {refused:,} of its {rows:,} rows ({refused / rows:.0%}) were refused, more than "
                f"feed.max_refused ({most:.0%}) allows; the first at {first.where}: {first.reason}",
                f"{written} lists every one and its fix; fix the feed, or raise feed.max_refused in the settings",
            )


def _counts(feeds: Feeds) -> Counts:
    each = [
        {
            "path": str(entry.source.path),
            "seller": entry.source.seller,
            "first": entry.first,
            "pictures": str(entry.feed.pictures.resolve()),
            "format": entry.feed.format,
            "detected_by": entry.feed.detected_by,
            "rows": entry.feed.rows,
            "products": len(entry.feed.catalogue),
            "refused": len(entry.feed.refused),
            "merged": len(entry.feed.merged),
        }
        for entry in feeds.read
    ]
    totals = {
        name: sum(int(str(counts[name])) for counts in each) for name in ("rows", "products", "refused", "merged")
    }
    return {**totals, "feeds": each, "catalogue": digest_of(feeds.catalogue.column("digest"))}
