"""Estimates the cost of a run before it starts: time from a short sample, memory and disk from sizes."""

from __future__ import annotations

import shutil
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from candidates.errors import DiskFull, PictureError
from fusion.merge.strategies import image_depth
from intake.picture_files import PictureFile
from service.neighbours.depths import likely_merge
from service.runs.job import Job
from service.runs.remaining import missing_pictures, missing_texts, missing_urls

Item = TypeVar("Item")

_TEXTS, _PICTURES = 256, 48
"""Numbers of texts and pictures in the sample."""

_WORTH = 4
"""Work of fewer than this many samples is done without an estimate of its time."""

_LIBRARIES_MIB = 900
"""Resident memory of the interpreter with torch, the text model, faiss and NMSLIB loaded."""

_BYTES_PER_URL = 150_000
"""Assumed size of a picture that is not fetched yet."""

_TEXT_DIMENSIONS, _RAW_DIMENSIONS = 384, 7840
"""Assumed lengths of vectors before a model is loaded."""

_SPARE = 1.1
"""Required disk space, as a multiple of the estimate."""


@dataclass(frozen=True)
class Estimate:
    """The estimated cost of a run.

    Attributes:
        texts: Texts to encode.
        pictures: Picture files to encode (equal files count separately until they are read).
        urls: Pictures to fetch first.
        seconds: Time of encoding; None if there is too little to be worth a sample.
        memory_mib: Peak resident memory in MiB.
        disk_mib: Disk space written by the run, in MiB.
        free_mib: Free disk space, in MiB.
    """

    texts: int
    pictures: int
    urls: int
    seconds: float | None
    memory_mib: float
    disk_mib: float
    free_mib: float

    def in_words(self) -> str:
        """One line for a person."""
        parts = [f"{self.texts:,} texts and {self.pictures:,} pictures to encode"]
        if self.urls:
            parts.append(f"{self.urls:,} pictures to fetch first")
        parts.append("seconds" if self.seconds is None else f"about {_duration(self.seconds)} on this machine")
        parts.append(f"memory about {self.memory_mib / 1024:.1f} GiB")
        parts.append(f"disk about {self.disk_mib / 1024:.2f} GiB of {self.free_mib / 1024:,.0f} free")
        return "; ".join(parts)

    def require_disk(self, place: Path) -> None:
        """Raises `DiskFull` if the run would not fit."""
        if self.disk_mib * _SPARE > self.free_mib:
            raise DiskFull(
                f"{place}: the run needs about {self.disk_mib / 1024:.1f} GiB, {self.free_mib / 1024:.1f} GiB are free",
                "Free some space, or name a folder on another disk with --out or --store",
            )


def estimate(job: Job) -> Estimate:
    """Estimates a run whose feeds are read; encodes a short sample if there is much to encode."""
    texts, pictures, urls = missing_texts(job), missing_pictures(job), len(missing_urls(job))
    worth = len(texts) >= _WORTH * _TEXTS or len(pictures) >= _WORTH * _PICTURES
    seconds = _text_seconds(job, texts) + _picture_seconds(job, pictures, urls) if worth else None
    memory, disk = _sizes(job, len(texts), len(pictures) + urls, urls)
    free = shutil.disk_usage(job.folder.root).free / 2**20
    return Estimate(len(texts), len(pictures), urls, seconds, memory, disk, free)


def _evenly(items: Sequence[Item], count: int) -> list[Item]:
    return [items[place * len(items) // count] for place in range(min(count, len(items)))] if items else []


def _text_seconds(job: Job, texts: Sequence[str]) -> float:
    if not texts:
        return 0.0
    from text_retrieval.sentence import SentenceEncoder

    encoder = SentenceEncoder.open(job.settings.text, job.threads)
    sample = _evenly(texts, _TEXTS)
    encoder.encode(sample[:1])  # loads the model
    began = time.perf_counter()
    encoder.encode(sample)
    return (time.perf_counter() - began) / len(sample) * len(texts)


def _picture_seconds(job: Job, pictures: Sequence[PictureFile], urls: int) -> float:
    """Seconds for pictures on disk and, at the same rate, for those still to fetch."""
    from image_retrieval.encoders import encoder_for
    from image_retrieval.pictures import decode, read_picture

    encoder = encoder_for(job.settings.image, job.threads)
    decoded = []

    def look(picture: PictureFile) -> None:
        with suppress(PictureError):
            assert picture.path is not None
            decoded.append(decode(read_picture(picture.path, picture.name), picture.name, encoder.size))

    sample = _evenly(pictures, _PICTURES)
    if not sample:
        return 0.0
    look(sample[0])
    encoder.encode(decoded)  # loads the model
    decoded.clear()
    began = time.perf_counter()
    with ThreadPoolExecutor(job.threads) as pool:
        list(pool.map(look, sample))
    encoder.encode(decoded)
    return (time.perf_counter() - began) / len(sample) * (len(pictures) + urls)


def _sizes(job: Job, texts: int, pictures: int, urls: int) -> tuple[float, float]:
    """Peak memory and disk space, in MiB."""
    products, settings = len(job.catalogue), job.settings
    named = sum(len(names or ()) for names in job.catalogue.table["pictures"].to_pylist())
    # A catalogue with no more pictures than the sample of the base keeps its full vectors.
    whole = not settings.image.base_dimensions or named <= settings.image.base_sample
    reduced = _RAW_DIMENSIONS if whole else settings.image.base_dimensions
    merge = likely_merge(settings.merge)
    lists = max(merge.n, merge.budget) + max(image_depth(merge), 4)
    candidates = merge.budget or merge.n * (merge.k + 1)
    raw = min(named, settings.image.base_sample) * _RAW_DIMENSIONS
    memory = products * (4 * _TEXT_DIMENSIONS + 60 * candidates) + named * 6 * reduced + 4 * raw
    written = products * (2 * _TEXT_DIMENSIONS + 8 * lists + 12 * candidates) + named * (2 * reduced + 128)
    if settings.text.index == "nmslib":
        written += products * (4 * _TEXT_DIMENSIONS + 8 * settings.text.links)
    shelved = texts * 2 * _TEXT_DIMENSIONS + pictures * 2 * reduced + min(pictures * 2 * _RAW_DIMENSIONS, 2 * raw)
    return _LIBRARIES_MIB + memory / 2**20, (written + shelved + urls * _BYTES_PER_URL) / 2**20


def _duration(seconds: float) -> str:
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"
