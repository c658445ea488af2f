"""Metrics of pairs and groups, against plain references, hand-made sums and scikit-learn."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.calibration import calibration_curve
from sklearn.metrics import average_precision_score, brier_score_loss, precision_recall_curve
from sklearn.metrics.cluster import pair_confusion_matrix

from candidates.errors import VariantsError
from eval.pair_metrics import (
    PrecisionRecall,
    brier,
    brier_skill,
    calibration_bins,
    expected_calibration_error,
    group_figures,
    pair_figures,
)


def scored(seed, pairs=400, tied=False, unjudged=0.0):
    """Scores that tell something, and the truth."""
    random = np.random.default_rng(seed)
    right = random.random(pairs) < 0.2
    scores = np.clip(random.normal(0.25 + 0.3 * right, 0.2), 0, 1)
    truth = np.where(right, 1, -1).astype(np.int8)
    truth[random.random(pairs) < unjudged] = 0
    return (np.round(scores, 1) if tied else scores), truth


@pytest.mark.parametrize("tied", [False, True])
@pytest.mark.parametrize("seed", range(3))
def test_average_precision_is_scikit_learn_s_times_the_share_that_are_candidates(seed, tied):
    scores, truth = scored(seed, tied=tied)
    found = int((truth == 1).sum())
    expected = average_precision_score(truth == 1, scores)
    assert PrecisionRecall.of(scores, truth, found).average_precision == pytest.approx(expected)
    assert PrecisionRecall.of(scores, truth, 2 * found).average_precision == pytest.approx(expected / 2)


@pytest.mark.parametrize("tied", [False, True])
def test_the_curve_is_scikit_learn_s(tied):
    scores, truth = scored(5, tied=tied)
    curve = PrecisionRecall.of(scores, truth, int((truth == 1).sum()))
    precision, recall, thresholds = precision_recall_curve(truth == 1, scores)
    np.testing.assert_allclose(curve.scores, thresholds[::-1])
    np.testing.assert_allclose(curve.precision, precision[:-1][::-1])
    np.testing.assert_allclose(curve.recall, recall[:-1][::-1])


def test_recall_at_a_precision_by_hand():
    # By falling score: right, right, wrong, right, wrong, wrong. Precision: 1, 1, 2/3, 3/4, …; five are known.
    truth = np.array([1, 1, -1, 1, -1, -1], np.int8)
    curve = PrecisionRecall.of(np.array([0.9, 0.8, 0.7, 0.6, 0.5, 0.4]), truth, 5)
    assert curve.recall_at(0.99) == pytest.approx(2 / 5)
    assert curve.recall_at(0.75) == pytest.approx(3 / 5)
    assert curve.recall_at(0.5) == pytest.approx(3 / 5)
    assert PrecisionRecall.of(np.ones(3), np.array([1, -1, -1], np.int8), 1).recall_at(0.9) == 0


def test_equal_scores_are_taken_together_whatever_their_order():
    truth = np.array([1, -1, 1, -1], np.int8)
    scores = np.array([0.5, 0.5, 0.5, 0.1])
    for order in ([0, 1, 2, 3], [1, 0, 2, 3], [3, 2, 1, 0]):
        curve = PrecisionRecall.of(scores[order], truth[order], 2)
        assert curve.precision.tolist() == [2 / 3, 0.5]


def test_unjudged_pairs_count_nowhere():
    scores, truth = scored(1, unjudged=0.5)
    judged = truth != 0
    assert pair_figures(scores, truth, 100) == pair_figures(scores[judged], truth[judged], 100)
    assert pair_figures(scores, truth, 100).pairs == judged.sum()


def test_brier_is_scikit_learn_s_and_skill_is_none_for_the_base_rate():
    scores, truth = scored(2)
    assert brier(scores, truth) == pytest.approx(brier_score_loss(truth == 1, scores))
    share = np.full(len(truth), (truth == 1).mean())
    assert brier_skill(share, truth) == pytest.approx(0, abs=1e-12)
    assert brier_skill((truth == 1).astype(float), truth) == 1
    assert brier_skill(1 - share, truth) < 0


def test_bins_are_scikit_learn_s_where_no_probabilities_are_equal():
    scores, truth = scored(3, pairs=1000)
    scores = np.random.default_rng(0).permutation(np.linspace(0.06, 0.99, 1000))
    found = calibration_bins(scores, truth)
    shares, means = calibration_curve(truth == 1, scores, n_bins=10, strategy="quantile")
    assert [one.pairs for one in found] == [100] * 10
    np.testing.assert_allclose([one.share for one in found], shares)
    np.testing.assert_allclose([one.probability for one in found], means)


def plain_error(scores, truth, above, bins):
    """Expected calibration error, bin by bin, for distinct scores."""
    some = sorted((s, t == 1) for s, t in zip(scores, truth, strict=True) if t != 0 and s > above)
    edges = [i * len(some) // bins for i in range(bins + 1)]
    total = 0.0
    for low, high in pairwise(edges):
        if high > low:
            told, right = zip(*some[low:high], strict=True)
            total += abs(sum(told) - sum(right))
    return total / len(some)


@pytest.mark.parametrize("pairs", [3, 10, 57, 1000])
def test_the_calibration_error_is_that_of_a_plain_loop(pairs):
    random = np.random.default_rng(pairs)
    scores, truth = random.permutation(np.linspace(0.001, 0.999, pairs)), random.integers(-1, 2, pairs).astype(np.int8)
    truth[0] = 1
    assert expected_calibration_error(scores, truth) == pytest.approx(plain_error(scores, truth, 0.05, 10))


def test_equal_probabilities_share_a_bin():
    scores = np.array([0.2] * 50 + [0.8] * 50)
    truth = np.array([1] * 10 + [-1] * 40 + [1] * 40 + [-1] * 10, np.int8)
    found = calibration_bins(scores, truth)
    assert [(one.pairs, one.share) for one in found] == [(50, 0.2), (50, 0.8)]
    assert expected_calibration_error(scores, truth) == pytest.approx(0)


def test_the_error_of_probabilities_that_are_all_too_high():
    scores, truth = np.full(200, 0.9), np.array([1, -1] * 100, np.int8)
    assert expected_calibration_error(scores, truth) == pytest.approx(0.4)


def test_only_pairs_above_the_limit_are_in_the_bins():
    scores, truth = scored(4)
    assert sum(one.pairs for one in calibration_bins(scores, truth, above=0.3)) == (scores > 0.3).sum()


def test_nothing_at_all():
    none = pair_figures(np.zeros(0), np.zeros(0, np.int8), 3)
    assert (none.average_precision, none.recall_at[0.9], none.pairs) == (0, 0, 0)
    assert np.isnan([none.brier, none.brier_skill, none.calibration_error]).all()
    assert np.isnan(expected_calibration_error(np.array([0.01]), np.array([1], np.int8)))


def test_inputs_that_do_not_match_raise():
    with pytest.raises(VariantsError, match="only 1"):
        PrecisionRecall.of(np.ones(2), np.ones(2, np.int8), 1)
    with pytest.raises(VariantsError, match="not a number"):
        brier(np.array([np.nan]), np.ones(1, np.int8))
    with pytest.raises(VariantsError, match="2 scores"):
        brier(np.ones(2), np.ones(1, np.int8))
    with pytest.raises(VariantsError, match="2 products"):
        group_figures(np.zeros(2, int), np.zeros(3, int))


def plain_groups(made, known):
    """The figures by sets, product by product and pair by pair."""
    rows = [i for i in range(len(known)) if known[i] >= 0]
    mine = {i: {j for j in rows if j == i or (made[i] >= 0 and made[j] == made[i])} for i in rows}
    theirs = {i: {j for j in rows if known[j] == known[i]} for i in rows}
    precision = np.mean([len(mine[i] & theirs[i]) / len(mine[i]) for i in rows])
    recall = np.mean([len(mine[i] & theirs[i]) / len(theirs[i]) for i in rows])
    one, two = ({(i, j) for i in rows for j in sets[i] if i < j} for sets in (mine, theirs))
    several = {frozenset(theirs[i]) for i in rows if len(theirs[i]) > 1}
    exact = sum(one in {frozenset(mine[i]) for i in rows} for one in several)
    return precision, recall, len(one & two), len(one), len(two), exact, len(several)


@settings(deadline=None, derandomize=True, max_examples=60)
@given(st.lists(st.tuples(st.integers(-1, 4), st.integers(-1, 4)), min_size=1, max_size=14))
def test_group_figures_are_those_of_sets(products):
    made, known = (np.array(one, np.int32) for one in zip(*products, strict=True))
    if (known < 0).all():
        return
    found = group_figures(made, known)
    precision, recall, both, mine, theirs, exact, several = plain_groups(made.tolist(), known.tolist())
    assert (found.precision, found.recall) == pytest.approx((precision, recall))
    assert found.b_cubed == pytest.approx(2 * precision * recall / (precision + recall))
    ratios = [
        (found.pair_precision, both, mine),
        (found.pair_recall, both, theirs),
        (found.exactly_right, exact, several),
    ]
    for told, part, whole in ratios:
        assert told == pytest.approx(part / whole if whole else float("nan"), nan_ok=True)
    assert found.groups == several


def test_pair_figures_of_groups_are_scikit_learn_s():
    random = np.random.default_rng(0)
    made, known = random.integers(0, 30, 200), random.integers(0, 40, 200)
    (_, wrong), (missed, right) = pair_confusion_matrix(known, made)
    found = group_figures(made, known)
    assert found.pair_precision == pytest.approx(right / (right + wrong))
    assert found.pair_recall == pytest.approx(right / (right + missed))


def test_groups_by_hand():
    known = np.array([0, 0, 0, 1, 1, 2, -1])
    found = group_figures(np.array([5, 5, -1, 6, 6, -1, 5]), known)
    assert found.exactly_right == 0.5
    assert found.precision == 1
    assert found.recall == pytest.approx((2 / 3 + 2 / 3 + 1 / 3 + 1 + 1 + 1) / 6)
    assert (found.pair_precision, found.pair_recall) == (1, 0.5)
    assert found.products == 6


def test_groups_of_nobody():
    found = group_figures(np.zeros(0, int), np.zeros(0, int))
    assert (found.products, found.groups) == (0, 0)
    assert np.isnan([found.b_cubed, found.pair_f1, found.exactly_right]).all()
