"""How deep lists are asked, by sums on paper."""

import pytest

from fusion.merge.hubs import depth_for
from service.neighbours import depths
from service.runs.choices import Choices
from service.runs.job import Job
from tests.small_runs import small_settings


def job_of(finished, **sections):
    return Job(Choices(finished.folder, small_settings(**sections)))


def test_no_list_is_longer_than_the_catalogue_less_one(finished):
    size = len(finished.catalogue)
    assert [depths.within(finished, depth) for depth in (0, 1, size - 1, size, 10 * size)] == [1, 1, *[size - 1] * 3]


def test_the_hop_asks_n_texts_and_the_largest_k_of_the_curves(finished):
    job = job_of(finished, merge={"strategy": "hop", "n": 8, "k": 2}, evaluation={"hops": (0, 3)})
    assert (depths.text_lists(job), depths.image_lists(job)) == (8, 3)


def test_a_budget_deepens_both_lists_and_fusing_deepens_them_for_hubs(finished):
    union = job_of(finished, merge={"strategy": "union", "n": 5, "budget": 12}, evaluation={"hops": (0, 3)})
    assert (depths.text_lists(union), depths.image_lists(union)) == (12, 12)
    fused = job_of(finished, merge={"strategy": "fused", "n": 5, "budget": 12})
    assert depths.text_lists(fused) == depths.within(fused, depth_for(12)) > 12
    assert depths.fused_lists(fused) == max(12, fused.fused.own, fused.fused.seed_depth)


def test_known_siblings_that_count_towards_no_budget_deepen_lists(finished):
    groups = finished.truth("evaluation").groups
    largest = max((groups == number).sum() for number in range(groups.max() + 1))
    plain = job_of(finished, merge={"strategy": "union", "n": 5, "budget": 12})
    siblings = job_of(finished, merge={"strategy": "union", "n": 5, "budget": 12, "collapse_known": True})
    assert depths.text_lists(siblings) == depths.text_lists(plain) + largest - 1


@pytest.mark.parametrize("share", [0.05, 1.0])
def test_curves_are_counted_to_a_share_of_the_catalogue(finished, share):
    job = job_of(finished, evaluation={"max_share": share, "text_depths": (1, 50)})
    size = len(finished.catalogue)
    assert depths.curve_lists(job) == min(50, int(share * size) + 1, size - 1)
    assert depths.held_out_queries(job) == depths.curve_lists(job)  # the hop fuses nothing, so no plan needs more


def test_products_are_listed_as_deep_as_hops_and_the_hub_cap_need(finished):
    merge = {"strategy": "hop", "n": 8, "k": 2}
    assert depths.held_out_products(job_of(finished, merge=merge, evaluation={"hops": (0, 4)})) == 4
    capped = job_of(finished, merge=merge | {"hub_cap": 20}, evaluation={"hops": (0, 4)})
    assert depths.held_out_products(capped) == 8


def test_an_estimate_expects_the_plan_to_fuse_at_the_budget():
    settings = small_settings(merge={"strategy": "planned", "budget": 0}).merge
    likely = depths.likely_merge(settings)
    assert (likely.strategy, likely.budget) == ("fused", depths.PLANNED_BUDGET)
    hop = small_settings(merge={"strategy": "hop"}).merge
    assert depths.likely_merge(hop) == hop
