"""Results as text and tables, for a terminal."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from service.answers.explanation import Explanation
from service.answers.searcher import Found
from service.learning.in_words import learning_in_words
from service.pipeline.preview import Preview
from service.runs.job import Job
from service.runs.run_folder import StepRecord

if TYPE_CHECKING:
    from candidates.suggestion import Suggestion
    from service.answers.pair_explanation import PairExplanation
    from service.learning.planner import Plan
    from service.pipeline.train import Figure
    from service.pipeline.train_encoder import Trained

_SHOWN = 5
"""Ids shown as examples."""


def show_step(console: Console, record: StepRecord) -> None:
    """The counts of a step."""
    counts = ", ".join(f"{name} {value}" for name, value in record.counts.items() if isinstance(value, int | float))
    console.print(f"{record.name}: {counts} ({record.seconds:.1f} s)", markup=False, highlight=False)


def show_preview(console: Console, preview: Preview) -> None:
    """What a run would do, in a few lines."""
    lines = [
        *(f"{feed['path']}: {feed['detected_by']}" for feed in preview.read["feeds"]),
        f"{preview.read['products']:,} products in {preview.read['rows']:,} rows ({preview.read['refused']:,} refused, "
        f"{preview.read['merged']:,} merged into others)",
        f"since generation {preview.since}: {preview.changes.in_words()}"
        if preview.since
        else "no current generation yet",
    ]
    if preview.since:
        for name, rows in (("new", preview.changes.new), ("changed", preview.changes.changed)):
            if len(rows):
                shown = ", ".join(preview.catalogue.axis[row] for row in rows[:_SHOWN].tolist())
                lines.append(f"  {name}: {shown}{' …' if len(rows) > _SHOWN else ''}")
    lines.append(f"a run would have {preview.estimate.in_words()}")
    for line in lines:
        console.print(line, markup=False, highlight=False, soft_wrap=True)


def show_run(console: Console, job: Job) -> None:
    """A run in a few lines: counts, recall, and the paths of the results."""
    records = {record.name: record.counts for record in job.folder.records()}
    ingested, expanded, measured = records["ingest"], records["expand"], records["evaluate"]
    pictures = records["encode_images"]
    lines = [
        *(f"{feed['path']}: {feed['detected_by']}" for feed in ingested["feeds"]),
        f"{ingested['products']:,} products ({ingested['refused']:,} rows refused, {ingested['merged']:,} merged into "
        f"others), {pictures['pictures']:,} pictures ({pictures['refused']:,} refused)",
        f"{expanded['candidates'] / ingested['products']:.1f} candidates per product by the strategy "
        f"{expanded['strategy']!r}",
        f"{measured['recall']:.1%} of the known variants are among them (measured on {measured['queries']:,} products)"
        if measured["queries"]
        else "the feed has no known groups, so recall can't be measured",
        *learning_in_words(job, {"folds": measured.get("folds", 0)}),
        *_precise(job, records),
        f"candidates: {job.folder.candidates}",
        f"refused:    {job.folder.refused}",
        f"report:     {job.folder.root / 'report.html'}",
    ]
    for line in lines:
        console.print(line, markup=False, highlight=False, soft_wrap=True)


def _precise(job: Job, records: dict[str, dict[str, Any]]) -> list[str]:
    """Lines about suggestions and groups, if there are any."""
    classified, grouped = records["classify"], records["group"]
    if not classified["classified"]:
        return []
    lines = [f"{classified['suggestions']:,} pairs are suggested: {job.folder.suggestions_csv}"]
    if "products" in grouped:
        doubtful = f", {grouped['doubtful']:,} known groups look doubtful" if grouped["doubtful"] else ""
        counted = f"{grouped['products']:,} products are in {grouped['groups']:,} groups"
        lines.append(f"{counted}{doubtful}: {job.folder.groups}")
    return lines


def show_curve(console: Console, job: Job) -> None:
    """The recall curve as a table; `best` marks the points on the Pareto front of cost and recall."""
    import pyarrow.parquet as pq

    from eval.curves import from_table, pareto

    points = from_table(pq.read_table(job.folder.root / "curves.parquet"))
    # The hop with K = 0 is text alone, which has its own rows.
    points = [point for point in points if (point.strategy, point.k) != ("hop", 0)]
    best = set(pareto(points))
    table = Table("strategy", "N", "K", "budget", box=None)
    for name in ("candidates", "share", "recall", "95% interval", "best"):
        table.add_column(name, justify="right")
    for point in sorted(points, key=lambda point: (point.strategy, point.k or 0, point.candidates_per_product)):
        parameters = ("" if value is None else str(value) for value in (point.n, point.k, point.budget))
        measured = (f"{point.candidates_per_product:,.1f}", f"{point.share:.1%}", f"{point.recall:.3f}")
        span, mark = f"{point.low:.3f}–{point.high:.3f}", "yes" if point in best else ""
        table.add_row(point.strategy, *parameters, *measured, span, mark)
    console.print(table, highlight=False)


def show_figures(console: Console, figures: Sequence[Figure]) -> None:
    """Recall on held-out groups, as a table."""
    if not figures:
        console.print("fewer than two groups are known: spaces are learned without groups, recall is not measured")
        return
    depths = sorted({figure.k for figure in figures})
    table = Table("list", *(f"recall@{k} (95%)" for k in depths), box=None)
    for name in dict.fromkeys(figure.list for figure in figures):
        found = {figure.k: figure.recall for figure in figures if figure.list == name}
        table.add_row(name, *(f"{found[k].mean:.3f} ({found[k].low:.3f}–{found[k].high:.3f})" for k in depths))
    console.print(table, highlight=False)


def show_precision(console: Console, job: Job) -> None:
    """Precision and recall of pairs and groups on held-out groups; one line if they can't be measured."""
    from service.pairs.precision import Precision

    learned = job.folder.require("learn_pairs").counts
    if not job.folder.precision.is_file():
        if why := learned.get("why"):
            console.print(f"no classifier was trained: {why}", markup=False, highlight=False, soft_wrap=True)
        return
    found = Precision.open(job.folder.precision)
    table = Table("held out", "average precision", "recall at precision 0.90", "0.95", "calibration", "skill", box=None)
    parts = {"all pairs": found.pairs, "within one seller": found.within, "across sellers": found.across}
    for name, figures in parts.items():
        if figures is not None:
            recalls = (f"{figures.recall_at[precision]:.3f}" for precision in (0.9, 0.95))
            calibration = (f"{figures.calibration_error:.3f}", f"{figures.brier_skill:.3f}")
            table.add_row(name, f"{figures.average_precision:.3f}", *recalls, *calibration)
    console.print(table, highlight=False)
    reranked = ", ".join(f"@{k} {value:.3f}" for k, value in found.reranked.items())
    groups = found.groups
    for line in (
        f"candidates reranked by probability: recall {reranked}",
        f"groups: B-cubed {groups.b_cubed:.3f}, pair F1 {groups.pair_f1:.3f}, exactly right {groups.exactly_right:.3f}",
    ):
        console.print(line, markup=False, highlight=False, soft_wrap=True)


