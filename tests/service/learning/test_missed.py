import json
import math
from dataclasses import asdict

import numpy as np
import pytest

from candidates.errors import AxisMismatch
from service.learning.missed import estimate_missed
from tests.eval.made_up import plain_truth, qrels_of, run_of, variants_of


def catalogue(seed, groups=120, sizes=(1, 2, 3, 4)):
    """The group of each product, in random order."""
    random = np.random.default_rng(seed)
    numbers = [number for number in range(groups) for _ in range(random.choice(sizes))]
    return random.permutation(numbers).tolist()


def drawn_lists(groups, seed, chances, depth=12):
    """Lists that hold each variant with its chance, near the front, filled up with others."""
    random = np.random.default_rng(seed)
    groups, lists = np.array(groups), []
    for query in range(len(groups)):
        others = [row for row in np.flatnonzero(groups == groups[query]) if row != query]
        caught = [row for row in others if random.random() < chances[query]]
        strangers = random.permutation(np.flatnonzero(groups != groups[query]))[: depth - len(caught)]
        places = np.concatenate([random.random(len(caught)) * 0.7, random.random(len(strangers))])
        lists.append(np.concatenate([caught, strangers]).astype(int)[np.argsort(places)].tolist())
    return lists


def half_hidden(groups, seed, share=0.5):
    """The groups with the products of some of them unknown (−1)."""
    hidden = np.random.default_rng(seed).random(max(groups, default=0) + 1) < share
    return [-1 if hidden[group] else group for group in groups]


def made(seed, hard=0.0, **options):
    """Groups, and both lists, of products of which a share is hard to find for both."""
    groups = catalogue(seed, **options)
    easy = np.random.default_rng(seed + 1).random(len(groups)) >= hard
    text = drawn_lists(groups, seed + 2, np.where(easy, 0.5, 0.1))
    image = drawn_lists(groups, seed + 3, np.where(easy, 0.7, 0.2))
    return groups, text, image


def estimated(known, text, image, candidates=None, scopes=None, **options):
    qrels = qrels_of(known, scopes)
    runs = [None if lists is None else run_of(qrels, range(len(known)), lists) for lists in (text, image, candidates)]
    return estimate_missed(runs[0], runs[1], qrels, runs[2], **options)


def truly_missed(groups, known, lists):
    """Variants of the products without a known group that their list does not hold."""
    return sum(
        groups[other] == groups[query] and other != query and other not in lists[query]
        for query in range(len(groups))
        if known[query] < 0
        for other in range(len(groups))
    )


def band(lists, query, other):
    return math.ceil(math.log2(lists[query].index(other) + 1)) + 1 if other in lists[query] else 0


def plain_within(known, scopes, text, image, candidates):
    """Found and missed, pair by pair."""
    qrels = qrels_of(known, scopes)
    every = range(len(known))
    met = [
        (query, other, (band(text, query, other), band(image, query, other), other in candidates[query]))
        for query in every
        for other in {*text[query], *image[query]}
        if qrels.scopes[query] == qrels.scopes[other]
    ]
    variants, seen, expected = {}, {}, {}
    for query, other, cell in met:
        if known[query] >= 0:
            seen[cell] = seen.get(cell, 0) + 1
            variants[cell] = variants.get(cell, 0) + (plain_truth(qrels, query, other) == 1)
    for query, _, cell in met:
        if known[query] < 0:
            expected[cell] = expected.get(cell, 0) + variants.get(cell, 0) / seen.get(cell, 1)
    of_both, of_text, of_image = (
        lambda cells: sum(v for (t, i, _), v in cells.items() if t and i),
        lambda cells: sum(v for (t, i, _), v in cells.items() if t and not i),
        lambda cells: sum(v for (t, i, _), v in cells.items() if i and not t),
    )
    stated = sum(len(variants_of(qrels, query)) for query in every if known[query] >= 0)
    neither = stated - sum(variants.values())
    dependence = (of_both(variants) + 0.5) * (neither + 0.5)
    dependence /= (of_text(variants) + 0.5) * (of_image(variants) + 0.5)
    behind = dependence * of_text(expected) * of_image(expected) / (of_both(expected) + 1)
    cut = sum(value for (_, _, kept), value in expected.items() if not kept)
    return sum(expected.values()) - cut, behind + cut


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("kept", [None, 5])
def test_the_estimate_is_that_of_a_plain_count(seed, kept):
    groups, text, image = made(seed)
    known = half_hidden(groups, seed)
    candidates = None if kept is None else [lists[:kept] for lists in image]
    counted = [[*one, *two] for one, two in zip(text, image, strict=True)] if kept is None else candidates
    within = estimated(known, text, image, candidates, trials=5).within
    assert (within.found, within.missed) == pytest.approx(plain_within(known, None, text, image, counted))


def test_an_estimate_by_scope_learns_and_counts_within_the_scope_alone():
    groups, text, image = made(9)
    known = half_hidden(groups, 9, 0.3)
    scopes = [group % 2 for group in groups]
    counted = [[*one, *two] for one, two in zip(text, image, strict=True)]
    within = estimated(known, text, image, scopes=scopes, trials=5).within
    assert (within.found, within.missed) == pytest.approx(plain_within(known, scopes, text, image, counted))


