import json
from dataclasses import asdict

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from candidates.errors import SettingsError
from candidates.qrels import VARIANT
from candidates.run import Run
from candidates.settings import MergeSettings
from eval.metrics import judged, recall
from fusion.merge.lists import FoldedLists, QueryLists
from fusion.merge.strategies import STRATEGIES, merge
from service.learning.planner import (
    Entry,
    Plan,
    budgets_around,
    crossed_links,
    cut_for,
    plan,
    standard_entries,
)
from tests.eval.made_up import drawn_lists, qrels_of, run_of

SMALL = {"resamples": 50}

SOME = tuple({entry.strategy: entry for entry in standard_entries(8)}.values())
"""One entry of each strategy."""


def catalogue(seed, groups=60):
    """The group of each product: pairs, threes and fours."""
    random = np.random.default_rng(seed)
    return random.permutation([number for number in range(groups) for _ in range(random.integers(2, 5))]).tolist()


def ranked(groups, seed, sharpness):
    """Every other product, variants the further in front the sharper the list."""
    random, numbers = np.random.default_rng(seed), np.array(groups)
    lists = []
    for query in range(len(groups)):
        scores = random.random(len(groups)) + sharpness * (numbers == numbers[query])
        lists.append([row for row in np.argsort(-scores).tolist() if row != query])
    return lists


def given_of(groups, text, image, every=8):
    qrels = qrels_of(groups)
    rows = range(len(groups))
    one, two = run_of(qrels, rows, text), run_of(qrels, rows, image)
    return FoldedLists((QueryLists(one, two, every=QueryLists(one.top(every), two.top(every))),)), qrels


def drawn(seed=1, sharp_text=0.3, sharp_image=0.7, **options):
    groups = catalogue(seed, **options)
    return given_of(groups, ranked(groups, seed, sharp_text), ranked(groups, seed + 1, sharp_image))


def fixed(run):
    """An entry's function that gives the same lists always."""
    return lambda lists, settings: run.take(run.queries.rows_of(lists.text.queries.ids))


def lists_of(qrels, lists):
    return run_of(qrels, range(len(lists)), lists)


@settings(deadline=None, derandomize=True, max_examples=200)
@given(st.lists(st.integers(0, 30), max_size=12), st.integers(1, 40))
def test_a_cut_brings_the_mean_length_nearest_to_the_budget(lengths, budget):
    lengths = np.array(lengths, np.int64)
    cut = cut_for(lengths, budget)
    assert cut >= 1
    if len(lengths):
        distance = [abs(np.minimum(lengths, one).mean() - budget) for one in range(1, max(2, lengths.max() + 1))]
        assert abs(np.minimum(lengths, cut).mean() - budget) == pytest.approx(min(distance))


def plain_links(lists, first=3):
    return {(one, two) for one in range(len(lists)) for two in lists[one][:first] if one in lists[two][:first]}


@pytest.mark.parametrize("seed", range(8))
def test_the_proxys_pairs_are_one_link_by_picture_and_one_by_text(seed):
    qrels = qrels_of([-1] * 25)
    # Some lists are empty, some short.
    text, image = (drawn_lists(qrels, range(25), f"{kind} {seed}") for kind in ("text", "image"))
    by_text, by_image = plain_links(text), plain_links(image)
    wanted = {frozenset((a, c)) for a, b in by_image for other, c in by_text if other == b and a != c}
    found = crossed_links(lists_of(qrels, text), lists_of(qrels, image))
    pairs = {frozenset((a, b)) for a in range(25) for b in range(a) if found.judge(*np.array([[a], [b]]))[0] == VARIANT}
    assert pairs == wanted


def test_the_budgets_hold_half_and_double_of_the_one_asked_for():
    assert budgets_around(80) == (25, 40, 50, 80, 100, 160, 200, 500)
    assert budgets_around(0) == (25, 50, 100, 200, 500)
    assert budgets_around(1, ()) == (1, 2)


