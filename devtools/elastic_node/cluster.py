"""A cluster of Elasticsearch nodes on loopback: started, asked after, hurt on purpose, ended."""

from __future__ import annotations

import json
import re
import signal
import socket
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from http.client import HTTPException
from pathlib import Path
from typing import Any
from urllib.request import ProxyHandler, build_opener

from candidates.errors import ServerUnreachable, VariantsError
from devtools.elastic_node.home import program, ready_home

CLUSTER_NAME = "variant-candidates"
LOOPBACK = "127.0.0.1"
PATIENCE = 180.0

_SECONDS_BETWEEN_LOOKS = 0.1
_SECONDS_TO_END = 30.0
_ATTEMPTS = 3  # a free port may be taken by another process before the node binds it
_LINE_BEGINS = r"^\d{4}-\S+ +\w+ +\S+ "  # time, level and logger, as log4j2.properties has them
_JVM = (
    "-XX:+UseG1GC",  # Java takes another collector on a small machine, and the server is made for this one
    "-Dlog4j2.formatMsgNoLookups=true",
    "-Dio.netty.noUnsafe=true",
    "-Dio.netty.allocator.numDirectArenas=0",
    "-Dfile.encoding=UTF-8",
)
_HASTY = ("-XX:TieredStopAtLevel=1",)  # Java's second compiler pays only where a node runs for minutes


@dataclass(frozen=True)
class Node:
    """One node: its name, where it listens, and the folder of its data and its log."""

    name: str
    http_port: int
    transport_port: int
    folder: Path

    @property
    def url(self) -> str:
        """Where it answers HTTP."""
        return f"http://{LOOPBACK}:{self.http_port}"

    @property
    def log(self) -> Path:
        """What it said."""
        return self.folder / "node.log"


