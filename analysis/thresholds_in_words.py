"""The tables of thresholds, calibration and groups, and the answer in words; every number is computed."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING

from analysis.held_pairs import HeldPairs
from analysis.thresholds import AtPrecision, Calibrated, Linked, Looked
from eval.bootstrap import Interval
from eval.report.words import DASH, number, percent, span

if TYPE_CHECKING:
    import pandas as pd


def _spanned(one: Interval) -> str:
    return DASH if math.isnan(one.mean) else f"{percent(one.mean)} ({span(one.low, one.high)})"


def threshold_table(wanted: Sequence[AtPrecision]) -> pd.DataFrame:
    """What asking for each precision comes to."""
    import pandas as pd

    rows = [
        {
            "from probability": "out of reach" if one.threshold is None else f"{one.threshold:.3f}",
            "pairs": f"{one.pairs:,}",
            "precision (95 %)": _spanned(one.precision),
            "recall (95 %)": _spanned(one.recall),
            "precision on other groups": percent(one.elsewhere),
        }
        for one in wanted
    ]
    return pd.DataFrame(rows, index=pd.Index([percent(one.wanted, 0) for one in wanted], name="wanted"))


def threshold_frame(wanted: Sequence[AtPrecision]) -> pd.DataFrame:
    """The same as numbers."""
    import pandas as pd

    rows = [
        {
            "wanted": one.wanted,
            "threshold": one.threshold,
            "pairs": one.pairs,
            **{f"precision_{name}": value for name, value in asdict(one.precision).items()},
            **{f"recall_{name}": value for name, value in asdict(one.recall).items()},
            "precision_elsewhere": one.elsewhere,
        }
        for one in wanted
    ]
    return pd.DataFrame(rows)


def calibration_table(bins: Sequence[Calibrated]) -> pd.DataFrame:
    """What probabilities say and what is so, in bins of equal number."""
    import pandas as pd

    rows = [
        {
            "pairs": f"{one.pairs:,}",
            "said": percent(one.probability),
            "are (95 %)": _spanned(one.share),
            "off by": f"{100 * (one.share.mean - one.probability):+.1f}",
        }
        for one in bins
    ]
    return pd.DataFrame(rows, index=pd.RangeIndex(1, len(rows) + 1, name="bin"))


def look_table(made: Sequence[Looked]) -> pd.DataFrame:
    """What each probability costs an expert."""
    import pandas as pd

    rows = [
        {
            "pairs to look at": f"{one.pairs:,}",
            "accepted": f"{one.accepted:,}",
            "looked at for each accepted": number(one.each, 2),
            "for the last of them": number(one.further, 2),
            "recall": percent(one.recall),
        }
        for one in made
    ]
    return pd.DataFrame(rows, index=pd.Index([f"{one.probability:.2f}" for one in made], name="from probability"))


def linkage_table(made: Sequence[Linked], current: float) -> pd.DataFrame:
    """How well groups agree with known ones at each threshold of linkage, and what looking at them costs."""
    import pandas as pd

    rows = [
        {
            "groups": f"{len(one.made):,}",
            "largest": f"{int(one.sizes.max(initial=0)):,}",
            "B-cubed": f"{one.figures.b_cubed:.3f}",
            "pair F1": f"{one.figures.pair_f1:.3f}",
            "pair precision": percent(one.figures.pair_precision),
            "pair recall": percent(one.figures.pair_recall),
            "exactly right": percent(one.figures.exactly_right),
            "groups looked at for each that is right": number(looked_at(one), 2),
        }
        for one in made
    ]
    names = [f"{one.threshold:.2f}{' (this run)' if one.threshold == current else ''}" for one in made]
    return pd.DataFrame(rows, index=pd.Index(names, name="threshold"))


def looked_at(one: Linked) -> float:
    """Made groups for each known group that came out exactly right; NaN where none did."""
    right = one.figures.exactly_right * one.figures.groups if one.figures.groups else 0.0
    return len(one.made) / right if right > 0 else float("nan")


def linkage_frame(made: Sequence[Linked]) -> pd.DataFrame:
    """The figures of groups at each threshold of linkage, as numbers."""
    import pandas as pd

    rows = [{"threshold": one.threshold, "made": len(one.made)} | asdict(one.figures) for one in made]
    return pd.DataFrame(rows)


def best_linkage(made: Sequence[Linked]) -> Linked:
    """The threshold at which most known groups come out exactly right; the higher B-cubed decides between equals."""
    return max(made, key=lambda one: (_zero(one.figures.exactly_right), _zero(one.figures.b_cubed)))


def _zero(value: float) -> float:
    return 0.0 if math.isnan(value) else value


def cut_in_words(
    held: HeldPairs, wanted: Sequence[AtPrecision], made: Sequence[Looked], linked: Sequence[Linked]
) -> str:
    """Thresholds, calibration and groups in words, as Markdown.

    Args:
        held: The pairs.
        wanted: What asking for a precision comes to.
        made: What probabilities cost an expert.
        linked: Groups at thresholds of linkage.
    """
    said = [*map(_wanted_in_words, wanted), _calibration_in_words(held), *_looks_in_words(made)]
    return "\n\n".join([*said, _linkage_in_words(held, linked)])


def _wanted_in_words(one: AtPrecision) -> str:
    head = f"**Precision {percent(one.wanted, 0)}**"
    if one.threshold is None:
        return f"{head} is out of reach on these groups."
    there = (
        "neither half of the groups chooses a threshold that can be judged by the other"
        if math.isnan(one.elsewhere)
        else f"on groups that did not choose the threshold precision is {percent(one.elsewhere)}"
    )
    return (
        f"{head}: take pairs from {one.threshold:.2f} on. These are {one.pairs:,} and find "
        f"{percent(one.recall.mean)} ({span(one.recall.low, one.recall.high)}) of the known variants; {there}."
    )


def _calibration_in_words(held: HeldPairs) -> str:
    figures = held.figures
    error, skill = figures.calibration_error, figures.brier_skill
    if math.isnan(error):
        return "**Calibration**: no pair is above .05."
    return (
        f"**Calibration**: above .05 probabilities are off by {100 * error:.1f} points on average (expected "
        f"calibration error, ten bins of equal number); Brier skill is {skill:.2f}, where 0 is of no use and 1 is "
        "never wrong."
    )


def _looks_in_words(made: Sequence[Looked]) -> list[str]:
    paying = [one for one in made if not math.isnan(one.further)]
    if not paying:
        return []
    first, last = paying[0], paying[-1]
    return [
        f"**An expert** who looks at all pairs from {first.probability:.2f} on accepts one of "
        f"{number(first.each, 2)} and finds {percent(first.recall)}; from {last.probability:.2f} on he looks at "
        f"{number(last.each, 2)} for each that he accepts ({number(last.further, 2)} for the last of them) and finds "
        f"{percent(last.recall)}."
    ]


def _linkage_in_words(held: HeldPairs, linked: Sequence[Linked]) -> str:
    current = held.job.settings.groups.threshold
    own, best = next(one for one in linked if one.threshold == current), best_linkage(linked)
    said = (
        f"**Groups** at this run's threshold of {current:.2f}: B-cubed {own.figures.b_cubed:.3f}, pair F1 "
        f"{own.figures.pair_f1:.3f}, {percent(own.figures.exactly_right)} of {own.figures.groups:,} known groups "
        f"exactly right; {number(looked_at(own), 2)} groups are looked at for each of these."
    )
    if not best.figures.exactly_right > own.figures.exactly_right:
        return f"{said} No other threshold gets more of them exactly right."
    return (
        f"{said} Most come out exactly right at {best.threshold:.2f}: {percent(best.figures.exactly_right)}, with "
        f"B-cubed {best.figures.b_cubed:.3f} and pair F1 {best.figures.pair_f1:.3f} "
        "(chosen and measured on the same groups)."
    )
