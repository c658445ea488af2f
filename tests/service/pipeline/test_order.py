"""The order of steps and the names of generations, each declared once."""

import pytest

from service.pipeline.identity import building_name, generation_name
from service.pipeline.order import STEPS, between, run_steps
from tests.small_runs import small_settings


def test_a_stretch_of_steps_includes_both_ends():
    assert between("ingest", "report") == tuple(STEPS)
    assert between("learn", "plan") == ("learn", "project", "plan")
    assert between("plan", "plan") == ("plan",)
    with pytest.raises(ValueError, match="unknown"):
        between("unknown", "plan")


def test_steps_are_run_by_name_in_the_order_given(monkeypatch):
    done = []
    for name in ("learn", "plan"):
        monkeypatch.setitem(STEPS, name, lambda job, name=name: done.append((name, job)))
    run_steps("job", ["plan", "learn"])
    assert done == [("plan", "job"), ("learn", "job")]


def test_a_generation_is_named_by_feeds_settings_and_pictures(drawn, finished, tmp_path):
    settings = small_settings()
    assert building_name(drawn.feed, settings) == building_name(drawn.feed, settings)
    assert building_name(drawn.feed, settings) != building_name(drawn.feed, small_settings(merge={"n": 9}))
    assert building_name(drawn.feed, settings) != building_name(tmp_path / "other.tsv", settings)
    assert generation_name(finished) == generation_name(finished) != generation_name(finished, "indexes")
    assert len(generation_name(finished)) == 16
