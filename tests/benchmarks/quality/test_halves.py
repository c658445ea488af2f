"""The two halves of a catalogue, and a model learned on one and used on the other."""

import numpy as np

from benchmarks.quality.halves import halves, table
from candidates.settings import FeedSettings
from demo_catalogue.catalogue import draw_catalogue
from eval.pair_metrics import group_figures, pair_figures
from intake.feeds import read_feed
from service.pairs.precision import Precision


def test_no_group_is_in_both_halves_and_no_product_is_lost(tmp_path):
    read = read_feed(draw_catalogue(tmp_path / "drawn", groups=20).feed, FeedSettings())
    one, other = halves(read.catalogue, 7)
    groups = read.catalogue.column("group")
    assert sorted([*one, *other]) == list(range(len(read.catalogue)))
    assert not ({groups[row] for row in one} & {groups[row] for row in other}) - {""}
    assert 0.3 < len(one) / len(groups) < 0.7


def test_each_direction_has_a_column():
    """What `measure` calls, `train` and `run` with a model, has tests of its own in `tests/service`."""
    pairs = pair_figures(np.array([0.9, 0.1]), np.array([1, -1], np.int8), 1)
    groups = group_figures(np.array([0, 0, 1]), np.array([0, 0, 1]))
    found = Precision(pairs, groups, {10: 0.5, 20: 0.6, 50: 0.7})
    page = table([(found, 0.25), (found, 0.75)]).text()
    assert "first half to second" in page
    assert "second half to first" in page
    assert "0.250" in page
    assert "0.750" in page
