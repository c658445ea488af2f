"""The budget planner: which strategy has the highest recall at a given mean number of candidates per product.

All strategies are compared at equal cost: lists are cut where their mean length meets the budget, so that a strategy
whose lists are short for some products (no picture, few neighbours) may go deeper for the others. The hop's lists grow
with N; N is found by interpolation, then they are cut too.

**Recall is cross-validated by group.** Known groups are dealt into folds; the setting judged on one fold was chosen on
the others, and the recall of an offer is the mean of these judgements. The setting that is named is the choice on all
groups.

**The simpler strategy within noise.** The best setting of each strategy is compared with the best of all. The plan
takes the first strategy, in the order of the entries (from simple to involved), whose mean is within one standard error
of the paired difference, groups being the sampling units, and at most `TOLERANCE` below the best. Breiman, Friedman,
Olshen and Stone, *Classification and Regression Trees*, 1984, section 3.4.3 (the one-standard-error rule); the second
bound is ours, because with few groups one standard error is a lot of recall.

**Without known groups** (fewer than `FEWEST_GROUPS`) a proxy chooses, `crossed_links`: two products count as variants
if a link by picture and a link by text connect them, a link being a pair of products that are each among the other's
first three neighbours. The proxy ranks strategies but gives no recall. It can't judge the hop, whose candidates are
found in exactly that way, so the hop is left out.

What these rules lose against the best setting is in docs/notes-on-planning.md.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import product
from typing import Any

import numpy as np
from numpy.typing import NDArray

from candidates.errors import SettingsError
from candidates.qrels import VARIANT, Qrels, Source
from candidates.run import Run
from candidates.settings import MergeSettings
from eval.bootstrap import difference, interval
from eval.curves import QuerySet, sweep_list
from eval.metrics import group_numbers, product_rows
from fusion.merge.lists import FoldedLists, QueryLists
from fusion.merge.strategies import STRATEGIES
from service.neighbours.depths import PLANNED_BUDGETS

FEWEST_GROUPS = 30
"""With fewer known groups than this the proxy chooses."""

TOLERANCE = 0.005
"""Maximum recall that a simpler strategy may lose."""

_FIRST = 3
"""Links of the proxy: the rank that each product must reach in the other's list."""

_SLACK = 1.05
_SAMPLE = 256
"""The hop's N is searched for on this many queries, and chosen slightly too large; the cut does the rest."""

Values = NDArray[np.float64]
Number = int | float
_Span = tuple[float | None, float | None, float | None]


@dataclass(frozen=True, eq=False)
class Entry:
    """One strategy with its parameters, as the planner tries it.

    Attributes:
        strategy: Its name; entries go from simple to involved.
        function: Its candidates from the queries' lists, as in `fusion.merge.strategies.STRATEGIES`.
        settings: Its parameters, by the names of `MergeSettings`.
        deeper: How many times as deep as the budget its two lists are read; 1 if entries beyond the budget never
            change those before it.
        walks: Whether it reads N text neighbours and the image lists of every product, so that its lists grow with N.
    """

    strategy: str
    function: Callable[[QueryLists, MergeSettings], Run]
    settings: Mapping[str, Number] = field(default_factory=dict)
    deeper: int = 1
    walks: bool = False


@dataclass(frozen=True)
class Offer:
    """The best setting for one budget, and its recall.

    Attributes:
        strategy: Its name.
        settings: Values for `MergeSettings`: its parameters, the depth `n` of the lists and the cut `budget`.
        budget: Candidates per product asked for.
        candidates_per_product: The mean over the queries; less than asked for if there are no more.
        recall: On groups held out from the choice; None if no group is known.
        low: 2.5% point of its bootstrap interval, groups resampled.
        high: 97.5% point.
        runner_up: The second-best strategy; empty if there was only one.
        ahead: Recall minus the runner-up's, chosen and judged in the same way; may be negative for a simpler strategy.
        ahead_low: 2.5% point of its paired interval.
        ahead_high: 97.5% point.
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
        """Merge settings with the offer's values; all others are unchanged."""
        return MergeSettings.model_validate(settings.model_dump() | {"strategy": self.strategy} | self.settings)


