"""Writes `report.html`: what the run found, what it missed, and why."""

from __future__ import annotations

import json
import platform
from collections.abc import Callable
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
from numpy.typing import NDArray

from candidates.artifacts import write_text
from candidates.provenance import NO_VIA, NOT_LISTED, CandidatePart, Candidates
from candidates.qrels import VARIANT
from candidates.run import Run
from candidates.settings import MergeSettings
from eval.bootstrap import Interval
from eval.curves import OperatingPoint, Setting, from_table
from eval.report import model
from eval.report.render import render
from eval.report.words import setting_in_words
from eval.slices import Slice
from fusion.merge.strategies import budget
from intake.picture_files import list_pictures
from service.answers.shown_groups import groups_shown
from service.files.candidate_files import read_candidates
from service.learning.in_words import learning_in_words
from service.learning.planner import Offer, Plan
from service.neighbours import depths
from service.neighbours.open import open_image, open_text
from service.runs.job import Job
from service.runs.manifest import write_manifest
from service.runs.refusals import all_refusals
from service.runs.run_folder import Counts, Step, StepRecord

_PLANNED_BY = {
    "known groups": "Strategies were compared on known groups at equal cost; the recall of each is measured on "
    "groups that were not used to choose it.",
    "proxy": "Too few groups are known (or none may be used), so strategies were compared by a proxy: pairs that are "
    "linked by both text and picture. It ranks strategies, but does not estimate recall.",
    "default": "Nothing is known to compare strategies by, so this is the default.",
    "model": "The plan comes with the model: it was made on the catalogue that the model was trained on.",
}

EXAMPLES, SHOWN = 10, 8
"""Numbers of example products, and of candidates shown for each."""


def report(job: Job) -> StepRecord:
    """Writes `report.html`, a single self-contained page."""
    inputs = {
        "evaluate": job.folder.require("evaluate").key,
        "expand": job.folder.require("expand").key,
        "group": job.folder.require("group").key,
        "learn_pairs": job.folder.require("learn_pairs").key,
        "refused": [str(refusal) for refusal in all_refusals(job.folder)],
    }
    target = job.folder.root / "report.html"

    def work() -> Counts:
        chooser = _Examples(job)
        examples = chooser.choose()
        write_text(target, render(_report(job, examples, chooser.shown)))
        return {"examples": len(examples)}

    return Step(job.folder, "report", inputs, (target,)).run(work)


def _report(job: Job, examples: tuple[model.Example, ...], shown: Callable[[int], model.Shown]) -> model.Report:
    measured = json.loads(job.folder.evaluation.read_text("utf-8"))
    points = tuple(from_table(pq.read_table(job.folder.root / "curves.parquet")))
    return model.Report(
        feed=", ".join(feed.path.name for feed in job.choices.feeds),
        made=f"{datetime.now(UTC):%-d %B %Y, %H:%M} UTC",
        counts=_counts(job, measured),
        chosen=_chosen(job, measured),
        points=points,
        gains=_gains(measured),
        metrics=_metrics(job, measured),
        index_recall=_index_recall(job),
        slices=tuple(Slice(**(part | {"recall": Interval(**part["recall"])})) for part in measured.get("slices", ())),
        examples=examples,
        refused=model.Refused.of(all_refusals(job.folder)),
        making=_making(job),
        taught=learning_in_words(job, measured),
        planned=_planned(job),
        planned_by=_planned_by(job),
        estimates=_estimates(measured),
        found=groups_shown(job, shown),
    )


def _counts(job: Job, measured: dict[str, Any]) -> model.Counts:
    sellers = job.catalogue.codes("seller")
    return model.Counts(
        products=len(job.catalogue),
        pictures=job.folder.require("encode_images").counts["pictures"],
        sellers=int(sellers.max(initial=-1)) + 1,
        groups=measured.get("groups", 0),
        queries=measured["queries"],
    )


