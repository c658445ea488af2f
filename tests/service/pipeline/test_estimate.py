import shutil
from dataclasses import replace

import pytest

from candidates.errors import DiskFull
from intake.feeds.several import FeedSource
from service.pipeline import estimate as module
from service.pipeline.estimate import Estimate, estimate
from service.pipeline.preview import preview
from service.pipeline.run import run_into_store
from service.runs.job import Job
from service.runs.store import Store
from service.steps.ingest import ingest
from tests.small_runs import small_settings


def test_a_fresh_run_has_everything_to_do_and_a_finished_one_nothing(drawn, finished, tmp_path):
    fresh = Job.start(tmp_path / "out", drawn.feed, small_settings())
    ingest(fresh)
    before, after = estimate(fresh), estimate(finished)
    broken = drawn.defects.truncated_pictures
    assert before.pictures == finished.folder.require("encode_images").counts["distinct"] + broken
    assert before.texts > 100
    assert (after.texts, after.pictures, after.urls) == (0, broken, 0)  # what can't be read is tried again
    assert after.seconds is None
    assert before.disk_mib > after.disk_mib > 0


def test_seconds_come_from_a_sample_where_there_is_much_to_do(drawn, tmp_path, monkeypatch):
    monkeypatch.setattr(module, "_WORTH", 1)
    fresh = Job.start(tmp_path / "out", drawn.feed, small_settings())
    ingest(fresh)
    made = estimate(fresh)
    assert made.seconds is not None
    assert 0.05 < made.seconds < 300
    assert "to encode; about" in made.in_words()


def test_disk_is_reckoned_at_least_as_what_a_run_wrote_and_not_far_beyond(drawn, finished, tmp_path):
    fresh = Job.start(tmp_path / "out", drawn.feed, small_settings())
    ingest(fresh)
    shutil.rmtree(tmp_path / "out" / "report", ignore_errors=True)
    data = ("text", "image", "candidates", "work")
    files = [path for name in data for path in (finished.folder.root / name).rglob("*") if path.is_file()]
    written = sum(path.stat().st_size for path in files) / 2**20
    assert 0.5 * written < estimate(fresh).disk_mib < 5 * written


def test_too_little_disk_is_said(tmp_path):
    made = Estimate(10, 10, 0, None, 1000.0, 2048.0, 2000.0)
    with pytest.raises(DiskFull, match=r"needs about 2\.0 GiB, 2\.0 GiB are free"):
        made.require_disk(tmp_path)
    replace(made, free_mib=4096.0).require_disk(tmp_path)


def test_too_little_disk_stops_a_run_before_anything_is_encoded(drawn, tmp_path, monkeypatch):
    full = shutil.disk_usage(tmp_path)._replace(free=2**20)
    monkeypatch.setattr(module.shutil, "disk_usage", lambda _: full)
    store = Store(tmp_path / "store")
    with pytest.raises(DiskFull):
        run_into_store(drawn.feed, store, small_settings())
    assert not store.has_current
    assert not list(store.work.glob("text/*/*.arrow"))


@pytest.mark.parametrize(("seconds", "words"), [(42, "42 s"), (600, "10 min"), (7200, "2.0 h")])
def test_durations_in_words(seconds, words):
    assert f"about {words} on" in Estimate(1, 1, 0, seconds, 1, 1, 1).in_words()


def test_a_preview_says_what_changed_and_writes_nothing(drawn, tmp_path):
    store = Store(tmp_path / "store")
    everything = preview([FeedSource(drawn.feed)], store, small_settings())
    assert everything.since == ""
    assert everything.changes.counts["new"] == len(everything.catalogue)
    assert not store.root.exists()
    run_into_store(drawn.feed, store, small_settings())
    files = sorted(store.root.rglob("*"))
    lines = drawn.feed.read_text("utf-8").splitlines()
    tonight = drawn.feed.with_name("tonight.tsv")
    tonight.write_text("\n".join([lines[0], *lines[2:]]) + "\n", "utf-8")
    made = preview([FeedSource(tonight)], store, small_settings())
    tonight.unlink()
    assert made.since == store.current.name
    assert made.changes.counts == {"new": 0, "changed": 0, "gone": 1, "same": len(everything.catalogue) - 1}
    assert made.estimate.texts == 0
    assert sorted(store.root.rglob("*")) == files