def show_pair(console: Console, why: PairExplanation | None) -> None:
    """Probability, relation and groups of a pair."""
    if why is None:
        return
    for line in _pair_lines(why):
        console.print(line, markup=False, highlight=False, soft_wrap=True)


def _pair_lines(why: PairExplanation) -> Iterator[str]:
    if why.suggestion is None:
        yield "neither is a candidate of the other, so the pair has no probability"
    else:
        yield from _suggestion_lines(why.suggestion, why)
    left, right = why.groups
    together = f"both are in the group {left}" if left and left == right else ""
    yield together or f"groups: {left or 'none'} and {right or 'none'}"


def _suggestion_lines(pair: Suggestion, why: PairExplanation) -> Iterator[str]:
    number = f"probability {pair.probability:.3f}" if pair.probability is not None else f"score {pair.score:.3f}"
    suggested = "suggested" if why.suggested else "not suggested"
    threshold = f" (threshold {why.least:.3f})" if why.least is not None else ""
    yield f"{pair.relation}: {number}, {suggested}{threshold}"
    if pair.varies_in:
        yield f"  {'; '.join(pair.varies_in)}"
    for reason in pair.reasons:
        yield f"  {reason.weight:+.2f}  {reason.words}"


def show_plan(console: Console, plan: Plan) -> None:
    """The best settings for each budget, as a table; the budget asked for is marked."""
    basis = {
        "known groups": f"chosen and evaluated on {plan.groups:,} known groups, in separate folds",
        "proxy": "fewer than 30 groups are known: chosen by a proxy, pairs linked by both text and picture",
        "default": "nothing is known to compare strategies by: the default strategy",
        "model": "the plan stored with the model, made on the catalogue that it was trained on",
    }[plan.basis]
    table = Table("budget", "strategy", "settings", "candidates", "recall (95%)", "ahead of", box=None)
    for offer in plan.offers:
        settings = ", ".join(f"{name} {value}" for name, value in offer.settings.items())
        recall = "unknown" if offer.recall is None else f"{offer.recall:.3f} ({offer.low:.3f}–{offer.high:.3f})"
        ahead = f"{offer.runner_up} by {offer.ahead:+.3f}" if offer.runner_up and offer.ahead is not None else ""
        budget = f"{offer.budget}{' *' if offer.budget == plan.asked else ''}"
        table.add_row(budget, offer.strategy, settings, f"{offer.candidates_per_product:.1f}", recall, ahead)
    console.print(basis, markup=False, highlight=False, soft_wrap=True)
    console.print(table, highlight=False)


