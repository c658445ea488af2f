"""What the DAGs share: their assets, what is retried and what is not, the Params of every run, the alert.

Imported by `dags/` alone, since it needs Airflow; nothing heavier is imported here, for DAGs are parsed all the time.
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
"""A generation of indexes came into force."""

CANDIDATES = Asset("variant_candidates", uri="variants://candidates")
"""A generation of candidates and suggestions came into force."""

EVALUATED = Asset("variant_evaluation", uri="variants://evaluations")
"""A generation of candidates was measured, and found no worse than the one before."""

MODELS = Asset("variant_models", uri="variants://models")
"""A learned model came into force."""

RETRIES = ExceptionRetryPolicy(
    [
        RetryRule("candidates.errors.ServerUnreachable", RetryAction.DEFAULT, reason="a server may answer later"),
        RetryRule("candidates.errors.FolderBusy", RetryAction.DEFAULT, reason="another run will have ended"),
        RetryRule("candidates.errors.VariantsError", RetryAction.FAIL, reason="a person must fix this first"),
    ]
)
"""A person's mistake fails at once; a server that does not answer is asked again, later and later."""

DEFAULTS: dict[str, Any] = {
    "owner": "catalogue",
    "retries": 4,
    "retry_delay": timedelta(seconds=20),
    "retry_exponential_backoff": 2.0,
    "max_retry_delay": timedelta(minutes=15),
    "retry_policy": RETRIES,
    "execution_timeout": timedelta(hours=6),
}
"""How every task is run."""


def follows(asset: Asset, cron: str = "") -> list[Asset] | AssetOrTimeSchedule:
    """The schedule of a DAG that begins when an asset has an event; also at set times where a cron line is given."""
    if not cron:
        return [asset]
    return AssetOrTimeSchedule(timetable=CronTriggerTimetable(cron, timezone="UTC"), assets=[asset])


def where(**more: Param) -> dict[str, Param]:
    """The Params of every DAG: where things lie, with defaults from the environment of the scheduler."""
    named = {
        "store": ("VARIANTS_STORE", "Folder of the store, seen by every worker"),
        "publish": (
            "VARIANTS_PUBLISH",
            "URI to publish to as well, such as s3://bucket/variants; empty: the store alone",
        ),
    }
    given = {
        name: Param(os.environ.get(variable, ""), type="string", description=about)
        for name, (variable, about) in named.items()
    }
    return {**given, **more}


def open_place(uri: str) -> tuple[AbstractFileSystem, str]:
    """The file system and place of a URI, with a connection's secrets if it names one (`s3://connection@bucket`)."""
    if "@" in urlsplit(uri).netloc:
        from airflow.sdk import ObjectStoragePath

        named = ObjectStoragePath(uri)
        return named.fs, named.path
    from service.batches.publishing import open_uri

    return open_uri(uri)


def run_name(context: Mapping[str, Any]) -> str:
    """Which run of which DAG this is."""
    return f"{context['dag'].dag_id}/{context['run_id']}"


def run_date(context: Mapping[str, Any]) -> str:
    """The date that a run is about: its logical date, or when it was asked for."""
    run = context["dag_run"]
    moment = run.logical_date or run.run_after
    return str(moment.date().isoformat())


def from_event(context: Mapping[str, Any], asset: Asset) -> dict[str, str]:
    """Where things lie and which generation: as the latest event of an asset says, else as the Params do."""
    params = context["params"]
    said = {name: str(params.get(name) or "") for name in ("store", "publish", "generation")}
    events = (context.get("triggering_asset_events") or {}).get(asset) or []
    return said | dict(events[-1].extra if events else {})


def tell(context: Mapping[str, Any], asset: Asset, batch: Mapping[str, str]) -> None:
    """Says in the asset's event which generation came into force, and where."""
    context["outlet_events"][asset].extra = {name: batch[name] for name in ("store", "publish", "generation")}


def alert(context: Mapping[str, Any]) -> None:
    """Says loudly that a task failed for good: in the log, and as a line of `STORE/alerts.jsonl`."""
    task = context["task_instance"]
    said = {
        "at": datetime.now(UTC).isoformat(timespec="seconds"),
        "dag": task.dag_id,
        "task": task.task_id,
        "run": context["run_id"],
        "error": str(context.get("exception") or ""),
    }
    log.error("%(dag)s.%(task)s failed: %(error)s", said)
    if store := context["params"].get("store"):
        with (Path(store) / "alerts.jsonl").open("a", encoding="utf-8") as file:
            file.write(json.dumps(said, sort_keys=True) + "\n")
