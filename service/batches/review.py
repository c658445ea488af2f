"""Groups are exported to the shop once a person has approved them; decisions are kept in the store."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from candidates.errors import VariantsError
from service.answers.handback import hand_back
from service.batches.lines import Lines
from service.runs.job import Job
from service.runs.run_folder import Counts

APPROVE, REJECT = "Approve", "Reject"

_CREATE = """CREATE TABLE IF NOT EXISTS decisions (
    generation TEXT NOT NULL, run TEXT NOT NULL, decision TEXT NOT NULL, by TEXT NOT NULL, comment TEXT NOT NULL,
    at TEXT NOT NULL, PRIMARY KEY (generation, run)) WITHOUT ROWID"""

_LONGEST = 2000
"""Characters of a comment that are kept."""


@dataclass(frozen=True)
class Decision:
    """A person's decision about a generation.

    Attributes:
        generation: The generation of candidates.
        run: The run that asked.
        decision: `Approve` or `Reject`.
        by: Who decided.
        comment: Their comment.
        at: When, ISO 8601 in UTC.
    """

    generation: str
    run: str
    decision: str
    by: str
    comment: str
    at: str


@dataclass(frozen=True)
class Decisions:
    """`STORE/decisions.sqlite`: all decisions, from any scheduler."""

    path: Path

    @classmethod
    def of(cls, store: str) -> Decisions:
        """A store's decisions."""
        return cls(Path(store) / "decisions.sqlite")

    def _open(self) -> sqlite3.Connection:
        self.path.parent.mkdir(parents=True, exist_ok=True)
        connection = sqlite3.connect(self.path, timeout=30)
        connection.execute(_CREATE)
        return connection

    def record(self, decision: Decision) -> None:
        """Stores a decision; the first of a run is final."""
        row = (decision.generation, decision.run, decision.decision, decision.by, decision.comment, decision.at)
        with closing(self._open()) as connection, connection:
            connection.execute("INSERT OR IGNORE INTO decisions VALUES (?, ?, ?, ?, ?, ?)", row)

    def of_run(self, generation: str, run: str) -> Decision | None:
        """The decision of a run; None if there is none."""
        with closing(self._open()) as connection:
            found = connection.execute("SELECT * FROM decisions WHERE generation = ? AND run = ?", (generation, run))
            row = found.fetchone()
        return Decision(*row) if row else None


def summarise(store: str, generation: str) -> Counts:
    """Summary of a generation of candidates (default: the current one), for the question to the reviewer."""
    folder = Lines(Path(store)).generation("candidates", generation)
    job = Job.of(folder)
    grouped, classified = job.folder.require("group").counts, job.folder.require("classify").counts
    return {
        "store": store,
        "generation": folder.name,
        "products": len(job.catalogue),
        "groups": grouped.get("groups", 0),
        "in_groups": grouped.get("products", 0),
        "suggestions": classified.get("suggestions", 0),
        "file": str(job.folder.groups),
        "notes": str(job.folder.group_notes),
    }


def decide(store: str, generation: str, run: str, answer: list[str], by: str, comment: str) -> Counts:
    """Stores a person's answer; anything but a plain approval is a rejection."""
    decision = APPROVE if answer == [APPROVE] else REJECT
    at = datetime.now(UTC).isoformat(timespec="seconds")
    decisions = Decisions.of(store)
    decisions.record(Decision(generation, run, decision, by, comment[:_LONGEST], at))
    kept = decisions.of_run(generation, run)
    assert kept is not None
    return {"decision": kept.decision, "by": kept.by, "at": kept.at, "record": str(decisions.path)}


def export(store: str, generation: str, run: str, target: str, format: str) -> Counts:
    """Writes the approved groups in the format that the shop imports.

    Raises:
        VariantsError: Nobody approved the generation in this run, or it has no groups.
    """
    decision = Decisions.of(store).of_run(generation, run)
    if decision is None or decision.decision != APPROVE:
        why = f"{decision.by} rejected it at {decision.at}" if decision else "nobody decided"
        raise VariantsError(f"{generation} is not to be exported: {why}", "Trigger review_gate again, and approve")
    job = Job.of(Lines(Path(store)).generation("candidates", generation))
    if not job.folder.groups.is_file():
        what = f"{generation} has no groups ({job.folder.require('group').counts.get('why', '')})"
        raise VariantsError(what, "Set classify = true under [pairs] in the settings")
    written = hand_back(job, format, Path(target), job.folder.groups)
    return {"file": str(written.path), "groups": written.groups, "products": written.products}
