"""Maps from log-odds to probabilities, and thresholds by wanted precision."""

from dataclasses import replace

import numpy as np
import pytest
from sklearn.isotonic import IsotonicRegression

from candidates.errors import ModelMissing
from fusion.pairs.calibration import _METHODS, Calibration, Thresholds, calibrate, probability


def told(seed, pairs=4000, slope=1.0, height=0.0, bend=0.0):
    """Log-odds that overstate or understate, the truth about each pair, and folds."""
    random = np.random.default_rng(seed)
    z = random.normal(-2, 2.5, pairs)
    true = slope * z + height + bend * np.maximum(z, 0)
    truth = np.where(random.random(pairs) < 1 / (1 + np.exp(-true)), 1, -1).astype(np.int8)
    return z, truth, random.integers(0, 5, pairs)


def test_a_probability_of_any_log_odds():
    with np.errstate(over="raise", invalid="raise", divide="raise"):
        assert probability(np.array([0.0, 1e4, np.log(3)])).tolist() == pytest.approx([0.5, 1.0, 0.75])
        assert probability(np.array([-700.0]))[0] > 0


@pytest.mark.parametrize("method", list(_METHODS))
def test_each_map_rises_and_finds_the_truth(method):
    z, truth, _ = told(0, pairs=20_000, slope=0.5, height=-1)
    found = _METHODS[method](z, truth == 1)
    grid = np.linspace(-50, 50, 2001)
    assert (np.diff(found.apply(grid)) >= 0).all()
    middle = np.linspace(-6, 3, 50)
    assert np.mean(np.abs(found.apply(middle) - probability(0.5 * middle - 1))) < 0.02


def test_isotonic_lies_near_scikit_learn_s_and_keeps_apart_what_that_ties():
    z, truth, _ = told(1, pairs=5000)
    found = _METHODS["isotonic"](z, truth == 1)
    steps = IsotonicRegression(out_of_bounds="clip").fit(z, truth == 1).predict(z)
    assert np.mean(np.abs(found.apply(z) - steps)) < 0.02
    assert len(np.unique(found.apply(z))) > 10 * len(np.unique(steps))


@pytest.mark.parametrize("method", list(_METHODS))
@pytest.mark.parametrize("right", [True, False])
def test_one_kind_of_pair_gives_a_cautious_constant_or_nearly(method, right):
    found = _METHODS[method](np.linspace(-3, 3, 20), np.full(20, right))
    told = found.apply(np.array([-20.0, 0.0, 20.0]))
    assert ((told > 0.9) if right else (told < 0.1)).all()
    assert np.isfinite(told).all()


def test_log_odds_that_say_the_contrary_give_no_falling_map():
    z, truth, _ = told(2, slope=-1)
    for learn in _METHODS.values():
        assert (np.diff(learn(z, truth == 1).apply(np.linspace(-5, 5, 50))) >= 0).all()


def test_the_chosen_map_is_the_best_held_out_and_better_than_none():
    z, truth, folds = told(3, slope=0.4, height=-0.5, bend=1.5)
    found = calibrate(z, truth, folds)
    assert found.brier[found.calibration.method] == min(found.brier.values())
    assert min(found.brier.values()) < np.mean((probability(z) - (truth == 1)) ** 2)
    assert found.calibration.method != "platt"


def test_held_out_probabilities_come_from_the_other_folds():
    z, truth, folds = told(4)
    one = calibrate(z, truth, folds)
    flipped = np.where(folds == 2, -truth, truth).astype(np.int8)
    inside = folds == 2
    other = calibrate(z, flipped, folds)
    if one.calibration.method == other.calibration.method:
        assert (one.held_out[inside] == other.held_out[inside]).all()
    assert (one.held_out[~inside] != other.held_out[~inside]).any()


def test_unjudged_pairs_teach_nothing_and_are_told_a_probability():
    z, truth, folds = told(5)
    truth[::2] = 0
    found = calibrate(z, truth, folds)
    kept = truth != 0
    alone = calibrate(z[kept], truth[kept], folds[kept])
    assert (found.held_out[kept] == alone.held_out).all()
    assert np.isfinite(found.held_out).all()
    assert (found.calibration.heights == alone.calibration.heights).all()


def test_what_is_no_rising_map_is_refused():
    none = np.zeros(0)
    for method, knots, heights in [
        ("magic", none, np.ones(3)),
        ("platt", none, np.ones(2)),
        ("beta", none, np.array([-1.0, 1, 0])),
        ("beta", none, np.array([np.nan, 1, 0])),
        ("isotonic", none, none),
        ("isotonic", np.array([0.0, 1]), np.array([1.0, 0])),
        ("isotonic", np.array([0.0, 0]), np.array([0.0, 1])),
    ]:
        with pytest.raises(ModelMissing, match="not a rising map"):
            Calibration(method, knots, heights)


def plain_threshold(probabilities, truth, wanted):
    """The cut that takes the most variants at that precision, of at least fifty pairs; no lower than it need be."""
    best = None, 0, 0, 0
    for cut in sorted(set(probabilities.tolist()), reverse=True):
        taken = [t for p, t in zip(probabilities, truth, strict=True) if p >= cut and t != 0]
        if len(taken) >= 50 and taken.count(1) / len(taken) >= wanted and taken.count(1) > best[3]:
            best = cut, taken.count(1) / len(taken), len(taken), taken.count(1)
    return best[:3]


@pytest.mark.parametrize("wanted", [0.5, 0.8, 0.9])
def test_a_threshold_takes_the_most_variants_that_the_precision_allows(wanted):
    z, truth, _ = told(6, pairs=600)
    truth[:50] = 0
    p = np.round(probability(z), 2)
    found = Thresholds.measured(p, truth).for_precision(wanted)
    cut, precision, pairs = plain_threshold(p, truth, wanted)
    assert (found.probability, found.pairs) == (cut, pairs)
    assert found.precision == pytest.approx(precision)
    assert found.reached
    assert found.recall == pytest.approx(((p >= cut) & (truth == 1)).sum() / (truth == 1).sum())


def test_a_precision_out_of_reach_takes_no_pair():
    z, truth, _ = told(7, slope=0.1)
    found = Thresholds.measured(probability(z), truth).for_precision(0.999)
    assert not found.reached
    assert not (probability(z) >= found.probability).any()


def test_a_precision_of_few_pairs_is_not_believed():
    p = np.linspace(1, 0, 200)
    truth = np.where(np.arange(200) < 20, 1, -1).astype(np.int8)
    assert not Thresholds.measured(p, truth).for_precision(0.9).reached


def test_a_long_curve_is_kept_short_without_losing_its_course():
    z, truth, _ = told(8, pairs=50_000)
    p = probability(z)
    curve = Thresholds.measured(p, truth)
    assert len(curve.probabilities) <= 1001
    found = curve.for_precision(0.8)
    taken = p >= found.probability
    assert (truth[taken] == 1).mean() == pytest.approx(found.precision)
    assert found.pairs == taken.sum()


def test_a_curve_of_nothing():
    assert not Thresholds.measured(np.zeros(0), np.zeros(0, np.int8)).for_precision(0.1).reached


def test_what_is_no_curve_is_refused():
    z, truth, _ = told(9)
    good = Thresholds.measured(probability(z), truth)
    broken = [{"precision": good.precision[:-1]}, {"recall": good.recall * np.nan}]
    for change in [*broken, {"probabilities": -good.probabilities}]:
        with pytest.raises(ModelMissing, match="not a curve"):
            replace(good, **change)
