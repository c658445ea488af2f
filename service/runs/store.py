"""The store: finished run folders as immutable generations, and a pointer to the current one."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from candidates.artifacts import write_text
from candidates.errors import RunFolderError


@dataclass(frozen=True)
class Store:
    """Generations of run folders under one root.

    A generation is built in `work/` and renamed into `generations/`. It becomes current when the pointer `current`
    is written, which is the only commit point: a reader sees one generation or the next, never a partial one.
    """

    root: Path

    @property
    def work(self) -> Path:
        """Vectors by content digest, and generations being built."""
        return self.root / "work"

    def building(self, name: str) -> Path:
        """Where a generation is built; after a kill, the same inputs find the same folder again."""
        return self.work / "building" / name

    def generation(self, identifier: str) -> Path:
        """The folder of a finished generation."""
        return self.root / "generations" / identifier

    def publish(self, building: Path, identifier: str) -> Path:
        """Moves a finished run folder into place and makes it current; returns its new path."""
        target = self.generation(identifier)
        target.parent.mkdir(parents=True, exist_ok=True)
        if not target.is_dir():
            os.rename(building, target)
        self.point_to(identifier)
        return target

    def point_to(self, identifier: str) -> None:
        """Makes a generation current, whether later or earlier."""
        if not self.generation(identifier).is_dir():
            existing = ", ".join(self.identifiers())
            raise RunFolderError(f"{self.root}: no generation {identifier!r}", f"There are: {existing}")
        write_text(self.root / "current", identifier + "\n")

    def identifiers(self) -> list[str]:
        """The identifiers of all generations, sorted."""
        return sorted(path.name for path in (self.root / "generations").glob("*") if path.is_dir())

    @property
    def has_current(self) -> bool:
        """Whether there is a current generation."""
        return (self.root / "current").is_file()

    @property
    def current(self) -> Path:
        """The folder of the current generation; raises `RunFolderError` if there is none."""
        pointer = self.root / "current"
        if not pointer.is_file():
            raise RunFolderError(f"{self.root}: no current generation", "Create one with `variants run --store`")
        return self.generation(pointer.read_text("utf-8").strip())


def run_root(path: Path) -> Path:
    """The run folder that `path` refers to: itself, or the current generation of a store."""
    return Store(path).current if (path / "current").is_file() else path