@dataclass(frozen=True)
class Plan:
    """The best setting for each budget.

    Attributes:
        basis: How it was chosen: by `known groups`, by the `proxy`, `default` if not even the proxy has enough pairs,
            or `model` if the plan came with a model.
        queries: Number of products that recall was measured on.
        groups: Number of their known groups.
        asked: The budget asked for, 0 for none.
        offers: One per budget, ascending.
    """

    basis: str
    queries: int
    groups: int
    asked: int
    offers: tuple[Offer, ...]

    def offer(self, budget: int) -> Offer:
        """The offer for a budget; raises `SettingsError` if the plan has none."""
        for offer in self.offers:
            if offer.budget == budget:
                return offer
        planned = ", ".join(str(offer.budget) for offer in self.offers)
        raise SettingsError(f"the budget {budget} is not planned (planned: {planned})", "Plan again with this budget")

    def stretched(self, budget: int) -> Plan:
        """The same plan with an offer for one more budget, taken from the nearest one; its recall is unknown."""
        if any(offer.budget == budget for offer in self.offers):
            return replace(self, asked=budget)
        near = min(self.offers, key=lambda offer: abs(np.log(offer.budget / budget)))
        scaled = {name: value for name, value in near.settings.items() if name != "budget"} | {"budget": budget}
        if near.settings["n"] == near.settings["budget"] or near.settings["n"] < budget:
            scaled["n"] = max(budget, int(near.settings["n"] * budget / near.budget))
        offer = Offer(near.strategy, scaled, budget, float(budget), None, None, None, "", None, None, None)
        return replace(self, asked=budget, offers=tuple(sorted((*self.offers, offer), key=lambda offer: offer.budget)))

    @classmethod
    def of(cls, document: Mapping[str, Any]) -> Plan:
        """The plan from its `dataclasses.asdict`."""
        return cls(**{**document, "offers": tuple(Offer(**offer) for offer in document["offers"])})


@dataclass(frozen=True, eq=False)
class Trial:
    """One entry at one budget: its settings, its cost, and recall by query for each of the judges."""

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
    # Fused lists of three are hard to beat by fusing two, so fewer settings are tried beside them.
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


