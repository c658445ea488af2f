import math

import numpy as np
import pytest

from eval.bootstrap import Interval, difference, interval, intervals


def grouped(rng, groups, size, spread=0.3):
    """Values of queries that share most of their luck with the others of their group, and their groups."""
    luck = rng.normal(0.5, spread, groups)
    return np.repeat(luck, size) + rng.normal(0, spread / 3, groups * size), np.repeat(np.arange(groups), size)


@pytest.mark.parametrize("seed", range(5))
def test_intervals_against_resampling_one_by_one(seed):
    rng = np.random.default_rng(seed)
    values, groups = rng.random((20, 3)), rng.integers(0, 6, 20).astype(np.int32)
    members = [np.flatnonzero(groups == group) for group in np.unique(groups)]
    draws = np.random.default_rng(seed).multinomial(len(members), [1 / len(members)] * len(members), 30)
    means = []
    for draw in draws:
        drawn = np.concatenate([np.repeat(rows, times) for rows, times in zip(members, draw, strict=True)])
        means.append(values[drawn].mean(axis=0))
    for column, one in enumerate(intervals(values, groups, resamples=30, seed=seed)):
        assert one.mean == pytest.approx(values[:, column].mean())
        assert one.low == pytest.approx(np.percentile([mean[column] for mean in means], 2.5))
        assert one.high == pytest.approx(np.percentile([mean[column] for mean in means], 97.5))


def test_nineteen_of_twenty_intervals_hold_the_true_mean():
    rng = np.random.default_rng(3)
    held = 0
    for number in range(300):
        values, groups = grouped(rng, 40, 5)
        one = interval(values, groups, resamples=400, seed=number)
        held += one.low <= 0.5 <= one.high
    assert 0.90 <= held / 300 <= 0.98


def test_products_of_a_group_are_not_independent_evidence():
    values, groups = grouped(np.random.default_rng(0), 50, 20)
    by_group = interval(values, groups)
    alone = interval(values, np.full(len(values), -1, np.int32))
    assert by_group.mean == pytest.approx(alone.mean)
    assert by_group.high - by_group.low > 2 * (alone.high - alone.low)


def test_the_width_is_that_of_the_normal_approximation_where_that_holds():
    values, groups = grouped(np.random.default_rng(1), 400, 3)
    one = interval(values, groups, resamples=4000)
    error = values.reshape(400, 3).mean(axis=1).std() / math.sqrt(400)
    assert one.high - one.low == pytest.approx(2 * 1.96 * error, rel=0.1)


def test_a_paired_difference_is_surer_than_two_intervals():
    rng = np.random.default_rng(2)
    theirs, groups = grouped(rng, 60, 4)
    ours = theirs + 0.02 + rng.normal(0, 0.01, len(theirs))
    paired = difference(ours, theirs, groups)
    one, two = intervals(np.stack([ours, theirs], axis=1), groups)
    assert paired.mean == pytest.approx(one.mean - two.mean)
    assert paired.high - paired.low < 0.2 * math.hypot(one.high - one.low, two.high - two.low)
    assert paired.low > 0
    assert one.low < two.high


def test_a_group_counts_by_its_queries():
    # A group of three and one of one: the mean is over queries, and a draw of the small group alone gives 0.
    one = interval(np.array([1.0, 1.0, 1.0, 0.0]), np.array([0, 0, 0, 1], np.int32))
    assert one == Interval(0.75, 0.0, 1.0)


def test_one_group_gives_an_interval_of_no_width():
    assert interval(np.array([0.25, 0.75]), np.array([4, 4], np.int32)) == Interval(0.5, 0.5, 0.5)


def test_no_query_gives_no_number():
    for values in (np.zeros(0), np.array([np.nan])):
        one = interval(values, np.zeros(len(values), np.int32))
        assert all(math.isnan(value) for value in (one.mean, one.low, one.high))


def test_queries_without_a_value_are_left_out_of_all_columns():
    values = np.array([[0.5, 1.0], [np.nan, 0.0], [0.25, 0.0]])
    groups = np.array([0, 1, 2], np.int32)
    assert intervals(values, groups) == intervals(values[[0, 2]], groups[[0, 2]])


def test_the_same_seed_gives_the_same_interval():
    values, groups = grouped(np.random.default_rng(5), 12, 3)
    assert interval(values, groups, seed=1) == interval(values, groups, seed=1)
    assert interval(values, groups, seed=1) != interval(values, groups, seed=2)


def test_a_column_alone_has_the_interval_it_has_among_others():
    rng = np.random.default_rng(6)
    values, groups = rng.random((30, 4)), rng.integers(0, 10, 30).astype(np.int32)
    together = intervals(values, groups)
    for column, one in enumerate(together):
        alone = interval(values[:, column], groups)
        assert (alone.mean, alone.low, alone.high) == pytest.approx((one.mean, one.low, one.high))
