"""Measures the candidates, and every other strategy, against the feed's own groups."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from candidates.artifacts import write_json, write_parquet
from candidates.provenance import Candidates
from candidates.run import Run, stacked
from eval.bootstrap import Interval, difference, interval
from eval.curves import (
    OperatingPoint,
    QuerySet,
    Sweep,
    find,
    points,
    sweep_list,
    sweep_union,
    sweep_walk,
    to_table,
)
from eval.metrics import METRICS, by_group, judged, pairs_completeness, recall, reduction_ratio
from eval.plots import curves_png
from eval.slices import Slice, by_group_size, slices, within_and_across
from fusion.merge.fused import weighted
from fusion.merge.hop import Walk, pool, walks
from fusion.merge.reciprocal import Ranking, fuse
from service.files.candidate_files import read_candidates
from service.learning.held_out import HeldOut, curve_depth
from service.learning.missed import estimate_missed
from service.runs.job import Job
from service.runs.run_folder import Counts, Step, StepRecord

PAPER_TEXT, PAPER_IMAGE = 500, 1000
"""Depths of the two lists in the paper's comparison of text, image and both (section 4.2)."""


def evaluate(job: Job) -> StepRecord:
    """Writes `curves.parquet`, `curves.png` and `evaluation.json`; without known groups says so and no more."""
    folder = job.folder
    inputs = {
        "candidates": folder.require("expand").key,
        "text": folder.require("retrieve_text").key,
        "images": folder.require("retrieve_images").key,
        "catalogue": folder.require("ingest").counts["catalogue"],
        "settings": job.settings.evaluation.model_dump(mode="json"),
        "merge": job.merge.model_dump(mode="json"),
        "learn": folder.require("learn").key,
        "fused": job.fused.model_dump(mode="json"),
        "global": job.settings.feed.groups_are_global,
    }
    outputs = (folder.root / "curves.parquet", folder.evaluation)
    return Step(folder, "evaluate", inputs, outputs).run(lambda: _measure(job))


@dataclass(frozen=True, eq=False)
class Deep:
    """The lists that all curves are counted from.

    Attributes:
        queries: The products measured.
        text: Their text lists.
        image: Their image lists.
        pooled: Both of them, with the rank in either.
        held_out: Where they come from.
        fused: Fused lists, asked again; None where nothing is fused.
    """

    queries: QuerySet
    text: Run
    image: Run
    pooled: Candidates
    held_out: HeldOut
    fused: Candidates | None


def _measure(job: Job) -> Counts:
    rows = job.qrels.queries()
    if not len(rows):
        write_parquet(job.folder.root / "curves.parquet", to_table([]))
        write_json(job.folder.evaluation, {"queries": 0})
        (job.folder.root / "curves.png").unlink(missing_ok=True)  # an earlier run's, whose groups are gone
        return {"queries": 0}
    deep = deep_lists(job)
    made = operating_points(job, deep)
    everything, own = _candidates(job, deep)
    found = _of_candidates(job, everything, own, deep.queries)
    write_parquet(job.folder.root / "curves.parquet", to_table(made))
    cost, reached = float(own.counts.mean()), found["recall"]["mean"]
    curves_png(made, job.folder.root / "curves.png", (cost, reached))
    document = {
        "queries": len(deep.queries.rows),
        "groups": len(np.unique(deep.queries.groups[deep.queries.groups >= 0])),
        "candidates": found,
        "metrics": _metric_rows(job, deep, own, found),
        "gains": gains(job, deep, made),
        "slices": [asdict(one) for one in _slices(job, own)],
        "folds": len(deep.held_out.views) if deep.held_out.crossed else 0,
        "missed": _missed(job, deep),
    }
    write_json(job.folder.evaluation, document)
    return {
        "queries": len(deep.queries.rows),
        "points": len(made),
        "recall": round(reached, 4),
        "candidates_per_product": cost,
        "folds": document["folds"],
    }


def deep_lists(job: Job) -> Deep:
    """The lists of the products measured, as deep as the curve needs them."""
    found, depth = job.held_out.weighed(job.fused), curve_depth(job)
    text, image = found.text.top(depth), found.image.top(depth)
    fused = found.fused_hop()
    pooled = pool(text, image, threads=job.threads)
    return Deep(QuerySet(found.rows, job.qrels), text, image, pooled, found, fused.top(depth) if fused else None)


def _candidates(job: Job, deep: Deep) -> tuple[Candidates, Candidates]:
    """The candidates that tell of pairs, and those of the queries.

    Those that the run made came of all known groups. Where spaces were learned from these very groups, the queries
    are measured on candidates made in the same way without their own groups' part.
    """
    if deep.held_out.crossed:
        own = deep.held_out.candidates(job.merge, job.qrels.groups if job.merge.collapse_known else None)
        return own, own
    everything = read_candidates(job.folder.candidates, job.catalogue.axis)
    return everything, everything.take(deep.queries.rows)


def _missed(job: Job, deep: Deep) -> dict[str, Any]:
    """The estimate of variants outside the candidates, on a fair sample of all products."""
    fair, depth = deep.held_out.fair, curve_depth(job)
    text, image = (stacked([getattr(view, kind).top(depth) for view in fair]) for kind in ("text", "image"))
    siblings = job.qrels.groups if job.merge.collapse_known else None
    own = stacked([view.candidates(job.merge, siblings) for view in fair])
    made = estimate_missed(text, image, job.qrels, own, seed=job.settings.run.seed)
    return asdict(made) | {"products": len(text), "of": len(job.catalogue)}


