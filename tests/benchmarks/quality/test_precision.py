"""The benchmarks of the precise stage, on little."""

import numpy as np

from benchmarks.quality import precision
from benchmarks.speed import linkage, pair_features
from demo_catalogue.catalogue import draw_catalogue
from eval.pair_metrics import group_figures, pair_figures
from service.pairs.precision import Precision


def test_features_and_classifier_are_timed_room_by_room_and_together():
    found = pair_features.measure(products=300, candidates=20, rounds=1)
    rooms = [one.room for one in found.rooms]
    assert rooms[-2:] == [pair_features.ALL, pair_features.SCORED]
    assert all(one.per_second.median > 0 for one in found.rooms)
    by_room = {one.room: one.per_second.median for one in found.rooms}
    assert by_room[pair_features.SCORED] < by_room[pair_features.ALL]
    page = pair_features.table(found).text()
    assert f"{found.pairs:,} pairs of 300 products" in page


def test_linkage_is_timed_beside_scipys_with_the_same_groups():
    found = linkage.measure(products=2000, candidates=10, small=300, rounds=1)
    assert found.linked[0].groups > 0
    assert "Bound: 16 GiB" in linkage.table(found).text()


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
    made = precision.Measured({precision.ALL: Precision(pairs, groups, {10: 0.9, 20: 1.0, 50: 1.0})}, 2, 3)
    named = " ".join(made.failures)
    assert "average precision" in named
    assert "Brier skill" in named
    assert "re-ranked" not in named