def test_every_strategy_is_measured_at_the_same_mean_cost():
    lists, qrels = drawn()
    for entry in SOME:
        made = plan(lists, qrels, [entry], budgets=(10, 25, 60), **SMALL)
        assert [one.candidates_per_product for one in made.offers] == pytest.approx([10, 25, 60], rel=0.03)
        assert [one.budget for one in made.offers] == [10, 25, 60]


def test_products_without_a_picture_let_the_others_go_deeper():
    groups = catalogue(3)
    image = [[] if query % 3 == 0 else one for query, one in enumerate(ranked(groups, 4, 0.7))]
    lists, qrels = given_of(groups, ranked(groups, 3, 0.3), image)
    offer = plan(lists, qrels, [Entry("image", STRATEGIES["image"])], budgets=(20,), **SMALL).offers[0]
    assert offer.candidates_per_product == pytest.approx(20, rel=0.03)
    assert offer.settings["budget"] == pytest.approx(30, abs=1)


def test_a_run_with_the_offers_settings_has_the_offers_cost_and_recall():
    lists, qrels = drawn(5)
    for entry in SOME:
        for offer in plan(lists, qrels, [entry], budgets=(7, 30), **SMALL).offers:
            chosen = offer.merge(MergeSettings())
            made = merge(QueryLists(lists.text, lists.image.top(chosen.n), every=lists.folds[0].products), chosen)
            assert made.counts.mean() == pytest.approx(offer.candidates_per_product)
            # One entry leaves nothing to choose, so the cross-fitted recall is plain recall.
            assert recall(judged(made, qrels), len(qrels.items)).mean() == pytest.approx(offer.recall)


def test_the_hop_finds_the_n_that_a_walk_through_all_of_them_finds():
    lists, qrels = drawn(6)
    offer = plan(lists, qrels, [Entry("hop", STRATEGIES["hop"], {"k": 3}, walks=True)], budgets=(40,), **SMALL).offers[
        0
    ]
    means = [merge(lists.folds[0], MergeSettings(strategy="hop", n=n, k=3)).counts.mean() for n in range(1, 60)]
    assert offer.settings["n"] == 1 + next(place for place, mean in enumerate(means) if mean >= 40 * 1.05)


def test_the_best_setting_is_named_with_what_it_is_ahead_by():
    lists, qrels = drawn(7, sharp_text=0.0, sharp_image=0.8)
    offer = plan(lists, qrels, standard_entries(8)[:2], budgets=(10,), **SMALL).offers[0]
    assert (offer.strategy, offer.runner_up) == ("image", "text")
    by_image, by_text = (recall(judged(run, qrels), 10) for run in (lists.image, lists.text))
    assert offer.recall == pytest.approx(by_image.mean())
    assert offer.low < offer.recall < offer.high
    assert offer.ahead == pytest.approx((by_image - by_text).mean())
    assert 0 < offer.ahead_low < offer.ahead < offer.ahead_high


def test_the_simpler_strategy_is_taken_within_noise():
    lists, qrels = drawn(8, groups=200)
    better = lists.image.matrix(len(qrels.items))[0].tolist()
    hits = [
        query
        for query in range(len(better))
        if not any(qrels.groups[row] == qrels.groups[query] for row in better[query][:10])
    ]
    # One query that found nothing finds all: better, by less than the noise.
    improved = [
        one if query != hits[0] else sorted(one, key=lambda row: qrels.groups[row] != qrels.groups[query])
        for query, one in enumerate([[r for r in row if r >= 0] for row in better])
    ]
    simple = Entry("image", fixed(lists.image))
    involved = Entry("fixed", fixed(lists_of(qrels, improved)))
    assert plan(lists, qrels, [simple, involved], budgets=(10,), **SMALL).offers[0].strategy == "image"
    assert plan(lists, qrels, [involved, simple], budgets=(10,), **SMALL).offers[0].strategy == "fixed"


