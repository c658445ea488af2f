"""Asks the indexes for every product's neighbours, by text and by image."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from eval.slices import index_recall

from candidates.run import Run
from fusion.merge.strategies import image_depth
from service.job import Job
from service.lookups import (
    Lookup,
    TextLookup,
    drop_others,
    exact_image,
    exact_text,
    image_lookup,
    text_lookup,
)
from service.progress import track
from service.run_folder import Counts, Step, StepRecord

_AT = (10, 100)
"""Depths at which an index is compared with exact search, besides the depth asked for."""


def retrieve_text(job: Job) -> StepRecord:
    """The N nearest products of each by text, in `text/neighbours-…/`, and the index's recall against exact."""
    depth = max(job.settings.merge.n, job.settings.merge.budget)
    inputs = {
        "vectors": job.folder.require("encode_text").key,
        "settings": job.settings.text.model_dump(mode="json", exclude={"batch"}),
        "depth": depth,
        "part": job.settings.run.part,
    }

    def work() -> Counts:
        lookup = text_lookup(job)
        truth = exact_text(lookup) if isinstance(lookup, TextLookup) else None
        return _neighbours(job, "text", lookup, depth, step.key) | _against_exact(job, lookup, truth, depth)

    step = Step(job.folder, "retrieve_text", inputs)
    return step.run(work)


def retrieve_images(job: Job) -> StepRecord:
    """The K (or more) nearest products of each by image, in `image/neighbours-…/`, and the index's recall."""
    depth = max(image_depth(job.settings.merge), max(job.settings.evaluation.hops, default=0), 1)
    inputs = {
        "vectors": job.folder.require("encode_images").key,
        "settings": job.settings.image.model_dump(mode="json", exclude={"batch"}),
        "depth": depth,
        "part": job.settings.run.part,
    }

    def work() -> Counts:
        lookup = image_lookup(job)
        return _neighbours(job, "image", lookup, depth, step.key) | _against_exact(
            job, lookup, exact_image(lookup), depth
        )

    step = Step(job.folder, "retrieve_images", inputs)
    return step.run(work)


def neighbours_run(job: Job, kind: str) -> Run:
    """The lists that `retrieve_text` or `retrieve_images` made, mapped into memory."""
    record = job.folder.require("retrieve_text" if kind == "text" else "retrieve_images")
    axis = job.catalogue.axis
    return Run.open(kind, job.folder.root / record.counts["run"], axis, axis)


def _neighbours(job: Job, kind: str, lookup: Lookup, depth: int, key: str) -> Counts:
    folder = (job.folder.text if kind == "text" else job.folder.image) / f"neighbours-{key[:12]}"
    axis = job.catalogue.axis
    starts = range(0, len(axis), job.settings.run.part)
    for start in track(starts, f"{kind} neighbours"):
        rows = axis.rows[start : start + job.settings.run.part]
        if not (folder / f"part-{start:09d}-{start + len(rows):09d}.arrow").is_file():
            lists = lookup.neighbours(rows, depth).whole()
            replace(lists, start=start).save(folder, axis, axis)
    drop_others(folder.parent, "neighbours-*", folder)
    run = Run.open(kind, folder, axis, axis)
    return {
        "run": str(folder.relative_to(job.folder.root)),
        "depth": depth,
        "mean_length": round(float(run.counts.mean()), 2),
    }


def _against_exact(job: Job, lookup: Lookup, truth: Lookup | None, depth: int) -> Counts:
    """The index's recall against exact search of the same vectors, on a seeded sample of products."""
    if truth is None:
        return {}
    axis = job.catalogue.axis
    size = min(job.settings.evaluation.index_sample, len(axis))
    rows = np.sort(np.random.default_rng(job.settings.run.seed).choice(axis.rows, size, replace=False))
    depths = sorted({depth, *(at for at in _AT if at <= depth)})
    found, exact = lookup.neighbours(rows, depth), truth.neighbours(rows, depth)
    recall = {str(at): round(index_recall(found, exact, at), 4) for at in depths}
    return {"index_recall": recall, "index_sample": size}
