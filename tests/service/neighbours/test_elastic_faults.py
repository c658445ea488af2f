"""Faults of a real cluster of three nodes: what a load, a search and a person at the command line meet."""

import dataclasses
import json
import os
import shutil
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import count

import numpy as np
import pyarrow.parquet as pq
import pytest

from candidates.errors import ServerUnreachable
from candidates.product import Refusal
from image_retrieval.elastic.check import check, repair
from image_retrieval.elastic.documents import documents_of
from image_retrieval.elastic.load import load
from image_retrieval.elastic.mapping import Layout
from image_retrieval.elastic.nearest import CodeSearch
from image_retrieval.elastic.patience import Patience
from image_retrieval.elastic.slices import Window
from service.neighbours.elastic_connection import ElasticConnection, connect
from service.runs.choices import Choices
from service.runs.job import Job
from service.runs.run_folder import RunFolder
from tests.conftest import ROOT
from tests.devtools.elastic_node.proxy import Proxy, first, make_certificate, running
from tests.image_retrieval.elastic.made_images import JULY, codes, distances, documents, image, images

KEY = "c2VjcmV0OmtleQ=="
BITS = 256
NAMES = (f"faults{number}" for number in count())


@pytest.fixture
def cluster(three_nodes):
    """Three living nodes with nothing to do; a test that kills some finds them alive again."""
    yield three_nodes
    for position in range(3):
        if not three_nodes.running(position):
            three_nodes.restart(position)
    three_nodes.await_status("green")


@pytest.fixture
def window(cluster):
    """An empty window of three shards, each on two nodes."""
    _, client = connect({"ELASTICSEARCH_URL": cluster.url})
    with client:
        made = Window(client, next(NAMES), Layout(BITS, "v1", "planes", shards=3, replicas=1))
        made.ensure(JULY)
        cluster.await_status("green")
        yield made
        made.drop()


def position_of(cluster, name):
    return [node.name for node in cluster.nodes].index(name)


def position_of_master(cluster, client):
    state = client.cluster.state(metric="master_node,nodes")
    return position_of(cluster, state["nodes"][state["master_node"]]["name"])


def position_of_listing(cluster, client):
    """The node that holds most of a listing that is going on."""
    nodes = client.nodes.stats(metric="indices", index_metric="search")["nodes"].values()
    holds = {node["name"]: node["indices"]["search"]["open_contexts"] for node in nodes}
    assert any(holds.values()), "no listing is going on"
    return position_of(cluster, max(holds, key=holds.get))


def copies(window):
    """Documents of each copy of each shard."""
    stats = window.client.indices.stats(index=window.alias, metric="docs", level="shards")["indices"]
    return [[copy["docs"]["count"] for copy in shard] for one in stats.values() for shard in one["shards"].values()]


# A node is killed


def test_a_master_killed_in_mid_load_loses_no_acknowledged_image(cluster, window):
    made = documents(images(codes(9_000, BITS)), window)
    doomed = position_of_master(cluster, window.client)
    acknowledged = []

    def streamed():
        yield from made[:3_000]
        assert acknowledged, "the load has not begun"
        cluster.kill(doomed)  # other chunks are on their way
        yield from made[3_000:]

    refusals = []
    loaded = load(window, streamed(), chunk=300, threads=3, track=acknowledged.append, refused=refusals.append)
    assert (loaded.stored, sum(acknowledged), refusals) == (9_000, 9_000, [])
    assert not cluster.running(doomed)

    def should():
        return made

    found = check(window, should)
    assert found.complete
    assert found.found == loaded.stored

    # The node comes back, and its copies become those of the others.
    cluster.restart(doomed)
    cluster.await_status("green")
    window.refresh()
    pairs = copies(window)
    assert all(one == other for one, other in pairs)
    assert sum(one for one, _ in pairs) == 9_000
    assert check(window, should).complete
    assert repair(window, should).loaded.stored == 0


