"""The DAGs as Airflow sees them, and one run of each within this process."""

import inspect
import json
import subprocess
import sys
from datetime import timedelta

import pyarrow.parquet as pq
import pytest

from candidates.errors import FeedError
from service.batches import indexes
from service.batches.lines import Lines
from service.batches.review import APPROVE, Decisions
from tests.conftest import ROOT
from tests.dags.conftest import DAGS
from tests.service.batches.made_up_batches import build, settings_file, suggest, write_feed

NAMES = {"build_indexes", "generate_candidates", "evaluate", "review_gate", "train"}
HEAVY = {"torch", "pandas", "numpy", "pyarrow", "nmslib", "faiss", "sklearn", "sentence_transformers"}


def finished(bag, name, conf, **options):
    """A run of a DAG within this process, and the outputs of its tasks."""
    run = bag.dags[name].test(run_conf=conf, **options)
    return run.state, {ti.task_id: ti for ti in run.get_task_instances()}


def output(task):
    return task.xcom_pull(task_ids=task.task_id, map_indexes=task.map_index)


def test_every_dag_loads_quickly(bag):
    assert not bag.import_errors
    assert set(bag.dags) == NAMES
    # The first file that was ever parsed paid for importing Airflow's own parts; a scheduler has them loaded.
    again = type(bag)(dag_folder=str(DAGS))
    assert len(again.dagbag_stats) == len(NAMES)
    seconds = {one.file: one.duration.total_seconds() for one in again.dagbag_stats}
    assert max(seconds.values()) < 0.2, seconds


def test_candidates_can_be_made_at_set_times_too(bag, monkeypatch):
    monkeypatch.setenv("VARIANTS_CANDIDATES_CRON", "30 12 * * *")
    timed = type(bag)(dag_folder=str(DAGS / "generate_candidates.py")).dags["generate_candidates"]
    assert timed.timetable.timetable.expression == "30 12 * * *"
    assert {asset.name for asset in timed.timetable.asset_condition.objects} == {"variant_indexes"}
    assert not hasattr(bag.dags["generate_candidates"].timetable, "timetable")


@pytest.mark.parametrize("name", ["build_indexes", "train"])
def test_a_first_start_soon_after_the_set_time_waits_for_the_next_one(bag, monkeypatch, name):
    from airflow.timetables import trigger
    from airflow.timetables.base import TimeRestriction

    chosen = bag.dags[name].timetable
    timetable = trigger.CronTriggerTimetable(chosen.expression, timezone="UTC", run_immediately=chosen.run_immediately)
    last_time = timetable._align_to_prev(trigger.coerce_datetime(trigger.utcnow()))
    monkeypatch.setattr(trigger, "utcnow", lambda: last_time + timedelta(minutes=1))
    nobody = TimeRestriction(earliest=None, latest=None, catchup=False)
    first = timetable.next_dagrun_info(last_automated_data_interval=None, restriction=nobody)
    assert first.run_after > last_time


@pytest.mark.parametrize("name", sorted(NAMES))
def test_every_dag_says_what_an_operator_needs(bag, name):
    dag = bag.dags[name]
    assert len(dag.doc_md.split()) > 40
    assert dag.tags
    assert dag.max_active_runs == 1
    assert dag.catchup is False
    assert {"store", "publish"} <= set(dag.params)
    for task in dag.tasks:
        assert task.owner == "catalogue"
        assert task.retries >= 2
        assert task.retry_exponential_backoff
        assert task.execution_timeout == timedelta(hours=6) or task.response_timeout == timedelta(days=7)
    assert all(param.description for param in dag.params.values() if hasattr(param, "description"))


def test_assets_link_the_chain(bag):
    def outlets(name):
        return {asset.name for task in bag.dags[name].tasks for asset in task.outlets}

    def awaited(name):
        return {one.name for one in bag.dags[name].timetable.asset_condition.objects}

    assert outlets("build_indexes") == awaited("generate_candidates") == {"variant_indexes"}
    assert outlets("generate_candidates") == awaited("evaluate") == {"variant_candidates"}
    assert outlets("evaluate") == awaited("review_gate") == {"variant_evaluation"}


