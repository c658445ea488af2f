"""The lines of generations that batches publish, in one store and at one place outside of it."""

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
"""Where each line lies in the store. Candidates are what everybody else opens, so they are the store's own."""


class Batch(TypedDict):
    """One generation being made, in plain values that a scheduler can hand on.

    Attributes:
        store: The store's root.
        publish: URI outside of the store, or empty.
        line: Which line of generations it belongs to.
        generation: Its identifier, the digest of all that its results depend on.
        building: Where it is being made.
        run: Who makes it: a run that comes again finds its generation published and leaves the pointer alone.
    """

    store: str
    publish: str
    line: Line
    generation: str
    building: str
    run: str


def begun(store: str, publish: str, line: Line, generation: str, run: str, building: Path | None = None) -> Batch:
    """One generation that is to be made; where, goes by its line and identifier unless it is under way elsewhere."""
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
        """Where something is being made."""
        return Store(self.root).building(name)

    def generation(self, name: Line, identifier: str = "") -> Path:
        """A published generation of a line, the one in force where none is named; `RunFolderError` without one."""
        line = self.line(name)
        if not identifier:
            return line.current
        if not line.generation(identifier).is_dir():
            line.point_to(identifier)  # says which there are
        return line.generation(identifier)

    def in_force(self, name: Line) -> Path | None:
        """The generation in force, None where none is."""
        line = self.line(name)
        return line.current if line.has_current else None


def published(batch: Batch) -> Path | None:
    """Where a batch's generation lies once it is published; None before."""
    folder = Lines(Path(batch["store"])).line(batch["line"]).generation(batch["generation"])
    return folder if folder.is_dir() else None


def opened(batch: Batch) -> Job:
    """The run of a batch, wherever it lies by now."""
    return Job.of(published(batch) or Path(batch["building"]))


@contextmanager
def in_work(batch: Batch, work: str) -> Iterator[Job | None]:
    """The run of a batch, to do one piece of work on it; None where it is published and nothing is left to do.

    A lock keeps two processes (a task and its retry, after a worker was lost) from doing the same piece at once.
    Other pieces go on beside it, as the text and the image index do.
    """
    if published(batch):
        yield None
        return
    building = Path(batch["building"])
    with locked(building.with_name(f"{building.name}-{work}")):
        yield Job.of(building)


def do(batch: Batch, *names: str) -> Counts:
    """Does steps of the pipeline in a batch's folder; returns what they counted."""
    with in_work(batch, names[0]) as job:
        if job:
            run_steps(job, names)
    folder = opened(batch).folder
    return {f"{name}.{key}": value for name in names for key, value in plain(folder.require(name).counts).items()}


def plain(counts: Counts) -> Counts:
    """The single numbers and words among counts."""
    return {name: value for name, value in counts.items() if isinstance(value, int | float | str)}


def linked_copy(source: Path, target: Path) -> None:
    """A run folder under a second name, to go on with; nothing where it is there already."""
    if target.is_dir():
        return
    with atomic_folder(target) as temporary:
        for path in source.rglob("*"):
            if path.is_file():
                link(path, temporary / path.relative_to(source))


def bring_into_force(batch: Batch, opener: Opener = open_uri) -> Path:
    """Publishes a batch's folder: uploaded first, renamed into its line, the pointers last; says where it lies.

    A run that did so before, whose task was cleared, moves no pointer: a later generation stays in force.
    """
    line, identifier = Lines(Path(batch["store"])).line(batch["line"]), batch["generation"]
    history = _History(line.root / "published.jsonl")
    there = published(batch)
    if there and history.has(batch["run"], identifier):
        return there
    place = Place.at(batch["publish"], opener).line(_FOLDERS[batch["line"]]) if batch["publish"] else None
    if place:
        place.upload(there or Path(batch["building"]), identifier)
    target = line.publish(Path(batch["building"]), identifier)
    if place:
        place.point_to(identifier)
    history.add(batch["run"], identifier)
    return target


@dataclass(frozen=True)
class _History:
    """Which run brought which generation into force, and when."""

    path: Path

    def _lines(self) -> list[str]:
        return self.path.read_text("utf-8").splitlines() if self.path.is_file() else []

    def has(self, run: str, generation: str) -> bool:
        """Whether this run brought this generation into force before."""
        entries = map(json.loads, self._lines())
        return any((entry["run"], entry["generation"]) == (run, generation) for entry in entries)

    def add(self, run: str, generation: str) -> None:
        """Writes one more line."""
        entry = {"run": run, "generation": generation, "at": datetime.now(UTC).isoformat(timespec="seconds")}
        write_text(self.path, "\n".join([*self._lines(), json.dumps(entry, sort_keys=True)]) + "\n")
