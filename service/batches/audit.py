"""The audit between building and publishing: may this generation replace the current one?"""

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
"""The audit's findings, kept with the generation: the next one is compared with them."""

_DEPTH = 20
"""Depth of the text and image lists in which known pairs are counted."""

_QUERIES = 2000
"""Most queries on which the recall of known pairs is measured."""


class AuditFailed(VariantsError):
    """A generation failed its audit; the current one keeps serving."""


@dataclass(frozen=True)
class Limits:
    """The limits of the audit.

    Attributes:
        refused: Largest share of a feed's rows that may be refused.
        index_recall: Lowest recall of an index against exact search.
        fewer: Largest share of the current products by which a catalogue may shrink.
        recall_drop: Largest drop of the recall of known pairs against the current generation.
    """

    refused: float = 0.1
    index_recall: float = 0.9
    fewer: float = 0.5
    recall_drop: float = 0.1


@dataclass(frozen=True)
class Finding:
    """The result of one check.

    Attributes:
        about: What was checked.
        value: The measured value; None if there was nothing to measure.
        limit: The limit for the value.
        passed: Whether the value is within the limit.
    """

    about: str
    value: float | None
    limit: float
    passed: bool

    def in_words(self) -> str:
        """One line for a person."""
        value = "nothing to measure" if self.value is None else f"{self.value:.3f}"
        return f"{self.about}: {value}, limit {self.limit:.3f}, {'passed' if self.passed else 'FAILED'}"


def audit(batch: Batch, limits: Limits) -> Counts:
    """Checks a generation before it is published, and writes `audit.json` beside it.

    Raises:
        AuditFailed: A check failed; the message lists each. The current generation keeps serving.
    """
    with in_work(batch, "audit") as job:
        if job:
            before = Lines(Path(batch["store"])).current(batch["line"])
            findings = run_checks(job, before, limits)
            passed = all(finding.passed for finding in findings)
            write_json(
                job.folder.root / AUDIT,
                {
                    "against": before.name if before else "",
                    "passed": passed,
                    "findings": [asdict(finding) for finding in findings],
                },
            )
    result = read_audit(published(batch) or Path(batch["building"]))
    failed = [Finding(**finding).in_words() for finding in result["findings"] if not finding["passed"]]
    if failed:
        kept = f"generation {result['against']} keeps serving" if result["against"] else "nothing is published"
        raise AuditFailed(
            f"{batch['line']} {batch['generation']} failed its audit: {'; '.join(failed)}; {kept}",
            f"refused.csv in {batch['building']} lists all refused rows; fix the feed, or raise the limit with a Param",
        )
    return {"findings": len(result["findings"]), "products": len(opened(batch).catalogue)}


def read_audit(folder: Path) -> dict[str, Any]:
    """The audit of a generation; without findings if it was not audited."""
    path = folder / AUDIT
    return json.loads(path.read_text("utf-8")) if path.is_file() else {"passed": False, "findings": [], "against": ""}


def run_checks(job: Job, before: Path | None, limits: Limits) -> list[Finding]:
    """All checks, in order."""
    read, products = job.folder.require("ingest").counts, len(job.catalogue)
    refused = max((feed["refused"] / max(1, feed["rows"]) for feed in read["feeds"]), default=0.0)
    findings = [
        Finding("share of refused rows in the worst feed", refused, limits.refused, refused <= limits.refused),
        Finding("products", float(products), 1.0, products >= 1),
    ]
    for step in ("retrieve_text", "retrieve_images"):
        reached = job.folder.require(step).counts.get("index_recall", {})
        lowest = min(reached.values(), default=None)
        passed = lowest is None or lowest >= limits.index_recall
        findings.append(Finding(f"{step}: share of the exact neighbours", lowest, limits.index_recall, passed))
    return findings + _compared(job, before, limits)


def _compared(job: Job, before: Path | None, limits: Limits) -> list[Finding]:
    """The checks against the current generation."""
    recall = known_pair_recall(job)
    last = {finding["about"]: finding["value"] for finding in read_audit(before)["findings"]} if before else {}
    least_products = (1 - limits.fewer) * last.get("products", 0.0)
    products = float(len(job.catalogue))
    was = last.get("recall of known pairs")
    least = was - limits.recall_drop if was is not None else 0.0
    return [
        Finding("products against the current generation", products, least_products, products >= least_products),
        Finding("recall of known pairs", recall, max(0.0, least), recall is None or recall >= least),
    ]


def known_pair_recall(job: Job) -> float | None:
    """Mean recall of known variants among the nearest by text and by image; None if no groups are known."""
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
