import pytest

from analysis.precise_drawings import (
    calibration_chart,
    curve_chart,
    linkage_chart,
    review_chart,
    size_chart,
)
from analysis.thresholds import at_precisions, calibration, curve, linkage, linked, review_costs, size_classes
from eval.pair_metrics import PrecisionRecall
from tests.analysis.held_made_up import drawn_held, held_of


@pytest.fixture(scope="module")
def held():
    return drawn_held(3, groups=400)


def test_a_long_curve_is_drawn_by_few_points_that_are_all_its_own(held):
    found = curve(held)
    line, marks = curve_chart(found, at_precisions(held)).data
    assert len(found.scores) > 2 * len(line.x) > 100
    own = set(zip(found.recall.tolist(), found.precision.tolist(), strict=True))
    assert set(zip(line.x, line.y, strict=True)) <= own
    assert line.x[-1] == found.recall[-1]
    assert list(line.x) == sorted(line.x)
    assert len(marks.x) == sum(one.threshold is not None for one in at_precisions(held))


def test_an_empty_curve_is_drawn_too():
    held = held_of([0, 0, -1], [(1, 2)], [0.5])
    (line, _) = curve_chart(PrecisionRecall.of(held.probabilities, held.truth, held.known), []).data
    assert len(line.x) == 0


def test_bins_and_their_intervals_are_drawn(held):
    bins = calibration(held)
    _, line = calibration_chart(bins).data
    assert list(line.y) == [one.share.mean for one in bins]
    assert line.y[0] + line.error_y.array[0] == pytest.approx(bins[0].share.high)


def test_groups_and_work_are_drawn(held):
    made = linkage(held, (0.1, 0.6))
    figure = linkage_chart(made, 0.25)
    assert [trace.name for trace in figure.data] == ["B-cubed", "pair F1", "exactly right"]
    assert figure.layout.shapes[0].x0 == 0.25
    work = review_costs(held)
    assert list(review_chart(work).data[0].y) == [one.each for one in work]
    sizes = size_classes(linked(held, 0.25).grouping.groups)
    assert list(size_chart(sizes, size_classes(held.qrels.groups)).data[1].y) == [count for _, count in sizes]