def show_found(console: Console, found: Sequence[Found], as_json: bool) -> None:
    """The products a search found."""
    if as_json:
        for product in found:
            print(json.dumps(asdict(product), ensure_ascii=False))
        return
    table = Table("rank", "score", "id", "title", "category", "seller", box=None)
    for product in found:
        texts = (escape(text) for text in (product.id, product.title, product.product_type, product.seller))
        table.add_row(str(product.rank), f"{product.score:.3f}", *texts)
    console.print(table if found else "nothing found: no product matches the filter", highlight=False)


def show_explanation(console: Console, why: Explanation) -> None:
    """Why a pair is or is not a candidate."""
    where = f"candidate {why.rank} of {why.candidates}" if why.rank else f"not among its {why.candidates} candidates"
    lines = [
        f"{why.candidate} for {why.query}: {where}; in the feed: {why.truth}",
        *(f"  found by {way}" for way in why.brought_by),
        f"  text list of {why.query}: {why.text}",
        f"  image list of {why.query}: {why.image}",
        "  no hop through the lists reaches it" if why.hop is None else f"  first hop that reaches it: {_hop(why)}",
    ]
    for line in lines:
        console.print(line, markup=False, highlight=False, soft_wrap=True)


def _hop(why: Explanation) -> str:
    assert why.hop is not None
    hop = why.hop
    seed = f"image list of {hop.via} (text rank {hop.text_rank})" if hop.text_rank else "its own image list"
    return f"{seed}, rank {hop.image_rank}: needs N ≥ {hop.text_rank} and K ≥ {hop.image_rank}"


def show_trained(console: Console, result: Trained) -> None:
    """How a trained fingerprint compares with ours, and how to use it."""
    table = Table(f"recall@10 on {result.groups:,} held-out groups", "ours", "trained", "gain (95%)", box=None)
    for figure in result.figures:
        gain = f"{figure.gain.mean:+.3f} ({figure.gain.low:+.3f} to {figure.gain.high:+.3f})"
        table.add_row(figure.space, f"{figure.ours.mean:.3f}", f"{figure.trained.mean:.3f}", gain)
    console.print(table, highlight=False)
    verdict = (
        f"kept: use it with --image-model own:{result.folder}"
        if result.kept
        else "not kept: the gain in the learned space is not significant, so stay with --image-model own"
    )
    console.print(verdict, markup=False, highlight=False, soft_wrap=True)
