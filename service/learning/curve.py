"""The recall curve of a run, counted from held-out lists."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Any

from candidates.provenance import Candidates
from candidates.run import Run
from eval.bootstrap import difference
from eval.curves import OperatingPoint, QuerySet, Sweep, find, points, sweep_list, sweep_union, sweep_walk
from eval.metrics import judged, recall
from fusion.merge.fused import weighted
from fusion.merge.hop import Walk, pool, walks
from fusion.merge.reciprocal import Ranking, fuse
from service.learning.held_out import HeldOut, held_out, hopped
from service.neighbours import depths
from service.runs.job import Job

PAPER_TEXT, PAPER_IMAGE = 500, 1000
"""Depths of the two lists in the paper's comparison of text, image and both (section 4.2)."""


@dataclass(frozen=True, eq=False)
class Deep:
    """The lists that all curves are counted from.

    Attributes:
        queries: The measured products.
        text: Their text lists.
        image: Their image lists.
        pooled: The union of both lists, with both ranks.
        held_out: The held-out lists that these come from.
        fused: The hop on their fused lists; None if nothing is fused.
    """

    queries: QuerySet
    text: Run
    image: Run
    pooled: Candidates
    held_out: HeldOut
    fused: Candidates | None


def deep_lists(job: Job) -> Deep:
    """The lists of the measured products, as deep as the curve needs them."""
    measured, depth = held_out(job).fused_with(job.fused), depths.curve_lists(job)
    lists = measured.queries
    text, image = lists.text.top(depth), lists.image.top(depth)
    fused = lists.each(hopped).top(depth) if lists.fused else None
    queries = QuerySet(lists.rows, job.truth("evaluation"))
    return Deep(queries, text, image, pool(text, image, threads=job.threads), measured, fused)


def operating_points(job: Job, deep: Deep) -> list[OperatingPoint]:
    """Recall of every strategy over its grid of depths, with bootstrap intervals."""
    settings, merge = job.settings.evaluation, job.merge
    cuts = settings.text_depths
    weights = {"text_weight": merge.text_weight, "image_weight": merge.image_weight}
    rankings = [Ranking(deep.text, "text", merge.text_weight), Ranking(deep.image, "image", merge.image_weight)]
    merged: dict[str, Candidates] = {
        "rrf": fuse(rankings, k=merge.rrf_k, threads=job.threads),
        "weighted": weighted(deep.text, deep.image, threads=job.threads, **weights),
    }
    merged |= {"fused": deep.fused} if deep.fused is not None else {}
    halves = [(max(1, depth // 2), max(1, depth // 2)) for depth in cuts]
    unions = sorted({*halves, *((depth, depth) for depth in cuts), (PAPER_TEXT, PAPER_IMAGE)})
    sweeps: list[Sweep] = [
        sweep_list("text", deep.text, deep.queries, cuts, "n"),
        sweep_list("image", deep.image, deep.queries, cuts, "k"),
        sweep_union(deep.pooled, deep.queries, unions),
        *(sweep_list(name, run, deep.queries, cuts, "budget") for name, run in merged.items()),
        *(sweep_walk("hop", deep.text, _walks(job, deep, k), deep.queries, cuts, k) for k in settings.hops),
    ]
    return points(
        sweeps,
        deep.queries,
        max_share=settings.max_share,
        resamples=settings.bootstrap,
        seed=job.settings.run.seed,
    )


def _walks(job: Job, deep: Deep, k: int) -> Iterator[Walk]:
    """The hop of all queries at the largest N, fold by fold."""
    n = depths.curve_lists(job)
    for fold in deep.held_out.queries.folds:
        yield from walks(fold.text.top(n), fold.products.image, n, k)


def gains(job: Job, deep: Deep, curve: list[OperatingPoint]) -> dict[str, Any]:
    """The paper's comparison: text 500, image 1,000, both; empty if the catalogue is too small."""
    text, image = find(curve, "text", n=PAPER_TEXT), find(curve, "image", k=PAPER_IMAGE)
    both = find(curve, "union", n=PAPER_TEXT, k=PAPER_IMAGE)
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
