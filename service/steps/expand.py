"""Builds the candidates from the ranked lists, by the strategy of the settings."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
from numpy.typing import NDArray

from fusion.merge.lists import QueryLists
from fusion.merge.strategies import merge
from service.files.candidate_files import is_built_from, part_path, write_part
from service.neighbours import depths
from service.neighbours.vectors import neighbours_run
from service.runs.job import Job
from service.runs.progress import track
from service.runs.run_folder import Counts, Step, StepRecord


def expand(job: Job, rows: slice | None = None) -> StepRecord:
    """Writes `candidates/part-*.parquet`.

    Args:
        job: The run.
        rows: Builds only the parts of these products (whole parts; see `run.part`).
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
        lists = QueryLists(
            neighbours_run(job, "text"), neighbours_run(job, "image"), fusing=job.fused, threads=job.threads
        )
        lists, hubs = lists.capped(settings.hub_cap)
        lists = _with_fused(job, lists)
        counts = [_part(job, lists, start, step.key) for start in track(_starts(job, within), "candidates")]
        return {"strategy": settings.strategy, "candidates": sum(counts), "cut_by_hub_cap": hubs}

    if rows is not None:
        return StepRecord("expand", step.key, work(rows))
    record = step.run(work)
    _remove_strays(job)
    return record


def _remove_strays(job: Job) -> None:
    """Removes parts of an earlier run with another part size."""
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


def _with_fused(job: Job, lists: QueryLists) -> QueryLists:
    """The lists together with fused lists of every product, which the strategy `fused` needs for its hop."""
    if job.merge.strategy != "fused":
        return lists
    fused = replace(lists, lexical=neighbours_run(job, "lexical")).fuse(depths.fused_lists(job))
    return replace(lists, fused=fused)


def _part(job: Job, every: QueryLists, start: int, key: str) -> int:
    """Writes one part unless it exists; returns its number of candidates."""
    path = _path(job, start)
    if not is_built_from(path, key):
        axis = job.catalogue.axis
        rows = axis.rows[start : start + job.settings.run.part]
        candidates = merge(every.of(rows), job.merge, _groups(job))
        write_part(path, candidates, start, axis, key)
    return int(pq.read_metadata(path).num_rows)
