"""The recall curve of a run, counted from lists of held-out groups."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from candidates.provenance import Candidates
from candidates.run import Run
from eval.bootstrap import difference
from eval.curves import Measured, OperatingPoint, Sweep, find, points, sweep_hop, sweep_list, sweep_union
from eval.metrics import judged, recall
from fusion.merge.fused import reciprocal_rank, weighted
from fusion.merge.hop import pool
from service.learning.held_out import HeldOut, held_out
from service.neighbours import depths
from service.runs.job import Job

PAPER_TEXT, PAPER_IMAGE = 500, 1000
"""Depths of the two lists in the paper's comparison of text, image and both (section 4.2)."""


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

    queries: Measured
    text: Run
    image: Run
    pooled: Candidates
    held_out: HeldOut
    fused: Candidates | None


def deep_lists(job: Job) -> Deep:
    """The lists of the products measured, as deep as the curve needs them."""
    found, depth = held_out(job).weighed(job.fused), depths.curve_lists(job)
    text, image = found.text.top(depth), found.image.top(depth)
    fused = found.fused_hop()
    pooled = pool(text, image, threads=job.threads)
    return Deep(
        Measured(found.rows, job.truth("evaluation")), text, image, pooled, found, fused.top(depth) if fused else None
    )


def operating_points(job: Job, deep: Deep) -> list[OperatingPoint]:
    """Every strategy over its grid, with intervals."""
    settings, merge = job.settings.evaluation, job.merge
    at, found = settings.text_depths, deep.held_out
    weights = {"text_weight": merge.text_weight, "image_weight": merge.image_weight}
    merged: dict[str, Candidates] = {
        "rrf": reciprocal_rank(deep.text, deep.image, k=merge.rrf_k, threads=job.threads, **weights),
        "weighted": weighted(deep.text, deep.image, threads=job.threads, **weights),
    }
    merged |= {"fused": deep.fused} if deep.fused is not None else {}
    every = [view.every_image.matrix(max(settings.hops, default=0))[0] for view in found.views]
    halves = [(max(1, depth // 2), max(1, depth // 2)) for depth in at]
    unions = sorted({*halves, *((depth, depth) for depth in at), (PAPER_TEXT, PAPER_IMAGE)})
    sweeps: list[Sweep] = [
        sweep_list("text", deep.text, deep.queries, at, "n"),
        sweep_list("image", deep.image, deep.queries, at, "k"),
        sweep_union(deep.pooled, deep.queries, unions),
        *(sweep_list(name, run, deep.queries, at, "budget") for name, run in merged.items()),
        *(sweep_hop(deep.text, every, deep.queries, at, k, found.view_of) for k in settings.hops),
    ]
    return points(
        sweeps,
        deep.queries,
        max_share=settings.max_share,
        resamples=settings.bootstrap,
        seed=job.settings.run.seed,
    )


def gains(job: Job, deep: Deep, made: list[OperatingPoint]) -> dict[str, Any]:
    """The paper's comparison: text 500, image 1,000, both; empty where the catalogue is too small for it."""
    text, image = find(made, "text", n=PAPER_TEXT), find(made, "image", k=PAPER_IMAGE)
    both = find(made, "union", n=PAPER_TEXT, k=PAPER_IMAGE)
    if not (text and image and both):
        return {}
    by_text = recall(judged(deep.text, job.truth("evaluation")), PAPER_TEXT)
    by_image = recall(judged(deep.image, job.truth("evaluation")), PAPER_IMAGE)
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
