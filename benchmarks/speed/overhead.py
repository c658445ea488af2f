"""The pipeline's overhead over its encoders: one whole run in a process of its own, as `variants run` is."""

from __future__ import annotations

import multiprocessing
import time
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.quality.ground import Ground
from benchmarks.speed.page import Table
from candidates.settings import Settings
from service.pipeline.run import run
from service.runs.job import Job

ENCODING = ("encode_text", "encode_images")
"""The steps in which encoders work."""

MEASURING = ("evaluate", "report")
"""The steps that find no candidates but say how good they are."""


@dataclass(frozen=True)
class StepTime:
    """One step of the run.

    Attributes:
        name: Its name.
        seconds: What it took.
        loading: Seconds of these in which an encoder's model was loaded.
        encoding: Seconds of these inside the encoder itself.
    """

    name: str
    seconds: float
    loading: float = 0.0
    encoding: float = 0.0

    @property
    def bare(self) -> float:
        """Seconds that no pipeline could save: the encoder's own, its model loaded once."""
        return self.loading + self.encoding


@dataclass(frozen=True)
class Overhead:
    """One run, step by step.

    Attributes:
        products: Products of the feed.
        steps: The steps in order.
        seconds: From the start of the process to its end.
    """

    products: int
    steps: tuple[StepTime, ...]
    seconds: float

    @property
    def outside(self) -> float:
        """Seconds outside all steps: starting Python, imports, digests that say what is done already."""
        return self.seconds - sum(step.seconds for step in self.steps)

    def over_steps(self, *, measuring: bool) -> float:
        """Seconds of all other steps over those of the encoding steps; with evaluation and report, or without."""
        encoding = sum(step.seconds for step in self.steps if step.name in ENCODING)
        return (sum(step.seconds for step in self._counted(measuring)) - encoding) / encoding

    def over_encoders(self, *, measuring: bool) -> float:
        """Everything that is not the encoders' own time, over that; with evaluation and report, or without."""
        bare = sum(step.bare for step in self.steps)
        return (sum(step.seconds for step in self._counted(measuring)) + self.outside - bare) / bare

    def _counted(self, measuring: bool) -> Sequence[StepTime]:
        return [step for step in self.steps if measuring or step.name not in MEASURING]


@dataclass
class Watch:
    """Seconds inside an encoder's `encode`, while `on` stands in for it.

    Attributes:
        loading: Seconds until the model was there.
        encoding: Seconds behind that.
    """

    loading: float = 0.0
    encoding: float = 0.0

    def on(self, kind: type[Any]) -> Watch:
        """Watches all encoders of a kind from now on."""
        encode = kind.encode

        def watched(encoder: Any, batch: Sequence[Any]) -> Any:
            began = time.perf_counter()
            assert encoder.dimensions > 0  # Asking for it loads the model, if that was not done before.
            loaded = time.perf_counter()
            vectors = encode(encoder, batch)
            self.loading += loaded - began
            self.encoding += time.perf_counter() - loaded
            return vectors

        kind.encode = watched
        return self


def measure(ground: Ground) -> Overhead:
    """Runs the pipeline into `ground.run`, which must not be there yet."""
    assert not ground.run.exists(), "only a run from the beginning says what a run takes"
    began = time.perf_counter()
    with ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as process:
        watches = process.submit(_watched_run, ground.feed, ground.run, ground.settings).result()
    seconds = time.perf_counter() - began
    job = Job.of(ground.run)
    steps = tuple(
        StepTime(record.name, record.seconds, *watches.get(record.name, ())) for record in job.folder.records()
    )
    return Overhead(len(job.catalogue), steps, seconds)


def _watched_run(feed: Path, out: Path, settings: Settings) -> dict[str, tuple[float, float]]:
    """Runs every step; returns the seconds of loading and encoding of each step that encodes."""
    from image_retrieval.encoders import encoder_for
    from text_retrieval.sentence import SentenceEncoder

    kinds: dict[str, type[Any]] = {
        "encode_text": SentenceEncoder,
        "encode_images": type(encoder_for(settings.image, 1)),
    }
    watches = {step: Watch().on(kind) for step, kind in kinds.items()}
    run(feed, out, settings)
    return {step: (watch.loading, watch.encoding) for step, watch in watches.items()}


def table(found: Overhead, feed: Path) -> Table:
    """The figures as a page shows them."""
    rows: list[tuple[str, ...]] = [
        (
            step.name,
            f"{step.seconds:.1f}",
            f"{step.seconds / found.seconds:.0%}",
            f"{step.loading:.1f}" if step.bare else "",
            f"{step.encoding:.1f}" if step.bare else "",
        )
        for step in (*found.steps, StepTime("outside the steps", found.outside))
    ]
    rows.append(("all", f"{found.seconds:.1f}", "100%", *(f"{value:.1f}" for value in _inside(found))))
    notes = (
        f"`variants run` over the {found.products:,} products of `{feed.name}` by its default settings, once, from "
        "nothing, in a process of its own.",
        f"Overhead over the encoding steps: {found.over_steps(measuring=True):.1%}, without evaluation and report "
        f"{found.over_steps(measuring=False):.1%} (goal: 15 % at most).",
        "The encoding steps also read, decode and digest files, reduce vectors by the base, and write. Counted "
        "strictly, everything outside the encoders' own `encode` (and loading their models) is overhead, starting "
        f"Python too: {found.over_encoders(measuring=True):.1%}, without evaluation and report "
        f"{found.over_encoders(measuring=False):.1%}.",
    )
    columns = ("step", "seconds", "share", "loading the model, s", "encode(), s")
    return Table("The pipeline's overhead over the encoders", columns, tuple(rows), notes)


def _inside(found: Overhead) -> tuple[float, float]:
    return sum(step.loading for step in found.steps), sum(step.encoding for step in found.steps)