def budgets_around(asked: int, planned: Sequence[int] = PLANNED_BUDGETS) -> tuple[int, ...]:
    """The planned budgets and the one asked for, its half and its double; 0 asks for none."""
    around = {asked // 2, asked, 2 * asked} if asked else set()
    return tuple(sorted({*planned, *around} - {0}))


def plan(
    lists: FoldedLists,
    qrels: Qrels,
    entries: Sequence[Entry] = (),
    asked: int = 0,
    *,
    budgets: Sequence[int] = PLANNED_BUDGETS,
    folds: int = 5,
    resamples: int = 1000,
    seed: int = 7,
) -> Plan:
    """The best setting for each budget, with its recall on groups held out from the choice.

    Args:
        lists: Deep text and image lists of the sampled queries. The lists of every product must be at least 3 deep
            (for the proxy), their image lists as deep as the greatest K.
        qrels: The known variants, without groups that the lists were learned from.
        entries: The entries tried, from simple to involved; empty: `standard_entries`.
        asked: The budget asked for; its half and its double are planned too.
        budgets: Further budgets to plan.
        folds: Number of folds of the known groups.
        resamples: Bootstrap resamples of groups for each interval.
        seed: Seed of folds and resamples.

    Raises:
        SettingsError: A budget is below 1.
    """
    if asked < 0 or min(budgets, default=1) < 1:
        raise SettingsError(f"a budget of {min(asked, *budgets)} candidates", "A budget is a whole number from 1")
    judges, basis = _judges(lists, qrels)
    truth = judges[-1]
    entries = entries or _entries_for(lists)
    if basis != "known groups":
        entries = [entry for entry in entries if not entry.walks] or entries
    needed = np.isin(lists.rows, np.concatenate([judge.rows for judge in judges]))
    lists = lists.of(np.flatnonzero(needed if needed.any() else ~needed))
    options = {"resamples": resamples, "seed": seed}
    fold = _folds(group_numbers(truth.groups), folds, seed)
    offers = []
    for budget, tried in _tried(entries, budgets_around(asked, budgets), lists, judges).items():
        picks = _picks(tried, judges, fold if basis == "known groups" else np.zeros(len(truth.rows), np.int64), basis)
        offers.append(_offer(budget, tried, picks, truth, options))
    groups = len(np.unique(group_numbers(truth.groups)))
    return Plan(basis, len(truth.rows), groups, asked, tuple(offers))


def every_trial(lists: FoldedLists, qrels: Qrels, budgets: Sequence[int]) -> dict[int, list[Trial]]:
    """All trials that a plan would choose from, at every budget, measured on the products with known variants."""
    truth = _with_variants(lists.rows, qrels)
    measured = lists.of(np.flatnonzero(np.isin(lists.rows, truth.rows)))
    return _tried(_entries_for(lists), budgets, measured, (truth,))


def _entries_for(lists: FoldedLists) -> tuple[Entry, ...]:
    return standard_entries(int(lists.folds[0].products.image.counts.max(initial=0)), lists.fused)


def _tried(
    entries: Sequence[Entry], budgets: Sequence[int], lists: FoldedLists, judges: Sequence[QuerySet]
) -> dict[int, list[Trial]]:
    trials: dict[int, list[Trial]] = {budget: [] for budget in budgets}
    for entry in entries:
        for trial, budget in _trials(entry, list(trials), lists, judges):
            trials[budget].append(trial)
    return trials


def _judges(lists: FoldedLists, qrels: Qrels) -> tuple[tuple[QuerySet, ...], str]:
    """The queries that choose (first) and those that judge (last), and the basis of the choice."""
    rows, products = lists.rows, lists.folds[0].products
    truth = _with_variants(rows, qrels)
    if len(np.unique(group_numbers(truth.groups))) >= FEWEST_GROUPS:
        return (truth,), "known groups"
    proxy = _with_variants(rows, crossed_links(products.text, products.image))
    return (proxy, truth), "proxy" if len(proxy.rows) >= FEWEST_GROUPS else "default"


def _with_variants(rows: NDArray[np.int32], qrels: Qrels) -> QuerySet:
    """Those of the products that have known variants."""
    known = np.diff(qrels.variants(rows)[0])
    return QuerySet(rows[known > 0], qrels)


def crossed_links(text: Run, image: Run, first: int = _FIRST) -> Qrels:
    """The proxy's pairs: products that a link by picture and then a link by text connect, in either direction.

    Args:
        text: Text lists of every product.
        image: Image lists of every product.
        first: A link is a pair of products that are each among the other's first so many neighbours.
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
    """The neighbours (n, m) that have the product among their own neighbours; the others are −1."""
    back = (rows[rows] == np.arange(len(rows))[:, None, None]).any(axis=2)
    return np.where(back & (rows >= 0), rows, -1)


def cut_for(lengths: NDArray[np.integer], budget: float) -> int:
    """The cut that brings the mean length of lists of these lengths nearest to a budget.

    If the mean length is below the budget, lists are not cut: the length of the longest is returned.
    """
    longest = int(lengths.max(initial=0))
    if not longest or lengths.mean() <= budget:
        return max(1, longest)
    # Each step of the cut adds the share of lists that are at least as long, so one running sum gives all means.
    shorter = np.cumsum(np.bincount(lengths, minlength=longest + 1))[:-1]
    means = np.cumsum(1 - shorter / len(lengths))
    return int(np.argmin(np.abs(means - budget))) + 1


def _trials(
    entry: Entry, budgets: Sequence[int], lists: FoldedLists, judges: Sequence[QuerySet]
) -> list[tuple[Trial, int]]:
    """One entry at every budget; budgets that read lists of the same depth share the candidates."""
    candidates: tuple[int, Run] | None = None
    trials = []
    for budget in sorted(budgets):
        depth = _walk_length(entry, lists, budget) if entry.walks else _list_depth(budget * entry.deeper, lists.deepest)
        if candidates is None or candidates[0] != depth:
            candidates = depth, _candidates(entry, lists, depth)
        trials.append((_trial(entry, depth, candidates[1], budget, judges), budget))
    return trials


def _candidates(entry: Entry, lists: FoldedLists, depth: int) -> Run:
    """The candidates of an entry from text and image lists of this depth, for all queries."""
    settings = MergeSettings().model_copy(update={**entry.settings, "n": max(1, depth)})
    return lists.each(lambda fold: entry.function(fold.top(depth), settings))


def _mean_length(entry: Entry, lists: FoldedLists, depth: int) -> float:
    counts = _candidates(entry, lists, depth).counts
    return float(counts.mean()) if len(counts) else 0.0


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
    """The smallest of 200, 500, 1,000, 2,000, … that suffices, so that budgets share lists; at most the deepest."""
    depth, steps = 200, (2.5, 2.0, 2.0)
    while depth < wanted:
        depth, steps = int(depth * steps[0]), (*steps[1:], steps[0])
    return min(depth, deepest)


def _walk_length(entry: Entry, lists: FoldedLists, budget: int) -> int:
    """The N at which the hop's mean length slightly exceeds the budget; the deepest N if none does."""
    deepest = max(int(fold.text.counts.max(initial=0)) for fold in lists.folds)
    size = len(lists)
    sample = lists.of(np.arange(0, size, -(-size // _SAMPLE) or 1))
    wanted = budget * _SLACK
    # Doubling brackets N; within the bracket the next N is interpolated between its ends.
    low, at_low, high = 0, 0.0, 1
    while (at_high := _mean_length(entry, sample, high)) < wanted and high < deepest:
        low, at_low, high = high, at_high, min(2 * high, deepest)
    while at_high >= wanted and high - low > 1:
        middle = low + round((high - low) * (wanted - at_low) / (at_high - at_low))
        middle = min(max(middle, low + 1), high - 1)
        if (at_middle := _mean_length(entry, sample, middle)) < wanted:
            low, at_low = middle, at_middle
        else:
            high, at_high = middle, at_middle
    return min(high, max(1, deepest))


def _folds(numbered: NDArray[np.int64], folds: int, seed: int) -> NDArray[np.int64]:
    """The fold of each query; whole groups are dealt to folds in random order."""
    groups = int(numbered.max(initial=-1)) + 1
    order: NDArray[np.int64] = np.random.default_rng(seed).permutation(groups) % max(2, min(folds, groups))
    return order[numbered]


@dataclass(frozen=True, eq=False)
class _Picks:
    """The choice among the trials of one budget.

    Attributes:
        chosen: Position of the trial that is named.
        runner_up: Position of the runner-up's, −1 if there is none.
        by_query: int64 (q, 2): positions of the trials that each query is judged by, for the chosen strategy and for
            the runner-up.
    """

    chosen: int
    runner_up: int
    by_query: NDArray[np.int64]


def _picks(tried: Sequence[Trial], judges: Sequence[QuerySet], fold: NDArray[np.int64], basis: str) -> _Picks:
    """For each fold the choice on all other folds, which judges it; and the choice on all queries, which is named."""
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
        for number in np.unique(fold):
            others = fold != number
            choice, _ = _choose(names, recall[others], numbered[others])
            rivals = [place for place, name in enumerate(names) if name == second]
            by_query[fold == number] = choice, max(rivals, key=lambda place: recall[others][:, place].mean())
    return _Picks(chosen, runner_up, by_query)


def _choose(names: Sequence[str], recall: Values, numbered: NDArray[np.int64]) -> tuple[int, int]:
    """Position of the chosen trial, and of the best trial of another strategy (−1 if there is no other)."""
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
    groups, group_of = np.unique(numbered, return_inverse=True)
    residuals = np.zeros((len(groups), values.shape[1]))
    np.add.at(residuals, group_of, values - values.mean(axis=0))
    scale = len(groups) / max(len(groups) - 1, 1)
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
