import pytest

from analysis.thresholds import at_precisions, calibration, linkage, review_costs
from analysis.thresholds_in_words import (
    best_linkage,
    calibration_table,
    cut_in_words,
    linkage_frame,
    linkage_table,
    looked_at,
    review_table,
    threshold_frame,
    threshold_table,
)
from tests.analysis.held_made_up import drawn_held, held_of


@pytest.fixture(scope="module")
def held():
    return drawn_held(3)


@pytest.fixture(scope="module")
def wanted(held):
    return at_precisions(held, (0.5, 0.8, 1.01))


@pytest.fixture(scope="module")
def groups(held):
    return linkage(held, (0.1, 0.6))


def test_every_wanted_precision_has_a_line(wanted):
    table = threshold_table(wanted)
    assert len(table) == 3
    assert table["from probability"].tolist()[0] == f"{wanted[0].threshold:.3f}"
    assert table.iloc[2].tolist() == ["out of reach", "0", "–", "–", "–"]
    frame = threshold_frame(wanted)
    assert frame.threshold.isna().tolist() == [False, False, True]
    assert frame.recall_mean.tolist()[:2] == [one.recall.mean for one in wanted[:2]]


def test_bins_say_by_how_much_they_are_off(held):
    bins = calibration(held)
    table = calibration_table(bins)
    assert len(table) == len(bins)
    assert float(table["off by"].iloc[0]) == pytest.approx(100 * (bins[0].share.mean - bins[0].probability), abs=0.06)


def test_work_is_told_for_each_probability(held):
    table = review_table(review_costs(held, (0.9, 0.5)))
    assert table.index.tolist() == ["0.90", "0.50"]
    assert float(table["reviewed per accepted pair"].iloc[1]) >= 1


def test_the_runs_own_threshold_is_named(groups):
    table = linkage_table(groups, 0.25)
    assert table.index.tolist() == ["0.10", "0.25 (this run)", "0.60"]
    own = groups[1]
    right = own.figures.exactly_right * own.figures.groups
    assert looked_at(own) == pytest.approx(len(own.grouping) / right)
    assert linkage_frame(groups).b_cubed.tolist() == [one.figures.b_cubed for one in groups]
    assert best_linkage(groups).figures.exactly_right == max(one.figures.exactly_right for one in groups)


def test_the_answer_is_made_of_the_numbers(held, wanted, groups):
    said = cut_in_words(held, wanted, review_costs(held), groups)
    assert f"{held.figures.brier_skill:.2f}" in said
    assert f"probability {wanted[0].threshold:.2f} or more. These are {wanted[0].pairs:,}" in said
    assert "not reached" in said
    assert f"B-cubed {groups[1].figures.b_cubed:.3f}" in said
    assert "nan" not in said


def test_the_answer_stands_where_nothing_is_probable():
    held = held_of([0, 0, 1, 1], [(0, 1), (0, 2), (2, 3)], [0.01, 0.02, 0.01])
    said = cut_in_words(held, at_precisions(held, (0.9,)), review_costs(held, (0.5,)), linkage(held, (0.5,)))
    assert "no pair is above 0.05" in said
    assert "nan" not in said
