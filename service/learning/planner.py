"""The budget planner: which strategy buys the most recall at a given mean number of candidates per product.

Every strategy is measured at equal cost: its lists are cut where their mean length meets the budget, so that a
strategy whose lists are short for some products (no picture, few neighbours) may go deeper for the others. A strategy
that walks from neighbour to neighbour has no length of its own; its N is found by interpolation, then it is cut too.

**Choice and judgement never use the same groups.** The known groups are dealt into folds; the setting that is judged
on one fold was chosen on the others, and the recall of an offer is the mean of these judgements. What is named in the
end is the choice on all groups.

**The simpler strategy within noise.** The best setting of every strategy is compared with the best of all; the first
strategy in the order of the entries (they go from simple to involved) is taken whose mean lies within one standard
error of the paired difference, groups being the sampling units, and at most `TOLERANCE` below the best. Breiman,
Friedman, Olshen and Stone, *Classification and Regression Trees*, 1984, section 3.4.3 (the one-standard-error rule);
the second bound is ours, since with few groups one standard error is a lot of recall.

On the marketplace feed of 5,858 garments, planned on a random half of the groups and judged on the other (40 halves,
raw HOG and MiniLM lists), the choice loses .0004, .0013, .0009, .0011 and .0020 of recall in the mean against the
setting that is best on the judged half itself, at 25, 50, 100, 200 and 500 candidates; it loses more than .005 in one
to four of the 40 halves at the first four budgets, .017 at worst. Four forms of the rule (the best alone, one standard
error alone, and with bounds of .0025 and .005) did the same there within noise.

**Without known groups** (fewer than `FEWEST_GROUPS`) the choice is made by a proxy, `crossed_links`: two products
count as variants where a link by picture and a link by text lead from one to the other, a link being a pair in which
each stands among the other's first three. It says which strategy to take, never what its recall is, and it can't
judge walks, whose candidates are found in just that way (it would take the hop and lose .1), so these are left out.
Measured on the same feed, where 27 % of such pairs are true: its choice loses .007, .007, .006, .005 and .004 of recall
against the best setting at the five budgets (walks left out of both); reciprocal rank fusion with equal weights and
k = 10, taken blindly, loses .009, .014, .013, .008 and .005. These figures flatter it: fifteen variants of seven kinds
of proxy were compared with the truth of this one feed, and this was the best (pairs that both lists hold high up favour
whichever setting treats the lists alike, the first few of one list favour that list). Elsewhere expect less.
A choice from ten known groups lost .02, from thirty .006, from a hundred .003, which is where thirty comes from.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import product
from typing import Any

import numpy as np
from numpy.typing import NDArray

from candidates.errors import SettingsError
from candidates.provenance import Candidates
from candidates.qrels import VARIANT, Qrels, Source
from candidates.run import Run, stacked
from candidates.settings import FusedSettings, MergeSettings
from eval.bootstrap import difference, interval
from eval.curves import QuerySet, sweep_list
from eval.metrics import group_numbers, product_rows
from fusion.merge.strategies import STRATEGIES, Lists

BUDGETS = (25, 50, 100, 200, 500)
"""Candidates per product for which every plan holds an offer, beside the one asked for."""

FEWEST_GROUPS = 30
"""With fewer known groups the proxy chooses."""

TOLERANCE = 0.005
"""Recall that a simpler strategy may lack, at most."""

_FIRST = 3
"""Links of the proxy: how far up each must stand in the other's list."""

_SLACK = 1.05
_SAMPLE = 256
"""N of a walk is found on so many queries, a little too great; the cut does the rest."""

Values = NDArray[np.float64]
Number = int | float
_Span = tuple[float | None, float | None, float | None]


@dataclass(frozen=True, eq=False)
class Entry:
    """One strategy with its parameters, as the planner tries it.

    Attributes:
        strategy: Its name; entries stand from simple to involved.
        function: Makes ranked lists of the queries' lists, as in `fusion.merge.strategies.STRATEGIES`.
        settings: Its parameters, by the names of `MergeSettings`.
        deeper: How many times as deep as the budget the two lists are asked; 1 where what stands behind the budget
            changes nothing before it.
        walks: Whether it is given N text neighbours and the image lists of every product, and grows with N.
    """

    strategy: str
    function: Callable[[Lists, MergeSettings], Run]
    settings: Mapping[str, Number] = field(default_factory=dict)
    deeper: int = 1
    walks: bool = False


