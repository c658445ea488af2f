"""A real Airflow, talked to over REST: one night's chain with a killed task, a rejection, an approval, a backfill."""

import csv
import os
import shutil
import signal
import subprocess
import sys
import time
from urllib.parse import quote

import pyarrow.parquet as pq
import pytest

from candidates.errors import ServerUnreachable
from demo_catalogue.catalogue import draw_catalogue
from devtools.airflow_node.standalone import standalone
from eval.curves import from_table
from service.batches.lines import Lines
from service.batches.review import Decisions
from service.runs.job import Job
from service.runs.store import Store
from tests.conftest import ROOT
from tests.service.batches.made_up_batches import contents, settings_file, write_feed

pytestmark = pytest.mark.timeout(1500)  # it counts for the test that starts Airflow, on a busy machine too

SETTINGS = """
[text]
index = "exact"
[image]
model = "phash"
index = "exact"
[merge]
strategy = "fused"
n = 15
[evaluation]
bootstrap = 20
[run]
chunk = 64
threads = 1
"""

GROUPS = 40


def slice_of_hm(target):
    """Some whole groups of the real feed with their pictures; None where it is not there."""
    source = (ROOT / ".." / "shared" / "data" / "hm").resolve()
    if not (source / "feed_full.tsv").is_file():
        return None
    with (source / "feed_full.tsv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file, delimiter="\t"))
    wanted = list(dict.fromkeys(row["item_group_id"] for row in rows))[:GROUPS]
    kept = [row for row in rows if row["item_group_id"] in set(wanted)]
    (target / "images").mkdir(parents=True)
    for row in kept:
        shutil.copy(source / row["image_link"], target / row["image_link"])
    with (target / "feed.tsv").open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, kept[0], delimiter="\t", lineterminator="\n")
        writer.writeheader()
        writer.writerows(kept)
    return target / "feed.tsv"


@pytest.fixture(scope="module")
def feed(tmp_path_factory):
    folder = tmp_path_factory.mktemp("feed")
    return slice_of_hm(folder / "hm") or draw_catalogue(folder / "drawn", groups=GROUPS).feed


@pytest.fixture(scope="module")
def night(airflow_installed, feed, tmp_path_factory):
    """A running Airflow after one chain that was begun over REST, with the run of each DAG."""
    folder = tmp_path_factory.mktemp("standalone")
    (folder / "settings.toml").write_text(SETTINGS)
    told = {
        "VARIANTS_FEED": str(feed),
        "VARIANTS_STORE": str(folder / "store"),
        "VARIANTS_PUBLISH": str(folder / "published"),
        "VARIANTS_SETTINGS": str(folder / "settings.toml"),
        "VARIANTS_EXPORT": str(folder / "groups.tsv"),
    }
    with standalone(folder / "airflow", **told) as airflow:
        begun = airflow.trigger("build_indexes", {"shards": 3, "most_refused": 0.2})
        by_hand = run_by_hand(folder)
        kill_a_task(airflow, "build_indexes", begun, "encode_texts")
        runs = {name: airflow.wait_for(name) for name in ("generate_candidates", "evaluate")}
        runs["build_indexes"] = airflow.wait_for("build_indexes", kind="manual")
        assert by_hand.wait() == 0
        yield airflow, runs, folder


def run_by_hand(folder):
    """Somebody at the command line, on the same store at the same time, with another feed."""
    words = ["run", write_feed(folder / "by-hand.tsv", groups=9), "--store", str(folder / "store")]
    settings = ["--settings", settings_file(folder / "by-hand")]
    return subprocess.Popen([sys.executable, "-m", "apps.cli", *words, *settings], cwd=ROOT, stdout=subprocess.DEVNULL)


def kill_a_task(airflow, dag, run, name):
    """Kills the process of a task with SIGKILL while it works."""
    end = time.monotonic() + 300
    while time.monotonic() < end:
        found = airflow.ask("GET", f"dags/{dag}/dagRuns/{quote(run, safe='')}/taskInstances?limit=1000")
        at_work = [one for one in found["task_instances"] if (one["task_id"], one["state"]) == (name, "running")]
        if at_work and at_work[0]["pid"]:
            time.sleep(1)  # it has begun to import what it works with
            os.kill(at_work[0]["pid"], signal.SIGKILL)
            return
        time.sleep(0.5)
    raise AssertionError(f"{name} never ran")


def test_the_chain_follows_by_itself_and_publishes_candidates_and_their_curve(night):
    airflow, runs, folder = night
    assert {name: run["state"] for name, run in runs.items()} == dict.fromkeys(runs, "success"), airflow.home
    assert runs["build_indexes"]["run_type"] == "manual"
    assert all(runs[name]["run_type"] == "asset_triggered" for name in ("generate_candidates", "evaluate"))
    assert runs["evaluate"]["logical_date"] is None
    lines = Lines(folder / "published")
    candidates = lines.generation("candidates")
    counted = airflow.output("generate_candidates", runs["generate_candidates"]["dag_run_id"], "publish")
    assert counted["generation"] == candidates.name == lines.generation("evaluations").name
    assert pq.read_table(candidates / "candidates").num_rows == counted["candidates"] > 100
    curve = from_table(pq.read_table(lines.generation("evaluations") / "curves.parquet"))
    assert {"hop", "text", "image"} <= {point.strategy for point in curve}
    assert max(point.recall for point in curve) > 0.3


def answer(airflow, run, gate, option):
    """Answers a parked gate, after a while: what comes at once is lost."""
    time.sleep(5)
    path = f"dags/review_gate/dagRuns/{quote(run, safe='')}/taskInstances/approve/{gate['map_index']}/hitlDetails"
    body = {"chosen_options": [option], "params_input": {"comment": f"said {option}"}}
    airflow.ask("PATCH", path, body)


