"""`python -m devtools.airflow_node`: Airflow with the project's DAGs on the demo's catalogue, until Ctrl-C."""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path

from candidates.errors import VariantsError
from demo_catalogue.catalogue import draw_catalogue
from devtools.airflow_node.standalone import standalone

_SAID = """
Airflow answers at {url} (nobody else can reach it; no password).

  1. Open {url}/dags/build_indexes and click Trigger: the demo's catalogue is filled in.
  2. generate_candidates and evaluate follow by themselves; the graph of each run shows where it is.
  3. review_gate then waits for you: Browse, Required Actions, Approve or Reject.

Feed: {feed}
Store: {store}
Logs: {log}

Ctrl-C ends it.
"""


def main() -> None:
    """Draws the catalogue where it is not there, starts Airflow, says what to click, and waits."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--home", type=Path, default=Path(".airflow"))
    parser.add_argument("--port", type=int, default=18080)
    parser.add_argument("--groups", type=int, default=60, help="groups of variants to draw")
    asked = parser.parse_args()
    home = asked.home.resolve()
    feed = home / "catalogue" / "feed.tsv"
    if not feed.is_file():
        draw_catalogue(feed.parent, groups=asked.groups)
    store = home / "store"
    told = {"VARIANTS_FEED": str(feed), "VARIANTS_STORE": str(store), "VARIANTS_EXPORT": str(home / "groups.tsv")}
    print("Airflow starts; that takes 15 s to a minute …", flush=True)
    try:
        with standalone(home, asked.port, **told) as running:
            print(_SAID.format(url=running.url, feed=feed, store=store, log=home / "standalone.log"), flush=True)
            while running.process.poll() is None:
                time.sleep(1)
    except KeyboardInterrupt:
        print("stopped")
    except VariantsError as error:
        print(f"error: {error}", file=sys.stderr)
        raise SystemExit(error.exit_code) from error


main()
