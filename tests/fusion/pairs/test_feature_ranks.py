"""Similarities, ranks, gaps and shared neighbours against loops over the definition."""

import numpy as np
import pytest

from candidates.catalogue import Catalogue
from candidates.collapse import Owners
from candidates.product import Product
from candidates.run import Run
from fusion.pairs.feature import Block
from fusion.pairs.feature_context import LISTS, SPACES, PairContext, Space
from fusion.pairs.table import FEATURES, features_of
from tests.fusion.pairs.feature_worlds import all_pairs, plain_cosine, plain_lists, plain_near, world

WORLDS = [world(30, 1), world(18, 2, depth=7, threads=1), world(40, 3, hub_weight=0.0), world(1, 4), world(2, 5)]


def column(made_of, name):
    return features_of(made_of.context, *all_pairs(made_of.n), [name])[:, 0]


def pairs_of(made_of):
    return list(zip(*(side.tolist() for side in all_pairs(made_of.n)), strict=True))


@pytest.mark.parametrize("made_of", WORLDS)
@pytest.mark.parametrize("space", SPACES)
def test_similarity_and_hub_correction(made_of, space):
    near, weight = plain_near(made_of, space), made_of.hub_weight
    raw, best, worst, both = [], [], [], []
    for a, b in pairs_of(made_of):
        cosine = plain_cosine(made_of, space, a, b)
        sides = (cosine - weight * near[b], cosine - weight * near[a])
        raw.append(cosine)
        best.append(max(sides) if cosine == cosine else np.nan)
        worst.append(min(sides) if cosine == cosine else np.nan)
        both.append(sum(sides))
    for name, expected in {
        "similarity": raw,
        "corrected_best": best,
        "corrected_worst": worst,
        "corrected_sum": both,
    }.items():
        np.testing.assert_allclose(
            column(made_of, f"{space}_{name}"), np.array(expected, float), atol=2e-6, err_msg=name
        )


@pytest.mark.parametrize("made_of", WORLDS)
@pytest.mark.parametrize("name", LISTS)
def test_ranks(made_of, name):
    lists = plain_lists(made_of, name)
    best, worst, log = [], [], []
    for a, b in pairs_of(made_of):
        forward, backward = (lists[x][0].index(y) + 1 if y in lists[x][0] else 101 for x, y in ((a, b), (b, a)))
        known = name == "fused" or plain_cosine(made_of, name, a, b) == plain_cosine(made_of, name, a, b)
        best.append(min(forward, backward) if known else np.nan)
        worst.append(max(forward, backward) if known else np.nan)
        log.append((np.log(forward) + np.log(backward)) / 2 if known else np.nan)
    np.testing.assert_array_equal(column(made_of, f"{name}_rank_best"), np.array(best, np.float32))
    np.testing.assert_array_equal(column(made_of, f"{name}_rank_worst"), np.array(worst, np.float32))
    np.testing.assert_allclose(column(made_of, f"{name}_rank_log"), np.array(log, float), rtol=1e-6)


def scores_of(made_of, name, lists, near, a, b):
    """The score of b in a's list: what it would have, listed or not; in the fused list 0 where it is not listed."""
    if name == "fused":
        rows, scores = lists[a]
        return scores[rows.index(b)] if b in rows else 0.0
    return plain_cosine(made_of, name, a, b) - made_of.hub_weight * near[b]


@pytest.mark.parametrize("made_of", WORLDS)
@pytest.mark.parametrize("name", LISTS)
def test_gaps(made_of, name):
    lists, near = plain_lists(made_of, name), None if name == "fused" else plain_near(made_of, name)
    expected = {"best": [], "worst": [], "sum": []}
    for a, b in pairs_of(made_of):
        gaps = []
        for x, y in ((a, b), (b, a)):
            own = lists[x][1]
            mark = own[min(9, len(own) - 1)] if own else np.nan
            gaps.append(scores_of(made_of, name, lists, near, x, y) - mark)
        there = [gap for gap in gaps if gap == gap]
        expected["best"].append(max(there, default=np.nan))
        expected["worst"].append(min(there, default=np.nan))
        expected["sum"].append(sum(gaps))
    for across, values in expected.items():
        found = column(made_of, f"{name}_above_tenth_{across}")
        np.testing.assert_allclose(found, np.array(values, float), atol=3e-6, err_msg=across)