def _chosen(job: Job, measured: dict[str, Any]) -> OperatingPoint:
    settings, counts = job.merge, job.folder.require("expand").counts
    found = measured.get("candidates", {})
    span = found.get("recall", {"mean": float("nan"), "low": float("nan"), "high": float("nan")})
    cost = counts["candidates"] / len(job.catalogue)
    return OperatingPoint(
        strategy=settings.strategy,
        **asdict(_parameters(settings)),
        candidates_per_product=cost,
        share=cost / len(job.catalogue),
        recall=span["mean"],
        low=span["low"],
        high=span["high"],
        recall_by_group=found.get("recall_by_group", float("nan")),
        queries=measured["queries"],
    )


def _parameters(settings: MergeSettings) -> Setting:
    """The settings of the run in the terms of the curve, so that the two can be compared."""
    depth = budget(settings)
    half = max(1, depth // 2)
    return {
        "hop": Setting(n=settings.n, k=settings.k, budget=settings.budget or None),
        "text": Setting(n=depth),
        "image": Setting(k=depth),
        "union": Setting(n=half, k=half),
    }.get(settings.strategy, Setting(budget=depth))


def _planned(job: Job) -> tuple[model.Planned, ...]:
    if not job.choices.plans:
        return ()
    plan = Plan.of(json.loads(job.folder.plan.read_text("utf-8")))
    return tuple(
        model.Planned(offer.budget, _of_offer(offer, job), offer.runner_up, offer.ahead, offer.budget == plan.asked)
        for offer in plan.offers
    )


def _of_offer(offer: Offer, job: Job) -> OperatingPoint:
    settings = offer.merge(job.settings.merge)
    recall, low, high = (float("nan") if value is None else value for value in (offer.recall, offer.low, offer.high))
    cost, queries = offer.candidates_per_product, job.folder.require("evaluate").counts["queries"]
    known = {"recall": recall, "low": low, "high": high, "recall_by_group": float("nan"), "queries": queries}
    return OperatingPoint(
        offer.strategy,
        **asdict(_parameters(settings)),
        candidates_per_product=cost,
        share=cost / len(job.catalogue),
        **known,
    )


def _planned_by(job: Job) -> str:
    found = job.folder.require("plan").counts.get("from")
    return _PLANNED_BY.get(str(found), "")


def _estimates(measured: dict[str, Any]) -> tuple[model.Estimate, ...]:
    """The estimates of missed variants, scaled from the sample to all products."""
    missed = measured.get("missed")
    if not missed:
        return ()
    scale = missed["of"] / max(1, missed["products"])
    known = missed["known"] - missed["known_missed"]
    estimates = [
        model.Estimate("of known groups (counted)", scale * known, *[scale * missed["known_missed"]] * 3),
    ]
    for name, about in (("within", "of products without a known group"), ("across", "of other sellers")):
        part = missed[name]
        if part:
            found, outside = (None if part[key] is None else scale * part[key] for key in ("found", "missed"))
            estimates.append(model.Estimate(about, found, outside, scale * part["low"], scale * part["high"]))
    return tuple(estimates) if len(estimates) > 1 else ()


def _gains(measured: dict[str, Any]) -> model.Gains | None:
    gains = measured.get("gains")
    if not gains:
        return None
    text, image, both = (OperatingPoint(**gains[name]) for name in ("text", "image", "both"))
    over = {name: Interval(**gains[name]) for name in ("image_over_text", "both_over_text")}
    return model.Gains(text, image, both, **over)


def _metrics(job: Job, measured: dict[str, Any]) -> tuple[model.MetricsRow, ...]:
    chosen = setting_in_words(_chosen(job, measured))
    return tuple(
        model.MetricsRow(
            row["strategy"],
            chosen if row["chosen"] else f"the first {row['depth']:,}",
            row["candidates_per_product"],
            row["values"],
            row["chosen"],
        )
        for row in measured.get("metrics", ())
    )


def _index_recall(job: Job) -> tuple[model.IndexRecall, ...]:
    named = (
        (f"text: {job.settings.text.index}", "retrieve_text"),
        (f"image: {job.settings.image.index}", "retrieve_images"),
    )
    return tuple(
        model.IndexRecall(name, int(depth), recall, counts["index_sample"])
        for name, step in named
        for counts in [job.folder.require(step).counts]
        for depth, recall in counts.get("index_recall", {}).items()
    )


def _making(job: Job) -> model.Making:
    manifest = write_manifest(job)
    steps = tuple(model.StepCost(name, step["seconds"], step["peak_mib"]) for name, step in manifest["steps"].items())
    encoders = {
        kind: str(manifest["steps"][step]["counts"]["encoder"])
        for kind, step in (("text model", "encode_text"), ("image model", "encode_images"))
    }
    versions = {"python": platform.python_version()} | encoders | manifest["packages"]
    return model.Making(steps, manifest["settings"], versions, manifest["axes"])


class _Examples:
    """Chooses example products and collects what the page shows of them."""

    def __init__(self, job: Job) -> None:
        self.job = job
        self.axis = job.catalogue.axis
        self.titles, self.sellers = job.catalogue.column("title"), job.catalogue.column("seller")
        self.pictures: dict[int, Path] = {}
        for picture in list_pictures(job.catalogue, job.places):
            if picture.path is not None:
                self.pictures.setdefault(picture.product_row, picture.path)

    def choose(self) -> tuple[model.Example, ...]:
        """Ten products in feed order, up to half of them with a missed variant."""
        candidates = read_candidates(self.job.folder.candidates, self.axis)
        queries = self.job.truth("evaluation").queries()
        rng = np.random.default_rng(self.job.settings.run.seed)
        if len(queries):
            queries = rng.permutation(queries)[:500]
            lacking = np.array([len(self._missing(candidates, row)) > 0 for row in queries.tolist()])
            chosen = [*queries[lacking][: EXAMPLES // 2], *queries[~lacking]][:EXAMPLES]
        else:
            chosen = rng.permutation(self.axis.rows)[:EXAMPLES].tolist()
        rows = np.sort(np.array(chosen, np.int32))
        depth = depths.within(self.job, depths.EXPLAINING)
        text = open_text(self.job).neighbours(rows, depth)
        image = open_image(self.job).neighbours(rows, depth)
        return tuple(self._example(candidates, row, place, text, image) for place, row in enumerate(rows.tolist()))

    def _missing(self, candidates: Candidates, row: int) -> NDArray[np.int32]:
        return np.setdiff1d(self._variants(row), candidates.ranked(row)[0]).astype(np.int32)

    def _variants(self, row: int) -> NDArray[np.int32]:
        return self.job.truth("evaluation").variants(np.array([row]))[1]

    def shown(self, row: int) -> model.Shown:
        """A product as the page shows it."""
        return model.Shown(self.axis[row], self.titles[row], self.sellers[row], self.pictures.get(row))

    def _example(self, candidates: Candidates, row: int, place: int, text: Run, image: Run) -> model.Example:
        part = candidates.take(np.array([row])).whole()
        assert isinstance(part, CandidatePart)
        truth = self.job.truth("evaluation").judge(np.full(len(part.rows), row), part.rows)
        shown = tuple(self._candidate(part, at, int(truth[at]), row) for at in range(min(SHOWN, len(part.rows))))
        missing = self._missing(candidates, row)
        return model.Example(
            self.shown(row),
            shown,
            candidates_in_all=len(part.rows),
            variants_known=len(self._variants(row)),
            variants_found=int((truth == VARIANT).sum()),
            missed=tuple(self._missed(other, place, text, image) for other in missing.tolist()[:SHOWN]),
        )

    def _candidate(self, part: CandidatePart, at: int, truth: int, query: int) -> model.ShownCandidate:
        via = int(part.via[at])
        return model.ShownCandidate(
            self.shown(int(part.rows[at])),
            rank=at + 1,
            text_rank=int(part.text_rank[at]) if part.text_rank[at] != NOT_LISTED else None,
            image_rank=int(part.image_rank[at]) if via != NO_VIA else None,
            via="" if via in (NO_VIA, query) else self.titles[via] or self.axis[via],
            truth=truth,
        )

    def _missed(self, row: int, place: int, text: Run, image: Run) -> model.Missed:
        depth = depths.within(self.job, depths.EXPLAINING)
        in_text, in_image = (_rank(run.ranked(place)[0], row) for run in (text, image))
        return model.Missed(self.shown(row), depth, depth, in_text, in_image)


def _rank(rows: NDArray[np.int32], row: int) -> int | None:
    at = np.flatnonzero(rows == row)
    return int(at[0]) + 1 if len(at) else None
