"""Results in words and tables, for a terminal."""

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
"""Ids named as examples."""


def show_step(console: Console, record: StepRecord) -> None:
    """What a step counted."""
    counts = ", ".join(f"{name} {value}" for name, value in record.counts.items() if isinstance(value, int | float))
    console.print(f"{record.name}: {counts} ({record.seconds:.1f} s)", markup=False, highlight=False)


def show_preview(console: Console, made: Preview) -> None:
    """What a run would do, in a few lines."""
    lines = [
        *(f"{one['path']}: {one['detected_by']}" for one in made.read["feeds"]),
        f"{made.read['products']:,} products of {made.read['rows']:,} rows ({made.read['refused']:,} refused, "
        f"{made.read['merged']:,} merged into others)",
        f"since generation {made.since}: {made.changes.in_words()}" if made.since else "no generation is in force yet",
    ]
    if made.since:
        for name, rows in (("new", made.changes.new), ("changed", made.changes.changed)):
            if len(rows):
                shown = ", ".join(made.catalogue.axis[row] for row in rows[:_SHOWN].tolist())
                lines.append(f"  {name}: {shown}{' …' if len(rows) > _SHOWN else ''}")
    lines.append(f"a run would have {made.estimate.in_words()}")
    for line in lines:
        console.print(line, markup=False, highlight=False, soft_wrap=True)


def show_run(console: Console, job: Job) -> None:
    """What a run made, in a few lines: counts, recall, and where everything lies."""
    records = {record.name: record.counts for record in job.folder.records()}
    ingested, made, measured = records["ingest"], records["expand"], records["evaluate"]
    pictures = records["encode_images"]
    lines = [
        *(f"{one['path']}: {one['detected_by']}" for one in ingested["feeds"]),
        f"{ingested['products']:,} products ({ingested['refused']:,} rows refused, {ingested['merged']:,} merged into "
        f"others), {pictures['pictures']:,} pictures ({pictures['refused']:,} refused)",
        f"{made['candidates'] / ingested['products']:.1f} candidates per product by the strategy {made['strategy']!r}",
        f"{measured['recall']:.1%} of the known variants are among them (measured on {measured['queries']:,} products)"
        if measured["queries"]
        else "no groups are known in this feed, so recall can't be measured",
        *learning_in_words(job, {"folds": measured.get("folds", 0)}),
        *_precise(job, records),
        f"candidates: {job.folder.candidates}",
        f"refused:    {job.folder.refused}",
        f"report:     {job.folder.root / 'report.html'}",
    ]
    for line in lines:
        console.print(line, markup=False, highlight=False, soft_wrap=True)


def _precise(job: Job, records: dict[str, dict[str, Any]]) -> list[str]:
    """Suggestions and groups, where there are any."""
    told, made = records["classify"], records["group"]
    if not told["classified"]:
        return []
    said = [f"{told['suggestions']:,} pairs are suggested: {job.folder.suggestions_csv}"]
    if "products" in made:
        doubtful = f", {made['doubtful']:,} known groups look doubtful" if made["doubtful"] else ""
        line = f"{made['products']:,} products stand in {made['groups']:,} groups{doubtful}: {job.folder.groups}"
        said.append(line)
    return said


def show_curve(console: Console, job: Job) -> None:
    """The recall curve as a table; `best` marks the points that nothing beats at their cost."""
    import pyarrow.parquet as pq

    from eval.curves import from_table, pareto

    made = from_table(pq.read_table(job.folder.root / "curves.parquet"))
    # The hop with K = 0 is text alone, which has lines of its own.
    made = [point for point in made if (point.strategy, point.k) != ("hop", 0)]
    best = set(pareto(made))
    table = Table("strategy", "N", "K", "budget", box=None)
    for name in ("candidates", "share", "recall", "95 % interval", "best"):
        table.add_column(name, justify="right")
    for point in sorted(made, key=lambda one: (one.strategy, one.k or 0, one.candidates_per_product)):
        parameters = ("" if value is None else str(value) for value in (point.n, point.k, point.budget))
        measured = (f"{point.candidates_per_product:,.1f}", f"{point.share:.1%}", f"{point.recall:.3f}")
        span, mark = f"{point.low:.3f}–{point.high:.3f}", "yes" if point in best else ""
        table.add_row(point.strategy, *parameters, *measured, span, mark)
    console.print(table, highlight=False)


def show_figures(console: Console, figures: Sequence[Figure]) -> None:
    """Recall on groups held out, as a table."""
    if not figures:
        console.print("fewer than two groups are known: the spaces are learned without any, and nothing is measured")
        return
    depths = sorted({one.k for one in figures})
    table = Table("list", *(f"recall@{k} (95 %)" for k in depths), box=None)
    for name in dict.fromkeys(one.list for one in figures):
        found = {one.k: one.recall for one in figures if one.list == name}
        table.add_row(name, *(f"{found[k].mean:.3f} ({found[k].low:.3f}–{found[k].high:.3f})" for k in depths))
    console.print(table, highlight=False)