@dataclass(frozen=True, eq=False)
class Given:
    """The lists that every strategy is made from.

    Attributes:
        text: Deep text lists of the sampled queries.
        image: Deep image lists of the same queries.
        every_text: Text lists of every product, at least 3 deep; for the proxy.
        every_image: Image lists of every product, at least 3 deep, and as deep as the greatest K.
        threads: Threads to use.
        fused: Fused lists of the sampled queries, None where nothing is fused.
        every_fused: Fused lists of every product, for their hop.
        hop: How it asks them again.
    """

    text: Run
    image: Run
    every_text: Run
    every_image: Run
    threads: int = 1
    fused: Candidates | None = None
    every_fused: Candidates | None = None
    hop: FusedSettings = field(default_factory=FusedSettings)

    def of(self, rows: NDArray[np.integer]) -> Given:
        """The same for some of the queries, by their place among them."""
        if len(rows) == len(self.text):
            return self
        fused = self.fused.take(rows) if self.fused is not None else None
        return replace(self, text=self.text.take(rows), image=self.image.take(rows), fused=fused)

    @property
    def deepest(self) -> int:
        """Length of the longest list."""
        return int(max(self.text.counts.max(initial=0), self.image.counts.max(initial=0)))

    def made(self, entry: Entry, depth: int) -> Run:
        """The ranked lists of an entry from lists of this depth."""
        image = self.every_image if entry.walks else self.image.top(depth)
        lists = Lists(self.text.top(depth), image, None, self.threads, self.every_fused, self.hop, self.fused)
        return entry.function(lists, MergeSettings().model_copy(update={**entry.settings, "n": max(1, depth)}))


@dataclass(frozen=True, eq=False)
class _Parts:
    """The queries of several views, behind each other."""

    parts: tuple[Given, ...]

    @property
    def rows(self) -> NDArray[np.int32]:
        """The queries' rows among the products."""
        return np.concatenate([product_rows(part.text) for part in self.parts])

    def of(self, places: NDArray[np.integer]) -> _Parts:
        """The same for some of the queries, by their place among all, ascending."""
        ends = np.cumsum([len(part.text) for part in self.parts])
        kept = [
            part.of(places[(places >= end - len(part.text)) & (places < end)] - (end - len(part.text)))
            for part, end in zip(self.parts, ends, strict=True)
        ]
        return _Parts(tuple(part for part in kept if len(part.text)) or tuple(kept[:1]))

    @property
    def deepest(self) -> int:
        """Length of the longest list."""
        return max(part.deepest for part in self.parts)

    def made(self, entry: Entry, depth: int) -> Run:
        """The ranked lists of an entry from lists of this depth, for all queries."""
        return stacked([part.made(entry, depth) for part in self.parts])

    def mean_length(self, entry: Entry, depth: int) -> float:
        """How long these lists are in the mean."""
        counts = self.made(entry, depth).counts
        return float(counts.mean()) if len(counts) else 0.0


@dataclass(frozen=True)
class Offer:
    """The best setting for one budget, and what it buys.

    Attributes:
        strategy: Its name.
        settings: What to set in `MergeSettings`: its parameters, the depth `n` of the lists and the cut `budget`.
        budget: Candidates per product wished for.
        candidates_per_product: What they are in the mean over the queries; less than wished where there are no more.
        recall: On groups that the choice did not see; None where no group is known.
        low: 2.5 % point of its interval, groups resampled.
        high: 97.5 % point.
        runner_up: The strategy that would be second, empty where there was but one.
        ahead: Recall over the runner-up's, both chosen and judged in the same way; the simpler strategy may be behind.
        ahead_low: 2.5 % point of its paired interval.
        ahead_high: 97.5 % point.
    """

    strategy: str
    settings: dict[str, Number]
    budget: int
    candidates_per_product: float
    recall: float | None
    low: float | None
    high: float | None
    runner_up: str
    ahead: float | None
    ahead_low: float | None
    ahead_high: float | None

    def merge(self, settings: MergeSettings) -> MergeSettings:
        """Merge settings that follow this offer; what it does not speak of stays as it is."""
        return MergeSettings.model_validate(settings.model_dump() | {"strategy": self.strategy} | self.settings)


