"""The run folder: the path of each result, and the record of each finished step."""

from __future__ import annotations

import fcntl
import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from candidates.artifacts import digest_of, sweep_temporaries, write_json
from candidates.errors import FolderBusy, RunFolderError
from service.runs.footprint import footprint

FORMAT = 3
"""Layout of the run folder; a folder of another layout is refused."""

Counts = dict[str, Any]


@dataclass(frozen=True)
class StepRecord:
    """The record of a finished step.

    Attributes:
        name: Name of the step.
        key: Digest of everything its results depend on; equal keys mean equal results.
        counts: Its counts.
        seconds: Wall-clock seconds.
        peak_mib: Peak resident memory in MiB.
    """

    name: str
    key: str
    counts: Counts
    seconds: float = 0.0
    peak_mib: float = 0.0


@dataclass(frozen=True)
class RunFolder:
    """Paths of one run.

    Attributes:
        root: The folder of results: `--out`, or a generation of the store.
        work: Vectors by content digest, kept between runs.
    """

    root: Path
    work: Path

    @classmethod
    def at(cls, root: Path, work: Path | None = None) -> RunFolder:
        """The run folder at `root`, created if needed; raises `RunFolderError` if it holds something else."""
        folder = cls(root, work or root / "work")
        if root.is_file():
            raise RunFolderError(f"{root} is a file", "Name a folder with --out")
        strangers = root.is_dir() and any(root.iterdir()) and not folder.steps.is_dir()
        if strangers:
            raise RunFolderError(f"{root} holds files that are not a run", "Name an empty or new folder with --out")
        folder.steps.mkdir(parents=True, exist_ok=True)
        sweep_temporaries(root)
        return folder

    @classmethod
    def existing(cls, root: Path) -> RunFolder:
        """The run folder at `root`; raises `RunFolderError` if there is none."""
        folder = cls(root, root / "work")
        if not folder.products.is_file():
            raise RunFolderError(
                f"{root} is not a run folder (products.parquet is missing)", "Create one with `variants run`"
            )
        return folder

    @property
    def steps(self) -> Path:
        """Folder of step records."""
        return self.root / "steps"

    @property
    def choices(self) -> Path:
        """Feed, settings and work folder of the run, as it was started."""
        return self.root / "run.json"

    @property
    def manifest(self) -> Path:
        """Settings, versions, digests and the record of each step."""
        return self.root / "manifest.json"

    @property
    def products(self) -> Path:
        """The accepted products."""
        return self.root / "products.parquet"

    @property
    def refused(self) -> Path:
        """Every feed row and picture that was not used."""
        return self.root / "refused.csv"

    @property
    def text(self) -> Path:
        """Vectors, index and lists by text."""
        return self.root / "text"

    @property
    def image(self) -> Path:
        """Pictures, vectors, index and lists by image."""
        return self.root / "image"

    @property
    def images(self) -> Path:
        """Image → product."""
        return self.image / "images.parquet"

    @property
    def fetched(self) -> Path:
        """URL → picture file, or the reason why there is none."""
        return self.image / "fetched.parquet"

    @property
    def candidates(self) -> Path:
        """The candidates, in parts."""
        return self.root / "candidates"

    @property
    def model(self) -> Path:
        """The spaces learned by the run."""
        return self.root / "model"

    @property
    def looks(self) -> Path:
        """Descriptors of each picture's colours and framing."""
        return self.image / "looks.arrow"

    @property
    def pair_model(self) -> Path:
        """The classifier of pairs trained by the run."""
        return self.root / "pair-model"

    @property
    def pairs(self) -> Path:
        """Every candidate pair once, with its probability, in parts."""
        return self.root / "pairs"

    @property
    def suggestions(self) -> Path:
        """The pairs worth showing, with reasons."""
        return self.root / "suggestions.parquet"

    @property
    def suggestions_csv(self) -> Path:
        """The suggestions for a spreadsheet."""
        return self.root / "suggestions.csv"

    @property
    def groups(self) -> Path:
        """The groups, as a table that a shop can import."""
        return self.root / "groups.csv"

    @property
    def group_notes(self) -> Path:
        """Notes on groups for an expert: doubtful ones, merges, splits, what kept products apart."""
        return self.root / "group-notes.csv"

    @property
    def precision(self) -> Path:
        """Measured quality of suggestions and groups."""
        return self.root / "precision.json"

    @property
    def changes(self) -> Path:
        """Numbers of new, changed and gone products since the previous generation."""
        return self.root / "changes.json"

    @property
    def plan(self) -> Path:
        """The best strategy for each budget."""
        return self.root / "plan.json"

    @property
    def evaluation(self) -> Path:
        """Metrics, slices and gains."""
        return self.root / "evaluation.json"

    def record(self, name: str) -> StepRecord | None:
        """The record of a step; None if it has not finished."""
        path = self.steps / f"{name}.json"
        return StepRecord(**json.loads(path.read_text("utf-8"))) if path.is_file() else None

    def require(self, name: str) -> StepRecord:
        """The record of a step; raises `RunFolderError` if it has not finished."""
        record = self.record(name)
        if record is None:
            raise RunFolderError(f"{self.root}: the step {name!r} has not been run", "Run `variants run` again")
        return record

    def records(self) -> list[StepRecord]:
        """The records of all finished steps, in the order in which they finished."""
        paths = sorted(self.steps.glob("*.json"), key=lambda path: path.stat().st_mtime_ns)
        return [StepRecord(**json.loads(path.read_text("utf-8"))) for path in paths]


@contextmanager
def locked(root: Path) -> Iterator[None]:
    """Prevents a second process from writing to `root` at the same time; a killed process leaves no lock.

    Raises:
        FolderBusy: Another process is writing there.
    """
    root.parent.mkdir(parents=True, exist_ok=True)
    with open(root.with_name(f".{root.name}.lock"), "w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            fix = "Wait for it, or name another folder"
            raise FolderBusy(f"{root}: another run is writing there", fix) from error
        yield


@dataclass(frozen=True)
class Step:
    """One step of one run.

    Attributes:
        folder: The run folder.
        name: Its name.
        inputs: Everything its results depend on, as plain values: digests, settings, versions.
        outputs: Files and folders that must exist when it is done.
    """

    folder: RunFolder
    name: str
    inputs: Mapping[str, Any]
    outputs: tuple[Path, ...] = field(default=())

    @property
    def key(self) -> str:
        """Digest of the inputs."""
        return digest_of(FORMAT, self.name, dict(self.inputs))

    def done(self) -> StepRecord | None:
        """The record of an earlier run with the same key, if its results still exist."""
        record = self.folder.record(self.name)
        same = record is not None and record.key == self.key
        return record if same and all(path.exists() for path in self.outputs) else None

    def forget(self) -> None:
        """Deletes the record, so that the step runs again."""
        (self.folder.steps / f"{self.name}.json").unlink(missing_ok=True)

    def run(self, work: Callable[[], Counts]) -> StepRecord:
        """Does the work and records it, unless it is already done."""
        if (before := self.done()) is not None:
            return before
        with footprint() as used:
            counts = work()
        record = StepRecord(self.name, self.key, counts, used.seconds, used.peak_mib)
        write_json(self.folder.steps / f"{self.name}.json", asdict(record))
        return record
