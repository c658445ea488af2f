"""Held-out lists against plain search: exact, in spaces that the queries' groups had no part in, found once."""

import numpy as np
import pytest

from candidates.exact import ExactIndex
from service.learning.heads import split_groups
from service.learning.held_out import FOLDS, candidates_of, held_out, lexical_lists, looked_up
from service.learning.taught import ingredients, learn_with_guesses
from service.pipeline.run import run
from service.runs.choices import Choices
from service.runs.job import Job
from tests.small_runs import small_settings


@pytest.fixture(scope="module")
def learned(drawn, tmp_path_factory):
    """A run in learned spaces, without classification."""
    settings = small_settings(feed={"groups_are_global": True}, learn={"spaces": "learned"})
    return run(drawn.feed, tmp_path_factory.mktemp("held_out") / "out", settings)


def another(job, **evaluation):
    settings = job.settings.model_copy(update={"evaluation": job.settings.evaluation.model_copy(update=evaluation)})
    return Job(Choices(job.folder, settings))


def test_the_lists_of_a_fold_are_those_of_exact_search_in_its_own_spaces(learned):
    groups = learned.truth("evaluation").groups
    made_of, fold_of = ingredients(learned), split_groups(groups, FOLDS, learned.settings.run.seed)
    for fold in held_out(learned).queries.folds:
        (number,) = np.unique(fold_of[fold.rows])
        heads = learn_with_guesses(learned, made_of, np.where(fold_of == number, -1, groups).astype(np.int32)).heads
        vectors = heads.text.projection.apply(made_of.text)
        depth = fold.text.counts.max()
        expected = ExactIndex(vectors).search(vectors.take(fold.rows), depth + 1).excluding(fold.rows).top(depth)
        for query in range(len(fold)):
            assert np.array_equal(fold.text.ranked(query)[0], expected.ranked(query)[0])


def test_every_known_query_is_in_one_fold_and_every_product_once_in_the_fair_sample(learned):
    found = held_out(learned)
    assert found.cross_validated
    assert sorted(found.queries.rows.tolist()) == learned.truth("evaluation").queries().tolist()
    assert sorted(found.fair.rows.tolist()) == learned.catalogue.axis.rows.tolist()


def test_lists_are_found_once_for_a_job(learned):
    assert held_out(learned) is held_out(learned)
    assert lexical_lists(learned, 5) is lexical_lists(learned, 5)
    assert lexical_lists(learned, 5) is not lexical_lists(learned, 6)


def test_a_sample_of_many_queries_is_measured(learned):
    assert len(held_out(another(learned, max_queries=7)).queries) == 7


def test_in_spaces_as_encoded_all_queries_share_the_run_s_own_lists(finished):
    found = held_out(finished)
    assert not found.cross_validated
    (fold,) = found.queries.folds
    own = looked_up(finished, fold.rows)
    for query in range(len(fold)):
        assert np.array_equal(fold.image.ranked(query)[0], own.image.ranked(query)[0])


def test_candidates_follow_the_strategy_and_the_hub_cap(finished):
    (fold,) = held_out(finished).queries.folds
    merge = finished.settings.merge.model_copy(update={"strategy": "text", "n": 4, "budget": 4})
    assert candidates_of(fold, merge).counts.max() == 4
    capped = candidates_of(fold, merge.model_copy(update={"hub_cap": 1}))
    listed = np.concatenate([capped.ranked(query)[0] for query in range(len(fold))])
    assert np.unique(listed, return_counts=True)[1].max() == 1
