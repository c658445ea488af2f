"""What recall costs: every strategy at equal candidates per product, the paper's beside today's."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np
import pyarrow.parquet as pq

from candidates.errors import VariantsError
from candidates.provenance import Candidates
from candidates.qrels import Qrels
from candidates.settings import MergeSettings
from eval.bootstrap import Interval, difference
from eval.curves import OperatingPoint, from_table
from eval.metrics import judged, recall
from fusion.merge.lists import FoldedLists
from service.learning.curve import deep_lists, operating_points
from service.learning.held_out import candidates_of, held_out
from service.learning.planner import Offer, Plan, plan, standard_entries
from service.runs.choices import Choices
from service.runs.job import Job

if TYPE_CHECKING:
    import pandas as pd

HOP = "hop"
PUBLISHED = "hop, as published"
"""The paper's strategy on the vectors that it is published for: as the encoders make them."""

STEPS = (50, 100, 200)
"""Budgets between which the answer says what further candidates buy."""


@dataclass(frozen=True)
class AtBudget:
    """The best setting of one strategy at one budget.

    Attributes:
        strategy: Its name, `PUBLISHED` for the paper's on vectors as encoded.
        budget: Candidates per product wished for.
        candidates_per_product: What they are; less where the strategy has no more to give.
        recall: On groups that neither taught a space nor chose the setting.
        low: 2.5 % point of its interval.
        high: 97.5 % point.
        settings: The setting, in words.
    """

    strategy: str
    budget: int
    candidates_per_product: float
    recall: float
    low: float
    high: float
    settings: str


@dataclass(frozen=True)
class Step:
    """What going from one budget to the next buys.

    Attributes:
        less: The smaller budget.
        more: The greater one.
        before: Recall at the smaller one.
        after: Recall at the greater one.
        gain: The difference, paired product by product, with its interval over groups.
    """

    less: int
    more: int
    before: float
    after: float
    gain: Interval


def required_groups(job: Job) -> Qrels:
    """What the feed's groups say; raises `VariantsError` where they say nothing, for then nothing can be measured."""
    if not len(job.truth("evaluation").queries()):
        raise VariantsError(
            "no product of this feed has a known variant, so recall can't be measured",
            "Give a feed with item_group_id, or with configurable products",
        )
    return job.truth("evaluation")


def overview(job: Job) -> pd.DataFrame:
    """How much there is: products, pictures, sellers, groups and products with known variants."""
    import pandas as pd

    qrels, catalogue = required_groups(job), job.catalogue
    rows = qrels.queries()
    counts = {
        "products": len(catalogue),
        "usable pictures": job.folder.require("encode_images").counts["pictures"],
        "sellers named": len(set(catalogue.column("seller")) - {""}),
        "groups of two or more": len(np.unique(qrels.groups[rows])),
        "products with known variants": len(rows),
    }
    return pd.DataFrame({"count": [f"{count:,}" for count in counts.values()]}, index=list(counts))


def as_published(job: Job) -> Job:
    """The same run looked up as the paper does it: vectors as the encoders made them, nothing learned.

    Search is exact, so that nothing is written into the run's folder.
    """
    changed = {
        "learn": {"spaces": "encoded", "model": ""},
        "merge": {"strategy": "hop", "hub_cap": 0, "collapse_known": False},
        "text": {"index": "exact"},
        "image": {"index": "exact"},
    }
    sections = {name: getattr(job.settings, name).model_copy(update=values) for name, values in changed.items()}
    return Job(Choices(job.folder, job.settings.model_copy(update=sections)))


def points_of(job: Job) -> list[OperatingPoint]:
    """The operating points that a finished run wrote."""
    return from_table(pq.read_table(job.folder.root / "curves.parquet"))


def measured_points(job: Job) -> list[OperatingPoint]:
    """The operating points of a run whose steps did not measure it: of `as_published`."""
    required_groups(job)
    return operating_points(job, deep_lists(job))


def star(job: Job) -> OperatingPoint:
    """What the candidates of a finished run reach, as a point among those of its curve."""
    required_groups(job)
    measured = json.loads(job.folder.evaluation.read_text("utf-8"))
    found, merge = measured["candidates"], job.merge
    cost = found["candidates_per_product"]
    return OperatingPoint(
        strategy=merge.strategy,
        n=merge.n,
        k=merge.k if merge.strategy == HOP else None,
        budget=merge.budget or None,
        candidates_per_product=cost,
        share=cost / len(job.catalogue),
        recall=found["recall"]["mean"],
        low=found["recall"]["low"],
        high=found["recall"]["high"],
        recall_by_group=found["recall_by_group"],
        queries=measured["queries"],
    )


def plan_of(job: Job) -> Plan:
    """The plan that a finished run followed; raises `VariantsError` where it followed none."""
    if not job.choices.plans:
        raise VariantsError(
            f"this run was told to use {job.merge.strategy!r}, so there is no plan",
            "Leave merge.strategy at `planned`",
        )
    return Plan.of(json.loads(job.folder.plan.read_text("utf-8")))


def at_equal_cost(job: Job, published: Job, budgets: Sequence[int]) -> list[AtBudget]:
    """Every strategy at every budget, each with its own best setting, chosen on other groups than it is judged on.

    Args:
        job: The run.
        published: The same `as_published`: the paper's hop is there twice.
        budgets: Candidates per product.
    """
    theirs = [replace(one, strategy=PUBLISHED) for one in _at_budgets(published, budgets, only=HOP)]
    return _at_budgets(job, budgets) + theirs


def _at_budgets(job: Job, budgets: Sequence[int], only: str = "") -> list[AtBudget]:
    lists = held_out(job).queries
    looked = int(lists.folds[0].products.image.counts.max(initial=0))
    entries = standard_entries(looked, lists.fused)
    options = {"resamples": job.settings.evaluation.bootstrap, "seed": job.settings.run.seed}
    made = []
    for name in dict.fromkeys(entry.strategy for entry in entries if only in ("", entry.strategy)):
        own = [entry for entry in entries if entry.strategy == name]
        planned = plan(lists, required_groups(job), own, budgets=budgets, **options)
        made += [_at_budget(one) for one in planned.offers]
    return made


def _at_budget(offer: Offer) -> AtBudget:
    assert offer.recall is not None
    assert offer.low is not None
    assert offer.high is not None
    settings = ", ".join(f"{name} {value:g}" for name, value in offer.settings.items())
    cost = offer.candidates_per_product
    return AtBudget(offer.strategy, offer.budget, cost, offer.recall, offer.low, offer.high, settings)


def bought(job: Job, made: Plan, budgets: Sequence[int] = STEPS) -> list[Step]:
    """What each further budget buys, following the plan, measured on the same products."""
    found, qrels = held_out(job).queries, required_groups(job)
    planned = [one for one in made.offers if one.budget in budgets]
    candidates = [_candidates(found, offer.merge(job.settings.merge)) for offer in planned]
    lists = [judged(run, qrels) for run in candidates]
    reached = [recall(one, len(qrels.items)) for one in lists]
    groups = qrels.groups[found.rows]
    options = {"resamples": job.settings.evaluation.bootstrap, "seed": job.settings.run.seed}
    return [
        Step(less.budget, more.budget, float(one.mean()), float(two.mean()), difference(two, one, groups, **options))
        for (less, one), (more, two) in pairwise(zip(planned, reached, strict=True))
    ]


def _candidates(lists: FoldedLists, settings: MergeSettings) -> Candidates:
    return lists.each(lambda fold: candidates_of(fold, settings))