@dataclass(frozen=True)
class Plan:
    """What each budget buys.

    Attributes:
        basis: `known groups`, `proxy`, `default` where not even the proxy finds enough, or `model` where it came
            with a model.
        queries: Products on which the recalls were measured.
        groups: Known groups these belong to.
        asked: The budget asked for, 0 where none was.
        offers: One a budget, ascending.
    """

    basis: str
    queries: int
    groups: int
    asked: int
    offers: tuple[Offer, ...]

    def offer(self, budget: int) -> Offer:
        """The offer for a budget; raises `SettingsError` where the plan holds none."""
        for one in self.offers:
            if one.budget == budget:
                return one
        planned = ", ".join(str(one.budget) for one in self.offers)
        raise SettingsError(f"the budget {budget} is not planned (planned: {planned})", "Plan again with this budget")

    def stretched(self, budget: int) -> Plan:
        """The same plan with an offer for a further budget: that of the nearest one planned, its recall unknown."""
        if any(one.budget == budget for one in self.offers):
            return replace(self, asked=budget)
        near = min(self.offers, key=lambda one: abs(np.log(one.budget / budget)))
        scaled = {name: value for name, value in near.settings.items() if name != "budget"} | {"budget": budget}
        if near.settings["n"] == near.settings["budget"] or near.settings["n"] < budget:
            scaled["n"] = max(budget, int(near.settings["n"] * budget / near.budget))
        offer = Offer(near.strategy, scaled, budget, float(budget), None, None, None, "", None, None, None)
        return replace(self, asked=budget, offers=tuple(sorted((*self.offers, offer), key=lambda one: one.budget)))

    @classmethod
    def of(cls, document: Mapping[str, Any]) -> Plan:
        """The plan that `dataclasses.asdict` made a document of."""
        return cls(**{**document, "offers": tuple(Offer(**one) for one in document["offers"])})


@dataclass(frozen=True, eq=False)
class Trial:
    """One entry at one budget: the settings it came to, its cost, and recall by query for each of the judges."""

    strategy: str
    settings: dict[str, Number]
    cost: float
    recalls: tuple[Values, ...]


def standard_entries(deepest_look_up: int, fuses: bool = False) -> tuple[Entry, ...]:
    """The strategies of `fusion.merge.strategies` with the parameters worth trying, from simple to involved.

    Args:
        deepest_look_up: How deep the image lists of every product are, which bounds the hop's K.
        fuses: Whether there are fused lists.
    """
    # Where there are fused lists, they are what reciprocal ranks of two lists would have to beat: fewer are tried.
    shares = [(1.0, 1.0), (1.0, 2.0)] if fuses else [(1.0, 1.0), (1.0, 2.0), (1.0, 3.0), (2.0, 1.0)]
    rrf: list[Mapping[str, Number]] = [
        {"rrf_k": k, "text_weight": text, "image_weight": image}
        for (text, image), k in product(shares, [10, 60] if fuses else [10, 30, 60])
    ]
    weighted = [{"text_weight": 1.0, "image_weight": image} for image in ((1.0,) if fuses else (1.0, 2.0, 0.5))]
    return (
        *(Entry(name, STRATEGIES[name]) for name in ("text", "image", "union")),
        *(Entry("rrf", STRATEGIES["rrf"], settings, deeper=5) for settings in rrf),
        *(Entry("weighted", STRATEGIES["weighted"], settings, deeper=5) for settings in weighted),
        *([Entry("fused", STRATEGIES["fused"])] if fuses else []),
        *(Entry("hop", STRATEGIES["hop"], {"k": k}, walks=True) for k in (1, 2, 4, 8, 16) if k <= deepest_look_up),
    )


