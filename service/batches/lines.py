"""The lines of generations that batches publish, in one store and optionally at a second place outside it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal, TypedDict

from candidates.artifacts import atomic_folder, write_text
from service.batches.publishing import Opener, Place, link, open_uri
from service.pipeline.order import run_steps
from service.runs.job import Job
from service.runs.run_folder import Counts, locked
from service.runs.store import Store

Line = Literal["indexes", "candidates", "evaluations", "models"]

_FOLDERS: dict[Line, str] = {
    "indexes": "indexes", "candidates": "", "evaluations": "evaluations", "models": "models",
}  # fmt: skip
"""Folder of each line in the store. Candidates are what readers of a store open, so they are at its root."""


class Batch(TypedDict):
    """One generation in progress, as plain values that a scheduler can pass between tasks.

    Attributes:
        store: The store's root.
        publish: URI outside the store, or empty.
        line: The line of generations it belongs to.
        generation: Its identifier, the digest of everything that its results depend on.
        building: Where it is built.
        run: The scheduler's run: one that is repeated finds its generation published and leaves the pointer alone.
    """

    store: str
    publish: str
    line: Line
    generation: str
    building: str
    run: str


def new_batch(store: str, publish: str, line: Line, generation: str, run: str, building: Path | None = None) -> Batch:
    """A generation to be built, in `building` or in a folder named after its line and identifier."""
    place = building or Lines(Path(store)).building(f"{line}-{generation}")
    return Batch(store=store, publish=publish, line=line, generation=generation, building=str(place), run=run)


@dataclass(frozen=True)
class Lines:
    """A store as batches see it."""

    root: Path

    @property
    def work(self) -> Path:
        """Vectors by content digest, shared by all lines and by `variants run --store`."""
        return Store(self.root).work

    def line(self, name: Line) -> Store:
        """One line of generations."""
        return Store(self.root / _FOLDERS[name])

    def building(self, name: str) -> Path:
        """Where a generation is built."""
        return Store(self.root).building(name)

    def generation(self, name: Line, identifier: str = "") -> Path:
        """A published generation of a line (default: the current one); raises `RunFolderError` if there is none."""
        line = self.line(name)
        if not identifier:
            return line.current
        if not line.generation(identifier).is_dir():
            line.point_to(identifier)  # raises, listing those that exist
        return line.generation(identifier)

    def current(self, name: Line) -> Path | None:
        """The current generation of a line; None if there is none."""
        line = self.line(name)
        return line.current if line.has_current else None


def published(batch: Batch) -> Path | None:
    """The folder of a batch's generation once it is published; None before."""
    folder = Lines(Path(batch["store"])).line(batch["line"]).generation(batch["generation"])
    return folder if folder.is_dir() else None


def opened(batch: Batch) -> Job:
    """The run of a batch, before or after it is published."""
    return Job.of(published(batch) or Path(batch["building"]))


@contextmanager
def in_work(batch: Batch, work: str) -> Iterator[Job | None]:
    """The run of a batch, locked for one kind of work; None if it is published and nothing is left to do.

    The lock prevents two processes (a task and its retry, after a worker was lost) from doing the same work at once.
    Different kinds of work run in parallel, such as building the text and the image index.
    """
    if published(batch):
        yield None
        return
    building = Path(batch["building"])
    with locked(building.with_name(f"{building.name}-{work}")):
        yield Job.of(building)


def do(batch: Batch, *names: str) -> Counts:
    """Runs steps of the pipeline in a batch's folder; returns their counts."""
    with in_work(batch, names[0]) as job:
        if job:
            run_steps(job, names)
    folder = opened(batch).folder
    return {f"{name}.{key}": value for name in names for key, value in plain(folder.require(name).counts).items()}


def plain(counts: Counts) -> Counts:
    """The scalar counts: numbers and text."""
    return {name: value for name, value in counts.items() if isinstance(value, int | float | str)}


def linked_copy(source: Path, target: Path) -> None:
    """Copies a run folder with hard links, to continue from it; does nothing if the target exists."""
    if target.is_dir():
        return
    with atomic_folder(target) as temporary:
        for path in source.rglob("*"):
            if path.is_file():
                link(path, temporary / path.relative_to(source))


def publish_generation(batch: Batch, opener: Opener = open_uri) -> Path:
    """Publishes a batch's folder: uploads it, renames it into its line, and moves the pointers last; returns its path.

    A run that already published it, and whose task was cleared, moves no pointer: a later generation stays current.
    """
    line, identifier = Lines(Path(batch["store"])).line(batch["line"]), batch["generation"]
    history = _History(line.root / "published.jsonl")
    folder = published(batch)
    if folder and history.has(batch["run"], identifier):
        return folder
    place = Place.at(batch["publish"], opener).line(_FOLDERS[batch["line"]]) if batch["publish"] else None
    if place:
        place.upload(folder or Path(batch["building"]), identifier)
    target = line.publish(Path(batch["building"]), identifier)
    if place:
        place.point_to(identifier)
    history.add(batch["run"], identifier)
    return target


@dataclass(frozen=True)
class _History:
    """Which run published which generation, and when."""

    path: Path

    def _lines(self) -> list[str]:
        return self.path.read_text("utf-8").splitlines() if self.path.is_file() else []

    def has(self, run: str, generation: str) -> bool:
        """Whether this run has already published this generation."""
        entries = map(json.loads, self._lines())
        return any((entry["run"], entry["generation"]) == (run, generation) for entry in entries)

    def add(self, run: str, generation: str) -> None:
        """Appends one line."""
        entry = {"run": run, "generation": generation, "at": datetime.now(UTC).isoformat(timespec="seconds")}
        write_text(self.path, "\n".join([*self._lines(), json.dumps(entry, sort_keys=True)]) + "\n")
