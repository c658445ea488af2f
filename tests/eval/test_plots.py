from itertools import pairwise

import matplotlib.colors
import numpy as np
import pytest
from PIL import Image

from eval.curves import OperatingPoint
from eval.plots import LINES, _spread, curves_figure, curves_png, lines


def point(strategy, cost, found, k=None):
    """An operating point in a catalogue of 1,000 products."""
    return OperatingPoint(strategy, None, k, None, cost, cost / 1000, found, found - 0.02, found + 0.02, found, 50)


MADE = [
    point("text", 10, 0.2),
    point("text", 100, 0.4),
    point("hop", 10, 0.2, k=0),
    point("hop", 20, 0.3, k=1),
    point("hop", 60, 0.5, k=2),
    point("hop", 90, 0.45, k=1),
    point("image", 100, 0.6),
    point("image", 10, 0.3),
    point("learned", 50, 0.9),
]


def test_lines_join_what_no_point_of_the_strategy_beats():
    costs = {name: [one.candidates_per_product for one in line] for name, line in lines(MADE).items()}
    assert costs == {"text": [10, 100], "image": [10, 100], "hop": [20, 60], "learned": [50]}


def test_the_figure_holds_a_line_a_band_and_a_name_for_each_strategy():
    axes = curves_figure(MADE, (60.0, 0.5)).axes[0]
    drawn = {line.get_label(): line for line in axes.lines}
    names = {LINES[name][1] if name in LINES else name for name in lines(MADE)}
    assert set(drawn) == names | {"this run"}
    assert drawn["text alone"].get_xdata().tolist() == [10, 100]
    assert drawn["text alone"].get_ydata().tolist() == [0.2, 0.4]
    assert drawn["this run"].get_xydata().tolist() == [[60, 0.5]]
    assert len(axes.collections) == len(names)
    assert names <= {text.get_text() for text in axes.texts}
    assert axes.get_xscale() == "log"


def test_a_band_is_its_interval():
    axes = curves_figure([point("text", 10, 0.2), point("text", 100, 0.4)]).axes[0]
    corners = axes.collections[0].get_paths()[0].vertices
    assert {(round(float(x)), round(float(y), 2)) for x, y in corners} == {
        (10, 0.18),
        (10, 0.22),
        (100, 0.38),
        (100, 0.42),
    }


def test_the_upper_axis_is_the_share_of_the_catalogue():
    axes = curves_figure(MADE).axes[0]
    (above,) = axes.child_axes
    axes.figure.canvas.draw()
    assert np.array(above.get_xlim()) == pytest.approx(np.array(axes.get_xlim()) / 1000 * 100)
    assert {"1%", "10%"} <= {label.get_text() for label in above.get_xticklabels()}
    assert {"10", "50", "100"} <= {label.get_text() for label in axes.get_xticklabels()}


def test_colours_are_distinct():
    colours = [matplotlib.colors.to_rgb(colour) for colour, _ in LINES.values()]
    assert all(np.abs(np.subtract(one, two)).sum() > 0.25 for i, one in enumerate(colours) for two in colours[:i])


@pytest.mark.parametrize(
    "heights",
    [[], [0.5], [0.9, 0.5, 0.1], [0.9, 0.9, 0.9], [1.0, 0.99, 0.98, 0.2], [0.02, 0.01, 0.0], [0.06, 0.0, 0.0]],
)
def test_names_keep_their_distance_and_their_order(heights):
    placed = _spread(heights, 0.05)
    assert len(placed) == len(heights)
    assert all(upper - lower >= 0.05 - 1e-9 for upper, lower in pairwise(placed))
    assert all(-1e-9 <= height <= 1 for height in placed)
    if all(upper - lower >= 0.05 for upper, lower in pairwise(heights)):
        assert placed == heights


@pytest.mark.parametrize(
    ("made", "chosen"), [(MADE, (60.0, 0.5)), ([], None), (MADE[:1], None), ([point("image", 0, 0.0)], None)]
)
def test_the_picture_is_written_whole(tmp_path, made, chosen):
    curves_png(made, tmp_path / "curves.png", chosen)
    with Image.open(tmp_path / "curves.png") as picture:
        picture.load()
        assert picture.format == "PNG"
        assert picture.width > 1000
    assert [path.name for path in tmp_path.iterdir()] == ["curves.png"]
