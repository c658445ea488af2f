"""The plan of a run: the best strategy at each budget, from the run's own lists."""

from __future__ import annotations

from dataclasses import asdict

import numpy as np

from candidates.artifacts import write_json
from candidates.qrels import Qrels
from candidates.settings import FusedSettings
from fusion.merge.lists import FoldedLists
from service.learning.held_out import held_out, looked_up
from service.learning.planner import Plan, budgets_around, plan
from service.neighbours.depths import PLANNED_BUDGETS
from service.runs.job import Job

MOST_QUERIES = 2000
"""Maximum number of products on which strategies are compared; of more, a seeded sample."""


def plan_run(job: Job, asked: int) -> Plan:
    """Plans for a finished run, and writes `plan.json` beside its results.

    Strategies are chosen and judged on the catalogue's known groups, cross-validated by group, on held-out lists.

    Args:
        job: The run.
        asked: The budget asked for, 0 for none.
    """
    run_plan = planned(job, asked, job.truth("evaluation"))
    write_json(job.folder.plan, asdict(run_plan))
    return run_plan


def planned(job: Job, asked: int, qrels: Qrels | None = None, fused: FusedSettings | None = None) -> Plan:
    """The best strategy at each budget.

    Args:
        job: A run whose spaces are learned.
        asked: The budget asked for, 0 for none.
        qrels: The truth that strategies are judged by; by default the groups that may be used for learning.
        fused: How lists are fused; by default as in the run.
    """
    qrels, size = job.truth("learning") if qrels is None else qrels, len(job.catalogue)
    budgets = tuple(budget for budget in budgets_around(asked) if budget < size) or (max(1, size - 1),)
    return plan(
        _lists(job, qrels, fused or job.fused),
        qrels,
        asked=asked,
        budgets=[budget for budget in PLANNED_BUDGETS if budget in budgets] or budgets,
        resamples=job.settings.evaluation.bootstrap,
        seed=job.settings.run.seed,
    )


def _lists(job: Job, qrels: Qrels, fused: FusedSettings) -> FoldedLists:
    """The lists of a sample of products with known variants; of any products if none are known."""
    if len(qrels.queries()):
        return _sampled(held_out(job).queries.fused_with(fused), job.settings.run.seed)
    rows, draw = job.catalogue.axis.rows, np.random.default_rng(job.settings.run.seed)
    rows = rows if len(rows) <= MOST_QUERIES else np.sort(draw.choice(rows, MOST_QUERIES, replace=False))
    return FoldedLists((looked_up(job, rows).fused_with(fused),))


def _sampled(lists: FoldedLists, seed: int) -> FoldedLists:
    """A seeded sample of `MOST_QUERIES` queries, taken from each fold in proportion."""
    share = min(1.0, MOST_QUERIES / len(lists))
    draw = np.random.default_rng(seed)
    sizes = [max(1, round(share * len(fold))) for fold in lists.folds]
    return FoldedLists(
        tuple(
            fold if size == len(fold) else fold.of(np.sort(draw.choice(len(fold), size, replace=False)))
            for fold, size in zip(lists.folds, sizes, strict=True)
        )
    )
