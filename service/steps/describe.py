"""Describes each picture's colours and framing in a few numbers, for the features of pairs."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
from numpy.typing import NDArray

from candidates import schema
from candidates.axis import Axis
from candidates.errors import PictureError
from candidates.vectors import Vectors
from fusion.pairs.feature_pictures import DESCRIPTOR, WIDTH, describe
from service.runs.job import Job
from service.runs.progress import track
from service.runs.run_folder import Counts, Step, StepRecord
from service.runs.shelf import Shelf, as_digests, missing_rows

_SIZE = (192, 192)
"""Smallest size at which a picture is decoded; larger JPEGs are decoded at a reduced scale."""


def describe_pictures(job: Job) -> StepRecord:
    """Writes `image/looks.arrow`; each distinct file is described once and kept in the work folder."""
    inputs = {"images": job.folder.require("encode_images").key, "kind": DESCRIPTOR, "on": job.settings.pairs.classify}

    def work() -> Counts:
        if not job.settings.pairs.classify:
            return {"described": 0}
        table = schema.require(pq.read_table(job.folder.images), schema.IMAGES, str(job.folder.images))
        paths, digests = table["path"].to_pylist(), as_digests(table["digest"].to_pylist())
        shelf = Shelf(job.folder.work / "image" / DESCRIPTOR)
        missing = missing_rows(shelf, digests)
        for start in track(range(0, len(missing), job.settings.run.chunk), "describing pictures"):
            rows = missing[start : start + job.settings.run.chunk]
            shelf.put(digests[rows], _described([Path(paths[row]) for row in rows], job.threads))
        values = Shelf(shelf.folder).gather(digests, WIDTH)
        Vectors(Axis.of(table["image_id"]), values, DESCRIPTOR).save(job.folder.looks)
        return {"described": len(missing)}

    outputs = (job.folder.looks,) if job.settings.pairs.classify else ()
    return Step(job.folder, "describe_pictures", inputs, outputs).run(work)


def _described(paths: Sequence[Path], threads: int) -> NDArray[np.float32]:
    with ThreadPoolExecutor(threads) as pool:
        return np.stack(list(pool.map(_look, paths)))


def _look(path: Path) -> NDArray[np.float32]:
    """The descriptor of one picture; NaN if it can no longer be read."""
    from image_retrieval.pictures import decode, read_picture

    try:
        return describe(np.asarray(decode(read_picture(path, str(path)), str(path), _SIZE)))
    except PictureError:
        return np.full(WIDTH, np.nan, np.float32)
