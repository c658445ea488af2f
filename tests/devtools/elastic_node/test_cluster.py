"""One real node: it keeps its data, ends with whoever started it, and says in one line why it can't start."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from urllib.error import URLError
from urllib.request import Request, urlopen

import pytest

from candidates.errors import ServerUnreachable, VariantsError
from devtools.elastic_node.cluster import Cluster, start
from tests.conftest import ROOT

COMMAND = [sys.executable, "-m", "devtools.elastic_node"]

pytestmark = pytest.mark.usefixtures("elasticsearch_home")


def ask(url, method="GET", body=None, seconds=10):
    content = None if body is None else json.dumps(body).encode()
    request = Request(url, content, {"Content-Type": "application/json"}, method=method)
    with urlopen(request, timeout=seconds) as answer:
        return json.load(answer)


def free_port():
    with socket.create_server(("127.0.0.1", 0)) as held:
        return held.getsockname()[1]


def nodes_in(folder):
    """Process ids of the nodes whose data lie below a folder."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                words = (entry / "cmdline").read_bytes().split(b"\0")
            except OSError:
                continue
            if b"Launcher" in words and any(word.startswith(f"path.data={folder}".encode()) for word in words):
                found.append(int(entry.name))
    return found


def await_that(condition, seconds=60):
    until = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < until, "waited too long"
        time.sleep(0.05)


def test_a_node_ends_when_its_starter_is_killed_and_its_data_are_taken_up_again(tmp_path):
    port = str(free_port())
    command = subprocess.Popen(
        [*COMMAND, "--port", port, "--folder", tmp_path], cwd=ROOT, stdout=subprocess.PIPE, text=True
    )
    try:
        assert command.stdout.readline() == f"export ELASTICSEARCH_URL=http://127.0.0.1:{port}\n"
        ask(f"http://127.0.0.1:{port}/kept/_doc/1?refresh=true", "PUT", {"answer": 42})
        assert len(nodes_in(tmp_path)) == 1
    finally:
        command.kill()
        command.communicate()
    await_that(lambda: not nodes_in(tmp_path))

    with start(tmp_path / "1-nodes", hasty=True) as cluster:
        cluster.await_status("yellow")
        assert ask(f"{cluster.url}/kept/_doc/1")["_source"] == {"answer": 42}

        cluster.pause(0)
        with pytest.raises(OSError, match="timed out"):
            ask(f"{cluster.url}/_cluster/health", seconds=1)
        assert cluster.running(0)
        cluster.resume(0)
        assert ask(f"{cluster.url}/_cluster/health")["number_of_nodes"] == 1

        with (
            pytest.raises(ServerUnreachable, match="Lock held by another program") as told,
            start(tmp_path / "1-nodes"),
        ):
            pass
        assert "\n" not in str(told.value)
        cluster.pause(0)  # a paused one ends cleanly as well
    assert not nodes_in(tmp_path)
    with pytest.raises(URLError):
        ask(f"{cluster.url}/_cluster/health")


def test_a_command_that_is_told_to_end_while_it_starts_leaves_no_node(tmp_path):
    command = subprocess.Popen(
        [*COMMAND, "--port", str(free_port()), "--folder", tmp_path], cwd=ROOT, stderr=subprocess.PIPE, text=True
    )
    await_that(lambda: nodes_in(tmp_path))
    command.send_signal(signal.SIGTERM)
    said = command.communicate(timeout=60)[1]
    assert command.returncode == 0
    assert said.endswith("Elasticsearch has ended\n")
    assert not nodes_in(tmp_path)


def test_a_port_that_is_taken_is_one_line(tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as held:
        port = held.getsockname()[1]
        with pytest.raises(VariantsError, match=f"port {port} is taken"), start(tmp_path, port=port):
            pass


@pytest.mark.parametrize(("times", "complaint"), [(2, "java.net.BindException: Address already in use"), (0, "")])
def test_a_port_that_is_taken_after_it_was_found_free_is_given_up_for_another(tmp_path, monkeypatch, times, complaint):
    tried = []

    def await_nodes(cluster, patience):
        tried.append(cluster.url)
        if len(tried) <= times:
            raise ServerUnreachable(f"node-0 ended at once: {complaint}")

    monkeypatch.setattr(Cluster, "launch_all", lambda cluster: None)
    monkeypatch.setattr(Cluster, "await_nodes", await_nodes)
    with start(tmp_path) as cluster:
        assert cluster.url == tried[-1]
    assert len(tried) == len(set(tried)) == times + 1


@pytest.mark.parametrize("complaint", ["java.net.BindException: Address already in use", "OutOfMemoryError: no"])
def test_what_does_not_pass_is_not_tried_for_ever(tmp_path, monkeypatch, complaint):
    tried = []

    def await_nodes(cluster, patience):
        tried.append(cluster.url)
        raise ServerUnreachable(f"node-0 ended at once: {complaint}")

    monkeypatch.setattr(Cluster, "launch_all", lambda cluster: None)
    monkeypatch.setattr(Cluster, "await_nodes", await_nodes)
    with pytest.raises(ServerUnreachable, match=complaint), start(tmp_path):
        pass
    assert len(tried) == (3 if "Bind" in complaint else 1)


def test_a_heap_that_java_refuses_is_one_line(tmp_path):
    with pytest.raises(ServerUnreachable, match="node-0 ended at once: Invalid") as told, start(tmp_path, heap="1x"):
        pass
    assert "\n" not in str(told.value)
    assert os.listdir(tmp_path) == ["node-0"]
