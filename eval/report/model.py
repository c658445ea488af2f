"""Everything a report shows, as plain values; whoever makes the run fills them in."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from candidates.product import Refusal
from candidates.qrels import UNJUDGED
from eval.bootstrap import Interval
from eval.curves import OperatingPoint
from eval.slices import Slice

FIRST_REFUSED = 50
"""Refused rows that the page shows; the rest is counted."""

_PARTICULAR = re.compile(r"'(?:[^'\\]|\\.)*'|\"(?:[^\"\\]|\\.)*\"|\([^()]*\)|\d[\d.,]*")
"""What makes one refusal's reason differ from another of its kind: quoted values, numbers, asides."""


@dataclass(frozen=True)
class Counts:
    """How much there is.

    Attributes:
        products: Accepted products.
        pictures: Usable pictures.
        sellers: Sellers that the feed names; 0 where it names none.
        groups: Known groups with at least two members.
        queries: Products that have at least one known variant.
    """

    products: int
    pictures: int
    sellers: int
    groups: int
    queries: int


@dataclass(frozen=True)
class Gains:
    """The comparison of the paper's section 4.2: each list alone, and both.

    Attributes:
        text: Text neighbours alone.
        image: Image neighbours alone.
        both: The union of the two.
        image_over_text: Paired interval of the difference in recall, image − text.
        both_over_text: Paired interval of the difference in recall, both − text.
    """

    text: OperatingPoint
    image: OperatingPoint
    both: OperatingPoint
    image_over_text: Interval | None = None
    both_over_text: Interval | None = None


@dataclass(frozen=True)
class MetricsRow:
    """What one strategy reaches in each metric.

    Attributes:
        strategy: The strategy.
        setting: Its setting in words; empty where it has none.
        candidates_per_product: Mean size of its candidate set.
        values: Metrics by name; None where one can't be measured.
        chosen: Whether these are the settings of the run.
    """

    strategy: str
    setting: str
    candidates_per_product: float
    values: Mapping[str, float | None]
    chosen: bool = False


@dataclass(frozen=True)
class IndexRecall:
    """How much of an exact search an approximate index found.

    Attributes:
        index: The index in words.
        k: Depth at which both were asked.
        recall: Share of the exact k that the index found too.
        queries: Queries in the sample.
    """

    index: str
    k: int
    recall: float
    queries: int


@dataclass(frozen=True)
class Shown:
    """A product as the page shows it.

    Attributes:
        id: Its id.
        title: Its title.
        seller: Its seller; empty where none is known.
        picture: File of its main picture, None without one.
    """

    id: str
    title: str
    seller: str = ""
    picture: Path | None = None


@dataclass(frozen=True)
class ShownCandidate:
    """One candidate of an example, and how it came.

    Attributes:
        product: The candidate.
        rank: Its rank among the candidates, from 1.
        text_rank: Its rank in the query's text list, None where that does not hold it.
        image_rank: Its rank in the image list that brought it, None where none did.
        via: Title of the product whose image list that was; empty where it was the query's own.
        truth: `VARIANT`, `UNJUDGED` or `NOT_A_VARIANT` of `candidates.qrels`.
    """

    product: Shown
    rank: int
    text_rank: int | None = None
    image_rank: int | None = None
    via: str = ""
    truth: int = UNJUDGED


@dataclass(frozen=True)
class Missed:
    """A known variant that is not among the candidates, and how far it was from being one.

    Attributes:
        product: The variant.
        text_depth: How deep the query's text list was looked through.
        image_depth: How deep the image list was looked through.
        text_rank: Its rank in the query's text list, None beyond `text_depth`.
        image_rank: Its rank in an image list, None beyond `image_depth`.
        via: Title of the product whose image list that was; empty where it was the query's own.
    """

    product: Shown
    text_depth: int
    image_depth: int
    text_rank: int | None = None
    image_rank: int | None = None
    via: str = ""


@dataclass(frozen=True)
class Example:
    """One product with its candidates.

    Attributes:
        query: The product.
        candidates: Its first candidates, best first.
        candidates_in_all: How many it has.
        variants_known: How many variants the feed knows of it.
        variants_found: How many of these are among all its candidates.
        missed: Those that are not; may be fewer than the counts say.
    """

    query: Shown
    candidates: tuple[ShownCandidate, ...]
    candidates_in_all: int
    variants_known: int
    variants_found: int
    missed: tuple[Missed, ...] = ()


@dataclass(frozen=True)
class Refused:
    """What was not used.

    Attributes:
        by_reason: Kinds of reasons with their counts, the most frequent first.
        first: The first rows.
        file: Name of the file that holds all of them.
    """

    by_reason: tuple[tuple[str, int], ...] = ()
    first: tuple[Refusal, ...] = ()
    file: str = "refused.csv"

    @classmethod
    def of(cls, refusals: Iterable[Refusal], file: str = "refused.csv") -> Refused:
        """Counts refusals by kind of reason and keeps the first of them."""
        kept = tuple(refusals)
        kinds = Counter(kind_of_reason(refusal) for refusal in kept)
        return cls(tuple(kinds.most_common()), kept[:FIRST_REFUSED], file)

    @property
    def total(self) -> int:
        """How many rows and pictures were refused."""
        return sum(count for _, count in self.by_reason)


