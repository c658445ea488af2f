"""Numbers as a reader who is no analyst would say them."""

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
    "fused": "Three lists fused and asked again",
}
"""What each strategy is called on the page; another one keeps its own name."""

PAPER_GAINS = {"image": 13, "both": 24}
"""Per cent by which recall rose above text alone in the paper (section 4.2)."""

DASH = "–"

_EXPLAINED = {
    "hop": "text neighbours (N) first, then the nearest pictures (K) of each of these and of the product itself",
    "text": "the products whose text is nearest",
    "image": "the products whose pictures are nearest",
    "union": "the nearest by text together with the nearest by picture",
    "rrf": "the list by text and the list by picture, fused by rank",
    "weighted": "the list by text and the list by picture, fused by score",
    "fused": "the lists by text, by spelling and by picture, fused by rank; the first of them asked once more",
}


def strategy_in_words(strategy: str) -> str:
    """The name of a strategy as a reader sees it."""
    return STRATEGIES.get(strategy) or plain(strategy, 60)


def strategy_explained(strategy: str) -> str:
    """What a strategy does, in half a sentence; empty for one that the page does not know."""
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
    """A share as `89.8 %` (with a no-break space), a dash where there is none."""
    return DASH if _absent(share) else f"{share:.{digits}%}".replace("%", "\N{NO-BREAK SPACE}%")


def small_percent(share: float) -> str:
    """A share of the catalogue, with as many digits as a small one needs."""
    return percent(share, 1 if share >= 0.01 else 2 if share >= 0.001 else 3)


def number(value: float | None, digits: int = 0) -> str:
    """A number with thousands parted, a dash where there is none."""
    return DASH if _absent(value) else f"{value:,.{digits}f}"


def amount(value: float) -> str:
    """A mean count: one digit behind the point only while that says something."""
    return number(value, 1 if value < 20 and round(value, 1) != round(value) else 0)


def counted(count: int, one: str, several: str = "") -> str:
    """A number with its noun: `1 product`, `12 products`."""
    return f"{count:,} {one if count == 1 else several or one + 's'}"


def signed(share: float | None) -> str:
    """A change as `+23.2 %`; empty where there is none to speak of."""
    return "" if share is None else DASH if _absent(share) else f"{'+' if share >= 0 else '−'}{percent(abs(share))}"


def span(low: float, high: float) -> str:
    """An interval as `88.7–90.9 %`."""
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
    """Text from outside made fit to be shown: not endless, without control and direction-override characters.

    Line breaks and tabs become spaces. Emoji and right-to-left letters stay as they are.
    """
    shortened = f"{text[: limit - 1]}…" if len(text) > limit else text
    shown = (letter if letter.isspace() or not _steers(letter) else "" for letter in shortened)
    return " ".join("".join(shown).split())


def _steers(letter: str) -> bool:
    category = unicodedata.category(letter)
    return category in {"Cc", "Cs"} or unicodedata.bidirectional(letter) in _DIRECTIONS


_DIRECTIONS = {"LRE", "RLE", "LRO", "RLO", "PDF", "LRI", "RLI", "FSI", "PDI"}


def _absent(value: float | None) -> bool:
    return value is None or math.isnan(value)


def headline(report: Report) -> str:
    """What the chosen settings reach, in one sentence that a merchant understands."""
    chosen = report.chosen
    cost = amount(chosen.candidates_per_product)
    share = f"{small_percent(chosen.share)} of the catalogue"
    if not report.measured:
        return f"Each product has {cost} candidates on average; that is {share}."
    reached = f"{percent(chosen.recall)} (95\N{NO-BREAK SPACE}% interval {span(chosen.low, chosen.high)})"
    return (
        f"Of the variants the feed already knows, {reached} are among the {cost} candidates per product; "
        f"that is {share}."
    )


_WORTH_SAYING = 0.0005
"""A gain that would be shown as 0.0 points is none."""


def better_at_this_cost(report: Report) -> str:
    """What finds more than the chosen settings for no more candidates; empty where nothing does."""
    chosen = report.chosen
    affordable = [p for p in report.points if p.candidates_per_product <= chosen.candidates_per_product]
    best = max(affordable, key=lambda point: point.recall, default=chosen)
    if best.recall - chosen.recall < _WORTH_SAYING:
        return ""
    setting = setting_in_words(best)
    gain = 100 * (best.recall - chosen.recall)
    return (
        f"For no more candidates than this run spends, {strategy_in_words(best.strategy)}"
        f"{f' ({setting})' if setting else ''} finds {percent(best.recall)} ({span(best.low, best.high)}): "
        f"{gain:.1f} points more."
    )


def reasons(candidate: ShownCandidate) -> list[str]:
    """Why a product is among the candidates."""
    found = [f"text rank {candidate.text_rank:,}"] if candidate.text_rank else []
    if candidate.image_rank:
        found.append(f"image rank {candidate.image_rank:,}{_of(candidate.via)}")
    return found


def missed_reasons(missed: Missed) -> list[str]:
    """How far a missed variant was from being a candidate."""
    return [
        f"text: {_place(missed.text_rank, missed.text_depth)}",
        f"pictures: {_place(missed.image_rank, missed.image_depth)}{_of(missed.via)}",
    ]


def _place(rank: int | None, depth: int) -> str:
    return f"rank {rank:,}" if rank else f"not among the first {depth:,}"


def _of(via: str) -> str:
    return f" of {plain(via, 60)}" if via else " of this product"


@dataclass(frozen=True)
class Gain:
    """One line of the comparison with text alone.

    Attributes:
        name: What is compared.
        point: Its operating point.
        relative: Recall over that of text alone, minus one; None for text itself, NaN where text finds nothing.
        difference: Paired interval of the difference in recall, where it was measured.
        paper: Per cent of gain in the paper, None for text itself.
    """

    name: str
    point: OperatingPoint
    relative: float | None = None
    difference: Interval | None = None
    paper: int | None = None


def gain_rows(gains: Gains) -> list[Gain]:
    """Text alone, pictures alone and both, each against text."""
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
    """What a row gains over text alone in points of recall, with its interval where one was measured."""
    if row.relative is None:
        return ""
    if row.difference is None:
        return f"{100 * (row.point.recall - text.recall):+.1f}"
    mean, low, high = (100 * value for value in (row.difference.mean, row.difference.low, row.difference.high))
    return f"{mean:+.1f} ({low:+.1f} to {high:+.1f})"


def gain_sentence(gains: Gains) -> str:
    """What pictures add to text, beside what the paper reports."""
    _, image, both = gain_rows(gains)
    paper = f"The paper reports {PAPER_GAINS['image']} % and {PAPER_GAINS['both']} % on its own catalogue."
    if image.relative is None or both.relative is None or math.isnan(image.relative + both.relative):
        return f"Text alone finds none of the known variants here, so a gain over it can't be stated. {paper}"
    found = f"Pictures alone find {_more(image.relative)} than text alone; both together find {_more(both.relative)}."
    return f"{found} {paper}"


def _more(relative: float) -> str:
    return f"{percent(abs(relative))} {'more' if relative >= 0 else 'less'} of the known variants"
