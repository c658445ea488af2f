"""The depths of all ranked lists, decided in this one place.

A depth is the length of a ranked list without the query itself; at most the size of the catalogue minus one.
"""

from __future__ import annotations

import numpy as np

from candidates.settings import MergeSettings
from fusion.merge.hubs import depth_for
from fusion.merge.strategies import budget, image_depth
from fusion.pairs.feature_context import DEPTH as FEATURE_DEPTH
from service.runs.job import Job

GUESSING = 400
"""Depth of the lists from which probable variants across sellers are taken."""

EXPLAINING = 1000
"""Depth of the lists for an explanation, and for missed variants in the report."""

PLANNED_BUDGET = 100
"""Candidates per product if the settings name no budget."""

PLANNED_BUDGETS = (25, 50, 100, 200, 500)
"""Budgets for which every plan has an offer, besides the requested one."""


def within(job: Job, depth: int) -> int:
    """A depth, limited to the longest possible list of this catalogue; at least 1."""
    return max(1, min(depth, len(job.catalogue) - 1))


def likely_merge(settings: MergeSettings) -> MergeSettings:
    """The settings that a plan will most likely choose, for estimates before planning."""
    if settings.strategy != "planned":
        return settings
    limit = settings.budget or PLANNED_BUDGET
    return settings.model_copy(update={"strategy": "fused", "n": limit, "budget": limit})


def text_lists(job: Job) -> int:
    """Depth of the text and the lexical lists of all products (steps `retrieve_text`, `retrieve_lexical`)."""
    return _for_fusing(job, max(job.merge.n, job.merge.budget) + _siblings(job))


def image_lists(job: Job) -> int:
    """Depth of the image lists of all products (step `retrieve_images`): at least the largest K of the curves."""
    wanted = image_depth(job.merge) + (0 if job.merge.strategy == "hop" else _siblings(job))
    return _for_fusing(job, max(wanted, max(job.settings.evaluation.hops, default=0), 1))


def _for_fusing(job: Job, depth: int) -> int:
    """Deeper if lists are fused, because hub correction precedes fusion."""
    if job.merge.strategy != "fused":
        return depth
    return min(depth_for(max(depth, budget(job.merge))), max(1, len(job.catalogue) - 1))


def _siblings(job: Job) -> int:
    """Extra depth so that known siblings, which count towards no budget, displace no candidates."""
    if not job.merge.collapse_known:
        return 0
    groups = job.truth("evaluation").groups
    return int(np.bincount(groups[groups >= 0]).max(initial=1)) - 1


def fused_lists(job: Job) -> int:
    """Length of the fused lists of all products that candidates are taken from (step `expand`)."""
    return max(budget(job.merge), job.fused.own, job.fused.seed_depth)


def feature_lists(job: Job) -> int:
    """Length of the fused lists that pair features are computed from."""
    return max(FEATURE_DEPTH, budget(job.merge), job.fused.seed_depth)


def below_fused(job: Job, depth: int) -> int:
    """Depth of the three lists that fused lists of a given length need."""
    return within(job, depth_for(depth))


def curve_lists(job: Job) -> int:
    """Depth of the queries' lists from which curves are computed."""
    settings, size = job.settings.evaluation, len(job.catalogue)
    return within(job, min(max(settings.text_depths), int(settings.max_share * size) + 1))


def held_out_queries(job: Job) -> int:
    """Depth of the held-out queries' own lists: enough for the curve and for the planner."""
    depth = curve_lists(job)
    if job.choices.fuses:
        depth = max(depth, depth_for(max(*PLANNED_BUDGETS, job.settings.merge.budget)))
    return within(job, depth)


def held_out_products(job: Job) -> int:
    """Depth of the lists of every product in held-out spaces: enough for hops, and for hub correction before them."""
    settings, hop = job.settings.merge, job.settings.fused
    depth = max(3, *job.settings.evaluation.hops, settings.k)
    depth = max(depth, depth_for(max(hop.seed_depth, hop.own))) if job.choices.fuses else depth
    depth = max(depth, settings.n, budget(settings)) if settings.hub_cap else depth
    return within(job, depth)
