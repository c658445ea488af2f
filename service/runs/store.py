"""The store: finished run folders as immutable generations, and the pointer to the one in force."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from candidates.artifacts import write_text
from candidates.errors import RunFolderError


@dataclass(frozen=True)
class Store:
    """Generations of run folders under one root.

    A generation is built in `work/`, renamed into `generations/`, and comes into force when the pointer
    `current` is written: the only commit point. A reader sees one generation or the next, never half of one.
    """

    root: Path

    @property
    def work(self) -> Path:
        """Vectors by content digest, and generations being built."""
        return self.root / "work"

    def building(self, name: str) -> Path:
        """Where a generation is being built; the same inputs find the same folder again after a kill."""
        return self.work / "building" / name

    def generation(self, identifier: str) -> Path:
        """Where a finished generation lies."""
        return self.root / "generations" / identifier

    def publish(self, building: Path, identifier: str) -> Path:
        """Moves a finished run folder into place and brings it into force; returns where it lies now."""
        target = self.generation(identifier)
        target.parent.mkdir(parents=True, exist_ok=True)
        if not target.is_dir():
            os.rename(building, target)
        self.point_to(identifier)
        return target

    def point_to(self, identifier: str) -> None:
        """Brings a generation into force, a later or an earlier one."""
        if not self.generation(identifier).is_dir():
            there = ", ".join(self.identifiers())
            raise RunFolderError(f"{self.root}: no generation {identifier!r}", f"There are: {there}")
        write_text(self.root / "current", identifier + "\n")

    def identifiers(self) -> list[str]:
        """The generations there are."""
        return sorted(path.name for path in (self.root / "generations").glob("*") if path.is_dir())

    @property
    def has_current(self) -> bool:
        """Whether a generation is in force."""
        return (self.root / "current").is_file()

    @property
    def current(self) -> Path:
        """The generation in force; raises `RunFolderError` where none is."""
        pointer = self.root / "current"
        if not pointer.is_file():
            raise RunFolderError(f"{self.root}: no generation is in force", "Make one with `variants run --store`")
        return self.generation(pointer.read_text("utf-8").strip())


def run_root(path: Path) -> Path:
    """The run folder that a person means by `path`: itself, or the generation in force of a store."""
    return Store(path).current if (path / "current").is_file() else path
