"""Builds groups from the pairs, finds what varies in each, and gives them stable ids."""

from __future__ import annotations

import csv
import logging
from collections.abc import Iterator
from typing import Any

import numpy as np

from candidates.artifacts import atomic, digest_of
from candidates.pairs import PairTable
from candidates.qrels import Qrels
from candidates.suggestion import harmless
from fusion.groups.known import KnownGroups, group_products
from fusion.groups.linkage import Grouping
from fusion.groups.varying import Varying, sentence, what_varies
from service.files.groups_file import Member, write_groups
from service.pairs.group_ids import Assignment, GroupIds
from service.pairs.suggesting import mean_lab
from service.runs.job import Job
from service.runs.run_folder import Counts, Step, StepRecord

log = logging.getLogger("variants")

_NAMED = 50
"""Products of a doubtful group that are listed."""


def group(job: Job) -> StepRecord:
    """Writes `groups.csv`: id, item_group_id, what varies; it loads as a supplemental feed."""
    folder, settings = job.folder, job.settings.groups
    on = folder.require("classify").counts.get("by") == "probability"
    truth = job.truth("suggestions")
    inputs = {
        "pairs": folder.require("classify").key,
        "settings": settings.model_dump(mode="json"),
        "truth": digest_of(truth.groups.tolist(), truth.keys.tolist(), truth.values.tolist()),
    }

    def work() -> Counts:
        if not on:
            folder.groups.unlink(missing_ok=True)
            folder.group_notes.unlink(missing_ok=True)
            why = folder.require("learn_pairs").counts.get("why", "there was nothing to train on")
            return {"groups": 0, "why": f"there are no probabilities to group by: {why}"}
        grouping, fates = make_groups(job, truth)
        assigned = named(job, grouping)
        varying = what_varies(job.catalogue, grouping.groups, mean_lab(job))
        write_groups(folder.groups, members(job, grouping, assigned, varying))
        write_notes(job, grouping, fates, assigned)
        return _counts(grouping, fates, assigned)

    outputs = (folder.groups, folder.group_notes) if on else ()
    return Step(folder, "group", inputs, outputs).run(work)


def make_groups(job: Job, truth: Qrels) -> tuple[Grouping, KnownGroups]:
    """Groups the products by average linkage on the run's pairs."""
    settings = job.settings.groups
    (path,) = sorted(job.folder.pairs.glob("part-*.parquet"))
    pairs = PairTable.open(path, job.catalogue.axis)
    probability = pairs.columns["probability"]
    options: dict[str, Any] = {"threshold": settings.threshold, "most": settings.largest}
    return group_products(truth, pairs.left, pairs.right, probability, known=settings.known, **options)


def named(job: Job, grouping: Grouping) -> Assignment:
    """The groups' ids, which stay stable between the generations of a store or the runs of a folder."""
    return GroupIds(job.folder.work.parent / "groups.sqlite").assign(
        job.folder.require("classify").key[:16], list(job.catalogue.axis), grouping.groups
    )


def members(
    job: Job, grouping: Grouping, assigned: Assignment, varying: dict[int, tuple[Varying, ...]]
) -> Iterator[Member]:
    """The products of groups, group by group."""
    axis = job.catalogue.axis
    rows = np.flatnonzero(grouping.groups >= 0)
    rows = rows[np.argsort(grouping.groups[rows], kind="stable")]
    for row in rows.tolist():
        number = int(grouping.groups[row])
        yield Member(axis[row], assigned.ids[number], sentence(varying.get(number, ())))


def write_notes(job: Job, grouping: Grouping, fates: KnownGroups, assigned: Assignment) -> None:
    """Writes `group-notes.csv` atomically: notes on groups for an expert, the most doubtful first."""
    axis, names = job.catalogue.axis, job.catalogue.column("group")
    with atomic(job.folder.group_notes) as temporary, temporary.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(("about", "group", "products", "note"))
        for place in fates.doubtful().tolist():
            known = fates[place]
            ids = " ".join(axis[row] for row in known.members[:_NAMED])
            writer.writerow(map(harmless, ("known group", names[known.members[0]], ids, "; ".join(known.doubts))))
        for change in assigned.changes:
            log.info("groups: %s of %s into %s", change.kind, ", ".join(change.old_ids), change.new_id)
            writer.writerow(map(harmless, (change.kind, change.new_id, "", f"was {', '.join(change.old_ids)}")))
        first = np.unique(grouping.groups, return_index=True)[1]
        for row in np.concatenate([first[grouping.groups[first] >= 0], np.flatnonzero(grouping.groups < 0)]).tolist():
            notes = grouping.notes_of(row)
            if notes:
                name = assigned.ids[grouping.groups[row]] if grouping.groups[row] >= 0 else ""
                writer.writerow(map(harmless, ("group" if name else "product", name, axis[row], "; ".join(notes))))


def _counts(grouping: Grouping, fates: KnownGroups, assigned: Assignment) -> Counts:
    sizes = np.bincount(grouping.groups[grouping.groups >= 0])
    return {
        "groups": len(sizes),
        "products": int(sizes.sum()),
        "largest": int(sizes.max(initial=0)),
        "doubtful": len(fates.doubtful()),
        "new": assigned.new,
        "merged": sum(change.kind == "merge" for change in assigned.changes),
        "split": sum(change.kind == "split" for change in assigned.changes),
    }
