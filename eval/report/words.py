"""The numbers and sentences of the report, in plain English."""

from __future__ import annotations

import math
import unicodedata
from dataclasses import dataclass

from eval.bootstrap import Interval
from eval.curves import OperatingPoint
from eval.report.model import Gains, Missed, Report, ShownCandidate

STRATEGIES = {
    "hop": "Suggestion of suggestions",
    "text": "Text alone",
    "image": "Pictures alone",
    "union": "Union of text and pictures",
    "rrf": "Reciprocal rank fusion",
    "weighted": "Weighted fusion",
    "fused": "Three fused lists and a hop",
}
"""The name of each strategy on the page; a strategy that isn't here keeps its own name."""

PAPER_GAINS = {"image": 13, "both": 24}
"""Gain in recall over text alone that the paper reports (section 4.2), in per cent."""

DASH = "–"

_EXPLAINED = {
    "hop": "the N nearest products by text, then the K nearest by picture to the product and to each of those N",
    "text": "the nearest products by text",
    "image": "the nearest products by picture",
    "union": "the nearest products by text together with the nearest by picture",
    "rrf": "the text list and the picture list, fused by rank",
    "weighted": "the text list and the picture list, fused by score",
    "fused": "the lists by text, spelling and picture, fused by rank, then extended by the lists of the first results",
}


def strategy_in_words(strategy: str) -> str:
    """The name of a strategy on the page."""
    return STRATEGIES.get(strategy) or plain(strategy, 60)


def strategy_explained(strategy: str) -> str:
    """How a strategy finds candidates, in half a sentence; empty for an unknown strategy."""
    return _EXPLAINED.get(strategy, "")


def setting_in_words(point: OperatingPoint) -> str:
    """The parameters of a point, such as `N 50, K 2` or `first 100`; empty where it has none."""
    if point.strategy == "hop":
        named = (("N", point.n), ("K", point.k), ("budget", point.budget))
        return ", ".join(f"{name}\N{NO-BREAK SPACE}{value:,}" for name, value in named if value is not None)
    if point.budget is None and point.n is not None and point.k is not None:
        return f"{point.n:,} by text, {point.k:,} by picture"
    depth = next((value for value in (point.budget, point.n, point.k) if value is not None), None)
    return "" if depth is None else f"first {depth:,}"


def percent(share: float | None, digits: int = 1) -> str:
    """A share as `89.8%`, or a dash where it is missing."""
    return DASH if _absent(share) else f"{share:.{digits}%}"


def small_percent(share: float) -> str:
    """A share of the catalogue, with more digits the smaller it is."""
    return percent(share, 1 if share >= 0.01 else 2 if share >= 0.001 else 3)


def number(value: float | None, digits: int = 0) -> str:
    """A number with thousands separators, or a dash where it is missing."""
    return DASH if _absent(value) else f"{value:,.{digits}f}"


def amount(value: float) -> str:
    """A mean count, with one decimal below 20 unless it is whole."""
    return number(value, 1 if value < 20 and round(value, 1) != round(value) else 0)


def counted(count: int, singular: str, plural: str = "") -> str:
    """A number with its noun: `1 product`, `12 products`."""
    return f"{count:,} {singular if count == 1 else plural or singular + 's'}"


def signed(share: float | None) -> str:
    """A change as `+23.2%`; empty for None, a dash for NaN."""
    return "" if share is None else DASH if _absent(share) else f"{'+' if share >= 0 else '−'}{percent(abs(share))}"


def span(low: float, high: float) -> str:
    """An interval as `88.7–90.9%`."""
    return DASH if _absent(low) or _absent(high) else f"{100 * low:.1f}–{percent(high)}"


def duration(seconds: float) -> str:
    """Seconds as `0.4 s`, `12 s`, `3 min 20 s` or `2 h 5 min`."""
    if seconds < 10:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 60:
        return f"{minutes} min {rest} s" if minutes else f"{rest} s"
    return f"{minutes // 60} h {minutes % 60} min"


def plain(text: str, limit: int = 200) -> str:
    """Makes text from a feed safe to show: short, without control and direction-override characters.

    Line breaks and tabs become spaces. Emoji and right-to-left letters are kept.
    """
    shortened = f"{text[: limit - 1]}…" if len(text) > limit else text
    visible = (letter if letter.isspace() or not _is_control(letter) else "" for letter in shortened)
    return " ".join("".join(visible).split())


def _is_control(letter: str) -> bool:
    category = unicodedata.category(letter)
    return category in {"Cc", "Cs"} or unicodedata.bidirectional(letter) in _DIRECTIONS


_DIRECTIONS = {"LRE", "RLE", "LRO", "RLO", "PDF", "LRI", "RLI", "FSI", "PDI"}


