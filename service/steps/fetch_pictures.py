"""Fetches the pictures that the feeds give as URLs."""

from __future__ import annotations

from collections.abc import Sequence

from candidates.artifacts import digest_of
from candidates.errors import PictureError
from intake.picture_files import FetchedPicture, write_fetched
from service.runs.job import Job
from service.runs.progress import counted
from service.runs.remaining import cache_folder, picture_urls
from service.runs.run_folder import Counts, Step, StepRecord


def fetch_pictures(job: Job) -> StepRecord:
    """Fetches every URL once into the work folder's cache and writes `image/fetched.parquet`.

    A picture that can't be fetched is refused when pictures are read; its product stays, with text alone. The next
    run tries failed pictures again, unless the cache has recorded a permanent failure.
    """
    urls, folder = picture_urls(job), job.folder
    inputs = {"urls": digest_of(urls), "settings": job.settings.fetch.model_dump(mode="json")}
    step = Step(folder, "fetch_pictures", inputs, (folder.fetched,))
    before = step.done()
    if before is not None and before.counts["refused"]:
        step.forget()

    def work() -> Counts:
        fetched = _fetched(job, urls)
        write_fetched(folder.fetched, fetched)
        refused = sum(not picture.path for picture in fetched.values())
        return {"urls": len(urls), "fetched": len(urls) - refused, "refused": refused}

    return step.run(work)


def _fetched(job: Job, urls: Sequence[str]) -> dict[str, FetchedPicture]:
    from intake.fetching.fetch import fetch_pictures as fetch

    if not urls:
        return {}
    with counted("fetching pictures", len(urls)) as progress:
        outcomes = fetch(urls, cache_folder(job), job.settings.fetch, progress)
    return {
        url: FetchedPicture("", outcome.what, outcome.fix)
        if isinstance(outcome, PictureError)
        else FetchedPicture(str(outcome.path))
        for url, outcome in outcomes.items()
    }
