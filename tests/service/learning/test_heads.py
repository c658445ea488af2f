import json
import tracemalloc
from itertools import pairwise

import numpy as np
import pytest
import scipy.linalg
from hypothesis import given, settings
from hypothesis import strategies as st

from candidates.errors import AxisMismatch, VariantsError
from service.learning import heads
from service.learning.heads import learn_head, split_groups, with_guesses

FEW = 8  # dimensions of a head in these tests


def made_up(groups=60, members=4, width=30, seed=0, noise=3.0):
    """Groups whose members agree in the second half of the dimensions and vary widely in the first, turned."""
    draw = np.random.default_rng(seed)
    turn = np.linalg.qr(np.random.default_rng(99).standard_normal((width, width)))[0]
    loud = np.where(np.arange(width) < width // 2, noise, 0.3)
    kinds = np.repeat(draw.standard_normal((groups, width)), members, axis=0)
    values = (kinds + draw.standard_normal(kinds.shape) * loud) @ turn + 1.0
    return values.astype(np.float32), np.repeat(np.arange(groups), members)


def head(values, groups, **options):
    return learn_head(values, np.asarray(groups), **({"made_for": "v", "dimensions": FEW} | options))


def mapped(learned, values):
    return learned.projection.map_block(values)


def recall(learned, values, groups, k=10, asked=None):
    rows = mapped(learned, values)
    scores = rows @ rows.T
    np.fill_diagonal(scores, -np.inf)
    found = []
    for query in np.flatnonzero(groups >= 0 if asked is None else asked):
        variants = np.setdiff1d(np.flatnonzero(groups == groups[query]), [query])
        found.append(np.isin(variants, np.argsort(-scores[query])[:k]).mean())
    return float(np.mean(found))


def plain_covariances(values, groups, principal):
    """All data at once, in double precision: mean, leading directions, total and within-group covariance there."""
    present = values.any(axis=1)
    rows = values[present].astype(float)
    mean = rows.mean(axis=0)
    variances, directions = np.linalg.eigh(np.cov(rows.T, bias=True))
    kept = np.flatnonzero(variances > 1e-7 * variances[-1])[::-1][:principal]
    directions = directions[:, kept]
    scatter, degrees = np.zeros((len(kept), len(kept))), 0.0
    for group in np.unique(groups[present & (groups >= 0)]):
        members = np.unique(values[present & (groups == group)].astype(float), axis=0) @ directions
        weight = min(1.0, 10.0 / max(len(members) - 1, 1))
        scatter += weight * len(members) * np.cov(members.T, bias=True).reshape(scatter.shape)
        degrees += weight * (len(members) - 1)
    return mean, directions, np.diag(variances[kept]), scatter, degrees


def plain_similarities(values, groups, shrinkage, dimensions, principal=640):
    """Cosines after the whole recipe, written down as the formulas have it."""
    mean, directions, total, scatter, degrees = plain_covariances(values, groups, principal)
    p = len(total)
    total = total / (np.trace(total) / p)
    within = total
    if np.trace(scatter) > 0:
        evidence = degrees / (degrees + 100)
        within = evidence * scatter / (np.trace(scatter) / p) + (1 - evidence) * total
    within = (1 - shrinkage) * within + shrinkage * np.eye(p)
    whiten = scipy.linalg.inv(scipy.linalg.sqrtm(within)).real
    turn = np.linalg.eigh(whiten @ total @ whiten)[1]
    rows = (values.astype(float) - mean) @ directions @ whiten @ turn[:, ::-1][:, :dimensions]
    rows[~values.any(axis=1)] = 0
    rows /= np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-12)
    return rows @ rows.T


