"""The measurement of what known groups buy, small, and that its verdict can be no."""

import numpy as np

from benchmarks.quality.known_groups import Taught, measure, table, verdict
from candidates.settings import Settings
from service.pipeline.run import encode


def test_more_known_groups_find_more_on_a_drawn_catalogue(drawn, tmp_path):
    settings = Settings.read(None, feed={"groups_are_global": True}, image={"model": "hog"})
    with encode(drawn.feed, tmp_path / "run", settings) as job:
        found = measure(job, (0, 12), draws=2, queries=60)
    assert [one.number for one in found] == [0, 12]
    assert found[1].values.shape == found[0].values.shape
    assert found[1].values[:, :, 0].mean() > found[0].values[:, :, 0].mean() - 0.1
    assert len(table(found, drawn.feed).rows) == 2


def test_a_step_down_and_a_small_gain_are_named():
    def taught(number, level):
        return Taught(number, np.full((1, 4, 3), level), np.zeros((1, 4), np.int32))

    assert verdict([taught(0, 0.5), taught(5, 0.495), taught(30, 0.6)]) == []
    assert "find 0.020 less at 10" in verdict([taught(0, 0.5), taught(5, 0.48), taught(30, 0.6)])[0]
    assert "only 0.010 more" in verdict([taught(0, 0.5), taught(5, 0.51)])[0]
