"""Recall against cost: every strategy at equal candidates per product, including the paper's."""

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
"""The paper's strategy on the encoders' own vectors, as published."""

STEPS = (50, 100, 200)
"""Budgets between which the gain of further candidates is reported."""


@dataclass(frozen=True)
class AtBudget:
    """The best setting of one strategy at one budget.

    Attributes:
        strategy: Its name; `PUBLISHED` for the paper's on vectors as encoded.
        budget: Target number of candidates per product.
        candidates_per_product: Actual number, lower if the strategy has no more candidates.
        recall: Recall on groups that were held out from the spaces and from the choice of the setting.
        low: 2.5% quantile of its interval.
        high: 97.5% quantile.
        settings: The setting in words.
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
    """The gain in recall from one budget to the next.

    Attributes:
        less: The smaller budget.
        more: The larger budget.
        before: Recall at the smaller budget.
        after: Recall at the larger budget.
        gain: Their difference, paired by product, with its interval over groups.
    """

    less: int
    more: int
    before: float
    after: float
    gain: Interval


def required_groups(job: Job) -> Qrels:
    """The feed's known groups; raises `VariantsError` if there are none to measure recall with."""
    if not len(job.truth("evaluation").queries()):
        raise VariantsError(
            "no product of this feed has a known variant, so recall can't be measured",
            "Use a feed with item_group_id, or with configurable products",
        )
    return job.truth("evaluation")


def overview(job: Job) -> pd.DataFrame:
    """Numbers of products, pictures, sellers, groups and products with known variants."""
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
    """The same run searched as in the paper: with the encoders' own vectors and nothing learned.

    Search is exact, so nothing is written to the run's folder.
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
    """The operating points in a finished run's folder."""
    return from_table(pq.read_table(job.folder.root / "curves.parquet"))


def measured_points(job: Job) -> list[OperatingPoint]:
    """The operating points of a job whose steps did not measure them, such as `as_published`."""
    required_groups(job)
    return operating_points(job, deep_lists(job))


def star(job: Job) -> OperatingPoint:
    """The operating point of a finished run's own candidates."""
    required_groups(job)
    measured = json.loads(job.folder.evaluation.read_text("utf-8"))
    candidates, merge = measured["candidates"], job.merge
    cost = candidates["candidates_per_product"]
    return OperatingPoint(
        strategy=merge.strategy,
        n=merge.n,
        k=merge.k if merge.strategy == HOP else None,
        budget=merge.budget or None,
        candidates_per_product=cost,
        share=cost / len(job.catalogue),
        recall=candidates["recall"]["mean"],
        low=candidates["recall"]["low"],
        high=candidates["recall"]["high"],
        recall_by_group=candidates["recall_by_group"],
        queries=measured["queries"],
    )


def plan_of(job: Job) -> Plan:
    """The plan that a finished run followed; raises `VariantsError` if it has none."""
    if not job.choices.plans:
        raise VariantsError(
            f"this run uses merge.strategy {job.merge.strategy!r}, so there is no plan",
            "Set merge.strategy to `planned`",
        )
    return Plan.of(json.loads(job.folder.plan.read_text("utf-8")))


def at_equal_cost(job: Job, published: Job, budgets: Sequence[int]) -> list[AtBudget]:
    """Every strategy at every budget, each with its best setting, chosen on other groups than it is measured on.

    Args:
        job: The run.
        published: The same run `as_published`; the paper's hop is measured in both.
        budgets: Candidates per product.
    """
    published_rows = [replace(row, strategy=PUBLISHED) for row in _at_budgets(published, budgets, only=HOP)]
    return _at_budgets(job, budgets) + published_rows


def _at_budgets(job: Job, budgets: Sequence[int], only: str = "") -> list[AtBudget]:
    lists = held_out(job).queries
    depth = int(lists.folds[0].products.image.counts.max(initial=0))
    entries = standard_entries(depth, lists.fused)
    options = {"resamples": job.settings.evaluation.bootstrap, "seed": job.settings.run.seed}
    rows = []
    for name in dict.fromkeys(entry.strategy for entry in entries if only in ("", entry.strategy)):
        own = [entry for entry in entries if entry.strategy == name]
        planned = plan(lists, required_groups(job), own, budgets=budgets, **options)
        rows += [_at_budget(offer) for offer in planned.offers]
    return rows


def _at_budget(offer: Offer) -> AtBudget:
    assert offer.recall is not None
    assert offer.low is not None
    assert offer.high is not None
    settings = ", ".join(f"{name} {value:g}" for name, value in offer.settings.items())
    cost = offer.candidates_per_product
    return AtBudget(offer.strategy, offer.budget, cost, offer.recall, offer.low, offer.high, settings)


def step_gains(job: Job, followed: Plan, budgets: Sequence[int] = STEPS) -> list[Step]:
    """The gain of each further budget when following the plan, measured on the same products."""
    queries, qrels = held_out(job).queries, required_groups(job)
    offers = [before for before in followed.offers if before.budget in budgets]
    candidates = [_candidates(queries, offer.merge(job.settings.merge)) for offer in offers]
    judged_runs = [judged(run, qrels) for run in candidates]
    recalls = [recall(before, len(qrels.items)) for before in judged_runs]
    groups = qrels.groups[queries.rows]
    options = {"resamples": job.settings.evaluation.bootstrap, "seed": job.settings.run.seed}
    return [
        Step(
            less.budget,
            more.budget,
            float(before.mean()),
            float(after.mean()),
            difference(after, before, groups, **options),
        )
        for (less, before), (more, after) in pairwise(zip(offers, recalls, strict=True))
    ]


def _candidates(folded: FoldedLists, settings: MergeSettings) -> Candidates:
    return folded.each(lambda fold: candidates_of(fold, settings))
