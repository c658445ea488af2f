"""What a run would do with a feed, said beforehand."""

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
        read: What reading the feeds counted.
        catalogue: The catalogue that would come into force.
        since: The generation in force, or empty where there is none.
        changes: How the catalogue differs from that of the generation in force; all new where there is none.
        estimate: What the run would take.
    """

    read: Counts
    catalogue: Catalogue
    since: str
    changes: Changes
    estimate: Estimate


def preview(feeds: Sequence[FeedSource], store: Store | None, settings: Settings) -> Preview:
    """Reads feeds and compares them with the generation in force; writes nothing that stays.

    Raises:
        FeedError: As `variants run` would.
    """
    with tempfile.TemporaryDirectory() as folder:
        work = store.work if store else Path(folder) / "work"
        job = Job.start(Path(folder) / "run", feeds, settings, work)
        read = ingest(job).counts
        in_force = store is not None and store.has_current
        since = store.current if store is not None and in_force else None
        before = Catalogue.open(since / "products.parquet") if since else Catalogue.of([])
        changes = Changes.between(before, job.catalogue)
        return Preview(read, job.catalogue, since.name if since else "", changes, estimate(job))
