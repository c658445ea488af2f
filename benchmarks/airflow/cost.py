"""What Airflow adds to a run: `python -m benchmarks.airflow.cost --products 100000`.

The same feed, with synthetic vectors on the shelf so that nothing has to be encoded, goes through `variants run` and
through the three DAGs of a night in a real `airflow standalone`, one after the other on the same machine. Said are the
seconds of both, the seconds that tasks worked, and what is left over: for each task and in all.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np

from candidates.artifacts import digest_bytes, digest_of
from candidates.settings import Settings
from devtools.airflow_node.standalone import Airflow, standalone
from service.runs.job import Job
from service.runs.shelf import Shelf, as_digests
from service.runs.store import Store
from service.steps.ingest import ingest
from text_retrieval.product_text import product_texts
from text_retrieval.sentence import SentenceEncoder

# A quick index: what Airflow adds is the same, and a long build's noise would hide it.
SETTINGS = """
[text]
links = 12
build_effort = 60
[learn]
spaces = "encoded"
[pairs]
classify = false
[merge]
strategy = "hop"
n = 20
k = 0
[image]
model = "phash"
index = "exact"
[evaluation]
bootstrap = 50
max_queries = 2000
text_depths = [5, 10, 20]
hops = [0]
"""
CHAIN = ("build_indexes", "generate_candidates", "evaluate")
DIMENSIONS, DIRECTIONS = 384, 16


def write_feed(path: Path, products: int) -> None:
    """Groups of four; titles that no two products share."""
    rows = (f"p{row}\tproduct {row} of model {row // 4}\t\tg{row // 4}\n" for row in range(products))
    with path.open("w", encoding="utf-8") as file:
        file.write("id\ttitle\timage_link\titem_group_id\n")
        file.writelines(rows)


def fill_shelf(store: Store, feed: Path, settings: Settings) -> None:
    """Vectors for every text: those of a group lie close together, and all along few directions, as texts' do."""
    with tempfile.TemporaryDirectory() as folder:
        job = Job.start(Path(folder) / "run", feed, settings)
        ingest(job)
        texts = product_texts(job.catalogue, settings.text)
    version = SentenceEncoder.open(settings.text, 1).version
    rng = np.random.default_rng(7)
    centres = rng.standard_normal((-(-len(texts) // 4), DIRECTIONS))
    places = np.repeat(centres, 4, axis=0)[: len(texts)] + 0.2 * rng.standard_normal((len(texts), DIRECTIONS))
    values = places @ rng.standard_normal((DIRECTIONS, DIMENSIONS))
    values /= np.linalg.norm(values, axis=1, keepdims=True)
    digests = as_digests([digest_bytes(text.encode()) for text in texts])
    Shelf(store.work / "text" / digest_of(version)[:16]).put(digests, values)


def by_command_line(feed: Path, store: Store, settings: Path) -> float:
    """Seconds of `variants run --store`."""
    words = ["run", str(feed), "--store", str(store.root), "--settings", str(settings)]
    began = time.perf_counter()
    subprocess.run([sys.executable, "-m", "apps.cli", *words], check=True, capture_output=True)
    return time.perf_counter() - began


def moment(words: str) -> float:
    """An ISO date as seconds."""
    return datetime.fromisoformat(words.replace("Z", "+00:00")).timestamp()


def by_airflow(airflow: Airflow) -> dict[str, Any]:
    """Seconds of the chain, of its tasks' own work, and how many tasks there were."""
    airflow.trigger("build_indexes", {})
    runs = {name: airflow.wait_for(name, patience=7200.0) for name in CHAIN}
    failed = [name for name, run in runs.items() if run["state"] != "success"]
    if failed:
        raise SystemExit(f"{failed} failed; see {airflow.home}")
    tasks = [
        task
        for name, run in runs.items()
        for task in airflow.ask("GET", f"dags/{name}/dagRuns/~/taskInstances?limit=1000")["task_instances"]
        if task["dag_run_id"] == run["dag_run_id"]
    ]
    wall = moment(runs["evaluate"]["end_date"]) - moment(runs["build_indexes"]["queued_at"])
    spans = [(moment(one["start_date"]), moment(one["end_date"])) for one in tasks if one["start_date"]]
    in_tasks = sum(task["duration"] or 0.0 for task in tasks)
    return {"wall": wall, "tasks": len(tasks), "in_tasks": in_tasks, "idle": wall - covered(spans)}


def covered(spans: list[tuple[float, float]]) -> float:
    """Seconds in which at least one task was at work."""
    seconds, until = 0.0, 0.0
    for start, end in sorted(spans):
        seconds += max(0.0, end - max(start, until))
        until = max(until, end)
    return seconds


def steps_seconds(store: Store) -> float:
    """Seconds of all steps of the current generation, from its manifest."""
    manifest = json.loads((store.current / "manifest.json").read_text("utf-8"))
    return float(sum(step["seconds"] for step in manifest["steps"].values()))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--products", type=int, default=100_000)
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        feed, settings = folder / "feed.tsv", folder / "settings.toml"
        write_feed(feed, asked.products)
        settings.write_text(SETTINGS)
        plain, scheduled = Store(folder / "plain"), Store(folder / "scheduled")
        for store in (plain, scheduled):
            fill_shelf(store, feed, Settings.read(settings))
        told = {"FEED": feed, "STORE": scheduled.root, "SETTINGS": settings}
        with standalone(
            folder / "airflow", **{f"VARIANTS_{word}": str(value) for word, value in told.items()}
        ) as running:
            made = by_airflow(running)
        alone = by_command_line(feed, plain, settings)
        over = made["wall"] - alone
        print(f"{asked.products:,} products, {made['tasks']} tasks")
        print(f"command line       {alone:8.1f} s, of which steps {steps_seconds(plain):.1f} s")
        print(f"Airflow, in all    {made['wall']:8.1f} s, of which within tasks {made['in_tasks']:.1f} s")
        print(f"  no task at work  {made['idle']:8.1f} s, {made['idle'] / made['tasks']:.1f} s a task")
        print(f"Airflow adds       {over:8.1f} s, {over / made['tasks']:.1f} s a task")


if __name__ == "__main__":
    main()
