"""Takes the picture of a finished chain that docs/operations.md shows: `python -m benchmarks.airflow.picture`.

Starts a real Airflow, runs the chain on a drawn catalogue, and lets Chromium draw the graph of a finished run with
the DAGs and assets that it is linked with. With `--url` an Airflow that runs already is taken.
"""

from __future__ import annotations

import argparse
import base64
import json
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any
from urllib.parse import quote

import urllib3

from candidates.errors import ToolMissing
from demo_catalogue.catalogue import draw_catalogue
from devtools.airflow_node.standalone import Airflow, standalone

TARGET = Path(__file__).parents[2] / "docs" / "airflow-chain.png"
SIZE = (1500, 1700)
PATIENCE = 60.0
QUICK = '[text]\nindex = "tfidf"\n[image]\nmodel = "phash"\n[learn]\nspaces = "encoded"\n[pairs]\nclassify = false\n'
QUICK += '[merge]\nstrategy = "hop"\nn = 8\n[evaluation]\nbootstrap = 50\n'


class Browser:
    """A page of a Chromium, driven by its own protocol."""

    def __init__(self, socket: Any) -> None:
        self.socket, self.number = socket, 0

    def ask(self, method: str, **words: Any) -> dict[str, Any]:
        self.number += 1
        self.socket.send(json.dumps({"id": self.number, "method": method, "params": words}))
        while (answer := json.loads(self.socket.recv(timeout=PATIENCE))).get("id") != self.number:
            pass
        return dict(answer["result"])

    def value(self, code: str) -> Any:
        return self.ask("Runtime.evaluate", expression=code, returnByValue=True)["result"].get("value")

    def go(self, url: str, shows: str) -> None:
        """Opens a page and waits until it shows some words."""
        self.ask("Page.navigate", url=url)
        end = time.monotonic() + PATIENCE
        while time.monotonic() < end:
            with suppress(KeyError):
                if self.value(f"document.body.innerText.includes({json.dumps(shows)})"):
                    return
            time.sleep(0.5)
        raise SystemExit(f"{url} never showed {shows!r}")


@contextmanager
def browser() -> Iterator[Browser]:
    """A Chromium without a window."""
    from websockets.sync.client import connect

    program = shutil.which("chromium") or shutil.which("google-chrome")
    if program is None:
        raise ToolMissing("there is no Chromium here", "apt install chromium")
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        words = ["--headless=new", "--no-sandbox", "--disable-gpu", "--remote-debugging-port=0"]
        size = f"--window-size={SIZE[0]},{SIZE[1]}"
        process = subprocess.Popen(
            [program, *words, size, f"--user-data-dir={folder}", "about:blank"], stderr=subprocess.DEVNULL
        )
        try:
            told = Path(folder) / "DevToolsActivePort"
            end = time.monotonic() + PATIENCE
            while not told.is_file() and time.monotonic() < end:
                time.sleep(0.2)
            port = told.read_text().split()[0]
            page = urllib3.request("PUT", f"http://127.0.0.1:{port}/json/new?about:blank").json()
            with connect(page["webSocketDebuggerUrl"], max_size=None) as socket:
                yield Browser(socket)
        finally:
            process.terminate()
            process.wait()


def take(airflow: Airflow, dag: str, target: Path) -> None:
    """Draws the graph of the latest finished run of a DAG."""
    run = [one for one in airflow.runs(dag) if one["state"] == "success"][-1]["dag_run_id"]
    with browser() as page:
        page.go(f"{airflow.url}/dags", "Dags")
        kept = {"default_dag_view": "graph", f"dependencies-{dag}": "all", f"direction-{dag}": "DOWN"}
        for name, value in kept.items():
            page.value(f"localStorage.setItem({json.dumps(name)}, {json.dumps(json.dumps(value))})")
        page.go(f"{airflow.url}/dags/{dag}/runs/{quote(run, safe='')}", "publish")
        time.sleep(10)  # the graph is laid out after its words are there
        content = page.ask("Page.captureScreenshot", format="png")["data"]
    target.write_bytes(base64.b64decode(content))
    print(f"{target}: {dag}, {run}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--url", default="", help="an Airflow that runs already")
    parser.add_argument("--dag", default="generate_candidates")
    parser.add_argument("--target", type=Path, default=TARGET)
    asked = parser.parse_args()
    if asked.url:
        take(Airflow(asked.url, Path(), None), asked.dag, asked.target)
        return
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        feed = draw_catalogue(folder / "catalogue", groups=30).feed
        (folder / "settings.toml").write_text(QUICK)
        told = {"FEED": feed, "STORE": folder / "store", "SETTINGS": folder / "settings.toml"}
        with standalone(
            folder / "airflow", **{f"VARIANTS_{word}": str(value) for word, value in told.items()}
        ) as running:
            running.trigger("build_indexes", {})
            running.wait_for("evaluate")
            take(running, asked.dag, asked.target)


if __name__ == "__main__":
    main()
