"""Retrieves every product's neighbours by text, by spelling and by image."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace

import numpy as np

from candidates.run import Run
from eval.slices import index_recall
from service.neighbours import depths
from service.neighbours.build import build_image_index, build_lexical_index, build_text_index, drop_others
from service.neighbours.kinds import Lookup
from service.neighbours.open import open_image, open_lexical, open_text
from service.neighbours.vectors import Kind, compares_all_spellings, vectors_key
from service.runs.job import Job
from service.runs.progress import track
from service.runs.run_folder import Counts, Step, StepRecord

_FOLDER_NAMES: dict[Kind, str] = {"text": "neighbours", "image": "neighbours", "lexical": "lexical"}

_COMPARED_AT = (10, 100)
"""Depths at which an index is compared with exact search, besides the depth of the lists."""


def retrieve_text(job: Job) -> StepRecord:
    """Each product's nearest by text, in `text/neighbours-…/`, and the index's recall against exact search."""
    depth = depths.text_lists(job)
    inputs = {
        "vectors": vectors_key(job, "text"),
        "settings": job.settings.text.model_dump(mode="json", exclude={"batch"}),
        "depth": depth,
        "part": job.settings.run.part,
    }

    def lookup() -> Lookup:
        build_text_index(job)
        return open_text(job)

    return _retrieve(job, "text", lookup, inputs)


def retrieve_images(job: Job) -> StepRecord:
    """Each product's nearest by image, in `image/neighbours-…/`, and the index's recall against exact search."""
    depth = depths.image_lists(job)
    inputs: dict[str, object] = {
        "vectors": vectors_key(job, "image"),
        "settings": job.settings.image.model_dump(mode="json", exclude={"batch"}),
    }
    if job.settings.image.index == "elasticsearch":
        inputs["elasticsearch"] = job.settings.elasticsearch.model_dump(mode="json", exclude={"clients", "replicas"})

    def lookup() -> Lookup:
        build_image_index(job)
        return open_image(job)

    return _retrieve(job, "image", lookup, {**inputs, "depth": depth, "part": job.settings.run.part})


def retrieve_lexical(job: Job) -> StepRecord:
    """Each product's nearest by the spelling of its text, in `text/lexical-…/`, if the strategy is `fused`."""
    if job.merge.strategy != "fused":
        return Step(job.folder, "retrieve_lexical", {"strategy": "another"}).run(lambda: {"depth": 0})
    depth = depths.text_lists(job)
    inputs = {
        "catalogue": job.folder.require("ingest").counts["catalogue"],
        "fields": list(job.settings.text.fields),
        "depth": depth,
        "part": job.settings.run.part,
        "vectors": "" if compares_all_spellings(job) else job.settings.text.index,
    }
    step = Step(job.folder, "retrieve_lexical", inputs)

    def work() -> Counts:
        build_lexical_index(job)
        return _write_lists(job, "lexical", open_lexical(job), depth, step.key)

    return step.run(work)


def _retrieve(job: Job, kind: Kind, open_lookup: Callable[[], Lookup], inputs: Mapping[str, object]) -> StepRecord:
    step = Step(job.folder, "retrieve_text" if kind == "text" else "retrieve_images", inputs)

    def work() -> Counts:
        lookup, depth = open_lookup(), int(str(inputs["depth"]))
        return _write_lists(job, kind, lookup, depth, step.key) | _against_exact(job, lookup, depth)

    return step.run(work)


def _write_lists(job: Job, kind: Kind, lookup: Lookup, depth: int, key: str) -> Counts:
    within, name = (job.folder.image if kind == "image" else job.folder.text), _FOLDER_NAMES[kind]
    folder = within / f"{name}-{key[:12]}"
    axis = job.catalogue.axis
    starts = range(0, len(axis), job.settings.run.part)
    for start in track(starts, f"{kind} neighbours"):
        rows = axis.rows[start : start + job.settings.run.part]
        if not (folder / f"part-{start:09d}-{start + len(rows):09d}.arrow").is_file():
            lists = lookup.neighbours(rows, depth).whole()
            replace(lists, start=start).save(folder, axis, axis)
    drop_others(folder.parent, f"{name}-*", folder)
    run = Run.open(kind, folder, axis, axis)
    return {
        "run": str(folder.relative_to(job.folder.root)),
        "depth": depth,
        "mean_length": round(float(run.counts.mean()), 2),
    }


def _against_exact(job: Job, lookup: Lookup, depth: int) -> Counts:
    """The index's recall against exact search of the same vectors, on a seeded sample of products."""
    truth = lookup.exact()
    if truth is None:
        return {}
    axis = job.catalogue.axis
    size = min(job.settings.evaluation.index_sample, len(axis))
    rows = np.sort(np.random.default_rng(job.settings.run.seed).choice(axis.rows, size, replace=False))
    depths = sorted({depth, *(at for at in _COMPARED_AT if at <= depth)})
    found, exact = lookup.neighbours(rows, depth), truth.neighbours(rows, depth)
    recall = {str(at): round(index_recall(found, exact, at), 4) for at in depths}
    return {"index_recall": recall, "index_sample": size}
