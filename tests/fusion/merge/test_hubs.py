"""Hub correction against the formula written out over all pairs, and what lists of finite depth lose."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from candidates.axis import Axis
from candidates.errors import AxisMismatch
from candidates.provenance import CandidatePart, Candidates
from candidates.run import Part, Run
from fusion.merge.hubs import correct_hubs, depth_for, nearness


def axis(n, prefix="p"):
    return Axis.of([f"{prefix}{i}" for i in range(n)])


def ranked(scores, depth, own=True):
    """The best `depth` of each row of a score matrix, ties by row; −∞ stands for no entry."""
    scores = scores.copy()
    if own:
        np.fill_diagonal(scores, -np.inf)
    items = axis(scores.shape[1])
    rows = np.argsort(-scores, axis=1, kind="stable")[:, :depth]
    best = np.take_along_axis(scores, rows, 1)
    queries = items if own else axis(len(scores), "q")
    return Run.from_matrix("r", queries, items, np.where(np.isfinite(best), rows, -1), best)


def cosines(n, d, seed, crowd=0.0):
    """Cosines of random vectors, some of them close to the middle of all: these are hubs."""
    rng = np.random.default_rng(seed)
    values = rng.standard_normal((n, d)) + crowd * (rng.random((n, 1)) < 0.2)
    values /= np.linalg.norm(values, axis=1, keepdims=True)
    return (values @ values.T).astype(np.float32)


def plain(scores, best=10, weight=0.5):
    """Corrected scores of all pairs, one loop at a time; −∞ on the diagonal."""
    n = len(scores)
    near = [float(np.mean(sorted((scores[c, o] for o in range(n) if o != c), reverse=True)[:best])) for c in range(n)]
    return np.array([[scores[q, c] - weight * near[c] if q != c else -np.inf for c in range(n)] for q in range(n)])


def test_three_products_on_paper():
    items = axis(3)
    lists = [([1, 2], [0.8, 0.6]), ([0, 2], [0.8, 0.2]), ([0, 1], [0.6, 0.2])]
    rows, scores = (np.array([one[i] for one in lists]) for i in range(2))
    run = Run.from_matrix("r", items, items, rows, scores)
    near = nearness(run)
    np.testing.assert_allclose(near, [(0.8 + 0.6) / 2, (0.8 + 0.2) / 2, (0.6 + 0.2) / 2], rtol=1e-6)
    corrected = correct_hubs(run, near)
    assert corrected.ranked(0)[0].tolist() == [1, 2]
    np.testing.assert_allclose(corrected.ranked(0)[1], [0.8 - 0.25, 0.6 - 0.2], rtol=1e-6)
    np.testing.assert_allclose(corrected.ranked(2)[1], [0.6 - 0.35, 0.2 - 0.25], rtol=1e-5)


@settings(max_examples=25, deadline=None, derandomize=True)
@given(
    seed=st.integers(0, 2**32), n=st.integers(2, 30), best=st.integers(1, 12), weight=st.sampled_from([0, 0.5, 1, 3])
)
def test_equals_the_formula_over_all_pairs(seed, n, best, weight):
    scores = cosines(n, 4, seed, crowd=1)
    run = ranked(scores, n)
    corrected = correct_hubs(run, nearness(run, best), 7, weight=weight)
    truth = plain(scores, best, weight)
    for query in range(n):
        rows, values = corrected.ranked(query)
        assert len(rows) == min(7, n - 1)
        np.testing.assert_allclose(values, np.sort(truth[query])[::-1][: len(rows)], atol=1e-5)
        np.testing.assert_allclose(values, truth[query, rows], atol=1e-5)


def test_hubs_stand_in_fewer_lists():
    scores = cosines(400, 12, 1, crowd=1.5)
    run = ranked(scores, 200)
    before, after = run.top(10), correct_hubs(run, nearness(run), 10)
    longest = [int(np.bincount(one.whole().rows).max()) for one in (before, after)]
    assert longest[1] < 0.8 * longest[0]


def test_an_item_in_its_own_list_does_not_count():
    scores = cosines(30, 5, 2)
    with_itself = ranked(scores, 30, own=False)
    with_itself = Run("r", with_itself.items, with_itself.items, with_itself.parts)
    np.testing.assert_allclose(nearness(with_itself), nearness(ranked(scores, 30)))


def test_short_and_empty_lists_have_a_nearness():
    items = axis(3)
    run = Run.from_matrix(
        "r", items, items, np.array([[1, 2], [0, -1], [-1, -1]]), np.array([[0.9, 0.5], [0.4, 0], [0, 0]])
    )
    np.testing.assert_allclose(nearness(run), [0.7, 0.4, 0.55], rtol=1e-6)
    assert nearness(Run.from_matrix("r", items, items, np.full((3, 0), -1), np.zeros((3, 0)))).tolist() == [0, 0, 0]


def test_weight_zero_and_equal_nearness_change_nothing():
    run = ranked(cosines(20, 4, 3), 19)
    for near, weight in ((nearness(run), 0.0), (np.full(20, 0.3), 0.5)):
        assert np.array_equal(correct_hubs(run, near, weight=weight).whole().rows, run.whole().rows)


def test_ties_stay_as_they_stood():
    items = axis(5)
    run = Run.from_matrix("r", items, items, np.tile([4, 1, 3], (5, 1)), np.full((5, 3), 0.5))
    assert correct_hubs(run, np.full(5, 0.2), 2).ranked(0)[0].tolist() == [4, 1]


def test_queries_that_are_no_items_and_runs_of_several_parts():
    scores = cosines(40, 5, 4)
    near = nearness(ranked(scores, 39))
    asked = ranked(scores[:6], 40, own=False)
    whole = asked.whole()
    parts = tuple(
        Part(
            start,
            whole.offsets[start : start + 4] - whole.offsets[start],
            *(getattr(whole, name)[whole.offsets[start] : whole.offsets[start + 3]] for name in whole.columns()),
        )
        for start in (0, 3)
    )
    one, two = correct_hubs(asked, near, 5), correct_hubs(asked.replace_parts(parts), near, 5)
    assert np.array_equal(one.matrix(5)[0], two.matrix(5)[0])
    with pytest.raises(AxisMismatch, match="lists of every item"):
        nearness(asked)


def test_provenance_moves_with_its_candidate():
    items = axis(3)
    columns = {
        "rows": np.array([1, 2], np.int32), "scores": np.array([0.9, 0.8], np.float32),
        "text_rank": np.array([1, 2], np.int32), "text_score": np.array([0.9, 0.8], np.float32),
        "image_rank": np.array([0, 3], np.int32), "image_score": np.array([np.nan, 0.5], np.float32),
        "via": np.array([-1, 0], np.int32),
    }  # fmt: skip
    run = Candidates("c", items, items, (CandidatePart(0, np.array([0, 2, 2, 2]), **columns),))
    part = correct_hubs(run, np.array([0.0, 1.0, 0.0]), 1).whole()
    assert isinstance(part, CandidatePart)
    assert (part.rows.tolist(), part.text_rank.tolist(), part.image_rank.tolist()) == ([2], [2], [3])


@pytest.mark.parametrize("k", [5, 30])
def test_lists_of_the_stated_depth_lose_little_and_shallow_ones_much(k):
    scores = cosines(1500, 16, 5, crowd=1)
    deep = ranked(scores, 1499)
    near = nearness(deep)
    truth = correct_hubs(deep, near, k).matrix(k)[0]

    def held(depth):
        found = correct_hubs(deep.top(depth), near, k).matrix(k)[0]
        return np.mean([len(np.intersect1d(*pair)) / k for pair in zip(found, truth, strict=True)])

    assert depth_for(k) >= 4 * k
    assert held(depth_for(k)) >= 0.98
    assert held(k) < held(depth_for(k)) - 0.05


def test_lists_of_the_stated_depth_measure_the_same_nearness():
    run = ranked(cosines(200, 8, 6), 199)
    assert np.array_equal(nearness(run), nearness(run.top(depth_for(1))))