def budgets_around(asked: int, planned: Sequence[int] = BUDGETS) -> tuple[int, ...]:
    """The planned budgets with the one asked for, its half and its double; 0 asks for nothing."""
    around = {asked // 2, asked, 2 * asked} if asked else set()
    return tuple(sorted({*planned, *around} - {0}))


def plan(
    given: Given | Sequence[Given],
    qrels: Qrels,
    entries: Sequence[Entry] = (),
    asked: int = 0,
    *,
    budgets: Sequence[int] = BUDGETS,
    folds: int = 5,
    resamples: int = 1000,
    seed: int = 7,
) -> Plan:
    """Names the best setting for each budget, with the recall it reaches on groups that the choice did not see.

    Args:
        given: The lists of the sampled queries; several where they were looked up in spaces of their own.
        qrels: What is known; groups that the lists were learned from must be left out of it.
        entries: What is tried, from simple to involved; empty: `standard_entries`.
        asked: The budget asked for; its half and its double are planned too.
        budgets: Further budgets to plan.
        folds: Parts into which the known groups are dealt.
        resamples: Resamples of groups behind each interval.
        seed: Seed of folds and resamples.

    Raises:
        SettingsError: A budget below one.
    """
    if asked < 0 or min(budgets, default=1) < 1:
        raise SettingsError(f"a budget of {min(asked, *budgets)} candidates", "A budget is a whole number from 1")
    parts = _Parts((given,) if isinstance(given, Given) else tuple(given))
    rows, first = parts.rows, parts.parts[0]
    judges, basis = _judges(first, qrels, rows)
    truth = judges[-1]
    looked = int(first.every_image.counts.max(initial=0))
    entries = entries or standard_entries(looked, all(part.fused is not None for part in parts.parts))
    if basis != "known groups":
        entries = [entry for entry in entries if not entry.walks] or entries
    needed = np.isin(rows, np.concatenate([judge.rows for judge in judges]))
    some = parts.of(np.flatnonzero(needed if needed.any() else ~needed))
    options = {"resamples": resamples, "seed": seed}
    fold = _folds(group_numbers(truth.groups), folds, seed)
    offers = []
    for budget, tried in _tried(entries, budgets_around(asked, budgets), some, judges).items():
        picks = _picks(tried, judges, fold if basis == "known groups" else np.zeros(len(truth.rows), np.int64), basis)
        offers.append(_offer(budget, tried, picks, truth, options))
    groups = len(np.unique(group_numbers(truth.groups)))
    return Plan(basis, len(truth.rows), groups, asked, tuple(offers))


def every_trial(given: Sequence[Given], qrels: Qrels, budgets: Sequence[int]) -> dict[int, list[Trial]]:
    """All that a plan would choose from, at every budget, measured on the products with known variants."""
    parts = _Parts(tuple(given))
    truth = _measured(parts.rows, qrels)
    looked = int(parts.parts[0].every_image.counts.max(initial=0))
    entries = standard_entries(looked, all(part.fused is not None for part in parts.parts))
    return _tried(entries, budgets, parts.of(np.flatnonzero(np.isin(parts.rows, truth.rows))), (truth,))


def _tried(
    entries: Sequence[Entry], budgets: Sequence[int], some: _Parts, judges: Sequence[QuerySet]
) -> dict[int, list[Trial]]:
    trials: dict[int, list[Trial]] = {budget: [] for budget in budgets}
    for entry in entries:
        for trial, budget in _trials(entry, list(trials), some, judges):
            trials[budget].append(trial)
    return trials


def _judges(given: Given, qrels: Qrels, rows: NDArray[np.int32]) -> tuple[tuple[QuerySet, ...], str]:
    """Who chooses (the first) and who judges (the last), and what the choice is called."""
    truth = _measured(rows, qrels)
    if len(np.unique(group_numbers(truth.groups))) >= FEWEST_GROUPS:
        return (truth,), "known groups"
    proxy = _measured(rows, crossed_links(given.every_text, given.every_image))
    return (proxy, truth), "proxy" if len(proxy.rows) >= FEWEST_GROUPS else "default"


def _measured(rows: NDArray[np.int32], qrels: Qrels) -> QuerySet:
    known = np.diff(qrels.variants(rows)[0])
    return QuerySet(rows[known > 0], qrels)


def crossed_links(text: Run, image: Run, first: int = _FIRST) -> Qrels:
    """The proxy's pairs: products that a link by picture and then a link by text join, in either direction.

    Args:
        text: Text lists of every product.
        image: Image lists of every product.
        first: A link is a pair in which each stands among the other's first so many.
    """
    by_text, by_image = (_mutual(run.matrix(first)[0]) for run in (text, image))
    through = by_text[by_image] if len(text) else np.zeros((0, first, first), np.int32)
    ends = np.where(by_image[:, :, None] >= 0, through, -1).reshape(len(text), first * first)
    starts = np.broadcast_to(np.arange(len(text))[:, None], ends.shape)
    there = (ends >= 0) & (ends != starts)
    low, high = (pick(starts[there], ends[there]).astype(np.int64) for pick in (np.minimum, np.maximum))
    keys = np.unique(low * len(text) + high)
    nobody = np.full(len(text), -1, np.int32)
    values, sources = np.full(len(keys), VARIANT, np.int8), np.full(len(keys), Source.NONE, np.int8)
    return Qrels(text.items, nobody, np.zeros(len(text), np.int32), keys, values, sources)


def _mutual(rows: NDArray[np.int32]) -> NDArray[np.int32]:
    """Neighbours (n, m) that have the product among theirs, the others as −1."""
    back = (rows[rows] == np.arange(len(rows))[:, None, None]).any(axis=2)
    return np.where(back & (rows >= 0), rows, -1)


def cut_for(lengths: NDArray[np.integer], budget: float) -> int:
    """Where lists of these lengths must be cut for their mean length to come nearest to a budget.

    Lists that hold less in the mean are not cut: the longest's length is returned.
    """
    longest = int(lengths.max(initial=0))
    if not longest or lengths.mean() <= budget:
        return max(1, longest)
    # The mean grows by the share of lists that reach further, so running sums give it for every cut at once.
    shorter = np.cumsum(np.bincount(lengths, minlength=longest + 1))[:-1]
    means = np.cumsum(1 - shorter / len(lengths))
    return int(np.argmin(np.abs(means - budget))) + 1


def _trials(entry: Entry, budgets: Sequence[int], given: _Parts, judges: Sequence[QuerySet]) -> list[tuple[Trial, int]]:
    """One entry at every budget; lists are made once for all the budgets that they serve."""
    made: tuple[int, Run] | None = None
    tried = []
    for budget in sorted(budgets):
        depth = _walk_length(entry, given, budget) if entry.walks else _list_depth(budget * entry.deeper, given.deepest)
        if made is None or made[0] != depth:
            made = depth, given.made(entry, depth)
        tried.append((_trial(entry, depth, made[1], budget, judges), budget))
    return tried


def _trial(entry: Entry, depth: int, run: Run, budget: int, judges: Sequence[QuerySet]) -> Trial:
    cut = cut_for(run.counts, budget)
    run = run.top(cut)
    n = depth if entry.walks or entry.deeper > 1 else cut
    settings = {**entry.settings, "n": max(1, n), "budget": cut}
    cost = float(run.counts.mean()) if len(run) else 0.0
    return Trial(entry.strategy, settings, cost, tuple(_recall(run, judge, cut) for judge in judges))


def _recall(run: Run, judge: QuerySet, cut: int) -> Values:
    """Recall of each query of the judge."""
    if not len(judge.rows):
        return np.zeros(0)
    rows = product_rows(run)
    own = run if np.array_equal(rows, judge.rows) else run.take(np.flatnonzero(np.isin(rows, judge.rows)))
    hits = sweep_list(run.name, own, judge, [cut], "budget").hits
    return np.asarray(hits.sum(axis=1) / judge.known, np.float64)


def _list_depth(wanted: int, deepest: int) -> int:
    """The least of 200, 500, 1,000, 2,000, … that suffices, so that budgets share lists; at most the deepest."""
    depth, steps = 200, (2.5, 2.0, 2.0)
    while depth < wanted:
        depth, steps = int(depth * steps[0]), (*steps[1:], steps[0])
    return min(depth, deepest)


def _walk_length(entry: Entry, given: _Parts, budget: int) -> int:
    """The N at which a walk reaches the budget in the mean with a little to spare; the deepest where none does."""
    deepest = max(int(part.text.counts.max(initial=0)) for part in given.parts)
    size = len(given.rows)
    sample = given.of(np.arange(0, size, -(-size // _SAMPLE) or 1))
    wanted = budget * _SLACK
    # Doubling brackets N; within the bracket the straight line between its ends says where to look next.
    low, at_low, high = 0, 0.0, 1
    while (at_high := sample.mean_length(entry, high)) < wanted and high < deepest:
        low, at_low, high = high, at_high, min(2 * high, deepest)
    while at_high >= wanted and high - low > 1:
        middle = low + round((high - low) * (wanted - at_low) / (at_high - at_low))
        middle = min(max(middle, low + 1), high - 1)
        if (there := sample.mean_length(entry, middle)) < wanted:
            low, at_low = middle, there
        else:
            high, at_high = middle, there
    return min(high, max(1, deepest))


def _folds(numbered: NDArray[np.int64], folds: int, seed: int) -> NDArray[np.int64]:
    """The fold of each query: whole groups, dealt in random order."""
    groups = int(numbered.max(initial=-1)) + 1
    order: NDArray[np.int64] = np.random.default_rng(seed).permutation(groups) % max(2, min(folds, groups))
    return order[numbered]


@dataclass(frozen=True, eq=False)
class _Picks:
    """What was chosen.

    Attributes:
        chosen: Place of the trial that is named.
        runner_up: Place of the runner-up's, −1 where there is none.
        by_query: int64 (q, 2): what each query is judged by, of the chosen and of the runner-up.
    """

    chosen: int
    runner_up: int
    by_query: NDArray[np.int64]


def _picks(tried: Sequence[Trial], judges: Sequence[QuerySet], fold: NDArray[np.int64], basis: str) -> _Picks:
    """Chooses on the queries of all other folds what each fold is judged by, and on all queries what is named."""
    names = [trial.strategy for trial in tried]
    if basis == "default":
        chosen = names.index("rrf") if "rrf" in names else 0
        return _Picks(chosen, -1, np.full((len(judges[-1].rows), 2), chosen))
    recall = np.stack([trial.recalls[0] for trial in tried], axis=1)
    numbered = group_numbers(judges[0].groups)
    chosen, runner_up = _choose(names, recall, numbered)
    by_query = np.tile([chosen, runner_up], (len(judges[-1].rows), 1))
    if basis == "known groups":
        second = names[runner_up]
        for one in np.unique(fold):
            others = fold != one
            choice, _ = _choose(names, recall[others], numbered[others])
            rivals = [place for place, name in enumerate(names) if name == second]
            by_query[fold == one] = choice, max(rivals, key=lambda place: recall[others][:, place].mean())
    return _Picks(chosen, runner_up, by_query)


def _choose(names: Sequence[str], recall: Values, numbered: NDArray[np.int64]) -> tuple[int, int]:
    """The place of the chosen trial and that of the best of another strategy (−1 where there is no other)."""
    means = recall.mean(axis=0)
    best = int(np.argmax(means))
    champions = [
        max((p for p, n in enumerate(names) if n == name), key=lambda p: means[p]) for name in dict.fromkeys(names)
    ]
    short = means[best] - means
    allowed = np.minimum(_standard_errors(recall - recall[:, [best]], numbered), TOLERANCE)
    chosen = next(place for place in champions if short[place] <= allowed[place])
    rivals = [place for place in champions if place != chosen]
    return chosen, max(rivals, key=lambda place: means[place]) if rivals else -1


def _standard_errors(values: Values, numbered: NDArray[np.int64]) -> Values:
    """Standard errors of the columns' means, groups being the sampling units (ratio estimator)."""
    there, place = np.unique(numbered, return_inverse=True)
    residuals = np.zeros((len(there), values.shape[1]))
    np.add.at(residuals, place, values - values.mean(axis=0))
    scale = len(there) / max(len(there) - 1, 1)
    return np.asarray(np.sqrt(scale * (residuals**2).sum(axis=0)) / len(values))


def _offer(budget: int, tried: Sequence[Trial], picks: _Picks, truth: QuerySet, options: dict[str, int]) -> Offer:
    chosen = tried[picks.chosen]
    runner_up = tried[picks.runner_up].strategy if picks.runner_up >= 0 else ""
    recall: _Span = (None, None, None)
    ahead: _Span = (None, None, None)
    if len(truth.rows):
        judged = np.stack([trial.recalls[-1] for trial in tried], axis=1)
        ours, theirs = np.take_along_axis(judged, picks.by_query, axis=1).T
        span = interval(ours, truth.groups, **options)
        recall = (span.mean, span.low, span.high)
        if runner_up:
            span = difference(ours, theirs, truth.groups, **options)
            ahead = (span.mean, span.low, span.high)
    return Offer(chosen.strategy, chosen.settings, budget, chosen.cost, *recall, runner_up, *ahead)
