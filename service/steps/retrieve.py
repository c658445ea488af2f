"""Asks the indexes for every product's neighbours, by text and by image."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace

import numpy as np

from candidates.run import Run
from eval.slices import index_recall
from fusion.merge.hubs import depth_for
from fusion.merge.strategies import budget, image_depth
from service.neighbours import lookups
from service.neighbours.lookups import Lookup, drop_others, image_lookup, lexical_lookup, text_lookup, vectors_key
from service.runs.job import Job
from service.runs.progress import track
from service.runs.run_folder import Counts, Step, StepRecord

_STEP_OF = {"text": "retrieve_text", "image": "retrieve_images", "lexical": "retrieve_lexical"}
_FOLDER_OF = {"lexical": "lexical"}

_AT = (10, 100)
"""Depths at which an index is compared with exact search, besides the depth asked for."""


def retrieve_text(job: Job) -> StepRecord:
    """The N nearest products of each by text, in `text/neighbours-…/`, and the index's recall against exact."""
    depth = _deep(job, max(job.merge.n, job.merge.budget) + _siblings(job))
    inputs = {
        "vectors": vectors_key(job, "encode_text"),
        "settings": job.settings.text.model_dump(mode="json", exclude={"batch"}),
    }
    return _retrieve(job, "text", text_lookup, depth, inputs)


def retrieve_images(job: Job) -> StepRecord:
    """The K (or more) nearest products of each by image, in `image/neighbours-…/`, and the index's recall."""
    wanted = image_depth(job.merge) + (0 if job.merge.strategy == "hop" else _siblings(job))
    depth = _deep(job, max(wanted, max(job.settings.evaluation.hops, default=0), 1))
    inputs: dict[str, object] = {
        "vectors": vectors_key(job, "encode_images"),
        "settings": job.settings.image.model_dump(mode="json", exclude={"batch"}),
    }
    if job.settings.image.index == "elasticsearch":
        inputs["elasticsearch"] = job.settings.elasticsearch.model_dump(mode="json", exclude={"clients", "replicas"})
    return _retrieve(job, "image", image_lookup, depth, inputs)


def retrieve_lexical(job: Job) -> StepRecord:
    """Each product's nearest by the letters of its text, in `text/lexical-…/`, where the strategy is `fused`."""
    if job.merge.strategy != "fused":
        return Step(job.folder, "retrieve_lexical", {"strategy": "another"}).run(lambda: {"depth": 0})
    depth = _deep(job, max(job.merge.n, job.merge.budget) + _siblings(job))
    inputs = {
        "catalogue": job.folder.require("ingest").counts["catalogue"],
        "fields": list(job.settings.text.fields),
        "depth": depth,
        "part": job.settings.run.part,
        "vectors": job.settings.text.index if len(job.catalogue) > lookups.TFIDF_UP_TO else "",
    }
    step = Step(job.folder, "retrieve_lexical", inputs)
    return step.run(lambda: _neighbours(job, "lexical", lexical_lookup(job), depth, step.key))


def _deep(job: Job, depth: int) -> int:
    """The depth of lists: deeper where hubs are to step back in them first."""
    if job.merge.strategy != "fused":
        return depth
    return min(depth_for(max(depth, budget(job.merge))), max(1, len(job.catalogue) - 1))


def _siblings(job: Job) -> int:
    """How much deeper to ask so that siblings, which eat no budget, crowd out nobody."""
    groups = job.qrels.groups[job.qrels.groups >= 0]
    return int(np.bincount(groups).max(initial=1)) - 1 if job.merge.collapse_known else 0


def _retrieve(
    job: Job, kind: str, opened: Callable[[Job], Lookup], depth: int, inputs: Mapping[str, object]
) -> StepRecord:
    def work() -> Counts:
        lookup = opened(job)
        return _neighbours(job, kind, lookup, depth, step.key) | _against_exact(job, lookup, depth)

    name = "retrieve_text" if kind == "text" else "retrieve_images"
    step = Step(job.folder, name, {**inputs, "depth": depth, "part": job.settings.run.part})
    return step.run(work)


def neighbours_run(job: Job, kind: str) -> Run:
    """The lists that `retrieve_text` or `retrieve_images` made, mapped into memory."""
    record = job.folder.require(_STEP_OF[kind])
    axis = job.catalogue.axis
    return Run.open(kind, job.folder.root / record.counts["run"], axis, axis)


def _neighbours(job: Job, kind: str, lookup: Lookup, depth: int, key: str) -> Counts:
    within, name = (job.folder.image if kind == "image" else job.folder.text), _FOLDER_OF.get(kind, "neighbours")
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
    depths = sorted({depth, *(at for at in _AT if at <= depth)})
    found, exact = lookup.neighbours(rows, depth), truth.neighbours(rows, depth)
    recall = {str(at): round(index_recall(found, exact, at), 4) for at in depths}
    return {"index_recall": recall, "index_sample": size}
