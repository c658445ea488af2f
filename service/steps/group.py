"""Makes groups of the pairs, says what varies in each, and gives them ids that outlive the run."""

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
"""Products of a doubtful group that are named."""


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
            why = folder.require("learn_pairs").counts.get("why", "nothing was to be learned")
            return {"groups": 0, "why": f"there are no probabilities to group by: {why}"}
        made, fates = make_groups(job, truth)
        assigned = named(job, made)
        varying = what_varies(job.catalogue, made.groups, mean_lab(job))
        write_groups(folder.groups, members(job, made, assigned, varying))
        write_notes(job, made, fates, assigned)
        return _counts(made, fates, assigned)

    outputs = (folder.groups, folder.group_notes) if on else ()
    return Step(folder, "group", inputs, outputs).run(work)


def make_groups(job: Job, truth: Qrels) -> tuple[Grouping, KnownGroups]:
    """Groups by average linkage of the run's pairs."""
    settings = job.settings.groups
    (path,) = sorted(job.folder.pairs.glob("part-*.parquet"))
    pairs = PairTable.open(path, job.catalogue.axis)
    probability = pairs.columns["probability"]
    options: dict[str, Any] = {"threshold": settings.threshold, "most": settings.largest}
    return group_products(truth, pairs.left, pairs.right, probability, known=settings.known, **options)


def named(job: Job, made: Grouping) -> Assignment:
    """The groups' ids: a store's go on from generation to generation, a folder's from run to run."""
    return GroupIds(job.folder.work.parent / "groups.sqlite").assign(
        job.folder.require("classify").key[:16], list(job.catalogue.axis), made.groups
    )


def members(
    job: Job, made: Grouping, assigned: Assignment, varying: dict[int, tuple[Varying, ...]]
) -> Iterator[Member]:
    """The products of groups, group by group."""
    axis = job.catalogue.axis
    rows = np.flatnonzero(made.groups >= 0)
    rows = rows[np.argsort(made.groups[rows], kind="stable")]
    for row in rows.tolist():
        number = int(made.groups[row])
        yield Member(axis[row], assigned.ids[number], sentence(varying.get(number, ())))


def write_notes(job: Job, made: Grouping, fates: KnownGroups, assigned: Assignment) -> None:
    """Writes `group-notes.csv`, atomically: what an expert should know about groups, the most doubtful first."""
    axis, names = job.catalogue.axis, job.catalogue.column("group")
    with atomic(job.folder.group_notes) as temporary, temporary.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(("about", "group", "products", "note"))
        for place in fates.doubtful().tolist():
            one = fates[place]
            ids = " ".join(axis[row] for row in one.members[:_NAMED])
            writer.writerow(map(harmless, ("known group", names[one.members[0]], ids, "; ".join(one.doubts))))
        for change in assigned.changes:
            log.info("groups: %s of %s into %s", change.kind, ", ".join(change.old_ids), change.new_id)
            writer.writerow(map(harmless, (change.kind, change.new_id, "", f"was {', '.join(change.old_ids)}")))
        first = np.unique(made.groups, return_index=True)[1]
        for row in np.concatenate([first[made.groups[first] >= 0], np.flatnonzero(made.groups < 0)]).tolist():
            said = made.said(row)
            if said:
                name = assigned.ids[made.groups[row]] if made.groups[row] >= 0 else ""
                writer.writerow(map(harmless, ("group" if name else "product", name, axis[row], "; ".join(said))))


def _counts(made: Grouping, fates: KnownGroups, assigned: Assignment) -> Counts:
    sizes = np.bincount(made.groups[made.groups >= 0])
    return {
        "groups": len(sizes),
        "products": int(sizes.sum()),
        "largest": int(sizes.max(initial=0)),
        "doubtful": len(fates.doubtful()),
        "new": assigned.new,
        "merged": sum(one.kind == "merge" for one in assigned.changes),
        "split": sum(one.kind == "split" for one in assigned.changes),
    }