def listing_with(window, deed):
    """The window, but the third page of a listing is asked for only after a deed; and how many were asked for."""
    turns = []

    class Disturbed(Window):
        def ask(self, what, question):
            if what == "listing images":
                turns.append(what)
                if len(turns) == 3:
                    deed()
            return super().ask(what, question)

    return Disturbed(window.client, window.name, window.layout), turns


def test_a_node_killed_in_mid_search_and_mid_check_changes_no_answer(cluster, window):
    stored, queries = codes(12_000, BITS), codes(90, BITS, seed=5)
    made = documents(images(stored), window)
    load(window, made)
    truth = [np.sort(distances(stored, query))[:50] for query in queries]
    search, begun, killed = CodeSearch(window), [], threading.Event()
    doomed = (position_of_master(cluster, window.client) + 1) % 3

    def asked(number):
        begun.append(number)
        if len(begun) == 30:
            cluster.kill(doomed)
            killed.set()
        return search.nearest(queries[number], 50)

    with ThreadPoolExecutor(4) as pool:
        answers = list(pool.map(asked, range(len(queries))))
    assert killed.is_set()
    assert all(np.array_equal(hits.distances, true) for hits, true in zip(answers, truth, strict=True))
    cluster.restart(doomed)
    cluster.await_status("green")

    # What the index was at one moment is held by the very nodes that began to list it: the listing starts again.
    disturbed, turns = listing_with(window, lambda: cluster.kill(position_of_listing(cluster, window.client)))
    found = check(disturbed, lambda: made)
    assert not all(map(cluster.running, range(3)))
    assert len(turns) > 4
    assert found.complete
    assert found.found == 12_000


def test_without_copies_a_lost_node_is_said_and_never_counted_as_nothing(cluster):
    """The images of a dead node are not there, and no answer may pretend that they never were."""
    _, client = connect({"ELASTICSEARCH_URL": cluster.url})
    with client:
        bare = Window(client, next(NAMES), Layout(BITS, "v1", "planes", shards=3, replicas=0), patience=Patience(3))
        made = documents(images(codes(600, BITS)), bare)
        load(bare, made)
        cluster.kill(0)
        for question in (bare.count, lambda: CodeSearch(bare).nearest(codes(1, BITS)[0], 5)):
            with pytest.raises(ServerUnreachable):
                question()
        assert [one.slice.label for one in bare.standing()] == ["2026-07"]
        cluster.restart(0)
        cluster.await_status("green")
        assert check(bare, lambda: made).complete
        bare.drop()


# A node has too much to do, or gets something bad


def test_nodes_that_answer_429_slow_a_load_instead_of_failing_it(cluster, window):
    made = documents(images(codes(2_000, BITS)), window)
    refusals = 5
    with running(Proxy(cluster.urls[0], refuse=first(refusals, within="_bulk"))) as proxy:
        connection = ElasticConnection.from_environment({"ELASTICSEARCH_URL": proxy.url})
        with connection.client() as client, connection.plain_errors():
            began = time.monotonic()
            slow = dataclasses.replace(window, client=client)
            assert load(slow, made, chunk=500, threads=1).stored == 2_000
        assert proxy.refused == refusals
    # Waits of 0.1, 0.2, 0.4, 0.8 and 1.6 s, each shortened to a half at most.
    assert time.monotonic() - began >= 1.5
    assert check(window, lambda: made).complete


def test_a_bad_document_costs_only_itself(cluster, window):
    made = documents(images(codes(900, BITS)), window)
    good = list(made)
    for number in (100, 500):
        broken = json.dumps({**json.loads(made[number].content), "code": "ff"}).encode()
        made[number] = made[number]._replace(content=broken)
    made += documents_of([image(900, None)], window.layout)
    refusals = []
    loaded = load(window, made, chunk=300, refused=refusals.append)
    assert (loaded.stored, sum(loaded.refused.values())) == (898, 3)
    assert {one.where for one in refusals} == {"i100", "i500", "i900"}
    assert all(isinstance(one, Refusal) and one.reason for one in refusals)
    found = check(window, lambda: good)
    assert (len(found.missing), len(found.stray), len(found.changed)) == (2, 0, 0)


