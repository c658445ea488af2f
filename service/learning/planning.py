"""The plan of a finished run: its own lists, asked deeper, at every budget."""

from __future__ import annotations

from dataclasses import asdict

import numpy as np

from candidates.artifacts import write_json
from service.job import Job
from service.learning.planner import BUDGETS, Given, Plan, budgets_around, plan
from service.lookups import image_lookup, text_lookup
from service.steps.retrieve import neighbours_run

MOST_QUERIES = 2000
"""Products whose lists are asked, a seeded sample where there are more."""

_DEEPER = 5
"""Lists are asked so many times as deep as the greatest budget: fused lists gain from what stands behind it."""


def plan_run(job: Job, asked: int) -> Plan:
    """Plans from a run whose lists are made, and writes `plan.json` beside its results.

    The groups of the catalogue choose and judge, never the same ones both; a model that learned from these very
    groups would make its lists look better than they are, so plan on another catalogue than it was learned from.

    Args:
        job: The run.
        asked: The budget asked for, 0 for none.
    """
    size = len(job.catalogue)
    rows = job.qrels.queries()
    rows = rows if len(rows) else job.catalogue.axis.rows
    if len(rows) > MOST_QUERIES:
        rows = np.sort(np.random.default_rng(job.settings.run.seed).choice(rows, MOST_QUERIES, replace=False))
    budgets = tuple(budget for budget in budgets_around(asked) if budget < size) or (max(1, size - 1),)
    depth = min(_DEEPER * max(budgets), max(1, size - 1))
    given = Given(
        text_lookup(job).neighbours(rows, depth),
        image_lookup(job).neighbours(rows, depth),
        neighbours_run(job, "text"),
        neighbours_run(job, "image"),
        job.threads,
    )
    made = plan(
        given,
        job.qrels,
        asked=asked,
        budgets=[one for one in BUDGETS if one in budgets] or budgets,
        resamples=job.settings.evaluation.bootstrap,
        seed=job.settings.run.seed,
    )
    write_json(job.folder.plan, asdict(made))
    return made