@settings(deadline=None, derandomize=True, max_examples=30)
@given(
    seed=st.integers(0, 10**6),
    width=st.integers(2, 12),
    n=st.integers(12, 60),
    half=st.booleans(),
    block=st.integers(1, 40),
)
def test_blocks_and_folds_make_what_the_formulas_make_on_all_data_at_once(seed, width, n, half, block):
    draw = np.random.default_rng(seed)
    values = (draw.standard_normal((n, width)) * 0.7 ** np.arange(width) + 0.5).astype(np.float16 if half else "f4")
    values[draw.random(n) < 0.15] = 0
    values[draw.random(n) < 0.3] = values[draw.integers(n)]
    groups = np.sort(draw.integers(-2, n // 3, n)).clip(-1)[draw.permutation(n)]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(heads, "_BLOCK", block * width)
        learned = head(values, groups, dimensions=width)
    rows = mapped(learned, values)
    expected = plain_similarities(values, groups, learned.learned.shrinkage, width)
    np.testing.assert_allclose(rows @ rows.T, expected, atol=2e-3)


@pytest.mark.parametrize("dimensions", [1, 3, FEW])
def test_the_leading_directions_are_kept(dimensions):
    values, groups = made_up(20)
    learned = head(values, groups, dimensions=dimensions)
    rows = mapped(learned, values)
    expected = plain_similarities(values, groups, learned.learned.shrinkage, dimensions)
    np.testing.assert_allclose(rows @ rows.T, expected, atol=2e-3)


def test_what_it_was_learned_from_is_told():
    values, groups = made_up(20, 4)
    groups = np.where(groups >= 15, -1, groups)
    groups[groups == 14] = [14, 100, 101, 102]
    values[0] = 0
    values[4] = values[5]
    learned = head(values, groups).learned
    assert (learned.vectors, learned.groups, learned.products) == (79, 14, 3 + 3 + 12 * 4)
    assert (learned.pairs, learned.degrees) == (3 + 3 + 12 * 6, 2 + 2 + 12 * 3)
    assert learned.evidence == pytest.approx(40 / 140)
    assert (learned.principal, learned.shrinkage, learned.recalls) == (30, heads.SHRINKAGES[0], {})
    assert json.loads(json.dumps(learned.as_json()))["groups"] == 14


def test_groups_teach_what_varies_within_them():
    values, groups = made_up(120)
    known = np.where(groups < 60, groups, -1)
    unseen = groups >= 60
    raw = recall(head(values, known * 0 - 1, dimensions=30), values, groups, asked=unseen)
    assert recall(head(values, known), values, groups, asked=unseen) > raw + 0.3


def test_wide_vectors_keep_the_leading_directions(monkeypatch):
    values, _ = made_up(width=80)
    values = values * (0.9 ** np.arange(80, dtype=np.float32))
    whole = heads.frame_of(values, 20, 7)
    monkeypatch.setattr(heads, "_WHOLE", 40)
    monkeypatch.setattr(heads, "_BLOCK", 80 * 33)
    wide = heads.frame_of(values, 20, 7)
    assert wide.variances.sum() > 0.995 * whole.variances.sum()
    np.testing.assert_allclose(wide.directions.T @ wide.directions, np.eye(20), atol=1e-4)
    monkeypatch.setattr(heads, "_SAMPLE", 100)
    assert heads.frame_of(values, 20, 7).variances.sum() > 0.97 * whole.variances.sum()
    assert head(*made_up(width=80)).learned.principal == 80


def test_the_same_seed_learns_the_same():
    values, groups = made_up()
    assert head(values, groups).projection.version == head(values, groups).projection.version
    assert head(values, groups).projection.made_for == "v"


# Shrinkage, chosen on groups held out.


def test_the_shrinkage_that_finds_most_on_groups_held_out_is_taken():
    values, groups = made_up(80, width=60)
    learned = head(values, groups).learned
    assert set(learned.recalls) == set(heads.SHRINKAGES)
    assert learned.recalls[learned.shrinkage] == max(learned.recalls.values())
    assert len(set(learned.recalls.values())) > 1


def test_with_few_groups_the_first_shrinkage_is_taken():
    values, groups = made_up(80)
    few = np.where(groups < heads._FEWEST - 1, groups, -1)
    assert (head(values, few).learned.shrinkage, head(values, few).learned.recalls) == (heads.SHRINKAGES[0], {})
    assert head(values, np.where(groups < heads._FEWEST, groups, -1)).learned.recalls


def test_recall_is_that_of_a_plain_loop(monkeypatch):
    monkeypatch.setattr(heads, "_TILE", 7)
    monkeypatch.setattr(heads, "_DEPTHS", (3, 10, 500))
    draw = np.random.default_rng(3)
    rows = draw.standard_normal((50, 6)).astype(np.float32)
    groups = draw.integers(0, 12, 50)
    groups[:20] = np.repeat(np.arange(100, 110), 2)
    scores = rows @ rows.T
    found = []
    for query in range(20):
        order = [row for row in np.argsort(-scores[query]).tolist() if row != query]
        variants = [row for row in range(50) if row != query and groups[row] == groups[query]]
        found += [sum(row in order[:depth] for row in variants) / len(variants) for depth in (3, 10, 500)]
    assert heads._recall(rows, groups, 20) == pytest.approx(np.mean(found))


@pytest.mark.parametrize("queries", [1, 7, 40, 1000])
def test_an_exam_asks_whole_groups_and_has_other_products_beside(monkeypatch, queries):
    monkeypatch.setattr(heads, "_QUERIES", queries)
    monkeypatch.setattr(heads, "_POOL", 15)
    groups = np.array([0] * 3 + [1] * 4 + [2] + [-1] * 20 + [3] * 5 + [4] * 2)
    asked = np.isin(groups, [0, 1, 2, 3])
    count, pool = heads._queries_and_pool(groups, asked, 0)
    sizes = dict(zip(*np.unique(groups[pool[:count]], return_counts=True), strict=True))
    assert sizes
    assert all(sizes[group] == (groups == group).sum() for group in sizes)
    assert set(sizes) <= {0, 1, 3}
    assert count <= max(queries, 5)
    assert len(np.unique(pool)) == len(pool) == count + 15


# Few groups: no step down.


def test_from_none_to_many_groups_there_is_no_step_down():
    draws = range(4)
    found = {}
    for many in (0, 1, 5, 30, 100):
        scores = []
        for seed in draws:
            values, groups = made_up(200, 3, seed=seed, noise=1.2)
            scores.append(
                recall(head(values, np.where(groups < many, groups, -1)), values, groups, asked=groups >= 100)
            )
        found[many] = np.mean(scores)
    steps = list(found.values())
    assert all(later > earlier - 0.01 for earlier, later in pairwise(steps)), found
    assert found[100] > found[0] + 0.05, found


# Leakage.


def test_shuffled_groups_teach_nothing_on_the_groups_that_are_true():
    differences = []
    for seed in range(4):
        values, groups = made_up(100, seed=seed, noise=1.2)
        shuffled = np.random.default_rng(seed).permutation(groups)
        # All directions are kept: which few of nearly equal ones are would be luck.
        free, learned = (head(values, known, dimensions=30) for known in (groups * 0 - 1, shuffled))
        differences.append(recall(learned, values, groups) - recall(free, values, groups))
    assert np.mean(differences) < 0.02


def test_shuffled_groups_are_found_by_chance_where_they_were_held_out(monkeypatch):
    monkeypatch.setattr(heads, "_DEPTHS", (10,))
    values, groups = made_up(60, 3, width=120)
    shuffled = np.random.default_rng(1).permutation(groups)
    learned = head(values, shuffled, dimensions=60)
    chance = 10 / (len(groups) - 1)
    # Groups that were learned from are found: measured on them, even chance looks like knowledge.
    assert recall(learned, values, shuffled) > 4 * chance
    assert max(learned.learned.recalls.values()) < 2.5 * chance


def share_of_parted_groups(groups, folds):
    """Share of groups whose members are in several folds."""
    known = np.unique(groups[groups >= 0])
    return np.mean([len(np.unique(folds[groups == group])) > 1 for group in known])


def test_a_split_by_group_parts_no_group_and_one_by_product_does():
    groups = np.random.default_rng(0).integers(-1, 50, 400)
    assert share_of_parted_groups(groups, split_groups(groups, 4, 7)) == 0
    by_product = np.random.default_rng(7).integers(0, 4, 400)
    assert share_of_parted_groups(groups, by_product) > 0.9


@settings(deadline=None, derandomize=True, max_examples=50)
@given(st.lists(st.integers(-1, 12), max_size=60), st.integers(1, 6), st.integers(0, 5))
def test_groups_are_dealt_out_whole_and_evenly(listed, folds, seed):
    groups = np.array(listed, np.int64)
    dealt = split_groups(groups, folds, seed)
    np.testing.assert_array_equal(dealt < 0, groups < 0)
    per_group = {group: set(dealt[groups == group].tolist()) for group in np.unique(groups[groups >= 0])}
    assert all(len(places) == 1 for places in per_group.values())
    counts = np.bincount([places.copy().pop() for places in per_group.values()] or [0], minlength=folds)
    assert len(counts) == folds
    assert counts.max() - counts.min() <= 1
    np.testing.assert_array_equal(dealt, split_groups(groups, folds, seed))


def test_another_seed_deals_otherwise():
    groups = np.repeat(np.arange(40), 2)
    assert (split_groups(groups, 4, 1) != split_groups(groups, 4, 2)).any()


# What counts as evidence.


def test_sizes_that_share_a_photo_are_no_evidence():
    values, groups = made_up(40, 3)
    copies = np.concatenate([values, values[groups < 20]])
    again = np.concatenate([groups, groups[groups < 20]])
    with_copies, without = head(copies, again).learned, head(values, groups).learned
    assert (with_copies.degrees, with_copies.pairs, with_copies.products) == (80, 120, 120)
    assert (with_copies.degrees, with_copies.pairs) == (without.degrees, without.pairs)


def test_groups_that_show_no_difference_are_the_same_as_no_groups():
    values, groups = made_up(40, 1)
    doubled, pairs = np.repeat(values, 3, axis=0), np.repeat(groups, 3)
    learned = head(doubled, pairs)
    assert (learned.learned.groups, learned.learned.degrees, learned.learned.evidence) == (0, 0, 0)
    assert learned.projection.version == head(doubled, pairs * 0 - 1).projection.version


def test_a_huge_group_does_not_decide_for_all_others():
    values, groups = made_up(300, 4)
    kept = np.where(groups < 100, groups, 100)  # 800 products of 200 groups under one name
    learned = head(values, kept).learned
    assert learned.degrees == 100 * 3 + 10
    assert learned.products == 400 + heads._MOST_MEMBERS
    unseen, others = made_up(100, 4, seed=5)
    assert recall(head(values, kept), unseen, others) > recall(head(values, groups % 100 * 0 + 100), unseen, others)


def test_products_without_a_group_count_as_no_difference():
    values, groups = made_up(30)
    known = np.where(groups < 10, groups, -1)
    alone = np.where(groups < 10, groups, 1000 + np.arange(len(groups)))
    one, other = (mapped(head(values, groups), values) for groups in (known, alone))
    np.testing.assert_allclose(one @ one.T, other @ other.T, atol=1e-4)


# Groups joined by guesses.


def as_sets(groups):
    return {frozenset(np.flatnonzero(groups == group).tolist()) for group in np.unique(groups[groups >= 0])}


def test_a_guessed_pair_joins_two_groups():
    groups = np.array([4, 4, 9, 9, -1, -1, -1, 2])
    joined = with_guesses(groups, np.array([1, 4]), np.array([2, 5]))
    assert as_sets(joined) == {frozenset({0, 1, 2, 3}), frozenset({4, 5}), frozenset({7})}
    assert joined[6] == -1


@settings(deadline=None, derandomize=True, max_examples=50)
@given(
    st.lists(st.integers(-1, 6), min_size=1, max_size=25),
    st.lists(st.tuples(st.integers(0, 24), st.integers(0, 24)), max_size=12),
)
def test_guesses_join_what_a_plain_walk_joins(listed, pairs):
    n = len(listed)
    pairs = [(left % n, right % n) for left, right in pairs]
    sets = [{row for row in range(n) if listed[row] == group} for group in set(listed) - {-1}] + [set(p) for p in pairs]
    merged: list[set[int]] = []
    for one in sets:
        touching = [other for other in merged if other & one]
        merged = [other for other in merged if not other & one] + [one.union(*touching)]
    left, right = (np.array([pair[side] for pair in pairs], np.int64) for side in (0, 1))
    assert as_sets(with_guesses(np.array(listed), left, right)) == {frozenset(one) for one in merged}


def test_a_head_remembers_what_was_guessed_about_a_product():
    """The trap: measured on the products that were guessed about, chance looks like knowledge."""
    values, _ = made_up(60, 3, width=120)
    left, right = np.random.default_rng(0).permutation(180).reshape(2, 90)
    nothing = np.full(180, -1)
    guesses = with_guesses(nothing, left, right)
    seen, unseen = guesses < np.median(guesses), guesses >= np.median(guesses)
    learned = head(values, np.where(seen, guesses, -1), dimensions=60)
    assert recall(learned, values, guesses, asked=seen) > 3 * recall(learned, values, guesses, asked=unseen)


# Nasty input.


def test_one_group_and_groups_of_one():
    values, groups = made_up(30)
    for known in (np.where(groups == 3, 3, -1), np.arange(len(groups)), np.zeros(len(groups), int)):
        learned = head(values, known)
        assert np.isfinite(mapped(learned, values)).all()
        assert learned.learned.recalls == {}


def test_constant_dimensions_carry_nothing():
    values, groups = made_up(40)
    values = np.hstack([values, np.full((len(values), 3), 7, np.float32)])
    learned = head(values, groups)
    assert learned.learned.principal == 30
    np.testing.assert_allclose(learned.projection.matrix[30:], 0, atol=1e-3)


@pytest.mark.parametrize("dtype", [np.float16, np.float32])
def test_fewer_vectors_than_dimensions(dtype):
    values, groups = made_up(4, 3, width=100)
    learned = head(values.astype(dtype), groups)
    assert learned.learned.principal == 11
    assert learned.projection.dimensions == FEW
    assert np.isfinite(mapped(learned, values)).all()
    assert head(values.astype(dtype), groups, dimensions=128).projection.dimensions == 11


def test_fewer_dimensions_than_wanted():
    values, groups = made_up(width=5)
    assert head(values, groups, dimensions=128).projection.matrix.shape == (5, 5)
    assert head(values[:, :1], groups).projection.matrix.shape == (1, 1)


def test_two_vectors_are_enough_and_fewer_than_that_are_refused():
    values, groups = made_up(1, 2)
    assert np.isfinite(mapped(head(values, groups), values)).all()
    for few in (values[:1], np.repeat(values[:1], 9, axis=0), values[:1].astype(np.float16).repeat(5, axis=0)):
        with pytest.raises(VariantsError, match="the same"):
            head(few, np.zeros(len(few), int))


@pytest.mark.parametrize("n", [0, 3])
def test_nothing_but_zeros_is_refused(n):
    with pytest.raises(VariantsError, match="not zero"):
        head(np.zeros((n, 4), np.float32), np.zeros(n, int))


def test_products_without_a_picture_are_passed_over():
    values, groups = made_up(40)
    more = np.concatenate([values, np.zeros((30, 30), np.float32)])
    learned = head(more, np.concatenate([groups, np.arange(30)]))
    rows, expected = mapped(learned, values), mapped(head(values, groups), values)
    np.testing.assert_allclose(rows @ rows.T, expected @ expected.T, atol=1e-3)
    assert not mapped(learned, more)[len(values) :].any()


@pytest.mark.parametrize("broken", [np.nan, np.inf])
def test_a_number_that_is_not_finite_is_refused_by_row(monkeypatch, broken):
    values, groups = made_up()
    values[77, 3] = broken
    monkeypatch.setattr(heads, "_BLOCK", 30 * 10)
    with pytest.raises(VariantsError, match="vector 77 of 240"):
        head(values, groups)


def test_one_group_a_vector_is_asked_for():
    values, groups = made_up()
    with pytest.raises(AxisMismatch, match="239"):
        head(values, groups[:-1])


# A million vectors.


def test_only_blocks_and_sums_are_held(tmp_path, monkeypatch):
    n, width = 20_000, 256
    draw = np.random.default_rng(0)
    stored = np.lib.format.open_memmap(tmp_path / "v.npy", "w+", np.float16, (n, width))
    stored[:] = draw.standard_normal((n, width), np.float32)
    monkeypatch.setattr(heads, "_BLOCK", 2**16)
    monkeypatch.setattr(heads, "_POOL", 400)
    groups = np.where(np.arange(n) < 9_000, draw.permutation(np.arange(n) // 3), -1)
    tracemalloc.start()
    try:
        head(stored, groups)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    # As float32 they would be 20 MB; matrices of 256 × 256 come first here.
    assert peak < 10e6
