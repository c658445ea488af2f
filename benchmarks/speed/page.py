"""What a benchmark prints: tables, as aligned text for a terminal or as a Markdown page that says where it was made."""

from __future__ import annotations

import platform
import shlex
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

from benchmarks.speed.timing import cores

_PACKAGES = ("numpy", "numba", "nmslib", "hnswlib", "faiss-cpu", "torch", "onnxruntime", "scikit-image", "pyarrow")


@dataclass(frozen=True)
class Table:
    """One table with what must be said about it.

    Attributes:
        title: What it shows.
        columns: Names of the columns; the first is aligned left, the others right.
        rows: Cells, as many a row as there are columns.
        notes: How it was measured, how to read it, and what follows; one sentence or more each.
    """

    title: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    notes: tuple[str, ...] = ()

    def text(self) -> str:
        """The table for a terminal."""
        lines = [self.columns, *self.rows]
        widths = [max(len(line[column]) for line in lines) for column in range(len(self.columns))]
        aligned = [
            "  ".join(cell.rjust(width) if at else cell.ljust(width) for at, (cell, width) in enumerate(cells)).rstrip()
            for cells in (list(zip(line, widths, strict=True)) for line in lines)
        ]
        return "\n".join([self.title, "=" * len(self.title), *aligned, "", *self.notes]).rstrip() + "\n"

    def markdown(self) -> str:
        """The table for a page."""
        rule = ["---", *["---:"] * (len(self.columns) - 1)]
        lines = [f"| {' | '.join(cells)} |" for cells in (self.columns, rule, *self.rows)]
        return "\n\n".join([f"## {self.title}", "\n".join(lines), *self.notes]) + "\n"


def circumstances() -> tuple[str, ...]:
    """Machine, versions, date and command, a line each."""
    packages = ", ".join(f"{name} {version(name)}" for name in _PACKAGES)
    words = sys.orig_argv[1:]
    return (
        f"Machine: {cores()} cores, {_processor()}, {_memory_gib():.0f} GiB of memory, {platform.system()}.",
        f"Versions: Python {platform.python_version()}, {packages}.",
        f"Date: {datetime.now(UTC):%-d %B %Y, %H:%M} UTC.",
        f"Command: `python {shlex.join(words)}`.",
    )


def markdown_page(title: str, said: Sequence[str], tables: Sequence[Table]) -> str:
    """A whole page: its title, what is said above the tables, the tables."""
    return "\n".join([f"# {title}\n", "\n\n".join(said) + "\n", *(table.markdown() for table in tables)])


def _processor() -> str:
    """The processor's name, as Linux knows it; elsewhere what Python knows."""
    described = Path("/proc/cpuinfo")
    lines = described.read_text("utf-8").splitlines() if described.is_file() else []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor() or platform.machine()


def _memory_gib() -> float:
    import os

    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
