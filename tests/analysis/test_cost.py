"""What a run costs, on a small run that learned from the drawn catalogue."""

import json
from itertools import pairwise
from types import SimpleNamespace

import numpy as np
import pytest

from analysis.cost import (
    PUBLISHED,
    as_published,
    at_equal_cost,
    measured_points,
    overview,
    plan_of,
    points_of,
    required_groups,
    star,
    step_gains,
)
from candidates.errors import VariantsError
from candidates.run import stacked
from candidates.settings import Settings
from candidates.vectors import Vectors
from eval.curves import find
from service.learning.held_out import candidates_of, held_out
from service.pipeline.run import run
from tests.eval.made_up import qrels_of

BUDGETS = (5, 10, 20)


@pytest.fixture(scope="module")
def planned(drawn, tmp_path_factory):
    """A run that learned and planned; read it, never write to it."""
    evaluation = {"bootstrap": 50, "text_depths": (5, 10, 20), "hops": (0, 2)}
    merge = {"budget": 20}
    settings = Settings.read(
        None, feed={"groups_are_global": True}, evaluation=evaluation, merge=merge, pairs={"classify": False}
    )
    return run(drawn.feed, tmp_path_factory.mktemp("cost") / "out", settings)


@pytest.fixture(scope="module")
def plain(planned):
    return as_published(planned)


@pytest.fixture(scope="module")
def rows(planned, plain):
    return at_equal_cost(planned, plain, BUDGETS)


def by_sets(job, run):
    """Mean recall of a run, from plain sets."""
    groups, found = job.truth("evaluation").groups, []
    for query, name in enumerate(run.queries):
        own = job.catalogue.axis.row_of(name)
        known = {row for row in range(len(groups)) if groups[row] == groups[own] and row != own}
        found.append(len(known & set(run.ranked(query)[0].tolist())) / len(known))
    return float(np.mean(found))


def test_every_strategy_stands_at_every_budget(rows):
    names = {"text", "image", "union", "rrf", "weighted", "fused", "hop", PUBLISHED}
    assert {(one.strategy, one.budget) for one in rows} == {(name, budget) for name in names for budget in BUDGETS}
    for one in rows:
        assert 0 <= one.low <= one.recall <= one.high <= 1
        assert one.candidates_per_product <= one.budget + 0.5  # a cut is a whole number


def test_a_list_of_so_many_finds_what_sets_say(planned, rows):
    for name in ("text", "image"):
        lists = getattr(held_out(planned).queries, name)
        for one in rows:
            if one.strategy == name:
                assert one.recall == pytest.approx(by_sets(planned, lists.top(one.budget)))


def test_as_published_nothing_is_learned_and_search_is_exact(planned, plain):
    vectors = Vectors.open(planned.folder.text / "vectors.arrow", planned.catalogue.axis).unit()
    rows = planned.truth("evaluation").queries()
    scores = vectors[rows] @ vectors.T
    scores[np.arange(len(rows)), rows] = -np.inf
    nearest = np.sort(np.argsort(-scores, axis=1, kind="stable")[:, :10], axis=1)
    found = [sorted(held_out(plain).queries.text.top(10).ranked(query)[0].tolist()) for query in range(len(rows))]
    assert np.mean([len(set(one) & set(two)) for one, two in zip(nearest.tolist(), found, strict=True)]) > 9.95
    point = find(measured_points(plain), "text", n=10)
    assert point.recall == pytest.approx(by_sets(planned, held_out(plain).queries.text.top(10)))
    assert not held_out(plain).queries.fused


def test_looking_as_published_writes_nothing_into_the_run(planned):
    def state():
        return {path: path.stat().st_mtime_ns for path in planned.folder.root.rglob("*") if path.is_file()}

    before = state()
    fresh = as_published(planned)
    measured_points(fresh)
    at_equal_cost(planned, fresh, (5,))
    assert state() == before


def test_further_candidates_buy_the_difference_of_the_means(planned):
    made = plan_of(planned)
    budgets = tuple(one.budget for one in made.offers)[:3]
    steps = step_gains(planned, made, budgets)
    assert [(step.less, step.more) for step in steps] == list(pairwise(budgets))
    for step in steps:
        merges = [made.offer(budget).merge(planned.settings.merge) for budget in (step.less, step.more)]
        lists = [stacked([candidates_of(fold, merge) for fold in held_out(planned).queries.folds]) for merge in merges]
        assert [step.before, step.after] == pytest.approx([by_sets(planned, one) for one in lists])
        assert step.gain.mean == pytest.approx(step.after - step.before)
        assert step.gain.low <= step.gain.mean <= step.gain.high
    assert step_gains(planned, made, (1,)) == []


def test_the_star_is_what_the_run_reached(planned):
    measured = json.loads(planned.folder.evaluation.read_text("utf-8"))
    made = star(planned)
    assert made.recall == measured["candidates"]["recall"]["mean"]
    assert made.candidates_per_product == pytest.approx(20, rel=0.05)
    assert made.share == pytest.approx(made.candidates_per_product / len(planned.catalogue))
    assert {one.strategy for one in points_of(planned)} >= {"hop", "fused", made.strategy}


def test_the_overview_counts(planned):
    table = overview(planned)["count"]
    assert table["products"] == f"{len(planned.catalogue):,}"
    assert table["products with known variants"] == f"{len(planned.truth('evaluation').queries()):,}"
    assert table["groups of two or more"] == "24"


def test_a_run_that_was_told_its_strategy_has_no_plan(finished):
    with pytest.raises(VariantsError, match="no plan"):
        plan_of(finished)


def test_without_known_variants_nothing_can_be_measured():
    with pytest.raises(VariantsError, match="no product of this feed has a known variant"):
        required_groups(SimpleNamespace(truth=lambda purpose: qrels_of([-1, 3, 4])))