def operating_points(job: Job, deep: Deep) -> list[OperatingPoint]:
    """Every strategy over its grid, with intervals."""
    settings, merge = job.settings.evaluation, job.merge
    depths = settings.text_depths
    weights = {"text_weight": merge.text_weight, "image_weight": merge.image_weight}
    rankings = [Ranking(deep.text, "text", merge.text_weight), Ranking(deep.image, "image", merge.image_weight)]
    merged: dict[str, Candidates] = {
        "rrf": fuse(rankings, k=merge.rrf_k, threads=job.threads),
        "weighted": weighted(deep.text, deep.image, threads=job.threads, **weights),
    }
    merged |= {"fused": deep.fused} if deep.fused is not None else {}
    halves = [(max(1, depth // 2), max(1, depth // 2)) for depth in depths]
    unions = sorted({*halves, *((depth, depth) for depth in depths), (PAPER_TEXT, PAPER_IMAGE)})
    sweeps: list[Sweep] = [
        sweep_list("text", deep.text, deep.queries, depths, "n"),
        sweep_list("image", deep.image, deep.queries, depths, "k"),
        sweep_union(deep.pooled, deep.queries, unions),
        *(sweep_list(name, run, deep.queries, depths, "budget") for name, run in merged.items()),
        *(sweep_walk("hop", deep.text, _walks(job, deep, k), deep.queries, depths, k) for k in settings.hops),
    ]
    return points(
        sweeps,
        deep.queries,
        max_share=settings.max_share,
        resamples=settings.bootstrap,
        seed=job.settings.run.seed,
    )


def _walks(job: Job, deep: Deep, k: int) -> Iterator[Walk]:
    """The hop of all queries at the greatest N, view by view."""
    n = curve_depth(job)
    for view in deep.held_out.views:
        yield from walks(view.text.top(n), view.every_image, n, k)


def gains(job: Job, deep: Deep, made: list[OperatingPoint]) -> dict[str, Any]:
    """The paper's comparison: text 500, image 1,000, both; empty where the catalogue is too small for it."""
    text, image = find(made, "text", n=PAPER_TEXT), find(made, "image", k=PAPER_IMAGE)
    both = find(made, "union", n=PAPER_TEXT, k=PAPER_IMAGE)
    if not (text and image and both):
        return {}
    by_text = recall(judged(deep.text, job.qrels), PAPER_TEXT)
    by_image = recall(judged(deep.image, job.qrels), PAPER_IMAGE)
    united = sweep_union(deep.pooled, deep.queries, [(PAPER_TEXT, PAPER_IMAGE)])
    by_both = united.hits[:, 0] / deep.queries.known
    options = {"resamples": job.settings.evaluation.bootstrap, "seed": job.settings.run.seed}
    return {
        "text": asdict(text),
        "image": asdict(image),
        "both": asdict(both),
        "image_over_text": asdict(difference(by_image, by_text, deep.queries.groups, **options)),
        "both_over_text": asdict(difference(by_both, by_text, deep.queries.groups, **options)),
    }


def _metric_rows(job: Job, deep: Deep, own: Candidates, found: dict[str, Any]) -> list[dict[str, Any]]:
    both = {"pairs completeness": found["pairs_completeness"], "reduction ratio": found["reduction_ratio"]}
    lists = [_row(name, run, deep.queries) for name, run in (("text", deep.text), ("image", deep.image))]
    chosen = _row(job.merge.strategy, own, deep.queries)
    return [chosen | {"chosen": True, "values": chosen["values"] | both}, *lists]


def _row(name: str, run: Run, queries: QuerySet) -> dict[str, Any]:
    lists = judged(run, queries.qrels)
    return {
        "strategy": name,
        "depth": int(run.counts.max(initial=0)),
        "candidates_per_product": float(run.counts.mean()),
        "values": {metric: float(np.nanmean(measure(lists))) for metric, measure in METRICS.items()},
        "chosen": False,
    }


def _of_candidates(job: Job, everything: Candidates, own: Candidates, queries: QuerySet) -> dict[str, Any]:
    lists = judged(own, job.qrels)
    values = recall(lists, len(job.catalogue))
    reached: Interval = interval(values, queries.groups, resamples=job.settings.evaluation.bootstrap)
    return {
        "recall": asdict(reached),
        "recall_by_group": by_group(values, queries.groups),
        "candidates_per_product": float(own.counts.mean()),
        "pairs_completeness": pairs_completeness(everything, job.qrels),
        "reduction_ratio": reduction_ratio(everything),
    }


def _slices(job: Job, own: Candidates) -> list[Slice]:
    lists = judged(own, job.qrels)
    values = recall(lists, len(job.catalogue))
    groups = job.qrels.groups[lists.query_rows]
    categories, sellers = job.catalogue.column("product_type"), job.catalogue.column("seller")
    made = slices("category", [categories[row].split(" > ")[0] or "(none)" for row in lists.query_rows], values, groups)
    made += by_group_size(lists, values, groups)
    if any(sellers):
        made += slices("seller", [sellers[row] or "(none)" for row in lists.query_rows], values, groups)
        made += within_and_across(own, job.qrels, job.catalogue.codes("seller"), len(job.catalogue))
    return made
