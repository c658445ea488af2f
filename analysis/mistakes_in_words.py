"""The tables of what the classifier goes by and where it fails, and the answer in words; every number is computed."""

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
"""Parts with fewer variants, or fewer suggestions, are not named as the weakest."""


def held_table(held: HeldPairs) -> pd.DataFrame:
    """How much there is to judge by: pairs, variants among them, those that the candidates missed."""
    import pandas as pd

    found = held.figures
    counts = {
        "candidate pairs of groups held out": len(held.table),
        "of known truth": found.pairs,
        "known variants among them": found.variants,
        "known variants that are no candidates": found.known - found.variants,
    }
    return pd.DataFrame({"count": [f"{count:,}" for count in counts.values()]}, index=list(counts))


def stage_table(stages: Sequence[Stage]) -> pd.DataFrame:
    """What learning gives and what the second stage adds."""
    import pandas as pd

    rows = [
        {
            "average precision (95 %)": f"{one.average_precision.mean:.3f} ({_between(one)})",
            "ahead (95 %)": _ahead(one),
            **{f"recall at precision {wanted:.2f}": percent(value) for wanted, value in one.recall_at.items()},
            **{f"recall@{depth}, re-ranked": percent(value) for depth, value in one.reranked.items()},
        }
        for one in stages
    ]
    return pd.DataFrame(rows, index=[one.name for one in stages])


def _between(one: Stage) -> str:
    return f"{one.average_precision.low:.3f}–{one.average_precision.high:.3f}"


def _ahead(one: Stage) -> str:
    if one.ahead is None:
        return DASH
    return f"{one.ahead.mean:+.3f} ({one.ahead.low:+.3f} to {one.ahead.high:+.3f})"


def room_table(rooms: Sequence[Room]) -> pd.DataFrame:
    """What each kind of evidence is worth, what the classifier leans on most first."""
    import pandas as pd

    rows = [
        {
            "average precision lost when dealt anew": DASH if room.lost is None else f"{room.lost:+.3f}",
            "adds to known variants": f"{room.variants:+.2f}",
            "adds to the most probable pairs of two groups": f"{room.others:+.2f}",
        }
        for room in rooms
    ]
    return pd.DataFrame(rows, index=[room.name for room in rooms])


def part_table(parts: Sequence[Part]) -> pd.DataFrame:
    """Where suggestions miss variants, and where they err."""
    import pandas as pd

    rows = [
        {
            "known variants": f"{part.variants:,}",
            "suggested": percent(part.recall),
            "pairs suggested": f"{part.found + part.wrong:,}",
            "right": percent(part.precision),
        }
        for part in parts
    ]
    return pd.DataFrame(rows, index=[f"{part.about}: {part.says}" for part in parts])


def noise_table(samples: Sequence[Sample]) -> pd.DataFrame:
    """How alike the products of pairs are: those the labels may be wrong about, and what to compare them with."""
    import pandas as pd

    def cell(count: int, sample: Sample) -> str:
        return f"{count:,} ({percent(count / sample.pairs, 0)})" if sample.pairs else DASH

    rows = [
        {"pairs": f"{one.pairs:,}"}
        | {kind: cell(count, one) for kind, count in zip(KINDS, one.counts, strict=True)}
        | {"taken for one model": cell(one.same_model, one)}
        for one in samples
    ]
    return pd.DataFrame(rows, index=[one.name for one in samples])


def without_table(made: Sequence[Without]) -> pd.DataFrame:
    """What precision would be without the pairs of groups on which most errors fall."""
    import pandas as pd

    rows = [
        {"errors that go with them": f"{one.errors:,}"}
        | {f"recall at precision {wanted:.2f}": percent(value) for wanted, value in one.recall_at.items()}
        for one in made
    ]
    return pd.DataFrame(rows, index=pd.Index([one.groups for one in made], name="pairs of groups left out"))


def room_frame(rooms: Sequence[Room]) -> pd.DataFrame:
    """What each kind of evidence is worth, as numbers."""
    import pandas as pd

    return pd.DataFrame([asdict(room) for room in rooms])


def lesson_in_words(
    held: HeldPairs, stages: Sequence[Stage], rooms: Sequence[Room], parts: Sequence[Part], errors: Sample
) -> str:
    """What the classifier learned and where it fails, as Markdown.

    Args:
        held: The pairs.
        stages: Ways of ordering them, each of which knows more than the one before.
        rooms: Kinds of evidence.
        parts: What columns say of pairs.
        errors: All pairs of two groups that are suggested.
    """
    said = [_stages_in_words(stages), _rooms_in_words(rooms), _threshold_in_words(held), _noise_in_words(held, errors)]
    return "\n\n".join([*said[:3], *_parts_in_words(parts), said[3]])