def kind_of_reason(refusal: Refusal) -> str:
    """A refusal's reason without what is particular to one row: names, numbers, quoted values."""
    reason = refusal.reason.removeprefix(refusal.where).removeprefix(refusal.where[:200]).removeprefix(": ")
    return " ".join(_PARTICULAR.sub("…", reason).replace(" …", " …").split()) or "no reason given"


@dataclass(frozen=True)
class StepCost:
    """What one step took.

    Attributes:
        name: The step.
        seconds: Wall-clock seconds.
        peak_mib: Greatest resident memory in MiB.
    """

    name: str
    seconds: float
    peak_mib: float


@dataclass(frozen=True)
class Making:
    """How the run was made.

    Attributes:
        steps: The steps in their order.
        settings: Everything that was chosen, as sections of plain values.
        versions: Packages, models and indexes by name.
        digests: What the results were made from, by name.
    """

    steps: tuple[StepCost, ...] = ()
    settings: Mapping[str, Any] = field(default_factory=dict)
    versions: Mapping[str, str] = field(default_factory=dict)
    digests: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Planned:
    """The best strategy for one budget.

    Attributes:
        budget: Candidates per product that may be spent.
        point: What was chosen; its recall is NaN where no group is known.
        runner_up: The strategy that came second; empty where there was none.
        ahead: How much recall the chosen one has over it; None where unknown.
        chosen: Whether this run followed it.
    """

    budget: int
    point: OperatingPoint
    runner_up: str = ""
    ahead: float | None = None
    chosen: bool = False


@dataclass(frozen=True)
class Estimate:
    """Variants that are outside the candidates, of all products.

    Attributes:
        about: Whose variants, in words.
        found: Expected among the candidates; None where no single figure is to be had.
        missed: Expected outside them; None likewise.
        low: Lower end of the interval, or of the range.
        high: Upper end.
    """

    about: str
    found: float | None
    missed: float | None
    low: float
    high: float


@dataclass(frozen=True)
class ShownGroup:
    """A group as the page shows it.

    Attributes:
        id: Its id.
        varies: What varies in it, in words; empty where that is not known.
        strength: Mean probability of the pairs within it.
        size: Products in it.
        members: Its first products.
    """

    id: str
    varies: str
    strength: float
    size: int
    members: tuple[Shown, ...]


@dataclass(frozen=True)
class ShownSuggestion:
    """A suggested pair as the page shows it.

    Attributes:
        left: One product.
        right: The other.
        probability: That they are variants; None where nothing was learned.
        relation: `variant` or `same item`.
        reasons: Why, in one line.
    """

    left: Shown
    right: Shown
    probability: float | None
    relation: str
    reasons: str


@dataclass(frozen=True)
class Groups:
    """The groups that were made and the pairs that are suggested.

    Attributes:
        groups: How many groups there are.
        products: Products in them.
        suggestions: Pairs suggested.
        doubtful: Known groups that look doubtful.
        shown: Some groups.
        pairs: Some suggestions: the most probable, and the least probable that are still suggested.
        figures: Name of a figure and its value, on groups that had no part in it; empty where nothing is measured.
        known: Groups two of whose products a known group joins already.
    """

    groups: int
    products: int
    suggestions: int
    doubtful: int
    shown: tuple[ShownGroup, ...] = ()
    pairs: tuple[ShownSuggestion, ...] = ()
    figures: tuple[tuple[str, float], ...] = ()
    known: int = 0


@dataclass(frozen=True)
class Report:
    """Everything the page shows.

    Attributes:
        feed: Name of the feed.
        made: When, as it is to be shown.
        counts: How much there is.
        chosen: The settings of the run with what they cost and reach; its recall is NaN where no group is known.
        points: All operating points of the sweep; empty where no group is known.
        gains: Text, image and both; None where not measured.
        metrics: One row a strategy at its setting.
        index_recall: Approximate indexes against exact search.
        slices: Recall over parts of the queries: by category, by seller, within and across, by group size.
        examples: Products with their candidates.
        refused: What was not used.
        making: How the run was made.
        taught: What was learned from, and how it is measured, in sentences.
        planned: The best strategy for each budget; empty where nothing was planned.
        planned_by: By what the plan was judged, in a sentence.
        estimates: How many variants may be outside the candidates.
        found: Groups and suggestions; None where none were made.
    """

    feed: str
    made: str
    counts: Counts
    chosen: OperatingPoint
    points: tuple[OperatingPoint, ...] = ()
    gains: Gains | None = None
    metrics: tuple[MetricsRow, ...] = ()
    index_recall: tuple[IndexRecall, ...] = ()
    slices: tuple[Slice, ...] = ()
    examples: tuple[Example, ...] = ()
    refused: Refused = field(default_factory=Refused)
    making: Making = field(default_factory=Making)
    taught: tuple[str, ...] = ()
    planned: tuple[Planned, ...] = ()
    planned_by: str = ""
    estimates: tuple[Estimate, ...] = ()
    found: Groups | None = None

    @property
    def measured(self) -> bool:
        """Whether any known group allowed recall to be measured."""
        return self.counts.queries > 0 and not math.isnan(self.chosen.recall)
