"""Makes candidates of the two lists, by the strategy of the settings."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
from numpy.typing import NDArray

from candidates.provenance import Candidates
from candidates.run import Run
from fusion.merge.strategies import Lists, Three, cap, fuse_lists, merge
from service.files.candidate_files import is_made_of, part_path, write_part
from service.neighbours import depths
from service.neighbours.vectors import neighbours_run
from service.runs.job import Job
from service.runs.progress import track
from service.runs.run_folder import Counts, Step, StepRecord


def expand(job: Job, rows: slice | None = None) -> StepRecord:
    """Writes `candidates/part-*.parquet`.

    Args:
        job: The run.
        rows: Only the parts of these products (whole parts; see `run.part`).
    """
    settings, folder = job.merge, job.folder
    inputs = {
        "text": folder.require("retrieve_text").key,
        "images": folder.require("retrieve_images").key,
        "groups": job.truth("evaluation").groups.tolist() if settings.collapse_known else None,
        "lexical": folder.require("retrieve_lexical").key,
        "settings": settings.model_dump(mode="json"),
        "fused": job.fused.model_dump(mode="json"),
        "part": job.settings.run.part,
    }
    step = Step(folder, "expand", inputs, (folder.candidates,))

    def work(within: slice = slice(None)) -> Counts:
        text, image, hubs = cap(neighbours_run(job, "text"), neighbours_run(job, "image"), settings)
        lists = Lists(text, image, _groups(job), job.threads, _fused(job, text, image), job.fused)
        made = [_part(job, lists, start, step.key) for start in track(_starts(job, within), "candidates")]
        return {"strategy": settings.strategy, "candidates": sum(made), "cut_by_hub_cap": hubs}

    if rows is not None:
        return StepRecord("expand", step.key, work(rows))
    record = step.run(work)
    _remove_strays(job)
    return record


def _remove_strays(job: Job) -> None:
    """Removes parts that an earlier run, cut in other places, left behind."""
    current = {_path(job, start) for start in _starts(job, slice(None))}
    for path in set(job.folder.candidates.glob("part-*.parquet")) - current:
        path.unlink()


def _path(job: Job, start: int) -> Path:
    return part_path(job.folder.candidates, start, min(start + job.settings.run.part, len(job.catalogue)))


def _starts(job: Job, rows: slice) -> range:
    start, stop, _ = rows.indices(len(job.catalogue))
    return range(start - start % job.settings.run.part, stop, job.settings.run.part)


def _groups(job: Job) -> NDArray[np.int32] | None:
    return job.truth("evaluation").groups if job.merge.collapse_known else None


def _fused(job: Job, text: Run, image: Run) -> Candidates | None:
    """Fused lists of every product, for the strategy that asks them again."""
    if job.merge.strategy != "fused":
        return None
    lists = Three(text, neighbours_run(job, "lexical"), image)
    return fuse_lists(lists, job.fused, depths.fused_lists(job), job.threads)


def _part(job: Job, every: Lists, start: int, key: str) -> int:
    """Writes one part unless it is there; returns how many candidates it holds."""
    path = _path(job, start)
    if not is_made_of(path, key):
        axis = job.catalogue.axis
        rows = axis.rows[start : start + job.settings.run.part]
        text = every.text if len(rows) == len(axis) else every.text.take(rows)
        made = merge(replace(every, text=text), job.merge)
        write_part(path, made, start, axis, key)
    return int(pq.read_metadata(path).num_rows)