def test_parsing_loads_nothing_heavy(airflow_installed):
    code = f"""
import sys
import airflow.sdk, airflow.providers.standard.operators.hitl
before = set(sys.modules)
import runpy
from pathlib import Path
for path in sorted(Path({str(DAGS)!r}).glob("*.py")):
    runpy.run_path(str(path))
print(*(set(sys.modules) - before))
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT, check=True)
    loaded = {name.split(".")[0] for name in done.stdout.split()}
    assert "apps" in loaded
    assert not HEAVY & loaded


def test_a_users_mistake_fails_at_once_and_a_server_is_asked_again(bag):
    from airflow.sdk.definitions.retry_policy import RetryAction

    from candidates.errors import FolderBusy, ServerUnreachable

    policy = bag.dags["build_indexes"].get_task("read_feed").retry_policy
    assert policy.evaluate(FeedError("no feed"), 1, 4).action is RetryAction.FAIL
    for passing in (ServerUnreachable("gone"), FolderBusy("taken"), ConnectionError("reset")):
        assert policy.evaluate(passing, 1, 4).action is RetryAction.DEFAULT


@pytest.fixture(scope="module")
def chain(database, tmp_path_factory):
    """A store after one run of each of the three DAGs of a night."""
    folder = tmp_path_factory.mktemp("night")
    feed = write_feed(folder / "2026-01-05.tsv", bad=1)
    conf = {
        "feed": feed.replace("2026-01-05", "{date}"),
        "store": str(folder / "store"),
        "publish": str(folder / "published"),
        "settings": settings_file(folder),
        "shards": 2,
    }
    from airflow.sdk import timezone

    made = {"build_indexes": finished(database, "build_indexes", conf, logical_date=timezone.datetime(2026, 1, 5))}
    where = {"store": conf["store"], "publish": conf["publish"]}
    made["generate_candidates"] = finished(database, "generate_candidates", {**where, "n": 5, "shards": 2})
    made["evaluate"] = finished(database, "evaluate", where)
    return folder, made


def test_a_night_publishes_indexes_candidates_and_their_curve(chain):
    folder, made = chain
    assert {name: str(state) for name, (state, _) in made.items()} == dict.fromkeys(made, "success")
    lines = Lines(folder / "published")
    candidates = pq.read_table(lines.generation("candidates") / "candidates")
    assert candidates.num_rows > 60
    assert pq.read_table(lines.generation("evaluations") / "curves.parquet").num_rows > 0
    assert lines.generation("indexes").name == Lines(folder / "store").generation("indexes").name


def test_what_tasks_hand_on_is_paths_and_counts(chain):
    _, made = chain
    for _, tasks in made.values():
        for task in tasks.values():
            assert len(json.dumps(output(task))) < 3000
    report = output(made["evaluate"][1]["measure"])["report"]
    assert report.endswith("report.html")


def test_a_bad_param_is_a_users_mistake(bag):
    from airflow.sdk.exceptions import ParamValidationError

    with pytest.raises(ParamValidationError):
        bag.dags["generate_candidates"].params["budget"] = -1


def test_a_feed_that_is_not_there_fails_without_a_second_try(database, tmp_path):
    conf = {"feed": str(tmp_path / "none.tsv"), "store": str(tmp_path / "store")}
    state, tasks = finished(database, "build_indexes", conf)
    assert state == "failed"
    assert tasks["read_feed"].try_number == 1
    assert "none.tsv" in json.loads((tmp_path / "store" / "alerts.jsonl").read_text())["error"]


def test_a_shard_that_always_fails_leaves_no_half_published_generation(database, tmp_path, monkeypatch):
    conf = {
        "feed": write_feed(tmp_path / "one.tsv", groups=10),
        "store": str(tmp_path / "store"),
        "publish": str(tmp_path / "published"),
        "settings": settings_file(tmp_path),
        "shards": 2,
    }
    whole, seen = indexes.encode_texts, []

    def failing(batch, shard):
        seen.append(shard["start"])
        if shard["start"]:
            raise FeedError("the second shard never works")
        return whole(batch, shard)

    monkeypatch.setattr(indexes, "encode_texts", failing)
    state, tasks = finished(database, "build_indexes", conf)
    assert state == "failed"
    assert sorted(seen) == [0, 16]
    assert str(tasks["publish"].state) == "upstream_failed"
    for place in ("store", "published"):
        assert not Lines(tmp_path / place).line("indexes").has_current
        assert Lines(tmp_path / place).line("indexes").identifiers() == []


def test_a_week_publishes_a_model_and_one_that_is_no_better_stays_out(database, tmp_path):
    settings = settings_file(tmp_path, **{'index = "tfidf"': 'index = "exact"'})
    build(tmp_path / "store", write_feed(tmp_path / "feed.tsv", groups=30), settings)
    conf = {"store": str(tmp_path / "store"), "publish": str(tmp_path / "published")}
    state, tasks = finished(database, "train", conf)
    assert (state, str(tasks["publish"].state)) == ("success", "success")
    first = Lines(tmp_path / "published").generation("models").name
    judged = tmp_path / "judged.csv"
    judged.write_text("left_id,right_id,verdict\np1-red,p2-red,reject\n")
    state, tasks = finished(database, "train", {**conf, "judgements": str(judged)})
    assert (state, str(tasks["publish"].state)) == ("success", "skipped")
    assert Lines(tmp_path / "published").generation("models").name == first


def test_without_an_answer_nothing_is_exported(database, chain, tmp_path):
    folder, _ = chain
    conf = {"store": str(folder / "store"), "target": str(tmp_path / "groups.tsv")}
    state, tasks = finished(database, "review_gate", conf, mark_success_pattern="approve")
    assert state == "success"
    assert str(tasks["export"].state) == "skipped"
    assert not (tmp_path / "groups.tsv").exists()
    generation = Lines(folder / "store").generation("candidates").name
    kept = Decisions.of(str(folder / "store")).of_run(generation, f"review_gate/{tasks['export'].run_id}")
    assert kept is not None
    assert kept.decision != APPROVE


def test_dags_hold_no_logic(bag):
    for name in NAMES:
        for task in bag.dags[name].tasks:
            body = inspect.getsource(task.python_callable) if hasattr(task, "python_callable") else ""
            assert body.count("\n") < 20, task.task_id


def test_the_made_up_chain_is_the_dags_own(chain, tmp_path):
    """The functions called one after the other, as tests of batches do it, publish what the DAGs publish."""
    folder, _ = chain
    settings = str(folder / "settings.toml")
    batch, _ = build(tmp_path / "store", str(folder / "2026-01-05.tsv"), settings)
    suggest(tmp_path / "store", n=5)
    lines = Lines(folder / "store")
    assert lines.generation("indexes").name == batch["generation"]
    made = pq.read_table(lines.generation("candidates") / "candidates")
    again = pq.read_table(Lines(tmp_path / "store").generation("candidates") / "candidates")
    assert made.equals(again)
