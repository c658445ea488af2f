"""What goes wrong in the night: kills, a shard that never works, somebody at the command line."""

import json
import signal
import subprocess
import sys
import threading

import pytest

from candidates.errors import FolderBusy, PictureError
from candidates.settings import Settings
from service.batches import indexes, review, suggestions
from service.batches.lines import Lines, in_work
from service.pipeline.run import run_into_store
from service.runs.job import Job
from service.runs.store import Store
from tests.conftest import ROOT
from tests.service.batches.made_up_batches import build, contents, evaluate, settings_file, suggest, write_feed

KILLED = """
import os, signal, sys
from pathlib import Path
from candidates import artifacts
from tests.service.batches.made_up_batches import build, evaluate, suggest

written, synced = 0, artifacts._sync

def sync(path):
    global written
    written += 1
    if written == int(sys.argv[1]):
        os.kill(os.getpid(), signal.SIGKILL)  # the temporary file is there, its real name is not
    synced(path)

artifacts._sync = sync
store, feed, settings, publish = sys.argv[2:]
build(Path(store), feed, settings, publish=publish)
suggest(Path(store), publish=publish)
evaluate(Path(store), publish=publish)
print(written)
"""


def test_killed_in_mid_write_and_retried_it_publishes_the_same_bytes(tmp_path):
    feed, settings = write_feed(tmp_path / "feed.tsv", groups=8), settings_file(tmp_path)
    calm, killed = tmp_path / "calm", tmp_path / "killed"
    for step in (build(calm / "store", feed, settings), suggest(calm / "store"), evaluate(calm / "store")):
        assert step
    words = [str(killed / "store"), feed, settings, str(killed / "published")]
    for moment in (9, 21, 33):
        died = subprocess.run([sys.executable, "-c", KILLED, str(moment), *words], cwd=ROOT, capture_output=True)
        assert died.returncode == -signal.SIGKILL, died.stderr.decode()[-2000:]
    subprocess.run([sys.executable, "-c", KILLED, "0", *words], cwd=ROOT, check=True, capture_output=True)
    for name in ("indexes", "candidates", "evaluations"):
        expected = contents(Lines(calm / "store").generation(name))
        assert contents(Lines(killed / "store").generation(name)) == expected
        assert contents(Lines(killed / "published").generation(name)) == expected
        assert len(expected) > 1


def test_a_shard_that_always_fails_leaves_no_half_published_generation(tmp_path, monkeypatch):
    settings, store = settings_file(tmp_path), tmp_path / "store"
    first, _ = build(store, write_feed(tmp_path / "one.tsv", groups=5), settings)
    whole = indexes.encode_pictures

    def failing(batch, shard):
        raise PictureError("this shard never works")

    monkeypatch.setattr(indexes, "encode_pictures", failing)
    monkeypatch.setattr(indexes, "image_shards", lambda batch, most: [{"start": 0, "stop": 1}])
    for _ in range(2):
        with pytest.raises(PictureError):
            build(store, write_feed(tmp_path / "two.tsv", groups=6), settings, run="second")
    line = Lines(store).line("indexes")
    assert line.identifiers() == [first["generation"]]
    assert line.current.name == first["generation"]
    monkeypatch.setattr(indexes, "encode_pictures", whole)
    monkeypatch.setattr(indexes, "image_shards", lambda batch, most: [])
    second, _ = build(store, str(tmp_path / "two.tsv"), settings, run="second")
    assert line.current.name == second["generation"]


def test_a_scheduled_run_and_one_by_hand_on_one_store_do_not_mix(tmp_path):
    settings, store = settings_file(tmp_path), tmp_path / "store"
    scheduled, by_hand = write_feed(tmp_path / "one.tsv", groups=5), write_feed(tmp_path / "two.tsv", groups=6)
    made, failed = [], []

    def typed():
        try:
            made.append(run_into_store(tmp_path / "two.tsv", Store(store), Settings.read(tmp_path / "settings.toml")))
        except BaseException as error:
            failed.append(error)

    other = threading.Thread(target=typed)
    other.start()
    build(store, scheduled, settings)
    batch, _ = suggest(store)
    other.join()
    assert not failed
    own = Job.of(Lines(store).generation("candidates", batch["generation"]))
    assert (len(own.catalogue), len(made[0].catalogue)) == (15, 18)
    for job in (own, made[0]):
        manifest = json.loads(job.folder.manifest.read_text())
        assert manifest["steps"]["expand"]["counts"]["candidates"] == job.folder.require("expand").counts["candidates"]
        assert all(str(one.path) in (scheduled, by_hand) for one in job.choices.feeds)
    assert Store(store).current.name in (batch["generation"], made[0].folder.root.name)
    assert len(Store(store).identifiers()) == 2


def test_one_piece_of_work_is_not_done_twice_at_once(tmp_path):
    settings, feed = settings_file(tmp_path), write_feed(tmp_path / "one.tsv", groups=4)
    batch = indexes.read_feed(feed, "", str(tmp_path / "store"), "", settings, "run")
    with in_work(batch, "encode_text"):
        with pytest.raises(FolderBusy, match="another run is writing"):
            indexes.gather_vectors(batch)
        assert indexes.image_shards(batch, 2) == []  # other work continues


def test_three_nights_with_a_feed_each_are_three_generations(tmp_path):
    settings, store = settings_file(tmp_path), tmp_path / "store"
    for day in (1, 2, 3):
        write_feed(tmp_path / f"feed-2026-03-0{day}.tsv", groups=4 + day)
    made = []
    for day in (1, 2, 3):
        words = (str(tmp_path / "feed-{date}.tsv"), f"2026-03-0{day}", str(store), "", settings, f"night {day}")
        batch = indexes.read_feed(*words)
        made.append(batch["generation"])
    assert len(set(made)) == 3


def test_only_an_approval_of_this_very_run_exports(tmp_path):
    store = str(tmp_path / "store")
    build(tmp_path / "store", write_feed(tmp_path / "one.tsv", groups=4), settings_file(tmp_path))
    batch, _ = suggest(tmp_path / "store")
    generation, target = batch["generation"], tmp_path / "groups.tsv"
    for run, answer in [("one", ["Reject"]), ("two", []), ("three", ["Approve", "Reject"]), ("four", ["approve"])]:
        assert review.decide(store, generation, run, answer, "Ann", "")["decision"] == "Reject"
        # A later word of the same run does not undo the first.
        assert review.decide(store, generation, run, ["Approve"], "Bob", "")["decision"] == "Reject"
        with pytest.raises(Exception, match="not to be exported"):
            review.export(store, generation, run, str(target), "google")
    with pytest.raises(Exception, match="nobody decided"):
        review.export(store, generation, "five", str(target), "google")
    assert review.decide(store, generation, "six", ["Approve"], "Ann", "fine")["by"] == "Ann"
    with pytest.raises(Exception, match="has no groups"):  # nothing was classified here
        review.export(store, generation, "six", str(target), "google")
    groups = suggestions.published(batch) / "groups.csv"
    groups.write_text("id,item_group_id\np1-red,vg1\np1-blue,vg1\n")
    written = review.export(store, generation, "six", str(target), "google")
    assert (written["groups"], written["products"]) == (1, 2)
    assert "vg1" in target.read_text()
