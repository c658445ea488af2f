"""Thresholds, calibration, an expert's work and groups, on made-up pairs; what a run adds is in `test_mistakes`."""

import math
from itertools import pairwise

import numpy as np
import pytest

from analysis.thresholds import (
    RIGHT,
    TOO_LITTLE,
    TOO_MUCH,
    UNJUDGED,
    _kind,
    at_precisions,
    calibration,
    curve,
    linkage,
    linked,
    review_costs,
    size_classes,
)
from candidates.qrels import NOT_A_VARIANT, VARIANT
from eval.pair_metrics import expected_calibration_error
from tests.analysis.held_made_up import drawn_held, held_of
from tests.eval.made_up import qrels_of

# Two groups of three and one of two. The pair (6, 7) is no candidate: a variant that is missed.
GROUPS = [0, 0, 0, 1, 1, 1, 2, 2, -1]
PAIRS = [(0, 1), (0, 2), (0, 3), (1, 2), (1, 4), (2, 8), (3, 4), (3, 5), (4, 5)]
PROBABILITIES = [0.95, 0.85, 0.75, 0.65, 0.1, 0.99, 0.6, 0.55, 0.02]


@pytest.fixture(scope="module")
def small():
    return held_of(GROUPS, PAIRS, PROBABILITIES)


@pytest.fixture(scope="module")
def drawn():
    return drawn_held(3)


def by_hand(held, least):
    """Right and wrong pairs from a probability on, one by one."""
    taken = [
        truth
        for value, truth in zip(held.probabilities.tolist(), held.truth.tolist(), strict=True)
        if value >= least and truth != 0
    ]
    return taken.count(VARIANT), taken.count(NOT_A_VARIANT)


def test_the_curve_counts_what_the_candidates_missed(small):
    found = curve(small)
    assert small.known == 7
    assert found.recall[-1] == pytest.approx(6 / 7)
    assert found.precision[0] == 1  # The most probable pair is of unknown truth and counts for nothing.


@pytest.mark.parametrize("seed", [1, 2])
def test_a_wanted_precision_is_reached_by_the_pairs_from_its_threshold_on(seed):
    held = drawn_held(seed)
    for one in at_precisions(held, (0.5, 0.8, 0.9)):
        right, wrong = by_hand(held, one.threshold)
        assert right + wrong == one.pairs
        assert one.precision.mean == pytest.approx(right / one.pairs)
        assert one.precision.mean >= one.wanted
        assert one.recall.mean == pytest.approx(right / held.known)
        for span in (one.precision, one.recall):
            assert span.low <= span.mean <= span.high
            assert span.high > span.low
        assert 0.5 * one.wanted < one.elsewhere <= 1


def test_a_precision_out_of_reach_is_said_to_be(drawn):
    held = held_of(GROUPS, PAIRS, 1 - np.array(PROBABILITIES))
    (one,) = at_precisions(held, (0.99,))
    assert one.threshold is None
    assert one.pairs == 0
    assert math.isnan(one.precision.mean)
    assert math.isnan(one.elsewhere)


def test_a_threshold_is_judged_by_the_half_that_did_not_choose_it():
    """Where one half of the groups is easy and the other hard, the two precisions differ."""
    held = drawn_held(5, noise=2.5)
    (one,) = at_precisions(held, (0.8,))
    assert one.elsewhere != pytest.approx(one.precision.mean, abs=1e-6)


def test_calibration_bins_give_the_expected_calibration_error(drawn):
    bins = calibration(drawn)
    assert len(bins) == 10
    off = sum(one.pairs * abs(one.share.mean - one.probability) for one in bins) / sum(one.pairs for one in bins)
    assert off == pytest.approx(expected_calibration_error(drawn.probabilities, drawn.truth))
    assert off == pytest.approx(drawn.figures.calibration_error)
    assert [one.probability for one in bins] == sorted(one.probability for one in bins)
    assert any(one.share.high > one.share.low for one in bins)


def test_without_a_probable_pair_there_are_no_bins():
    assert calibration(held_of(GROUPS, PAIRS, [0.01] * len(PAIRS))) == []


def test_an_expert_looks_at_all_pairs_from_a_probability_on(small):
    made = review_costs(small, (0.5, 0.9, 0.05))
    assert [one.probability for one in made] == [0.9, 0.5, 0.05]
    assert [(one.pairs, one.accepted) for one in made] == [(1, 1), (6, 5), (7, 5)]
    assert made[1].each == pytest.approx(6 / 5)
    assert made[1].further == pytest.approx(5 / 4)
    assert math.isnan(made[2].further)  # One more to look at, none to accept.
    assert made[1].recall == pytest.approx(5 / 7)


def test_work_adds_up(drawn):
    made = review_costs(drawn)
    for one in made:
        assert (one.accepted, one.pairs - one.accepted) == by_hand(drawn, one.probability)
    for before, one in pairwise(made):
        gained = one.accepted - before.accepted
        assert math.isnan(one.further) if not gained else one.further == (one.pairs - before.pairs) / gained


def test_groups_are_made_without_looking_at_known_ones(small):
    found = linked(small, 0.3)
    groups = found.grouping.groups
    # 2 and 8 are joined first (.99), then with 0 and 1: (.85 + .65) / 4.
    assert groups.tolist() == [0, 0, 0, 1, 1, -1, -1, -1, 0]
    assert found.figures.groups == 3
    assert found.sizes.sum() == (groups >= 0).sum()


def test_every_threshold_is_tried_and_the_runs_own(drawn):
    made = linkage(drawn, (0.1, 0.6))
    assert [one.threshold for one in made] == [0.1, 0.25, 0.6]
    recall = [one.figures.pair_recall for one in made]
    assert recall == sorted(recall, reverse=True)
    assert recall[0] > recall[-1]


def test_groups_are_counted_by_size():
    made = dict(size_classes(np.array([0, 0, 1, 1, 1, 2, -1, -1, *[3] * 12])))
    assert made == {"2": 1, "3": 1, "4": 0, "5–6": 0, "7–10": 0, "11 or more": 1}
    assert sum(count for _, count in size_classes(np.full(4, -1))) == 0


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        ([0, 1, 2], (RIGHT, 0)),
        ([0, 1], (TOO_LITTLE, 1)),
        ([0, 1, 2, 8], (RIGHT, 0)),
        ([0, 1, 3], (TOO_MUCH, 3)),
        ([6, 7], (RIGHT, 0)),
        ([8], (UNJUDGED, 0)),
    ],
)
def test_a_group_is_right_or_too_much_or_a_part(rows, said):
    assert _kind(qrels_of(GROUPS), np.array(rows, np.int32)) == said


def test_products_of_two_sellers_are_not_too_much():
    truth = qrels_of([0, 0, 1, 1], scopes=[0, 0, 1, 1])
    assert _kind(truth, np.arange(4, dtype=np.int32)) == (RIGHT, 0)
