"""Chooses the strategy that finds the most variants at the budget of the settings."""

from __future__ import annotations

from dataclasses import asdict, replace
from typing import Any

from candidates.artifacts import digest_of, write_json
from service.learning.planner import Plan
from service.learning.planning import planned
from service.learning.weights import learned_weights
from service.neighbours import depths
from service.neighbours.build import build_image_index, build_lexical_index, build_text_index
from service.runs.job import Job
from service.runs.run_folder import Counts, Step, StepRecord


def plan(job: Job) -> StepRecord:
    """Writes `plan.json`, and records the merge settings for the later steps.

    A model contains the plan of the catalogue that it was trained on. Without a model, strategies are compared on
    held-out groups, or by a proxy if too few are known or none may be used.
    """
    folder, settings = job.folder, job.settings
    inputs = {
        "merge": settings.merge.model_dump(mode="json"),
        "learn": folder.require("learn").key,
        "project": folder.require("project").key,
        "groups": _groups_key(job),
        "settings": [settings.fused.model_dump(mode="json"), settings.evaluation.bootstrap, settings.run.seed],
        "catalogue": folder.require("ingest").counts["catalogue"],
    }

    def work() -> Counts:
        asked = settings.merge.budget or depths.PLANNED_BUDGET
        budget = depths.within(job, asked)
        _build_what_is_searched(job)
        weights = learned_weights(job, budget) if settings.fused.weights == "learned" and job.choices.fuses else None
        fused = settings.fused.model_copy(update=weights.chosen_settings if weights else {})
        weighted = {"fused": fused.model_dump(mode="json"), "weights": weights.as_json() if weights else {}}
        if not job.choices.plans:
            return {"merge": settings.merge.model_dump(mode="json"), "from": "settings", **weighted}
        chosen_plan = _of_model(job, budget) or planned(job, budget, fused=fused)
        write_json(folder.plan, asdict(chosen_plan))
        offer = chosen_plan.offer(budget)
        chosen = offer.merge(settings.merge)
        return {
            "merge": chosen.model_dump(mode="json"),
            "from": chosen_plan.basis,
            "strategy": offer.strategy,
            **weighted,
        }

    return Step(folder, "plan", inputs, (folder.plan,) if job.choices.plans else ()).run(work)


def _groups_key(job: Job) -> str:
    """Digest of the groups on which strategies are compared; empty if none may be used for learning."""
    if not job.choices.learns_from_groups:
        return ""
    return digest_of(job.truth("learning").groups.tolist(), job.settings.feed.groups_are_global)


def _build_what_is_searched(job: Job) -> None:
    """Builds the indexes that the comparison of strategies needs; held-out spaces have their own indexes."""
    if job.choices.fuses:
        build_lexical_index(job)
    held_out = job.choices.cross_validates and len(job.truth("learning").queries()) > 0
    if job.choices.plans and not held_out:
        build_text_index(job)
        build_image_index(job)


def _of_model(job: Job, budget: int) -> Plan | None:
    """The plan of the given model, with an offer for this budget; None if it has none."""
    document: dict[str, Any] = job.given_model.about.get("plan", {}) if job.given_model else {}
    return replace(Plan.of(document).stretched(budget), basis="model") if document else None
