"""The contents of a report as plain values; the report step of a run fills them in."""

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
"""Number of refused rows that the page shows; the rest are only counted."""

_PARTICULAR = re.compile(r"'(?:[^'\\]|\\.)*'|\"(?:[^\"\\]|\\.)*\"|\([^()]*\)|\d[\d.,]*")
"""The parts of a reason that differ from row to row: quoted values, numbers, text in brackets."""


@dataclass(frozen=True)
class Counts:
    """Sizes of the catalogue.

    Attributes:
        products: Accepted products.
        pictures: Usable pictures.
        sellers: Sellers in the feed; 0 where it names none.
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
    """The comparison of the paper's section 4.2: text alone, pictures alone, both.

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
    """All metrics of one strategy.

    Attributes:
        strategy: The strategy.
        setting: Its setting in words; empty where it has none.
        candidates_per_product: Mean size of its candidate sets.
        values: Metrics by name; None where a metric can't be measured.
        chosen: Whether the run used this strategy and setting.
    """

    strategy: str
    setting: str
    candidates_per_product: float
    values: Mapping[str, float | None]
    chosen: bool = False


@dataclass(frozen=True)
class IndexRecall:
    """Recall of an approximate index against exact search.

    Attributes:
        index: Name of the index.
        k: Depth of both lists.
        recall: Share of the exact first k that the index found too.
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
        seller: Its seller; empty where unknown.
        picture: File of its main picture; None where it has none.
    """

    id: str
    title: str
    seller: str = ""
    picture: Path | None = None


@dataclass(frozen=True)
class ShownCandidate:
    """One candidate of an example, and which list brought it.

    Attributes:
        product: The candidate.
        rank: Its rank among the candidates, from 1.
        text_rank: Its rank in the query's text list; None where it is not in it.
        image_rank: Its rank in the image list that brought it; None where no image list did.
        via: Title of the product that the image list belongs to; empty for the query's own.
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
    """A known variant that is not among the candidates, and its ranks in longer lists.

    Attributes:
        product: The variant.
        text_depth: How many entries of the query's text list were searched.
        image_depth: How many entries of the image list were searched.
        text_rank: Its rank in the query's text list; None beyond `text_depth`.
        image_rank: Its rank in an image list; None beyond `image_depth`.
        via: Title of the product that the image list belongs to; empty for the query's own.
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
        candidates_in_all: How many candidates it has.
        variants_known: How many of its variants the feed knows.
        variants_found: How many of those are among its candidates.
        missed: Variants that are not; possibly only some of them.
    """

    query: Shown
    candidates: tuple[ShownCandidate, ...]
    candidates_in_all: int
    variants_known: int
    variants_found: int
    missed: tuple[Missed, ...] = ()


@dataclass(frozen=True)
class Refused:
    """Rows and pictures that were not used.

    Attributes:
        by_reason: Kinds of reasons with their counts, the most frequent first.
        first: The first rows.
        file: Name of the file that lists all of them.
    """

    by_reason: tuple[tuple[str, int], ...] = ()
    first: tuple[Refusal, ...] = ()
    file: str = "refused.csv"

    @classmethod
    def of(cls, refusals: Iterable[Refusal], file: str = "refused.csv") -> Refused:
        """Counts refusals by kind of reason and keeps the first ones."""
        refusals = tuple(refusals)
        kinds = Counter(kind_of_reason(refusal) for refusal in refusals)
        return cls(tuple(kinds.most_common()), refusals[:FIRST_REFUSED], file)

    @property
    def total(self) -> int:
        """How many rows and pictures were refused."""
        return sum(count for _, count in self.by_reason)


def kind_of_reason(refusal: Refusal) -> str:
    """A refusal's reason without the names, numbers and quoted values of its row."""
    reason = refusal.reason.removeprefix(refusal.where).removeprefix(refusal.where[:200]).removeprefix(": ")
    return " ".join(_PARTICULAR.sub("…", reason).replace(" …", " …").split()) or "no reason given"


@dataclass(frozen=True)
class StepCost:
    """Time and memory of one step.

    Attributes:
        name: The step.
        seconds: Wall-clock seconds.
        peak_mib: Peak resident memory in MiB.
    """

    name: str
    seconds: float
    peak_mib: float


@dataclass(frozen=True)
class Making:
    """Steps, settings and versions of the run.

    Attributes:
        steps: The steps in order.
        settings: All settings, as sections of plain values.
        versions: Versions of packages, models and indexes by name.
        digests: Digests of the inputs by name.
    """

    steps: tuple[StepCost, ...] = ()
    settings: Mapping[str, Any] = field(default_factory=dict)
    versions: Mapping[str, str] = field(default_factory=dict)
    digests: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Planned:
    """The best strategy for one budget.

    Attributes:
        budget: Greatest number of candidates per product.
        point: The chosen point; its recall is NaN where no group is known.
        runner_up: The second-best strategy; empty where there is none.
        ahead: Difference in recall to the runner-up; None where unknown.
        chosen: Whether this run used it.
    """

    budget: int
    point: OperatingPoint
    runner_up: str = ""
    ahead: float | None = None
    chosen: bool = False


@dataclass(frozen=True)
class Estimate:
    """Estimated number of variants that are not among the candidates.

    Attributes:
        about: Whose variants, in words.
        found: Expected number among the candidates; None where only a range is known.
        missed: Expected number outside the candidates; None likewise.
        low: Lower end of the interval or range for the number outside.
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
        varies: What varies in it, in words; empty where unknown.
        strength: Mean probability of its pairs.
        size: Number of its products.
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
        probability: Probability that they are variants; None where no classifier was trained.
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
    """Groups and suggested pairs of the run.

    Attributes:
        groups: Number of groups.
        products: Number of products in them.
        suggestions: Number of suggested pairs.
        doubtful: Number of known groups that look doubtful.
        shown: Some groups.
        pairs: Some suggestions: the most probable and the least probable.
        figures: Names and values of metrics on held-out groups; empty where nothing is measured.
        known: Number of groups with at least two products of one known group.
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
    """The contents of the page.

    Attributes:
        feed: Name of the feed.
        made: Date and time of the run, as shown.
        counts: Sizes of the catalogue.
        chosen: Settings, cost and recall of the run; recall is NaN where no group is known.
        points: All operating points of the sweep; empty where no group is known.
        gains: Text, pictures and both; None where not measured.
        metrics: One row for each strategy.
        index_recall: Recall of approximate indexes against exact search.
        slices: Recall over parts of the queries: by category, by seller, within and across sellers, by group size.
        examples: Products with their candidates.
        refused: Rows and pictures that were not used.
        making: Steps, settings and versions of the run.
        taught: Sentences on what the models were trained on and how they are measured.
        planned: The best strategy for each budget; empty where nothing was planned.
        planned_by: A sentence on how the strategies were compared.
        estimates: Estimated numbers of variants outside the candidates.
        found: Groups and suggested pairs; None where the run has none.
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
        """Whether the feed has known groups to measure recall on."""
        return self.counts.queries > 0 and not math.isnan(self.chosen.recall)