# At the command line


@dataclass
class Said:
    status: int
    output: str
    errors: str


def command(out, environment, *words):
    """`variants index WORDS` in a process of its own."""
    others = {name: value for name, value in os.environ.items() if not name.startswith("ELASTICSEARCH_")}
    done = subprocess.run(
        [sys.executable, "-m", "apps.cli", "index", *words, str(out)],
        cwd=ROOT,
        env=others | environment,
        capture_output=True,
        text=True,
    )
    return Said(done.returncode, done.stdout, done.stderr)


def one_line(said, status):
    assert said.status == status, said
    assert said.errors.startswith("error: ")
    assert said.errors.count("\n") == 1
    return said.errors


@pytest.fixture
def out(finished, tmp_path):
    """A copy of a finished run, whose index has a name of its own."""
    copied = tmp_path / "out"
    shutil.copytree(finished.folder.root, copied)
    Job.of(copied).changed({"elasticsearch": {"name": next(NAMES), "shards": 3, "replicas": 1}})
    return copied


def drop(out, cluster):
    name = Job.of(out).settings.elasticsearch.name
    _, client = connect({"ELASTICSEARCH_URL": cluster.url})
    with client:
        for index in client.indices.get_mapping(index=f"{name}-*"):
            client.indices.delete(index=index)


def test_a_cluster_that_is_down_is_one_line_and_status_3(out):
    line = one_line(command(out, {"ELASTICSEARCH_URL": "http://127.0.0.1:9,http://127.0.0.1:1"}, "check"), 3)
    assert "does not answer" in line


def test_a_cluster_without_a_master_is_one_line_and_status_3(cluster, out):
    for position in (0, 2):
        cluster.kill(position)
    began = time.monotonic()
    line = one_line(command(out, {"ELASTICSEARCH_URL": cluster.url}, "check"), 3)
    assert "has no master" in line
    assert time.monotonic() - began < 60


def test_through_tls_with_the_key_the_commands_do_their_work(cluster, out, tmp_path):
    certificate = make_certificate(tmp_path)
    with running(Proxy(cluster.urls[0], authorization=f"ApiKey {KEY}"), certificate) as proxy:
        environment = {
            "ELASTICSEARCH_URL": proxy.url,
            "ELASTICSEARCH_API_KEY": KEY,
            "ELASTICSEARCH_CA_FILE": str(certificate[0]),
        }
        loaded, checked = (command(out, environment, word) for word in ("load", "check"))
        wrong = one_line(command(out, environment | {"ELASTICSEARCH_API_KEY": "d3Jvbmc6a2V5"}, "check"), 2)
    assert (loaded.status, checked.status) == (0, 0), (loaded, checked)
    pictures = pq.read_metadata(Job.of(out).folder.images).num_rows
    assert f"stored {pictures:,}, removed 0" in loaded.output
    assert f"expected {pictures:,}, found {pictures:,}" in checked.output
    assert "missing 0, changed 0, stray 0, twice 0, wrong version 0" in checked.output
    assert "does not accept the key in ELASTICSEARCH_API_KEY" in wrong
    assert KEY not in loaded.output + loaded.errors + checked.output + checked.errors + wrong
    drop(out, cluster)


def test_codes_of_another_version_are_refused_with_the_fix(cluster, out):
    environment = {"ELASTICSEARCH_URL": cluster.url}
    assert command(out, environment, "load").status == 0
    folder, work = RunFolder.existing(out), Job.of(out).folder.work
    other = Job(Choices(RunFolder(folder.root, work), Job.of(out).settings)).changed({"image": {"bits": 1024}})
    assert other.settings.image.bits == 1024
    line = one_line(command(out, environment, "check"), 2)
    assert "not" in line
    assert "Load this version beside the current one, and swap when its audit has passed" in line
    drop(out, cluster)