UNDISTURBED = """
import sys
from pathlib import Path
from service.batches.audit import Limits
from tests.service.batches.made_up_batches import build, suggest

store, feed, settings = sys.argv[1:]
build(Path(store), feed, settings, limits=Limits(refused=0.2))
suggest(Path(store))
"""


def test_a_task_that_was_killed_is_tried_again_and_the_published_bytes_are_the_same(night, tmp_path):
    airflow, runs, folder = night
    found = airflow.ask("GET", f"dags/build_indexes/dagRuns/{runs['build_indexes']['dag_run_id']}/taskInstances")
    tries = {one["try_number"] for one in found["task_instances"] if one["task_id"] == "encode_texts"}
    assert max(tries) == 2
    (feed,) = Job.of(Lines(folder / "store").generation("indexes")).choices.feeds
    words = [str(tmp_path / "calm"), str(feed.path), str(folder / "settings.toml")]
    # Linear algebra rounds by how many threads it has, so that it must have as many as Airflow's tasks had.
    alike = {**os.environ, "OMP_NUM_THREADS": "1"}
    subprocess.run([sys.executable, "-c", UNDISTURBED, *words], cwd=ROOT, env=alike, check=True)
    for name in ("indexes", "candidates"):
        expected = contents(Lines(tmp_path / "calm").generation(name))
        assert contents(Lines(folder / "published").generation(name)) == expected
        assert len(expected) > 5


def test_a_run_at_the_command_line_beside_it_mixes_with_nothing(night):
    _, _, folder = night
    store = Store(folder / "store")
    scheduled = Lines(folder / "published").generation("candidates").name
    (typed,) = set(store.identifiers()) - {scheduled}
    sizes = {name: len(Job.of(store.generation(name)).catalogue) for name in (scheduled, typed)}
    assert sizes[typed] == 27
    assert sizes[scheduled] > 80
    ids = pq.read_table(store.generation(typed) / "candidates")["query_id"].to_pylist()
    assert all(name.startswith("p") and name.endswith(("red", "blue", "green")) for name in ids)


def answered(airflow, folder, run, option):
    """Answers the gate of a run; returns the state of its export, and what was kept in the store.

    Airflow loses an answer that comes before its scheduler has noted that the gate is parked, and asks again.
    """
    end, asked = time.monotonic() + 300, 0
    while (state := airflow.run("review_gate", run)["state"]) not in ("success", "failed"):
        assert time.monotonic() < end, f"{run} did not end"
        gate = airflow.tasks("review_gate", run)["approve"]
        if gate["state"] in ("awaiting_input", "deferred") and gate["try_number"] > asked:
            asked = gate["try_number"]
            answer(airflow, run, gate, option)
        time.sleep(1)
    assert state == "success"
    generation = Lines(folder / "store").generation("candidates").name
    kept = Decisions.of(str(folder / "store")).of_run(generation, f"review_gate/{run}")
    return airflow.tasks("review_gate", run)["export"]["state"], (kept.decision, kept.comment)


def test_a_rejection_exports_nothing_an_approval_the_groups_and_both_are_kept(night):
    airflow, _, folder = night
    run = next(one["dag_run_id"] for one in airflow.runs("review_gate"))  # begun by the evaluation's asset
    assert answered(airflow, folder, run, "Reject") == ("skipped", ("Reject", "said Reject"))
    assert not (folder / "groups.tsv").exists()
    where = {"store": str(folder / "store"), "publish": str(folder / "published")}
    run = airflow.trigger("review_gate", {**where, "target": str(folder / "groups.tsv")})
    assert answered(airflow, folder, run, "Approve") == ("success", ("Approve", "said Approve"))
    with (folder / "groups.tsv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file, delimiter="\t"))
    assert len(rows) > 50
    assert all(row["item_group_id"] for row in rows)


def persistently(ask, times=30):
    """Asks again while SQLite says that it is locked; PostgreSQL would not."""
    for _ in range(times):
        try:
            return ask()
        except ServerUnreachable as error:
            if "Database is locked" not in str(error):
                raise
            time.sleep(2)
    raise AssertionError("the database was locked all the time")


def test_a_backfill_over_three_dates_with_a_feed_each_is_three_generations(night, tmp_path):
    airflow, _, _ = night
    for day in (1, 2, 3):
        write_feed(tmp_path / f"feed-2026-03-0{day}.tsv", groups=4 + day)
    conf = {
        "feed": str(tmp_path / "feed-{date}.tsv"),
        "store": str(tmp_path / "store"),
        "publish": "",
        "settings": settings_file(tmp_path),
        "shards": 1,
    }
    airflow.ask("PATCH", "dags/generate_candidates", {"is_paused": True})  # what follows was seen before
    span = {"from_date": "2026-03-01T00:00:00Z", "to_date": "2026-03-03T23:00:00Z"}
    asked = {"dag_id": "build_indexes", **span, "dag_run_conf": conf, "max_active_runs": 1}
    persistently(lambda: airflow.ask("POST", "backfills", asked))
    made = [airflow.wait_for("build_indexes", number, kind="backfill") for number in (1, 2, 3)]
    assert [run["state"] for run in made] == ["success"] * 3
    line = Lines(tmp_path / "store").line("indexes")
    products = {name: len(pq.read_table(line.generation(name) / "products.parquet")) for name in line.identifiers()}
    assert sorted(products.values()) == [15, 18, 21]
    assert products[line.current.name] == 21  # the last date came last
