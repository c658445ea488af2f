"""The audit between writing and publishing: is this generation fit to take the place of the one in force?"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from candidates.artifacts import write_json
from candidates.errors import VariantsError
from candidates.run import Run
from service.batches.lines import Batch, Lines, in_work, opened, published
from service.neighbours.vectors import neighbours_run
from service.runs.job import Job
from service.runs.run_folder import Counts

AUDIT = "audit.json"
"""What was audited, kept with the generation: the next one is compared with it."""

_DEPTH = 20
"""Neighbours looked at, by text and by image, for the recall of known pairs."""

_QUERIES = 2000
"""Products with known variants on which that is measured, at most."""


class AuditFailed(VariantsError):
    """A generation is not fit to be published; the one in force goes on serving."""


@dataclass(frozen=True)
class Limits:
    """What the audit admits.

    Attributes:
        refused: Share of a feed's rows that may be refused.
        index_recall: Least share of the exact neighbours that an index must find.
        fewer: Share of the products in force by which a catalogue may shrink.
        recall_drop: How much less recall of known pairs there may be than in the generation in force.
    """

    refused: float = 0.1
    index_recall: float = 0.9
    fewer: float = 0.5
    recall_drop: float = 0.1


@dataclass(frozen=True)
class Finding:
    """One thing that was looked at.

    Attributes:
        about: What.
        value: What was found; None where there was nothing to look at.
        limit: What is admitted.
        passed: Whether that is fit.
    """

    about: str
    value: float | None
    limit: float
    passed: bool

    def in_words(self) -> str:
        """One line for a person."""
        found = "nothing to measure" if self.value is None else f"{self.value:.3f}"
        return f"{self.about}: {found}, limit {self.limit:.3f}, {'passed' if self.passed else 'FAILED'}"


def audit(batch: Batch, limits: Limits) -> Counts:
    """Looks at what was written before it is published, and writes `audit.json` beside it.

    Raises:
        AuditFailed: Naming everything that is not fit. The generation in force goes on serving.
    """
    with in_work(batch, "audit") as job:
        if job:
            before = Lines(Path(batch["store"])).in_force(batch["line"])
            findings = look_at(job, before, limits)
            passed = all(one.passed for one in findings)
            write_json(
                job.folder.root / AUDIT,
                {
                    "against": before.name if before else "",
                    "passed": passed,
                    "findings": [asdict(one) for one in findings],
                },
            )
    made = read_audit(published(batch) or Path(batch["building"]))
    failed = [Finding(**one).in_words() for one in made["findings"] if not one["passed"]]
    if failed:
        kept = f"generation {made['against']} goes on serving" if made["against"] else "nothing is published"
        raise AuditFailed(
            f"{batch['line']} {batch['generation']} is not fit to be published: {'; '.join(failed)}; {kept}",
            f"refused.csv in {batch['building']} names every refused row; fix the feed, or raise the limit by a Param",
        )
    return {"findings": len(made["findings"]), "products": len(opened(batch).catalogue)}


def read_audit(folder: Path) -> dict[str, Any]:
    """What was audited of a generation; without findings where it was not audited."""
    path = folder / AUDIT
    return json.loads(path.read_text("utf-8")) if path.is_file() else {"passed": False, "findings": [], "against": ""}


def look_at(job: Job, before: Path | None, limits: Limits) -> list[Finding]:
    """Everything that is looked at, in order."""
    read, products = job.folder.require("ingest").counts, len(job.catalogue)
    refused = max((one["refused"] / max(1, one["rows"]) for one in read["feeds"]), default=0.0)
    findings = [
        Finding("share of refused rows in the worst feed", refused, limits.refused, refused <= limits.refused),
        Finding("products", float(products), 1.0, products >= 1),
    ]
    for step in ("retrieve_text", "retrieve_images"):
        reached = job.folder.require(step).counts.get("index_recall", {})
        least = min(reached.values(), default=None)
        passed = least is None or least >= limits.index_recall
        findings.append(Finding(f"{step}: share of the exact neighbours", least, limits.index_recall, passed))
    return findings + _compared(job, before, limits)


def _compared(job: Job, before: Path | None, limits: Limits) -> list[Finding]:
    """The findings that are about the generation in force too."""
    recall = known_pair_recall(job)
    last = {one["about"]: one["value"] for one in read_audit(before)["findings"]} if before else {}
    least_products = (1 - limits.fewer) * last.get("products", 0.0)
    products = float(len(job.catalogue))
    was = last.get("recall of known pairs")
    least = was - limits.recall_drop if was is not None else 0.0
    return [
        Finding("products against the generation in force", products, least_products, products >= least_products),
        Finding("recall of known pairs", recall, max(0.0, least), recall is None or recall >= least),
    ]


def known_pair_recall(job: Job) -> float | None:
    """The mean share of a product's known variants among its nearest by text and by image; None without groups."""
    queries = job.truth("evaluation").queries()
    if not len(queries):
        return None
    rng = np.random.default_rng(job.settings.run.seed)
    if len(queries) > _QUERIES:
        queries = np.sort(rng.permutation(queries)[:_QUERIES])
    lists = [neighbours_run(job, kind) for kind in ("text", "image")]
    return float(np.mean([_share(job, lists, int(row)) for row in queries]))


def _share(job: Job, lists: list[Run], row: int) -> float:
    variants = job.truth("evaluation").variants(np.array([row]))[1]
    near = np.concatenate([run.ranked(row)[0][:_DEPTH] for run in lists])
    return float(np.isin(variants, near).mean())
