"""What the DAGs share: assets, retry rules, Params and the alert.

Only `dags/` imports this module, because it needs Airflow. It imports nothing heavier, because DAGs are parsed all the
time.
"""

from __future__ import annotations

import json
import logging
import os
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from airflow.sdk import Asset, AssetOrTimeSchedule, CronTriggerTimetable, ExceptionRetryPolicy, Param, RetryRule
from airflow.sdk.definitions.retry_policy import RetryAction

if TYPE_CHECKING:
    from fsspec import AbstractFileSystem

log = logging.getLogger("variants")

INDEXES = Asset("variant_indexes", uri="variants://indexes")
"""A new generation of indexes is current."""

CANDIDATES = Asset("variant_candidates", uri="variants://candidates")
"""A new generation of candidates and suggestions is current."""

EVALUATED = Asset("variant_evaluation", uri="variants://evaluations")
"""A generation of candidates was measured and is no worse than the one before."""

MODELS = Asset("variant_models", uri="variants://models")
"""A new model is current."""

RETRIES = ExceptionRetryPolicy(
    [
        RetryRule("candidates.errors.ServerUnreachable", RetryAction.DEFAULT, reason="the server may respond later"),
        RetryRule("candidates.errors.FolderBusy", RetryAction.DEFAULT, reason="the other run will end"),
        RetryRule("candidates.errors.VariantsError", RetryAction.FAIL, reason="somebody must fix this first"),
    ]
)
"""An error that somebody must fix fails at once; an unreachable server is retried after growing pauses."""

DEFAULTS: dict[str, Any] = {
    "owner": "catalogue",
    "retries": 4,
    "retry_delay": timedelta(seconds=20),
    "retry_exponential_backoff": 2.0,
    "max_retry_delay": timedelta(minutes=15),
    "retry_policy": RETRIES,
    "execution_timeout": timedelta(hours=6),
}
"""Default arguments of every task."""


def follows(asset: Asset, cron: str = "") -> list[Asset] | AssetOrTimeSchedule:
    """The schedule of a DAG that starts on an asset's events, and also at the times of a cron expression if given."""
    if not cron:
        return [asset]
    return AssetOrTimeSchedule(timetable=at_times(cron), assets=[asset])


def at_times(cron: str) -> CronTriggerTimetable:
    """The times of a cron expression in UTC, the first of them in the future.

    Without a buffer of nothing, Airflow 3.3.2 also runs the time before it was started, if that is less than a tenth
    of the period ago: a first start at three would at once begin the night's run of two o'clock.
    """
    return CronTriggerTimetable(cron, timezone="UTC", run_immediately=timedelta(0))


def where(**more: Param) -> dict[str, Param]:
    """The Params of every DAG (the locations, with defaults from the scheduler's environment) and those in `more`."""
    locations = {
        "store": ("VARIANTS_STORE", "Folder of the store, accessible to every worker"),
        "publish": (
            "VARIANTS_PUBLISH",
            "Second place to publish to, a URI such as s3://bucket/variants; empty: only the store",
        ),
    }
    params = {
        name: Param(os.environ.get(variable, ""), type="string", description=description)
        for name, (variable, description) in locations.items()
    }
    return {**params, **more}


def open_place(uri: str) -> tuple[AbstractFileSystem, str]:
    """The file system and place of a URI, with a connection's secrets if it names one (`s3://connection@bucket`)."""
    if "@" in urlsplit(uri).netloc:
        from airflow.sdk import ObjectStoragePath

        named = ObjectStoragePath(uri)
        return named.fs, named.path
    from service.batches.publishing import open_uri

    return open_uri(uri)


def run_name(context: Mapping[str, Any]) -> str:
    """The DAG and run as `DAG/RUN`."""
    return f"{context['dag'].dag_id}/{context['run_id']}"


def run_date(context: Mapping[str, Any]) -> str:
    """The run's logical date or, without one, the date when it was triggered, as `YYYY-MM-DD`."""
    run = context["dag_run"]
    moment = run.logical_date or run.run_after
    return str(moment.date().isoformat())


def from_event(context: Mapping[str, Any], asset: Asset) -> dict[str, str]:
    """The store, publishing URI and generation of a run: from the event that triggered it, else from its Params."""
    params = context["params"]
    chosen = {name: str(params.get(name) or "") for name in ("store", "publish", "generation")}
    events = (context.get("triggering_asset_events") or {}).get(asset) or []
    return chosen | dict(events[-1].extra if events else {})


def tell(context: Mapping[str, Any], asset: Asset, batch: Mapping[str, str]) -> None:
    """Records in the asset's event which generation is now current, and where."""
    context["outlet_events"][asset].extra = {name: batch[name] for name in ("store", "publish", "generation")}


def alert(context: Mapping[str, Any]) -> None:
    """Reports that a task has finally failed: in the log, and as a line of `STORE/alerts.jsonl`."""
    task = context["task_instance"]
    failure = {
        "at": datetime.now(UTC).isoformat(timespec="seconds"),
        "dag": task.dag_id,
        "task": task.task_id,
        "run": context["run_id"],
        "error": str(context.get("exception") or ""),
    }
    log.error("%(dag)s.%(task)s failed: %(error)s", failure)
    if store := context["params"].get("store"):
        with (Path(store) / "alerts.jsonl").open("a", encoding="utf-8") as file:
            file.write(json.dumps(failure, sort_keys=True) + "\n")
