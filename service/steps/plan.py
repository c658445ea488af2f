"""Chooses the strategy that finds most variants at the budget of the settings."""

from __future__ import annotations

from dataclasses import asdict, replace
from typing import Any

from candidates.artifacts import digest_of, write_json
from candidates.settings import MergeSettings
from service.learning.planner import Plan
from service.learning.planning import planned
from service.learning.weights import learned_weights
from service.runs.job import Job
from service.runs.run_folder import Counts, Step, StepRecord

PLANNED_BUDGET = 100
"""Candidates per product where the settings name no budget."""


def plan(job: Job) -> StepRecord:
    """Writes `plan.json`, and records the merge settings that the run goes on with.

    A model brings the plan of the catalogue that it was learned from. Without one the strategies are measured on
    groups held out, or by a proxy where too few are known or none may be looked at.
    """
    folder, settings = job.folder, job.settings
    inputs = {
        "merge": settings.merge.model_dump(mode="json"),
        "learn": folder.require("learn").key,
        "project": folder.require("project").key,
        "groups": digest_of(job.lessons.groups.tolist(), settings.feed.groups_are_global) if job.teaches else "",
        "settings": [settings.fused.model_dump(mode="json"), settings.evaluation.bootstrap, settings.run.seed],
        "catalogue": folder.require("ingest").counts["catalogue"],
    }

    def work() -> Counts:
        asked = settings.merge.budget or PLANNED_BUDGET
        budget = min(asked, max(1, len(job.catalogue) - 1))
        weights = learned_weights(job, budget) if settings.fused.weights == "learned" and job.fuses else None
        fused = settings.fused.model_copy(update=weights.chosen_settings if weights else {})
        said = {"fused": fused.model_dump(mode="json"), "weights": weights.as_json() if weights else {}}
        if not job.plans:
            return {"merge": settings.merge.model_dump(mode="json"), "from": "settings", **said}
        made = _of_model(job, budget) or planned(job, budget, fused=fused)
        write_json(folder.plan, asdict(made))
        offer = made.offer(budget)
        chosen = offer.merge(settings.merge)
        return {"merge": chosen.model_dump(mode="json"), "from": made.basis, "strategy": offer.strategy, **said}

    return Step(folder, "plan", inputs, (folder.plan,) if job.plans else ()).run(work)


def likely_merge(settings: MergeSettings) -> MergeSettings:
    """What a plan most likely comes to, for an estimate before there is one."""
    if settings.strategy != "planned":
        return settings
    budget = settings.budget or PLANNED_BUDGET
    return settings.model_copy(update={"strategy": "fused", "n": budget, "budget": budget})


def _of_model(job: Job, budget: int) -> Plan | None:
    """The plan that a given model brings, with an offer for this budget; None where it brings none."""
    document: dict[str, Any] = job.given_model.about.get("plan", {}) if job.given_model else {}
    return replace(Plan.of(document).stretched(budget), basis="model") if document else None
