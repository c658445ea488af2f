"""The benchmark of the precise stage, on little."""

import numpy as np

from benchmarks.quality import precision
from demo_catalogue.catalogue import draw_catalogue
from eval.pair_metrics import group_figures, pair_figures
from service.pairs.precision import Precision


def test_precision_is_measured_with_and_without_what_other_sellers_know(tmp_path):
    feed = draw_catalogue(tmp_path / "catalogue", groups=40).feed
    options = {"seller_column": "brand", "same_seller": True}
    made = precision.measure(feed, tmp_path / "run", "phash", **options)
    assert set(made.found) == {precision.ALL, precision.SAME}
    best = made.found[precision.ALL]
    assert best.pairs.known == best.within.known + best.across.known == made.found[precision.SAME].pairs.known
    assert best.pairs.average_precision > 0.1
    pages = [one.text() for one in precision.tables(made)]
    assert "each seller's own groups, across sellers" in pages[1]


def test_figures_below_their_floor_are_named():
    pairs = pair_figures(np.array([0.9, 0.1]), np.array([-1, 1], np.int8), 1)
    groups = group_figures(np.array([0, 0, 1]), np.array([0, 1, 1]))
    made = precision.TaughtPrecision({precision.ALL: Precision(pairs, groups, {10: 0.9, 20: 1.0, 50: 1.0})}, 2, 3)
    named = " ".join(made.failures)
    assert "average precision" in named
    assert "Brier skill" in named
    assert "re-ranked" not in named