def test_the_interval_covers_the_truth_on_most_halves():
    covered, ratios = 0, []
    for seed in range(10):
        groups, text, image = made(20 + seed, hard=0.4)
        known = half_hidden(groups, seed)
        within = estimated(known, text, image).within
        truth = truly_missed(groups, known, [[*one, *two] for one, two in zip(text, image, strict=True)])
        covered += within.low <= truth <= within.high
        ratios.append(within.missed / truth)
    assert covered >= 8
    assert np.mean(ratios) == pytest.approx(1, abs=0.25)


def test_independence_alone_promises_too_much_where_some_products_are_hard_to_find():
    groups, text, image = made(40, hard=0.5, groups=400)
    known = half_hidden(groups, 1)
    result = estimated(known, text, image, trials=5)
    assert result.odds_ratio > 1.3
    assert result.within.independent < 0.8 * result.within.missed


def test_what_is_known_is_counted():
    groups, text, image = made(50)
    known = half_hidden(groups, 2)
    result = estimated(known, text, image, trials=5)
    qrels = qrels_of(known)
    pairs = [(query, other) for query in range(len(known)) for other in variants_of(qrels, query)]
    assert result.known == len(pairs)
    assert result.known_missed == sum(other not in {*text[query], *image[query]} for query, other in pairs)


def test_hidden_groups_change_nothing():
    groups, text, image = made(60)
    known = half_hidden(groups, 3)
    assert estimated(known, text, image) == estimated(list(known), text, image)
    assert estimated(known, text, image).within.missed != estimated(half_hidden(groups, 4), text, image).within.missed


def test_the_same_seed_gives_the_same_interval_and_another_gives_another():
    groups, text, image = made(70)
    known = half_hidden(groups, 5)
    assert estimated(known, text, image, seed=1) == estimated(known, text, image, seed=1)
    assert estimated(known, text, image, seed=1).within.high != estimated(known, text, image, seed=2).within.high


def sellers(seed, text_across):
    """Groups that span two sellers; text finds the other seller's variants less often, pictures do not care."""
    groups = catalogue(seed, groups=200, sizes=(2, 4, 6))
    random = np.random.default_rng(seed)
    scopes = random.integers(0, 2, len(groups))
    image = drawn_lists(groups, seed + 1, np.full(len(groups), 0.7))
    text = [
        [
            row
            for row in one
            if groups[row] != groups[query] or scopes[row] == scopes[query] or random.random() < text_across
        ]
        for query, one in enumerate(drawn_lists(groups, seed + 2, np.full(len(groups), 0.6)))
    ]
    known = [2 * group + int(scope) for group, scope in zip(groups, scopes, strict=True)]
    return groups, scopes.tolist(), known, text, image


def missed_by_image(groups, scopes, image):
    every = range(len(groups))
    return sum(
        groups[query] == groups[other] and scopes[query] != scopes[other] and other not in image[query]
        for query in every
        for other in every
    )


@pytest.mark.parametrize("text_across", [0.0, 0.5, 1.0])
def test_the_range_across_sellers_holds_the_truth_however_little_text_finds_there(text_across):
    groups, scopes, known, text, image = sellers(80, text_across)
    result = estimated(known, text, image, scopes=scopes)
    truth = sum(
        groups[query] == groups[other] and scopes[query] != scopes[other] and other not in {*text[query], *image[query]}
        for query in range(len(groups))
        for other in range(len(groups))
    )
    assert result.within is None
    assert result.across.low <= truth <= result.across.high
    assert result.across.high < 1.6 * missed_by_image(groups, scopes, image)
    assert result.across.missed is None


def test_one_seller_has_no_one_across():
    groups, text, image = made(90)
    assert estimated(groups, text, image).across is None


def test_groups_that_are_all_known_leave_nothing_to_estimate():
    groups, text, image = made(91)
    assert estimated(groups, text, image).within is None


@pytest.mark.parametrize("groups", [[], [-1], [-1] * 6, [0] * 6, [0, 0, 1, 1, -1]])
@pytest.mark.parametrize("filled", [False, True])
def test_too_few_known_groups_give_no_estimate(groups, filled):
    every = range(len(groups))
    lists = [[other for other in every if other != query] if filled else [] for query in every]
    result = estimated(groups, lists, lists)
    assert result.within is None
    assert result.across is None
    assert result.known_missed == (0 if filled else result.known)


def test_empty_lists_hold_nothing_and_promise_nothing():
    groups = catalogue(92)
    nothing = [[] for _ in groups]
    result = estimated(half_hidden(groups, 6), nothing, nothing, trials=10)
    assert result.within.found == 0
    assert result.known_missed == result.known > 0
    assert np.isfinite([result.within.low, result.within.high]).all()


def test_the_result_can_be_written_as_json():
    groups, text, image = made(93)
    result = estimated(half_hidden(groups, 7), text, image, trials=10)
    assert json.loads(json.dumps(asdict(result)))["within"]["missed"] == result.within.missed


def test_lists_of_other_products_are_refused():
    groups, text, image = made(94)
    qrels, fewer = qrels_of(groups), qrels_of(groups[:-1])
    runs = [run_of(qrels, range(len(groups)), lists) for lists in (text, image)]
    with pytest.raises(AxisMismatch):
        estimate_missed(*runs, fewer)
    with pytest.raises(AxisMismatch):
        estimate_missed(*runs, qrels, runs[0].take(np.arange(3)))