class Cluster:
    """A running cluster; made by `start`, which also ends it.

    A node is named by its position, 0 for the first.
    """

    def __init__(self, nodes: tuple[Node, ...], home: Path, options: Sequence[str]) -> None:
        self.nodes = nodes
        self._home = home
        self._options = tuple(options)
        self._processes: dict[int, subprocess.Popen[bytes]] = {}
        self._logs_begin: dict[int, int] = {}

    @property
    def urls(self) -> tuple[str, ...]:
        """The addresses of all nodes, dead ones included: a client needs them all to survive the loss of one."""
        return tuple(node.url for node in self.nodes)

    @property
    def url(self) -> str:
        """All addresses as ELASTICSEARCH_URL takes them."""
        return ",".join(self.urls)

    def running(self, position: int) -> bool:
        """Whether a node's process lives (a paused one does)."""
        process = self._processes.get(position)
        return process is not None and process.poll() is None

    def kill(self, position: int) -> None:
        """Kills a node with SIGKILL, as a machine that loses its power would."""
        self._processes[position].kill()
        self._forget(position)

    def pause(self, position: int) -> None:
        """Stops a node in its tracks: its connections stay open and nothing answers."""
        self._processes[position].send_signal(signal.SIGSTOP)

    def resume(self, position: int) -> None:
        """Lets a paused node go on."""
        self._processes[position].send_signal(signal.SIGCONT)

    def restart(self, position: int, patience: float = PATIENCE) -> None:
        """Starts a node again on its old ports and data, and waits until the cluster counts all living nodes."""
        self.stop(position)
        self._launch(position)
        self.await_nodes(patience)

    def stop(self, position: int) -> None:
        """Ends a node cleanly, by SIGTERM; by SIGKILL if that takes too long."""
        process = self._processes.get(position)
        if process is None:
            return
        process.send_signal(signal.SIGCONT)  # a paused one could not hear the next signal
        process.terminate()
        try:
            process.wait(_SECONDS_TO_END)
        except subprocess.TimeoutExpired:
            process.kill()
        self._forget(position)

    def stop_all(self) -> None:
        """Ends all nodes; those that still run are told together, so that none waits for another."""
        for process in self._processes.values():
            process.send_signal(signal.SIGCONT)
            process.terminate()
        for position in list(self._processes):
            self.stop(position)

    def health(self, position: int = 0, **parameters: str) -> dict[str, Any]:
        """What a node says of the cluster's health.

        Raises:
            OSError: It does not answer.
        """
        query = "&".join(f"{name}={value}" for name, value in parameters.items())
        return _get_json(f"{self.nodes[position].url}/_cluster/health?{query}")

    def await_nodes(self, patience: float = PATIENCE) -> None:
        """Waits until every living node has a master and sees all living nodes.

        Raises:
            ServerUnreachable: A node ended, or they did not find each other in time.
        """
        until = time.monotonic() + patience
        living = [position for position in self._processes if self.running(position)]
        for position in self._processes:
            while not self._sees(position, len(living)):
                if not self.running(position):
                    raise ServerUnreachable(*self._last_words(position, "ended at once"))
                if time.monotonic() > until:
                    raise ServerUnreachable(*self._last_words(position, f"was not ready within {patience:.0f} s"))
                time.sleep(_SECONDS_BETWEEN_LOOKS)

    def await_status(self, status: str = "green", patience: float = PATIENCE) -> None:
        """Waits until all shards are where they should be.

        Raises:
            ServerUnreachable: They are not in time.
        """
        until = time.monotonic() + patience
        position = next(position for position in self._processes if self.running(position))
        while time.monotonic() < until:
            try:
                if not self.health(position, wait_for_status=status, timeout="1s")["timed_out"]:
                    return
            except (OSError, HTTPException):
                time.sleep(_SECONDS_BETWEEN_LOOKS)
        raise ServerUnreachable(*self._last_words(position, f"did not become {status} within {patience:.0f} s"))

    def launch_all(self) -> None:
        """Starts every node's process, without waiting for any."""
        for position in range(len(self.nodes)):
            self._launch(position)

    def _sees(self, position: int, count: int) -> bool:
        try:
            return bool(self.health(position)["number_of_nodes"] == count)
        except (OSError, HTTPException, ValueError, KeyError):
            return False

    def _launch(self, position: int) -> None:
        node = self.nodes[position]
        node.folder.mkdir(parents=True, exist_ok=True)
        temporary = node.folder / "tmp"
        temporary.mkdir(exist_ok=True)
        class_path = f"{self._home}/lib/launcher:{self._home}/lib/*"
        java = [program("java"), *_JVM, *self._options, f"-Djava.io.tmpdir={temporary}", "-classpath", class_path]
        settings = [f"{name}={value}" for name, value in self._settings(node).items()]
        command = [*java, "Launcher", str(self._home), *settings]
        with node.log.open("ab") as log:
            self._logs_begin[position] = log.tell()
            # The pipe is never written to: when this process dies, however it dies, the node sees it end, and ends.
            self._processes[position] = subprocess.Popen(
                command, stdin=subprocess.PIPE, stdout=log, stderr=log, cwd=node.folder, start_new_session=True
            )

    def _settings(self, node: Node) -> Mapping[str, object]:
        one = len(self.nodes) == 1
        others = ",".join(f"{LOOPBACK}:{other.transport_port}" for other in self.nodes)
        names = ",".join(other.name for other in self.nodes)
        return {
            "cluster.name": CLUSTER_NAME,
            "node.name": node.name,
            "network.host": LOOPBACK,
            "http.port": node.http_port,
            "transport.port": node.transport_port,
            "path.data": node.folder / "data",
            "path.logs": node.folder,
            # A developer's disk is often fuller than a server's may be; writes would be refused at 95 %.
            "cluster.routing.allocation.disk.threshold_enabled": "false",
            **({"discovery.type": "single-node"} if one else {}),
            **({} if one else {"discovery.seed_hosts": others, "cluster.initial_master_nodes": names}),
        }

    def _forget(self, position: int) -> None:
        process = self._processes.pop(position)
        process.wait()
        if process.stdin:
            process.stdin.close()

    def _last_words(self, position: int, what: str) -> tuple[str, str]:
        node = self.nodes[position]
        return f"Elasticsearch's {node.name} {what}: {self._complaint(position)}", f"Its log is {node.log}"

    def _complaint(self, position: int) -> str:
        """The line that most likely says why: the last exception that this start logged, or its first line."""
        with self.nodes[position].log.open("rb") as log:
            log.seek(self._logs_begin[position])
            told = log.read().decode("utf-8", "replace")
        lines = [re.sub(_LINE_BEGINS, "", line.strip()) for line in told.splitlines() if line.strip()]
        blamed = [line for line in lines if re.match(r"(Caused by: )?\S+(Exception|Error):|ERROR|FATAL", line)]
        return (blamed[-1:] or lines[:1] or ["it said nothing"])[0].removeprefix("Caused by: ")