def test_the_simpler_strategy_is_not_taken_where_it_costs_more_than_the_tolerance():
    groups = catalogue(9, groups=40)
    qrels = qrels_of(groups)
    lists, _ = given_of(groups, ranked(groups, 1, 0.2), ranked(groups, 2, 0.2))
    worse, better = (lists_of(qrels, ranked(groups, 3, sharpness)) for sharpness in (0.3, 0.34))
    offer = plan(
        lists, qrels, [Entry("worse", fixed(worse)), Entry("better", fixed(better))], budgets=(10,), **SMALL
    ).offers[0]
    assert offer.ahead > 0.005
    assert offer.strategy == "better"


def test_the_recall_of_an_offer_is_not_raised_by_the_choosing():
    luckiest, offered, chance = [], [], []
    for seed in range(24):
        groups = catalogue(seed, groups=32)
        drawn_ones = [[one[:10] for one in ranked(groups, 1000 + 100 * seed + place, 0.0)] for place in range(12)]
        lists, qrels = given_of(groups, drawn_ones[0], drawn_ones[1])
        runs = [lists_of(qrels, one) for one in drawn_ones]
        made = plan(lists, qrels, [Entry("luck", fixed(run)) for run in runs], budgets=(10,), **SMALL)
        luckiest.append(max(recall(judged(run, qrels), 10).mean() for run in runs))
        offered.append(made.offers[0].recall)
        chance.append(10 / (len(groups) - 1))
    assert np.mean(luckiest) > np.mean(chance) + 0.025
    assert np.mean(offered) == pytest.approx(np.mean(chance), abs=0.012)


def test_groups_are_never_split_between_choice_and_judgement():
    # One entry finds one large group and nothing else. From the other groups nobody would choose it; from other
    # products of the same group anybody would.
    groups = [0] * 30 + [number for number in range(1, 36) for _ in range(2)]
    perfect, useless = ranked(groups, 3, 9.0), ranked(groups, 4, -9.0)
    qrels = qrels_of(groups)
    lists, _ = given_of(groups, useless, useless)
    of_one = [perfect[query] if query < 30 else useless[query] for query in range(len(groups))]
    of_some = [perfect[query] if query >= 96 else useless[query] for query in range(len(groups))]
    entries = [Entry("some", fixed(lists_of(qrels, of_some))), Entry("one", fixed(lists_of(qrels, of_one)))]
    offer = plan(lists, qrels, entries, budgets=(29,), **SMALL).offers[0]
    assert offer.strategy == "one"
    assert offer.recall < 0.05


def test_unknown_groups_leave_the_choice_to_the_proxy():
    groups = catalogue(12, groups=150)
    lists, qrels = given_of(groups, ranked(groups, 1, 0.9), ranked(groups, 2, 0.9))
    made = plan(lists, qrels_of([-1] * len(groups)), SOME, budgets=(5, 20), **SMALL)
    assert (made.basis, made.queries, made.groups) == ("proxy", 0, 0)
    assert {(one.recall, one.low, one.high, one.ahead) for one in made.offers} == {(None,) * 4}
    known = plan(lists, qrels, SOME, budgets=(5, 20), **SMALL)
    for blind, seeing in zip(made.offers, known.offers, strict=True):
        chosen = merge(lists.folds[0], blind.merge(MergeSettings()))
        assert recall(judged(chosen, qrels), len(groups)).mean() > seeing.recall - 0.05


def test_the_proxy_does_not_judge_walks():
    lists, qrels = drawn(20)
    unknown = qrels_of([-1] * len(qrels.items))
    assert lists.folds[0].products.text.counts.min() >= 3
    made = plan(lists, unknown, SOME, budgets=(5, 20, 50), **SMALL)
    assert made.basis == "proxy"
    assert "hop" not in {name for one in made.offers for name in (one.strategy, one.runner_up)}