@pytest.mark.parametrize("made_of", WORLDS)
def test_fused_scores(made_of):
    lists = plain_lists(made_of, "fused")
    both = [[scores_of(made_of, "fused", lists, None, *two) for two in ((a, b), (b, a))] for a, b in pairs_of(made_of)]
    for name, reduce in {"best": max, "worst": min, "sum": sum}.items():
        np.testing.assert_allclose(column(made_of, f"fused_score_{name}"), [reduce(two) for two in both], rtol=1e-6)


@pytest.mark.parametrize("made_of", WORLDS)
@pytest.mark.parametrize("name", LISTS)
def test_shared_neighbours(made_of, name):
    lists = plain_lists(made_of, name)
    for depth in (10, 20, 50):
        counts, shares = [], []
        for a, b in pairs_of(made_of):
            one, other = set(lists[a][0][:depth]), set(lists[b][0][:depth])
            known = name == "fused" or plain_cosine(made_of, name, a, b) == plain_cosine(made_of, name, a, b)
            counts.append(len(one & other) if known else np.nan)
            shares.append((len(one & other) / len(one | other) if one | other else 0.0) if known else np.nan)
        for kind, values in {"count": counts, "share": shares}.items():
            found = column(made_of, f"{name}_shared_{depth}_{kind}")
            np.testing.assert_allclose(found, np.array(values, float), rtol=1e-6, err_msg=kind)


def test_lists_are_read_to_a_fixed_depth():
    made_of = world(130, 6, depth=120, spaces=("text",))
    lists = plain_lists(made_of, "fused")
    assert max(len(rows) for rows, _ in lists) == 100
    deep = [(a, b) for a, b in pairs_of(made_of) if b not in lists[a][0] and a not in lists[b][0]]
    found = features_of(made_of.context, *np.array(deep).T, ["fused_rank_best", "fused_score_best"])
    assert (found == [101, 0]).all()


@pytest.mark.parametrize("missing", SPACES)
def test_a_space_that_is_not_there_leaves_its_columns_empty(missing):
    made_of = world(12, 7, spaces=tuple(name for name in SPACES if name != missing))
    names = [name for name in FEATURES if name.startswith(f"{missing}_")]
    assert np.isnan(features_of(made_of.context, *all_pairs(12), names)).all()
    assert len(names) > 8


def test_the_best_pair_of_pictures_counts():
    catalogue = Catalogue.of([Product("a"), Product("b"), Product("c"), Product("d")])
    axis = catalogue.axis
    pictures = np.array([[0, 3], [1, 1], [2, 0], [0, 0], [-1, 0]], np.float32)
    owners = Owners(axis, np.array([0, 1, 0, 2, 3], np.int32))
    nothing = np.zeros(0, np.float32)
    empty = Run.of("empty", axis, axis, np.zeros(5, np.int64), nothing.astype(np.int32), nothing)
    context = PairContext(catalogue, {"image": Space.of(pictures, empty, owners)}, empty)
    found = features_of(context, np.array([0, 0, 0, 1]), np.array([1, 2, 3, 3]), ["image_similarity"])[:, 0]
    np.testing.assert_allclose(found, [np.sqrt(0.5), np.nan, 0, -np.sqrt(0.5)], atol=1e-6)


def test_pairs_that_do_not_ascend_come_out_the_same():
    made_of = WORLDS[0]
    left, right = all_pairs(made_of.n)
    order = np.random.default_rng(0).permutation(len(left))
    straight = features_of(made_of.context, left, right)
    np.testing.assert_array_equal(features_of(made_of.context, left[order], right[order]), straight[order])


def test_working_memory_is_cleared_between_blocks():
    made_of = WORLDS[0]
    block = Block(made_of.context, *all_pairs(made_of.n))
    first = FEATURES["fused_rank_best"].of(block)
    again = FEATURES["fused_rank_best"].of(Block(made_of.context, *all_pairs(made_of.n)))
    np.testing.assert_array_equal(first, again)
