import pytest

from analysis.held_pairs import Stage
from analysis.label_noise import Sample, Without, gathered
from analysis.mistakes import Part, Room
from analysis.mistakes_in_words import (
    lesson_in_words,
    noise_table,
    part_table,
    room_frame,
    room_table,
    stage_table,
    without_table,
)
from analysis.precise_drawings import room_chart, stage_chart
from eval.bootstrap import Interval
from eval.pair_metrics import PrecisionRecall
from tests.analysis.held_made_up import drawn_held


def stage(held, name, mean, ahead=None):
    curve = PrecisionRecall.of(held.probabilities, held.truth, held.known)
    return Stage(name, Interval(mean, mean - 0.01, mean + 0.01), ahead, {0.9: mean - 0.1}, {10: 0.8}, curve)


@pytest.fixture(scope="module")
def told():
    """Held-out pairs of which some at least .5 are suggested."""
    held = drawn_held(3)
    held.__dict__["threshold"] = 0.5
    return held


@pytest.fixture
def ordered(told):
    gains = (None, Interval(0.2, 0.1, 0.3), Interval(0.05, 0.01, 0.09))
    return [stage(told, name, mean, gain) for name, mean, gain in zip("abc", (0.4, 0.6, 0.65), gains, strict=True)]


ROOMS = [Room("picture shape", 1.5, 0.25, 0.125), Room("meaning", 0.5, 0.25, 0.0301), Room("price", 0.0, 0.0, 0.0002)]
PARTS = [Part("brand", "agrees", 50, 40, 4), Part("brand", "differs", 30, 6, 20), Part("size", "differs", 3, 0, 1)]
ERRORS = Sample("errors", 20, (1, 1, 3, 5, 10))


def test_stages_are_told_with_their_intervals(ordered):
    table = stage_table(ordered)
    assert table["average precision (95%)"].tolist()[0] == "0.400 (0.390–0.410)"
    assert table["gain (95%)"].tolist() == ["–", "+0.200 (+0.100 to +0.300)", "+0.050 (+0.010 to +0.090)"]
    assert table["recall at precision 0.90"].tolist() == [f"{share}.0%" for share in (30, 50, 55)]
    assert len(stage_chart(ordered).data) == 3


def test_rooms_are_told_what_is_lost_first():
    table = room_table(ROOMS)
    assert table.index.tolist() == ["picture shape", "meaning", "price"]
    assert table.iloc[0].tolist() == ["+0.125", "+1.50", "+0.25"]
    assert room_table([Room("price", 0.0, 0.0, None)]).iloc[0, 0] == "–"
    assert room_frame(ROOMS).lost.tolist() == [0.125, 0.0301, 0.0002]
    assert list(room_chart(ROOMS).data[0].y) == ["price", "meaning", "picture shape"]


def test_parts_and_noise_are_shares():
    table = part_table(PARTS)
    assert table.loc["brand: agrees"].tolist() == ["50", "80.0%", "44", "90.9%"]
    noise = noise_table([ERRORS, Sample("none", 0, (0, 0, 0, 0, 0))])
    assert noise.loc["errors", "probably one model"] == "5 (25%)"
    assert noise.loc["none", "probably one model"] == "–"
    table = without_table([Without(0, 0, {0.9: 0.25}), Without(2, 7, {0.9: 0.5})])
    assert table.index.tolist() == [0, 2]
    assert table.iloc[1].tolist() == ["7", "50.0%"]


def test_the_lesson_is_made_of_the_numbers(told, ordered):
    said = lesson_in_words(told, ordered, ROOMS, PARTS, ERRORS)
    right = int(((told.probabilities >= 0.5) & (told.truth > 0)).sum())
    assert "from 0.400 to 0.600" in said
    assert "to 0.650 (+0.050, +0.010 to +0.090)" in said
    assert "changes recall from 50.0% to 55.0%" in said
    assert len(gathered(told)) == 1
    assert "20 suggested pairs of two groups come from 1 pair of groups" in said
    assert "picture shape (0.125), meaning (0.030)" in said
    assert "Almost nothing is lost without: price" in said
    assert "where the brand differs: 20.0% of 30" in said
    assert f"from {100 * right / (right + 20):.1f}% to " in said
    assert f"{100 * (right + 5) / (right + 20):.1f}%" in said
    assert "size" not in said  # Three variants are too few to be named.
    assert "nan" not in said


def test_the_lesson_stands_without_groups_set_aside_and_without_errors(told, ordered):
    rooms = [Room("meaning", 0.5, 0.25, None), Room("picture shape", 1.5, 0.25, None)]
    said = lesson_in_words(told, ordered, rooms, [], Sample("errors", 0, (0, 0, 0, 0, 0)))
    assert "picture shape (+1.25), meaning (+0.25)" in said
    assert "no pair of two groups is suggested" in said


def test_a_precision_out_of_reach_is_said(ordered):
    held = drawn_held(3)
    held.__dict__["threshold"] = 2.0
    assert "out of reach" in lesson_in_words(held, ordered, ROOMS, PARTS, ERRORS)
