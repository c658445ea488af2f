"""Tables of thresholds, calibration and groups, and a summary in words; all numbers are computed."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING

from analysis.held_pairs import HeldPairs
from analysis.thresholds import AtPrecision, CalibrationBin, LinkedGroups, ReviewCost
from eval.bootstrap import Interval
from eval.report.words import DASH, number, percent, span

if TYPE_CHECKING:
    import pandas as pd


def _spanned(interval: Interval) -> str:
    return DASH if math.isnan(interval.mean) else f"{percent(interval.mean)} ({span(interval.low, interval.high)})"


def threshold_table(wanted: Sequence[AtPrecision]) -> pd.DataFrame:
    """The threshold for each wanted precision, and what it achieves."""
    import pandas as pd

    rows = [
        {
            "from probability": "out of reach" if each.threshold is None else f"{each.threshold:.3f}",
            "pairs": f"{each.pairs:,}",
            "precision (95%)": _spanned(each.precision),
            "recall (95%)": _spanned(each.recall),
            "precision on other groups": percent(each.elsewhere),
        }
        for each in wanted
    ]
    return pd.DataFrame(rows, index=pd.Index([percent(each.wanted, 0) for each in wanted], name="wanted"))


def threshold_frame(wanted: Sequence[AtPrecision]) -> pd.DataFrame:
    """The same table as numbers."""
    import pandas as pd

    rows = [
        {
            "wanted": each.wanted,
            "threshold": each.threshold,
            "pairs": each.pairs,
            **{f"precision_{name}": value for name, value in asdict(each.precision).items()},
            **{f"recall_{name}": value for name, value in asdict(each.recall).items()},
            "precision_elsewhere": each.elsewhere,
        }
        for each in wanted
    ]
    return pd.DataFrame(rows)


def calibration_table(bins: Sequence[CalibrationBin]) -> pd.DataFrame:
    """Predicted and observed shares of variants, in bins of equal size."""
    import pandas as pd

    rows = [
        {
            "pairs": f"{each.pairs:,}",
            "predicted": percent(each.probability),
            "observed (95%)": _spanned(each.share),
            "off by": f"{100 * (each.share.mean - each.probability):+.1f}",
        }
        for each in bins
    ]
    return pd.DataFrame(rows, index=pd.RangeIndex(1, len(rows) + 1, name="bin"))


def review_table(costs: Sequence[ReviewCost]) -> pd.DataFrame:
    """The cost of review at each probability."""
    import pandas as pd

    rows = [
        {
            "pairs to review": f"{each.pairs:,}",
            "accepted": f"{each.accepted:,}",
            "reviewed per accepted pair": number(each.each, 2),
            "for the last step": number(each.further, 2),
            "recall": percent(each.recall),
        }
        for each in costs
    ]
    return pd.DataFrame(rows, index=pd.Index([f"{each.probability:.2f}" for each in costs], name="from probability"))


def linkage_table(results: Sequence[LinkedGroups], current: float) -> pd.DataFrame:
    """Agreement of groups with known ones at each linkage threshold, and the cost of reviewing them."""
    import pandas as pd

    rows = [
        {
            "groups": f"{len(each.grouping):,}",
            "largest": f"{int(each.sizes.max(initial=0)):,}",
            "B-cubed": f"{each.figures.b_cubed:.3f}",
            "pair F1": f"{each.figures.pair_f1:.3f}",
            "pair precision": percent(each.figures.pair_precision),
            "pair recall": percent(each.figures.pair_recall),
            "exactly right": percent(each.figures.exactly_right),
            "groups reviewed per right group": number(looked_at(each), 2),
        }
        for each in results
    ]
    names = [f"{each.threshold:.2f}{' (this run)' if each.threshold == current else ''}" for each in results]
    return pd.DataFrame(rows, index=pd.Index(names, name="threshold"))


def looked_at(result: LinkedGroups) -> float:
    """Number of groups per known group that is exactly right; NaN if none is."""
    right = result.figures.exactly_right * result.figures.groups if result.figures.groups else 0.0
    return len(result.grouping) / right if right > 0 else float("nan")


def linkage_frame(results: Sequence[LinkedGroups]) -> pd.DataFrame:
    """Metrics of groups at each linkage threshold, as numbers."""
    import pandas as pd

    rows = [{"threshold": each.threshold, "made": len(each.grouping)} | asdict(each.figures) for each in results]
    return pd.DataFrame(rows)


def best_linkage(results: Sequence[LinkedGroups]) -> LinkedGroups:
    """The threshold at which most known groups are exactly right; ties go to the higher B-cubed."""
    return max(results, key=lambda result: (_zero(result.figures.exactly_right), _zero(result.figures.b_cubed)))


def _zero(value: float) -> float:
    return 0.0 if math.isnan(value) else value


def cut_in_words(
    held: HeldPairs, wanted: Sequence[AtPrecision], costs: Sequence[ReviewCost], linked: Sequence[LinkedGroups]
) -> str:
    """A summary of thresholds, calibration and groups, as Markdown.

    Args:
        held: The pairs.
        wanted: Thresholds for wanted precisions.
        costs: Cost of review at each probability.
        linked: Groups at each linkage threshold.
    """
    paragraphs = [*map(_wanted_in_words, wanted), _calibration_in_words(held), *_looks_in_words(costs)]
    return "\n\n".join([*paragraphs, _linkage_in_words(held, linked)])


def _wanted_in_words(each: AtPrecision) -> str:
    head = f"**Precision {percent(each.wanted, 0)}**"
    if each.threshold is None:
        return f"{head} is not reached on these groups."
    there = (
        "half of the groups is too few to choose a threshold and test it on the other half"
        if math.isnan(each.elsewhere)
        else f"on groups that were not used to choose the threshold, precision is {percent(each.elsewhere)}"
    )
    return (
        f"{head}: accept pairs with probability {each.threshold:.2f} or more. These are {each.pairs:,} pairs with "
        f"{percent(each.recall.mean)} ({span(each.recall.low, each.recall.high)}) of the known variants; {there}."
    )


def _calibration_in_words(held: HeldPairs) -> str:
    figures = held.figures
    error, skill = figures.calibration_error, figures.brier_skill
    if math.isnan(error):
        return "**Calibration**: no pair is above 0.05."
    return (
        f"**Calibration**: probabilities above 0.05 are off by {100 * error:.1f} points on average (expected "
        f"calibration error, ten bins of equal size). Brier skill is {skill:.2f}; 0 is useless and 1 is perfect."
    )


def _looks_in_words(costs: Sequence[ReviewCost]) -> list[str]:
    paying = [each for each in costs if not math.isnan(each.further)]
    if not paying:
        return []
    first, last = paying[0], paying[-1]
    return [
        f"**An expert** who reviews all pairs with probability {first.probability:.2f} or more accepts one in "
        f"{number(first.each, 2)} and finds {percent(first.recall)} of the known variants. With "
        f"{last.probability:.2f} or more it is one in {number(last.each, 2)} (one in {number(last.further, 2)} for the "
        f"last step), and {percent(last.recall)} are found."
    ]


def _linkage_in_words(held: HeldPairs, linked: Sequence[LinkedGroups]) -> str:
    current = held.job.settings.groups.threshold
    own, best = next(result for result in linked if result.threshold == current), best_linkage(linked)
    text = (
        f"**Groups** at this run's threshold of {current:.2f}: B-cubed {own.figures.b_cubed:.3f}, pair F1 "
        f"{own.figures.pair_f1:.3f}, {percent(own.figures.exactly_right)} of {own.figures.groups:,} known groups "
        f"exactly right, and {number(looked_at(own), 2)} groups to review for each of these."
    )
    if not best.figures.exactly_right > own.figures.exactly_right:
        return f"{text} No other threshold has more groups exactly right."
    return (
        f"{text} The most are exactly right at {best.threshold:.2f}: {percent(best.figures.exactly_right)}, with "
        f"B-cubed {best.figures.b_cubed:.3f} and pair F1 {best.figures.pair_f1:.3f} "
        "(chosen and measured on the same groups)."
    )