def show_precision(console: Console, job: Job) -> None:
    """How right pairs and groups are on groups that had no part in them; a line where that can't be measured."""
    from service.pairs.precision import Precision

    learned = job.folder.require("learn_pairs").counts
    if not job.folder.precision.is_file():
        if why := learned.get("why"):
            console.print(f"no classifier was learned: {why}", markup=False, highlight=False, soft_wrap=True)
        return
    found = Precision.open(job.folder.precision)
    table = Table("held out", "average precision", "recall at .90", ".95", "calibration", "skill", box=None)
    parts = {"all pairs": found.pairs, "of one seller": found.within, "of two sellers": found.across}
    for name, one in parts.items():
        if one is not None:
            at = (f"{one.recall_at[wanted]:.3f}" for wanted in (0.9, 0.95))
            told = (f"{one.calibration_error:.3f}", f"{one.brier_skill:.3f}")
            table.add_row(name, f"{one.average_precision:.3f}", *at, *told)
    console.print(table, highlight=False)
    reranked = ", ".join(f"@{k} {value:.3f}" for k, value in found.reranked.items())
    groups = found.groups
    for line in (
        f"candidates in the order of their probability: recall {reranked}",
        f"groups: B-cubed {groups.b_cubed:.3f}, pair F1 {groups.pair_f1:.3f}, exactly right {groups.exactly_right:.3f}",
    ):
        console.print(line, markup=False, highlight=False, soft_wrap=True)


def show_pair(console: Console, why: PairExplanation | None) -> None:
    """What the precise stage says of a pair."""
    if why is None:
        return
    for line in _said(why):
        console.print(line, markup=False, highlight=False, soft_wrap=True)


def _said(why: PairExplanation) -> Iterator[str]:
    if why.suggestion is None:
        yield "no candidates of each other, so no probability"
    else:
        yield from _told(why.suggestion, why)
    one, other = why.groups
    together = f"both stand in the group {one}" if one and one == other else ""
    yield together or f"groups: {one or 'none'} and {other or 'none'}"


def _told(one: Suggestion, why: PairExplanation) -> Iterator[str]:
    number = f"probability {one.probability:.3f}" if one.probability is not None else f"score {one.score:.3f}"
    suggested = "suggested" if why.suggested else "not suggested"
    least = f" (suggested from {why.least:.3f})" if why.least is not None else ""
    yield f"{one.relation}: {number}, {suggested}{least}"
    if one.varies_in:
        yield f"  {'; '.join(one.varies_in)}"
    for reason in one.reasons:
        yield f"  {reason.weight:+.2f}  {reason.words}"


def show_plan(console: Console, made: Plan) -> None:
    """The best settings for each budget, as a table; the budget asked for is marked."""
    said = {
        "known groups": f"chosen and judged on {made.groups:,} known groups, never the same ones both",
        "proxy": "fewer than 30 groups are known: chosen by pairs that a picture and a text link cross, not by truth",
        "default": "nothing is known by which to choose: the first strategy stands",
        "model": "the plan of the catalogue that the model was learned from",
    }[made.basis]
    table = Table("budget", "strategy", "settings", "candidates", "recall (95 %)", "ahead of", box=None)
    for one in made.offers:
        settings = ", ".join(f"{name} {value}" for name, value in one.settings.items())
        reached = "unknown" if one.recall is None else f"{one.recall:.3f} ({one.low:.3f}–{one.high:.3f})"
        ahead = f"{one.runner_up} by {one.ahead:+.3f}" if one.runner_up and one.ahead is not None else ""
        mark = f"{one.budget}{' *' if one.budget == made.asked else ''}"
        table.add_row(mark, one.strategy, settings, f"{one.candidates_per_product:.1f}", reached, ahead)
    console.print(said, markup=False, highlight=False, soft_wrap=True)
    console.print(table, highlight=False)


def show_found(console: Console, found: Sequence[Found], as_json: bool) -> None:
    """The products a search found."""
    if as_json:
        for one in found:
            print(json.dumps(asdict(one), ensure_ascii=False))
        return
    table = Table("rank", "score", "id", "title", "category", "seller", box=None)
    for one in found:
        words = (escape(text) for text in (one.id, one.title, one.product_type, one.seller))
        table.add_row(str(one.rank), f"{one.score:.3f}", *words)
    console.print(table if found else "nothing found: no product meets the condition", highlight=False)


def show_explanation(console: Console, why: Explanation) -> None:
    """Why a pair is, or is not, a candidate."""
    where = f"candidate {why.rank} of {why.candidates}" if why.rank else f"not among its {why.candidates} candidates"
    lines = [
        f"{why.candidate} for {why.query}: {where}; known to the feed as: {why.truth}",
        *(f"  brought by {way}" for way in why.brought_by),
        f"  text list of {why.query}: {why.text}",
        f"  image list of {why.query}: {why.image}",
        "  no hop at hand reaches it" if why.hop is None else f"  first hop that reaches it: {_hop(why)}",
    ]
    for line in lines:
        console.print(line, markup=False, highlight=False, soft_wrap=True)


def _hop(why: Explanation) -> str:
    assert why.hop is not None
    hop = why.hop
    seed = f"image list of {hop.via} (text rank {hop.text_rank})" if hop.text_rank else "its own image list"
    return f"{seed}, rank {hop.image_rank}: it takes N ≥ {hop.text_rank} and K ≥ {hop.image_rank}"


def show_trained(console: Console, made: Trained) -> None:
    """How a trained fingerprint compares with ours, and how to use it."""
    table = Table(f"recall@10 on {made.groups:,} groups put aside", "ours", "trained", "gain (95 %)", box=None)
    for one in made.figures:
        gain = f"{one.gain.mean:+.3f} ({one.gain.low:+.3f} to {one.gain.high:+.3f})"
        table.add_row(one.space, f"{one.ours.mean:.3f}", f"{one.trained.mean:.3f}", gain)
    console.print(table, highlight=False)
    said = (
        f"kept: use it with --image-model own:{made.folder}"
        if made.kept
        else "not kept: it is not better for certain in a learned space, so stay with --image-model own"
    )
    console.print(said, markup=False, highlight=False, soft_wrap=True)
