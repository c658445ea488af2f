import numpy as np
import pytest

from eval.capture import caught_by_neither, chao_lower_bound, odds_ratio


def simulated(seed, size, chances_of_first, chances_of_second):
    """Both, first alone, second alone and neither, of captures that are independent thing by thing."""
    random = np.random.default_rng(seed)
    one, two = random.random(size) < chances_of_first, random.random(size) < chances_of_second
    return [int(np.sum(mask)) for mask in (one & two, one & ~two, ~one & two, ~one & ~two)]


@pytest.mark.parametrize("chances", [(0.5, 0.5), (0.8, 0.3), (0.2, 0.9)])
def test_independent_captures_tell_how_many_were_caught_by_neither(chances):
    estimates, truths = [], []
    for seed in range(1500):
        *caught, neither = simulated(seed, 400, *chances)
        estimates.append(caught_by_neither(*caught))
        truths.append(neither)
    assert np.mean(estimates) == pytest.approx(np.mean(truths), rel=0.04)


def test_the_form_is_chapmans():
    both, first, second = 12, 30, 7
    total = (both + first + 1) * (both + second + 1) / (both + 1) - 1
    assert caught_by_neither(both, first, second) == pytest.approx(total - both - first - second)


def uneven(seed, size=5000):
    """Captures of things of which half are hard for both lists."""
    hard = np.arange(size) % 2 == 0
    return simulated(seed, size, np.where(hard, 0.1, 0.8), np.where(hard, 0.1, 0.8))


def test_uneven_ease_makes_independence_promise_too_much_and_the_odds_ratio_mends_it():
    *caught, neither = uneven(1)
    assert caught_by_neither(*caught) < 0.5 * neither
    known = odds_ratio(*uneven(2))
    assert known > 2
    assert caught_by_neither(*caught, known) == pytest.approx(neither, rel=0.1)


def test_the_odds_ratio_of_independent_captures_is_near_one():
    assert odds_ratio(*simulated(3, 50_000, 0.4, 0.6)) == pytest.approx(1, abs=0.05)


def test_chaos_bound_stays_below_the_truth_where_captures_are_alike_but_things_uneven():
    for seed in range(20):
        *caught, neither = uneven(seed)
        assert caught_by_neither(*caught) <= chao_lower_bound(*caught) < neither


def test_two_lists_of_unequal_strength_push_chaos_bound_above_the_truth():
    *caught, neither = simulated(4, 20_000, 0.95, 0.3)
    assert chao_lower_bound(*caught) > 2 * neither


@pytest.mark.parametrize("estimate", [caught_by_neither, chao_lower_bound])
def test_nothing_caught_twice_is_finite_and_nothing_caught_is_nothing(estimate):
    assert np.isfinite(estimate(0, 5, 7))
    assert estimate(0, 0, 0) == 0


def test_an_odds_ratio_is_finite_when_cells_are_empty():
    assert odds_ratio(0, 0, 0, 0) == 1
    assert np.isfinite(odds_ratio(3, 0, 0, 9))


def test_arrays_give_what_their_numbers_give():
    random = np.random.default_rng(5)
    both, first, second, neither = random.integers(0, 20, (4, 3, 2))
    for place in np.ndindex(both.shape):
        caught = both[place], first[place], second[place]
        assert caught_by_neither(both, first, second, 1.5)[place] == pytest.approx(caught_by_neither(*caught, 1.5))
        assert chao_lower_bound(both, first, second)[place] == pytest.approx(chao_lower_bound(*caught))
        assert odds_ratio(both, first, second, neither)[place] == pytest.approx(odds_ratio(*caught, neither[place]))
