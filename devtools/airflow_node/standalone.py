"""Starts `airflow standalone` on loopback in a folder of its own, talks to it over REST, and stops it."""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import urllib3

from candidates.errors import ServerUnreachable, ToolMissing

DAGS = Path(__file__).parents[2] / "dags"
"""The DAGs of this repository."""

_PATIENCE = 300.0
"""Seconds within which it must answer; it takes 15 on a quiet machine."""

_GRACE = 60.0
"""Seconds within which it must end when asked to."""


def free_port() -> int:
    """A port that nobody listens on."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


def words(home: Path, port: int, dags: Path = DAGS) -> dict[str, str]:
    """What Airflow is told by its environment; whatever it does stays within `home`.

    It listens on loopback alone, and everybody who can reach it there is its administrator.
    """
    home = home.resolve()
    return {
        "AIRFLOW_HOME": str(home),
        "AIRFLOW__CORE__DAGS_FOLDER": str(dags),
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        "AIRFLOW__CORE__PARALLELISM": "2",
        "AIRFLOW__CORE__DAGS_ARE_PAUSED_AT_CREATION": "False",
        "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_ALL_ADMINS": "True",
        "AIRFLOW__CORE__EXECUTION_API_SERVER_URL": f"http://localhost:{port}/execution/",
        "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": f"sqlite:///{home}/airflow.db?timeout=120",
        "AIRFLOW__API__HOST": "127.0.0.1",
        "AIRFLOW__API__PORT": str(port),
        "AIRFLOW__API__WORKERS": "1",
        "AIRFLOW__API__BASE_URL": f"http://localhost:{port}",
        "AIRFLOW__LOGGING__WORKER_LOG_SERVER_PORT": str(free_port()),
        "AIRFLOW__LOGGING__TRIGGER_LOG_SERVER_PORT": str(free_port()),
        "AIRFLOW__DAG_PROCESSOR__REFRESH_INTERVAL": "5",
        # A busy machine parses slowly, and a task's process may be long in coming.
        "AIRFLOW__CORE__DAGBAG_IMPORT_TIMEOUT": "120",
        "AIRFLOW__SCHEDULER__TASK_QUEUED_TIMEOUT": "1200",
        "OMP_NUM_THREADS": "1",
        "HF_HUB_OFFLINE": "1",
        "TOKENIZERS_PARALLELISM": "false",
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', '')}",
    }


@dataclass(frozen=True)
class Airflow:
    """A running Airflow.

    Attributes:
        url: Where it answers.
        home: Its folder; `standalone.log` there says what it did.
        process: The process that started all others.
    """

    url: str
    home: Path
    process: subprocess.Popen[bytes]

    def ask(self, method: str, path: str, body: Mapping[str, Any] | None = None) -> Any:
        """What the REST interface answers.

        Raises:
            ServerUnreachable: It does not answer, or with an error.
        """
        headers = {"Content-Type": "application/json", "Authorization": f"Bearer {self._token()}"}
        return _ask(method, f"{self.url}/api/v2/{path}", headers, body)

    def _token(self) -> str:
        return str(_ask("GET", f"{self.url}/auth/token", {}, None)["access_token"])

    def trigger(self, dag: str, conf: Mapping[str, Any]) -> str:
        """Starts a run of a DAG; returns its id."""
        asked = {"logical_date": None, "conf": dict(conf)}
        return str(self.ask("POST", f"dags/{dag}/dagRuns", asked)["dag_run_id"])

    def runs(self, dag: str) -> list[dict[str, Any]]:
        """The runs of a DAG, the earliest first."""
        found = self.ask("GET", f"dags/{dag}/dagRuns?order_by=id&limit=100")
        return list(found["dag_runs"])

    def run(self, dag: str, run: str) -> dict[str, Any]:
        """One run of a DAG."""
        return dict(self.ask("GET", f"dags/{dag}/dagRuns/{_quoted(run)}"))

    def tasks(self, dag: str, run: str) -> dict[str, dict[str, Any]]:
        """The tasks of a run by their ids; of a mapped task the last."""
        found = self.ask("GET", f"dags/{dag}/dagRuns/{_quoted(run)}/taskInstances?limit=1000")
        return {one["task_id"]: one for one in found["task_instances"]}

    def output(self, dag: str, run: str, task: str) -> Any:
        """What a task handed on."""
        found = self.ask("GET", f"dags/{dag}/dagRuns/{_quoted(run)}/taskInstances/{task}/xcomEntries/return_value")
        value = found["value"]
        return json.loads(value) if isinstance(value, str) and value[:1] in "{[" else value

    def wait_for(self, dag: str, number: int = 1, patience: float = 900.0, kind: str = "") -> dict[str, Any]:
        """Waits until so many runs of a DAG have ended; returns the last of them, whether well or badly.

        Args:
            dag: The DAG.
            number: How many runs.
            patience: Seconds to wait, at most.
            kind: Only runs of this type, such as `backfill`.

        Raises:
            ServerUnreachable: They did not end in time.
        """
        end = time.monotonic() + patience
        while time.monotonic() < end:
            asked = [run for run in self.runs(dag) if kind in ("", run["run_type"])]
            over = [run for run in asked if run["state"] in ("success", "failed")]
            if len(over) >= number:
                return over[number - 1]
            time.sleep(1)
        states = [(run["dag_run_id"], run["state"]) for run in self.runs(dag)]
        raise ServerUnreachable(f"{dag}: {number} runs did not end within {patience:g} s ({states})", "See its log")


def _quoted(run: str) -> str:
    from urllib.parse import quote

    return quote(run, safe="")


def _ask(method: str, url: str, headers: Mapping[str, str], body: Mapping[str, Any] | None) -> Any:
    content = json.dumps(body).encode() if body is not None else None
    try:
        answer = urllib3.request(method, url, body=content, headers=dict(headers), timeout=30.0, retries=3)
    except urllib3.exceptions.HTTPError as error:
        raise ServerUnreachable(f"{url}: {error}", "Is Airflow running?") from error
    if answer.status >= 400:
        raise ServerUnreachable(f"{method} {url}: {answer.status} {answer.data.decode()[:500]}", "See its log")
    return answer.json() if answer.data else None


@contextmanager
def standalone(home: Path, port: int = 0, **environment: str) -> Iterator[Airflow]:
    """A whole Airflow (scheduler, API server, triggerer, DAG processor), stopped when the block ends.

    Args:
        home: Its folder, made where it is not there; everything Airflow writes lies there.
        port: Where it listens on loopback; 0: a free one.
        environment: What else it is told, such as `VARIANTS_FEED`.

    Raises:
        ToolMissing: Airflow is not installed.
        ServerUnreachable: It did not come up.
    """
    program = shutil.which("airflow", path=str(Path(sys.executable).parent))
    if program is None:
        raise ToolMissing("Airflow is not installed", "pip install 'variant-candidates[airflow]'")
    port = port or free_port()
    home.mkdir(parents=True, exist_ok=True)
    told = {**os.environ, **words(home, port), **environment}
    with (home / "standalone.log").open("ab") as log:
        # A session of its own, so that a signal to it reaches neither us nor our shell's other jobs.
        process = subprocess.Popen(
            [program, "standalone"], env=told, stdout=log, stderr=log, stdin=subprocess.DEVNULL, start_new_session=True
        )
    running = Airflow(f"http://localhost:{port}", home, process)
    try:
        _wait_until_healthy(running)
        yield running
    finally:
        _stop(process)


def _wait_until_healthy(running: Airflow) -> None:
    end = time.monotonic() + _PATIENCE
    while time.monotonic() < end:
        if running.process.poll() is not None:
            break
        with suppress(ServerUnreachable):
            parts = _ask("GET", f"{running.url}/api/v2/monitor/health", {}, None)
            if all(parts[name]["status"] == "healthy" for name in ("metadatabase", "scheduler", "dag_processor")):
                return
        time.sleep(1)
    last = (running.home / "standalone.log").read_text("utf-8", "replace")[-2000:]
    raise ServerUnreachable(f"Airflow did not come up within {_PATIENCE:g} s. Its last words:\n{last}", "")


def _stop(process: subprocess.Popen[bytes]) -> None:
    """Asks it to end as Ctrl-C does; SIGTERM would leave its children behind."""
    with suppress(ProcessLookupError):
        process.send_signal(signal.SIGINT)
    with suppress(subprocess.TimeoutExpired):
        process.wait(_GRACE)
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL)  # whatever of its session is still there
    process.wait()
