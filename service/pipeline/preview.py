"""Previews what a run would do with feeds."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from candidates.catalogue import Catalogue
from candidates.settings import Settings
from intake.feeds.several import FeedSource
from service.pipeline.changes import Changes
from service.pipeline.estimate import Estimate, estimate
from service.runs.job import Job
from service.runs.run_folder import Counts
from service.runs.store import Store
from service.steps.ingest import ingest


@dataclass(frozen=True, eq=False)
class Preview:
    """What a run would do.

    Attributes:
        read: Counts of reading the feeds.
        catalogue: The catalogue that would become current.
        since: The current generation, or empty if there is none.
        changes: How the catalogue differs from that of the current generation; all new if there is none.
        estimate: The estimated cost of the run.
    """

    read: Counts
    catalogue: Catalogue
    since: str
    changes: Changes
    estimate: Estimate


def preview(feeds: Sequence[FeedSource], store: Store | None, settings: Settings) -> Preview:
    """Reads feeds and compares them with the current generation; leaves no files behind.

    Raises:
        FeedError: As `variants run` would.
    """
    with tempfile.TemporaryDirectory() as folder:
        work = store.work if store else Path(folder) / "work"
        job = Job.start(Path(folder) / "run", feeds, settings, work)
        read = ingest(job).counts
        since = store.current if store is not None and store.has_current else None
        before = Catalogue.open(since / "products.parquet") if since else Catalogue.of([])
        changes = Changes.between(before, job.catalogue)
        return Preview(read, job.catalogue, since.name if since else "", changes, estimate(job))