def _stages_in_words(stages: Sequence[Stage]) -> str:
    plain, first, both = stages
    assert both.ahead is not None
    return (
        f"**Learning** takes average precision from {plain.average_precision.mean:.3f} to "
        f"{first.average_precision.mean:.3f}, **the pairs around each pair** to {both.average_precision.mean:.3f} "
        f"({both.ahead.mean:+.3f}, {both.ahead.low:+.3f} to {both.ahead.high:+.3f}). "
        + " ".join(
            f"At precision {percent(wanted, 0)} these take recall from {percent(first.recall_at[wanted])} to "
            f"{percent(value)}."
            for wanted, value in both.recall_at.items()
        )
    )


def _rooms_in_words(rooms: Sequence[Room]) -> str:
    if rooms[0].lost is None:
        ordered = sorted(rooms, key=lambda room: room.others - room.variants)[:3]
        named = ", ".join(f"{room.name} ({room.variants - room.others:+.2f})" for room in ordered)
        return f"**What tells variants apart most**, in log-odds between them and their rivals: {named}."
    named = ", ".join(f"{room.name} ({room.lost:.3f})" for room in rooms[:3])
    idle = ", ".join(room.name for room in rooms if room.lost is not None and abs(room.lost) < 0.001)
    without = f" Hardly anything is lost by: {idle}." if idle else ""
    return f"**What it leans on most**, in average precision lost where it is dealt anew: {named}.{without}"


def _threshold_in_words(held: HeldPairs) -> str:
    wanted, figures = held.job.settings.pairs.precision, held.figures
    missed = figures.known - figures.variants
    lost = (
        f"{counted(missed, 'known variant')} of {figures.known:,} ({percent(missed / max(1, figures.known))}) are no "
        "candidates, which no classifier can fix."
    )
    if held.threshold > 1:
        return f"**At a wanted precision of {percent(wanted, 0)}** nothing is suggested: it is out of reach. {lost}"
    taken = held.probabilities >= held.threshold
    found = int((taken & (held.truth > 0)).sum())
    return (
        f"**At a wanted precision of {percent(wanted, 0)}** (from probability {held.threshold:.2f} on) "
        f"{percent(found / max(1, figures.known))} of the known variants are suggested; {lost}"
    )


def _parts_in_words(parts: Sequence[Part]) -> list[str]:
    enough = [part for part in parts if part.variants >= FEWEST]
    taken = [part for part in parts if part.found + part.wrong >= FEWEST]
    said = []
    if enough:
        worst = min(enough, key=lambda part: part.recall)
        said.append(
            f"**Most variants are missed** where {_says(worst)}: {percent(worst.recall)} of {worst.variants:,} are "
            "suggested."
        )
    if taken:
        worst = min(taken, key=lambda part: part.precision)
        said.append(
            f"**Suggestions err most** where {_says(worst)}: {percent(worst.precision)} of "
            f"{worst.found + worst.wrong:,} are right."
        )
    return said


def _says(part: Part) -> str:
    return f"the {part.about} is {part.says}" if part.about == "seller" else f"the {part.about} {_verb(part.says)}"


def _verb(says: str) -> str:
    return f"is {says}" if says.startswith("missing") else says


def _noise_in_words(held: HeldPairs, errors: Sample) -> str:
    if not errors.pairs:
        return "**Labels**: no pair of two groups is suggested."
    right = int(((held.probabilities >= held.threshold) & (held.truth > 0)).sum())
    taken, counts = right + errors.pairs, gathered(held)
    half = int((counts.cumsum() < counts.sum() / 2).sum()) + 1
    return (
        f"**Labels**: the {counted(errors.pairs, 'pair')} of two groups that are suggested join "
        f"{counted(len(counts), 'pair')} of groups, and half of them {counted(half, 'pair')} of groups. "
        f"{errors.same_model:,} ({percent(errors.same_model / errors.pairs, 0)}) have one photograph, nearly the same "
        f"picture and title, or one name: probably one model under two codes. Counted as right they take precision "
        f"there from {percent(right / taken)} to {percent((right + errors.same_model) / taken)}. Of the others, "
        f"{errors.counts[SAME_MODEL]:,} are as alike as most variants, which proves nothing."
    )