def _absent(value: float | None) -> bool:
    return value is None or math.isnan(value)


def headline(report: Report) -> str:
    """The recall and the cost of the chosen settings, in one or two sentences."""
    chosen = report.chosen
    cost = (
        f"Each product has {amount(chosen.candidates_per_product)} candidates on average, "
        f"{small_percent(chosen.share)} of the catalogue."
    )
    if not report.measured:
        return cost
    interval = span(chosen.low, chosen.high)
    return f"{percent(chosen.recall)} of the known variants (95% interval {interval}) are among the candidates. {cost}"


_LEAST_SHOWN_GAIN = 0.0005
"""A smaller gain would be shown as 0.0 points."""


def better_at_this_cost(report: Report) -> str:
    """The setting with higher recall than the chosen one at no higher cost; empty where there is none."""
    chosen = report.chosen
    affordable = [p for p in report.points if p.candidates_per_product <= chosen.candidates_per_product]
    best = max(affordable, key=lambda point: point.recall, default=chosen)
    if best.recall - chosen.recall < _LEAST_SHOWN_GAIN:
        return ""
    setting = setting_in_words(best)
    gain = 100 * (best.recall - chosen.recall)
    return (
        f"With no more candidates per product than this run, {strategy_in_words(best.strategy)}"
        f"{f' ({setting})' if setting else ''} reaches a recall of {percent(best.recall)} "
        f"({span(best.low, best.high)}), {gain:.1f} points more."
    )


def reasons(candidate: ShownCandidate) -> list[str]:
    """Which lists brought a candidate, and at which rank."""
    ranks = [f"text rank {candidate.text_rank:,}"] if candidate.text_rank else []
    if candidate.image_rank:
        ranks.append(f"picture rank {candidate.image_rank:,} for {_list_owner(candidate.via)}")
    return ranks


def missed_reasons(missed: Missed) -> list[str]:
    """How far a missed variant was from being a candidate."""
    return [
        f"text: {_rank(missed.text_rank, missed.text_depth)}",
        f"pictures: {_rank(missed.image_rank, missed.image_depth)} for {_list_owner(missed.via)}",
    ]


def _rank(rank: int | None, depth: int) -> str:
    return f"rank {rank:,}" if rank else f"not among the first {depth:,}"


def _list_owner(via: str) -> str:
    return plain(via, 60) if via else "this product"


@dataclass(frozen=True)
class Gain:
    """One row of the comparison with text alone.

    Attributes:
        name: Name of the row.
        point: Its operating point.
        relative: Recall divided by that of text alone, minus one; None for text itself, NaN where text finds nothing.
        difference: Paired interval of the difference in recall, where it was measured.
        paper: Gain that the paper reports, in per cent; None for text itself.
    """

    name: str
    point: OperatingPoint
    relative: float | None = None
    difference: Interval | None = None
    paper: int | None = None


def gain_rows(gains: Gains) -> list[Gain]:
    """Text alone, pictures alone and both, each compared with text alone."""
    base = gains.text.recall

    def over(recall: float) -> float:
        return recall / base - 1 if base > 0 else math.nan

    image, both = gains.image, gains.both
    return [
        Gain("Text alone", gains.text),
        Gain("Pictures alone", image, over(image.recall), gains.image_over_text, PAPER_GAINS["image"]),
        Gain("Both together", both, over(both.recall), gains.both_over_text, PAPER_GAINS["both"]),
    ]


def points_gained(text: OperatingPoint, row: Gain) -> str:
    """Gain over text alone in points of recall, with its interval where one was measured."""
    if row.relative is None:
        return ""
    if row.difference is None:
        return f"{100 * (row.point.recall - text.recall):+.1f}"
    mean, low, high = (100 * value for value in (row.difference.mean, row.difference.low, row.difference.high))
    return f"{mean:+.1f} ({low:+.1f} to {high:+.1f})"


def gain_sentence(gains: Gains) -> str:
    """How many more variants pictures find than text alone, here and in the paper."""
    _, image, both = gain_rows(gains)
    paper = f"The paper reports {PAPER_GAINS['image']}% and {PAPER_GAINS['both']}% more on its own catalogue."
    if image.relative is None or both.relative is None or math.isnan(image.relative + both.relative):
        return f"Text alone finds none of the known variants here, so there is no gain to report. {paper}"
    return (
        f"Pictures alone find {_more(image.relative)} of the known variants than text alone; "
        f"both together find {_more(both.relative)}. {paper}"
    )


def _more(relative: float) -> str:
    return f"{percent(abs(relative))} {'more' if relative >= 0 else 'fewer'}"