def test_a_few_known_groups_judge_but_do_not_choose():
    groups = catalogue(13, groups=150)
    lists, _ = given_of(groups, ranked(groups, 1, 0.9), ranked(groups, 2, 0.9))
    few = plan(lists, qrels_of([group if group < 6 else -1 for group in groups]), SOME, budgets=(5, 20), **SMALL)
    none = plan(lists, qrels_of([-1] * len(groups)), SOME, budgets=(5, 20), **SMALL)
    assert (few.basis, few.groups) == ("proxy", 6)
    assert [one.settings for one in few.offers] == [one.settings for one in none.offers]
    assert all(0 <= one.low <= one.recall <= one.high <= 1 for one in few.offers)


@pytest.mark.parametrize("groups", [[-1], [-1] * 5, [0] * 5, [0, 0, 1, 1, -1]])
@pytest.mark.parametrize("filled", [False, True])
def test_the_smallest_catalogues_have_a_plan(groups, filled):
    every = range(len(groups))
    full = [[other for other in every if other != query] if filled else [] for query in every]
    lists, qrels = given_of(groups, full, full)
    made = plan(lists, qrels, asked=100, **SMALL)
    assert made.basis == "default"
    assert made.groups == len({group for group in groups if group >= 0})
    for one in made.offers:
        one.merge(MergeSettings())
        assert one.candidates_per_product == (len(groups) - 1 if filled else 0)
        assert one.recall == (None if made.groups == 0 else float(filled))


def test_a_catalogue_without_products_has_a_plan():
    lists, qrels = given_of([], [], [])
    made = plan(lists, qrels, asked=10, **SMALL)
    assert [one.recall for one in made.offers] == [None] * len(made.offers)


def test_a_budget_beyond_the_catalogue_offers_all_there_is():
    lists, qrels = drawn(14)
    offer = plan(lists, qrels, asked=10_000, budgets=(), **SMALL).offer(10_000)
    assert offer.candidates_per_product == len(qrels.items) - 1
    assert offer.recall == 1
    # All strategies find all, so the simplest is enough.
    assert offer.strategy == "text"


def test_a_sample_of_queries_is_planned_from_its_own_lists():
    lists, qrels = drawn(15)
    rows = np.arange(0, len(qrels.items), 2)
    made = plan(lists.of(rows), qrels, budgets=(10,), **SMALL)
    assert made.queries == len(rows)
    assert made.offers[0].candidates_per_product == pytest.approx(10, rel=0.03)


def test_the_same_seed_makes_the_same_plan_and_a_plan_survives_json():
    lists, qrels = drawn(16)
    made = plan(lists, qrels, SOME, asked=30, **SMALL)
    assert plan(lists, qrels, SOME, asked=30, **SMALL) == made
    assert Plan.of(json.loads(json.dumps(asdict(made)))) == made
    assert made.offer(15).recall <= made.offer(30).recall <= made.offer(60).recall


def test_an_offer_that_was_not_planned_is_refused_naming_those_that_were():
    lists, qrels = drawn(17)
    made = plan(lists, qrels, budgets=(10, 20), **SMALL)
    with pytest.raises(SettingsError, match=r"30.*10, 20"):
        made.offer(30)


@pytest.mark.parametrize(("asked", "budgets"), [(-5, (10,)), (0, (10, 0))])
def test_a_budget_below_one_is_refused(asked, budgets):
    lists, qrels = drawn(18)
    with pytest.raises(SettingsError, match="whole number"):
        plan(lists, qrels, asked=asked, budgets=budgets)


def test_a_strategy_of_ones_own_stands_among_the_others():
    lists, qrels = drawn(19, sharp_text=0.0, sharp_image=0.1)
    fused = lists_of(qrels, ranked(qrels.groups.tolist(), 5, 0.9))

    def top(given_lists: QueryLists, chosen: MergeSettings) -> Run:
        return fixed(fused)(given_lists, chosen).top(chosen.n)

    made = plan(lists, qrels, [*standard_entries(8), Entry("fused", top)], budgets=(10,), **SMALL)
    assert made.offers[0].strategy == "fused"
    assert made.offers[0].settings == {"n": 10, "budget": 10}
