"""The run folder: where each result lies, and the record that says what is done."""

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
    """What one step did.

    Attributes:
        name: The step.
        key: Digest of everything its results depend on; equal keys mean equal results.
        counts: What it counted.
        seconds: Wall-clock seconds.
        peak_mib: Greatest resident memory in MiB.
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
        root: The folder that is handed on: `--out`, or a generation of the store.
        work: Vectors by content digest, kept from run to run.
    """

    root: Path
    work: Path

    @classmethod
    def at(cls, root: Path, work: Path | None = None) -> RunFolder:
        """The run folder at `root`, made if need be; raises where the place is taken by something else."""
        folder = cls(root, work or root / "work")
        if root.is_file():
            raise RunFolderError(f"{root}: is a file", "Name a folder with --out")
        strangers = root.is_dir() and any(root.iterdir()) and not folder.steps.is_dir()
        if strangers:
            raise RunFolderError(f"{root}: holds files that are no run", "Name an empty or new folder with --out")
        folder.steps.mkdir(parents=True, exist_ok=True)
        sweep_temporaries(root)
        return folder

    @classmethod
    def existing(cls, root: Path) -> RunFolder:
        """The run folder at `root`; raises `RunFolderError` where there is none."""
        folder = cls(root, root / "work")
        if not folder.products.is_file():
            raise RunFolderError(f"{root}: no run folder (products.parquet is missing)", "Make one with `variants run`")
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
        """URL → picture file, or why there is none."""
        return self.image / "fetched.parquet"

    @property
    def candidates(self) -> Path:
        """The candidates, in parts."""
        return self.root / "candidates"

    @property
    def model(self) -> Path:
        """The spaces that the run learned itself."""
        return self.root / "model"

    @property
    def looks(self) -> Path:
        """What each picture looks like, in a few numbers."""
        return self.image / "looks.arrow"

    @property
    def pair_model(self) -> Path:
        """The classifier of pairs that the run learned itself."""
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
        """The same for a spreadsheet."""
        return self.root / "suggestions.csv"

    @property
    def groups(self) -> Path:
        """The groups, as a table that a shop imports."""
        return self.root / "groups.csv"

    @property
    def group_notes(self) -> Path:
        """What an expert should know about groups: doubtful ones, merges, splits, what kept products apart."""
        return self.root / "group-notes.csv"

    @property
    def precision(self) -> Path:
        """How right suggestions and groups are."""
        return self.root / "precision.json"

    @property
    def changes(self) -> Path:
        """How many products are new, changed and gone since the generation before."""
        return self.root / "changes.json"

    @property
    def plan(self) -> Path:
        """What each budget buys."""
        return self.root / "plan.json"

    @property
    def evaluation(self) -> Path:
        """Metrics, slices and gains."""
        return self.root / "evaluation.json"

    def record(self, name: str) -> StepRecord | None:
        """What a step did, None where it did not end yet."""
        path = self.steps / f"{name}.json"
        return StepRecord(**json.loads(path.read_text("utf-8"))) if path.is_file() else None

    def require(self, name: str) -> StepRecord:
        """What a step did; raises `RunFolderError` where it did not end yet."""
        record = self.record(name)
        if record is None:
            raise RunFolderError(f"{self.root}: the step {name!r} has not been done", "Run `variants run` again")
        return record

    def records(self) -> list[StepRecord]:
        """All steps done, in the order in which they ended."""
        paths = sorted(self.steps.glob("*.json"), key=lambda path: path.stat().st_mtime_ns)
        return [StepRecord(**json.loads(path.read_text("utf-8"))) for path in paths]


@contextmanager
def locked(root: Path) -> Iterator[None]:
    """Keeps a second process from writing to `root` at the same time; a killed process leaves no lock.

    Raises:
        FolderBusy: Another process works there.
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
        folder: Where it works.
        name: Its name.
        inputs: Everything its results depend on, as plain values: digests, settings, versions.
        outputs: Files and folders that must be there when it is done.
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
        """The record of the same work done before, if its results are still there."""
        record = self.folder.record(self.name)
        same = record is not None and record.key == self.key
        return record if same and all(path.exists() for path in self.outputs) else None

    def forget(self) -> None:
        """Takes the record away, so that the work is done again."""
        (self.folder.steps / f"{self.name}.json").unlink(missing_ok=True)

    def run(self, work: Callable[[], Counts]) -> StepRecord:
        """Does the work unless it was done before, and records it: a second call costs nothing."""
        if (before := self.done()) is not None:
            return before
        with footprint() as used:
            counts = work()
        record = StepRecord(self.name, self.key, counts, used.seconds, used.peak_mib)
        write_json(self.folder.steps / f"{self.name}.json", asdict(record))
        return record