@contextmanager
def start(
    folder: Path,
    nodes: int = 1,
    *,
    port: int | None = None,
    heap: str | None = None,
    hasty: bool = False,
    patience: float = PATIENCE,
) -> Iterator[Cluster]:
    """Starts a cluster on loopback, waits until it is whole, and ends it when the block ends.

    Args:
        folder: Where its data and logs lie; data of an earlier cluster of as many nodes there are taken up again.
        nodes: How many nodes.
        port: The first node's HTTP port, the next ones follow it; free ports where none is given.
        heap: Java's heap for each node, such as `1g`.
        hasty: Starts with half the work and then runs slower, as tests on little data want it.
        patience: Seconds to wait for it.

    Raises:
        ToolMissing: Java, its compiler or Maven is missing.
        ServerUnreachable: It did not start; the message has the reason that its log gives.
    """
    home = ready_home()
    heap = heap or ("1g" if nodes == 1 else "768m")
    options = [f"-Xms{heap}", f"-Xmx{heap}", *_HASTY * hasty]
    for attempt in range(1, _ATTEMPTS + 1):
        cluster = Cluster(_laid_out(folder.resolve(), nodes, port), home, options)
        try:
            cluster.launch_all()
            cluster.await_nodes(patience)
        except ServerUnreachable as failed:
            cluster.stop_all()
            if port is not None or attempt == _ATTEMPTS or "bind" not in failed.what.lower():
                raise
        except BaseException:
            cluster.stop_all()
            raise
        else:
            break
    try:
        yield cluster
    finally:
        cluster.stop_all()


def _laid_out(folder: Path, nodes: int, port: int | None) -> tuple[Node, ...]:
    free = _free_ports(2 * nodes)
    ports = free[:nodes] if port is None else range(port, port + nodes)
    if port is not None:
        for wanted in ports:
            _require_free(wanted)
    places = zip(ports, free[nodes:], strict=True)
    names = (f"node-{position}" for position in range(nodes))
    return tuple(Node(name, *place, folder / name) for name, place in zip(names, places, strict=True))


def _free_ports(count: int) -> list[int]:
    """Ports that nothing listens on; all are held at once, so that no two are the same."""
    held = [socket.create_server((LOOPBACK, 0)) for _ in range(count)]
    try:
        return [one.getsockname()[1] for one in held]
    finally:
        for one in held:
            one.close()


def _require_free(port: int) -> None:
    try:
        socket.create_server((LOOPBACK, port)).close()
    except OSError:
        raise VariantsError(f"port {port} is taken", "End what listens there, or give another with --port") from None


def _get_json(url: str, seconds: float = 5.0) -> dict[str, Any]:
    # A proxy that the environment names is for other machines.
    with build_opener(ProxyHandler({})).open(url, timeout=seconds) as answer:
        found: dict[str, Any] = json.load(answer)
    return found
