"""A real Airflow, talked to over REST: one night's chain by itself, a rejection, an approval."""

import csv
import shutil
import time

import pyarrow.parquet as pq
import pytest

from candidates.errors import ServerUnreachable
from eval.curves import from_table
from service.airflow_node.standalone import standalone
from service.batches.lines import Lines
from service.batches.review import Decisions
from service.demo.catalogue import draw_catalogue
from tests.conftest import ROOT
from tests.service.batches.made_up_batches import settings_file, write_feed

pytestmark = pytest.mark.timeout(1500)  # it counts for the test that starts Airflow, on a busy machine too

SETTINGS = """
[text]
index = "tfidf"
[image]
model = "phash"
[learn]
spaces = "encoded"
[pairs]
classify = false
[merge]
strategy = "hop"
n = 8
k = 2
[evaluation]
bootstrap = 20
[run]
chunk = 64
threads = 1
"""

GROUPS = 30


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
        airflow.trigger("build_indexes", {"shards": 3, "most_refused": 0.2})
        runs = {name: airflow.wait_for(name) for name in ("build_indexes", "generate_candidates", "evaluate")}
        yield airflow, runs, folder


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


def answer(airflow, run, option):
    """Waits until the gate is parked, and answers it; what comes too early is lost, so it waits a while."""
    end = time.monotonic() + 300
    while airflow.tasks("review_gate", run)["approve"]["state"] not in ("awaiting_input", "deferred"):
        assert time.monotonic() < end, "the gate was never reached"
        time.sleep(1)
    time.sleep(5)
    found = airflow.tasks("review_gate", run)["approve"]
    path = f"dags/review_gate/dagRuns/{run}/taskInstances/approve/{found['map_index']}/hitlDetails"
    body = {"chosen_options": [option], "params_input": {"comment": f"said {option}"}}
    airflow.ask("PATCH", path, body)


def test_a_rejection_exports_nothing_and_is_kept(night):
    airflow, _, folder = night
    run = next(one["dag_run_id"] for one in airflow.runs("review_gate"))  # begun by the evaluation's asset
    answer(airflow, run, "Reject")
    assert airflow.wait_for("review_gate")["state"] == "success"
    assert airflow.tasks("review_gate", run)["export"]["state"] == "skipped"
    assert not (folder / "groups.tsv").exists()
    generation = Lines(folder / "store").generation("candidates").name
    kept = Decisions.of(str(folder / "store")).of_run(generation, f"review_gate/{run}")
    assert kept is not None
    assert (kept.decision, kept.comment) == ("Reject", "said Reject")


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
