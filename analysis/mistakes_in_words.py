"""Tables of the classifier's evidence and errors, and a summary in words; all numbers are computed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING

from analysis.held_pairs import HeldPairs, Stage
from analysis.label_noise import KINDS, SAME_MODEL, Sample, Without, gathered
from analysis.mistakes import Part, Room
from eval.report.words import DASH, counted, percent

if TYPE_CHECKING:
    import pandas as pd

FEWEST = 20
"""Parts with fewer variants, or fewer suggestions, are not reported as the weakest."""


def held_table(held: HeldPairs) -> pd.DataFrame:
    """Numbers of pairs, of variants among them, and of variants that are not candidates."""
    import pandas as pd

    found = held.figures
    counts = {
        "candidate pairs": len(held.table),
        "candidate pairs with known truth": found.pairs,
        "known variants among them": found.variants,
        "known variants that are not candidates": found.known - found.variants,
    }
    return pd.DataFrame({"count": [f"{count:,}" for count in counts.values()]}, index=list(counts))


def stage_table(stages: Sequence[Stage]) -> pd.DataFrame:
    """Metrics of the unsupervised score, of the first stage and of both stages."""
    import pandas as pd

    rows = [
        {
            "average precision (95%)": f"{stage.average_precision.mean:.3f} ({_between(stage)})",
            "gain (95%)": _ahead(stage),
            **{f"recall at precision {precision:.2f}": percent(value) for precision, value in stage.recall_at.items()},
            **{f"recall@{depth}, re-ranked": percent(value) for depth, value in stage.reranked.items()},
        }
        for stage in stages
    ]
    return pd.DataFrame(rows, index=[stage.name for stage in stages])


def _between(stage: Stage) -> str:
    return f"{stage.average_precision.low:.3f}–{stage.average_precision.high:.3f}"


def _ahead(stage: Stage) -> str:
    if stage.ahead is None:
        return DASH
    return f"{stage.ahead.mean:+.3f} ({stage.ahead.low:+.3f} to {stage.ahead.high:+.3f})"


def room_table(rooms: Sequence[Room]) -> pd.DataFrame:
    """The importance of each kind of evidence, most important first."""
    import pandas as pd

    rows = [
        {
            "average precision lost if permuted": DASH if room.lost is None else f"{room.lost:+.3f}",
            "log-odds added to known variants": f"{room.variants:+.2f}",
            "log-odds added to the most probable pairs of two groups": f"{room.others:+.2f}",
        }
        for room in rooms
    ]
    return pd.DataFrame(rows, index=[room.name for room in rooms])


def part_table(parts: Sequence[Part]) -> pd.DataFrame:
    """Missed variants and wrong suggestions by column."""
    import pandas as pd

    rows = [
        {
            "known variants": f"{part.variants:,}",
            "suggested": percent(part.recall),
            "suggested pairs": f"{part.found + part.wrong:,}",
            "right": percent(part.precision),
        }
        for part in parts
    ]
    return pd.DataFrame(rows, index=[f"{part.about}: {part.state}" for part in parts])


def noise_table(samples: Sequence[Sample]) -> pd.DataFrame:
    """How similar the products of pairs are, for errors that may be label errors and for samples to compare with."""
    import pandas as pd

    def cell(count: int, sample: Sample) -> str:
        return f"{count:,} ({percent(count / sample.pairs, 0)})" if sample.pairs else DASH

    rows = [
        {"pairs": f"{own.pairs:,}"}
        | {kind: cell(count, own) for kind, count in zip(KINDS, own.counts, strict=True)}
        | {"probably one model": cell(own.same_model, own)}
        for own in samples
    ]
    return pd.DataFrame(rows, index=[own.name for own in samples])


def without_table(results: Sequence[Without]) -> pd.DataFrame:
    """Recall at given precisions without the pairs of groups that have most errors."""
    import pandas as pd

    rows = [
        {"errors left out": f"{result.errors:,}"}
        | {f"recall at precision {precision:.2f}": percent(value) for precision, value in result.recall_at.items()}
        for result in results
    ]
    return pd.DataFrame(rows, index=pd.Index([result.groups for result in results], name="pairs of groups left out"))


def room_frame(rooms: Sequence[Room]) -> pd.DataFrame:
    """The importance of each kind of evidence, as numbers."""
    import pandas as pd

    return pd.DataFrame([asdict(room) for room in rooms])


def lesson_in_words(
    held: HeldPairs, stages: Sequence[Stage], rooms: Sequence[Room], parts: Sequence[Part], errors: Sample
) -> str:
    """A summary of what the classifier learned and where it fails, as Markdown.

    Args:
        held: The pairs.
        stages: The three rankings of pairs.
        rooms: Kinds of evidence.
        parts: Missed variants and wrong suggestions by column.
        errors: All suggested pairs of two groups.
    """
    paragraphs = [
        _stages_in_words(stages),
        _rooms_in_words(rooms),
        _threshold_in_words(held),
        _noise_in_words(held, errors),
    ]
    return "\n\n".join([*paragraphs[:3], *_parts_in_words(parts), paragraphs[3]])


def _stages_in_words(stages: Sequence[Stage]) -> str:
    plain, first, both = stages
    assert both.ahead is not None
    return (
        f"**The first stage** raises average precision from {plain.average_precision.mean:.3f} to "
        f"{first.average_precision.mean:.3f}, **the second stage** to {both.average_precision.mean:.3f} "
        f"({both.ahead.mean:+.3f}, {both.ahead.low:+.3f} to {both.ahead.high:+.3f}). "
        + " ".join(
            f"At precision {percent(precision, 0)} the second stage changes recall from "
            f"{percent(first.recall_at[precision])} to {percent(value)}."
            for precision, value in both.recall_at.items()
        )
    )


def _rooms_in_words(rooms: Sequence[Room]) -> str:
    if rooms[0].lost is None:
        ordered = sorted(rooms, key=lambda room: room.others - room.variants)[:3]
        named = ", ".join(f"{room.name} ({room.variants - room.others:+.2f})" for room in ordered)
        return f"**The evidence that separates variants best**, by the difference in log-odds: {named}."
    named = ", ".join(f"{room.name} ({room.lost:.3f})" for room in rooms[:3])
    idle = ", ".join(room.name for room in rooms if room.lost is not None and abs(room.lost) < 0.001)
    without = f" Almost nothing is lost without: {idle}." if idle else ""
    return f"**The most important evidence**, by the average precision lost if it is permuted: {named}.{without}"


def _threshold_in_words(held: HeldPairs) -> str:
    precision, figures = held.job.settings.pairs.precision, held.figures
    missed = figures.known - figures.variants
    lost = (
        f"{missed:,} of {counted(figures.known, 'known variant')} ({percent(missed / max(1, figures.known))}) are not "
        "candidates, which no classifier can fix."
    )
    if held.threshold > 1:
        return f"**A precision of {percent(precision, 0)}** is out of reach, so nothing is suggested. {lost}"
    taken = held.probabilities >= held.threshold
    found = int((taken & (held.truth > 0)).sum())
    return (
        f"**At a precision of {percent(precision, 0)}** (probability {held.threshold:.2f} or more) "
        f"{percent(found / max(1, figures.known))} of the known variants are suggested. {lost}"
    )


def _parts_in_words(parts: Sequence[Part]) -> list[str]:
    enough = [part for part in parts if part.variants >= FEWEST]
    taken = [part for part in parts if part.found + part.wrong >= FEWEST]
    paragraphs = []
    if enough:
        worst = min(enough, key=lambda part: part.recall)
        paragraphs.append(
            f"**Recall is lowest** where {_state_of(worst)}: {percent(worst.recall)} of {worst.variants:,} known "
            "variants are suggested."
        )
    if taken:
        worst = min(taken, key=lambda part: part.precision)
        paragraphs.append(
            f"**Precision is lowest** where {_state_of(worst)}: {percent(worst.precision)} of "
            f"{worst.found + worst.wrong:,} suggestions are right."
        )
    return paragraphs


def _state_of(part: Part) -> str:
    return f"the {part.about} is {part.state}" if part.about == "seller" else f"the {part.about} {_verb(part.state)}"


def _verb(state: str) -> str:
    return f"is {state}" if state.startswith("missing") else state


def _noise_in_words(held: HeldPairs, errors: Sample) -> str:
    if not errors.pairs:
        return "**Label errors**: no pair of two groups is suggested."
    right = int(((held.probabilities >= held.threshold) & (held.truth > 0)).sum())
    taken, counts = right + errors.pairs, gathered(held)
    half = int((counts.cumsum() < counts.sum() / 2).sum()) + 1
    return (
        f"**Label errors**: {counted(errors.pairs, 'suggested pair')} of two groups come from "
        f"{counted(len(counts), 'pair')} of groups, half of them from only {counted(half, 'pair')} of groups. "
        f"{errors.same_model:,} ({percent(errors.same_model / errors.pairs, 0)}) have the same photograph, nearly the "
        "same picture and title, or the same name: probably one model under two codes. If they counted as right, the "
        f"precision of suggestions would rise from {percent(right / taken)} to "
        f"{percent((right + errors.same_model) / taken)}. Of the others, {errors.counts[SAME_MODEL]:,} are as similar "
        "as most variants, which is no proof."
    )
