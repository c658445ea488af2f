"""`python -m devtools.elastic_node`: one Elasticsearch node on loopback, or several, until Ctrl-C.

It has no security: it is for development and tests, and only this machine can reach it.
"""

from __future__ import annotations

import argparse
import signal
import sys
import time
from pathlib import Path

from candidates.errors import ServerUnreachable, VariantsError
from devtools.elastic_node.cluster import Cluster, start

FOLDER = Path("elasticsearch-out")
_SECONDS_BETWEEN_LOOKS = 1.0


def main() -> None:
    """Starts the nodes, says where they are, waits to be told to end, ends them."""
    parser = argparse.ArgumentParser(prog="python -m devtools.elastic_node", description=__doc__)
    parser.add_argument("--nodes", type=int, choices=(1, 3), default=1, help="how many nodes (default 1)")
    parser.add_argument("--port", type=int, default=9200, help="the first node's port; the others follow it")
    parser.add_argument("--heap", help="Java's heap for each node (default 1g; 768m for more than one)")
    parser.add_argument("--folder", type=Path, default=FOLDER, help=f"where data and logs lie (default {FOLDER})")
    words = parser.parse_args()
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # as Ctrl-C
    print("Elasticsearch starts; the first time, its jars are fetched before", file=sys.stderr)
    try:
        # Data of one node and of three can't be taken up by one another.
        with start(words.folder / f"{words.nodes}-nodes", words.nodes, port=words.port, heap=words.heap) as cluster:
            print(f"export ELASTICSEARCH_URL={cluster.url}", flush=True)
            print("Ctrl-C ends it; its data stay", file=sys.stderr)
            _watch(cluster)
    except KeyboardInterrupt:
        print("Elasticsearch has ended", file=sys.stderr)
    except VariantsError as error:
        print(f"error: {error}", file=sys.stderr)
        raise SystemExit(error.exit_code) from None


def _watch(cluster: Cluster) -> None:
    while True:
        time.sleep(_SECONDS_BETWEEN_LOOKS)
        for position, node in enumerate(cluster.nodes):
            if not cluster.running(position):
                raise ServerUnreachable(f"{node.name} has ended", f"Its log is {node.log}")


main()
