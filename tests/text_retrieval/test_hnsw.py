import json
import signal
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from time import sleep

import numpy as np
import pytest

from candidates.artifacts import sweep_temporaries
from candidates.errors import RunFolderError, VersionMismatch
from candidates.exact import ExactIndex
from candidates.run import same_lists
from candidates.settings import TextSettings
from candidates.vectors import Vectors
from tests.conftest import ROOT
from tests.index_contract import IndexContract, clustered, cosines, made, recall, rows_of
from text_retrieval.hnsw import NmslibIndex


def built(vectors, **settings):
    return NmslibIndex.build(vectors, TextSettings(**settings), threads=1)


def opened(folder, vectors, **settings):
    return NmslibIndex.open(folder, vectors, TextSettings(**settings), threads=1)


def with_copies(n, clumps, size):
    """Clustered vectors of which the first `clumps * size` are the same ones, `size` times each."""
    vectors = clustered(n)
    vectors.values[: clumps * size] = np.repeat(vectors.values[:clumps], size, axis=0)
    return vectors


class TestNmslibIndex(IndexContract):
    recall_floor = 0.99

    def build(self, vectors, select=None):
        return NmslibIndex.build(vectors, TextSettings(), threads=1, select=select)


@pytest.mark.parametrize(("k", "floor"), [(10, 0.99), (100, 0.98)])
def test_recall_against_exact_search(k, floor):
    items, queries = clustered(3000, clusters=60), clustered(200, seed=1, clusters=60, prefix="q")
    index, truth = built(items), cosines(queries, items)
    assert recall(ExactIndex(items).search(queries, k), truth, k) == 1
    assert recall(index.search(queries, k), truth, k) >= floor


def test_the_search_effort_is_what_recall_costs():
    items, queries = clustered(3000), clustered(200, seed=1, prefix="q")
    truth = cosines(queries, items)
    hasty, patient = (
        NmslibIndex.build(items, TextSettings(links=4, build_effort=10, search_effort=effort), threads=1)
        for effort in (1, 400)
    )
    assert recall(hasty.search(queries, 5), truth, 5) < recall(patient.search(queries, 5), truth, 5)


def test_equal_vectors_do_not_cut_themselves_off():
    items = with_copies(1500, clumps=20, size=50)
    run = built(items).search(items, 80)
    assert recall(run, cosines(items, items), 80) >= 0.99
    assert (run.counts == 80).all()
    assert all(rows_of(run)[row][:3] == [row // 50 * 50 + one for one in range(3)] for row in range(0, 1000, 49))


def test_each_distinct_vector_is_one_node():
    items = with_copies(300, clumps=2, size=100)
    items.values[250:] = 0
    index = built(items)
    assert len(index.graph) == 2 + 50
    assert (index.nodes[250:] == -1).all()
    assert len(set(index.nodes[:100])) == 1


@pytest.mark.parametrize("seed", range(8))
def test_lists_of_nodes_become_the_lists_of_their_rows(seed):
    rng = np.random.default_rng(seed)
    nodes = rng.integers(-1, 6, size=20).astype(np.int32)
    nodes[:6] = range(6)
    index = NmslibIndex(clustered(20), None, nodes, {})
    k = int(rng.integers(1, 9))
    lists = [sorted(-rng.integers(0, 3, size=int(rng.integers(0, 7))) / 2) for _ in range(5)]
    found = [rng.permutation(6)[: len(scores)].astype(np.int32) for scores in lists]
    part = index._spread(
        np.array([len(scores) for scores in lists]),
        np.concatenate(found),
        -np.concatenate(lists).astype(np.float32),
        k,
    )
    for one, (scores, asked) in enumerate(zip(lists, found, strict=True)):
        pairs = zip(scores, asked, strict=True)
        everything = sorted((score, row) for score, node in pairs for row in np.flatnonzero(nodes == node))
        got = slice(part.offsets[one], part.offsets[one + 1])
        # Where different nodes tie at the cut, either may be kept: the scores are what is promised.
        assert [-score for score in part.scores[got]] == [score for score, _ in everything][:k]
        assert list(zip(-part.scores[got], part.rows[got], strict=True)) == sorted(
            zip(-part.scores[got], part.rows[got], strict=True)
        )
        assert set(zip(-part.scores[got], part.rows[got], strict=True)) <= set(everything)


def test_many_queries_are_asked_in_tiles(monkeypatch):
    items = clustered(100)
    items.values[[0, 33, 34]] = 0
    index = built(items)
    whole = index.search(items, 5)
    monkeypatch.setattr("text_retrieval.hnsw._TILE", 37)
    assert same_lists(index.search(items, 5), whole)


class SlowGraph:
    """A graph that waits between taking its effort and searching with it."""

    def __init__(self, graph):
        self.graph = graph
        self.used = []

    def __len__(self):
        return len(self.graph)

    def setQueryTimeParams(self, params):
        self.effort = params["efSearch"]

    def knnQueryBatch(self, queries, k, num_threads):
        sleep(0.02)
        self.used.append((k, self.effort))
        return self.graph.knnQueryBatch(queries, k, num_threads=num_threads)


def test_two_searches_at_once_do_not_change_each_others_effort():
    items = clustered(300)
    graph = SlowGraph(built(items).graph)
    index = replace(built(items), graph=graph)
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda k: index.search(items, k), [3, 250] * 3))
    assert set(graph.used) == {(3, 200), (250, 500)}


@pytest.mark.parametrize("dtype", [np.float32, np.float16])
def test_a_saved_index_gives_the_same_lists(tmp_path, dtype):
    items = with_copies(500, clumps=5, size=20)
    items.values[::9] = 0
    items = Vectors(items.axis, items.values.astype(dtype), items.version)
    index = built(items)
    index.save(tmp_path / "index")
    assert same_lists(opened(tmp_path / "index", items).search(items, 30), index.search(items, 30))
    assert [path.name for path in tmp_path.iterdir()] == ["index"]


def test_an_index_of_nothing_can_be_saved(tmp_path):
    nothing = made(np.zeros((4, 3)))
    built(nothing).save(tmp_path / "index")
    assert rows_of(opened(tmp_path / "index", nothing).search(clustered(2).take(np.zeros(0, int)), 3)) == []
    assert rows_of(opened(tmp_path / "index", nothing).search(made(np.ones((1, 3)), "q"), 3)) == [[]]


def test_an_index_saved_again_is_swapped_whole(tmp_path):
    old, new = clustered(50), clustered(60, seed=1)
    built(old).save(tmp_path / "index")
    built(new).save(tmp_path / "index")
    assert len(opened(tmp_path / "index", new).graph) == 60
    with pytest.raises(RunFolderError, match="different"):
        opened(tmp_path / "index", old)


def test_the_effort_of_a_search_may_change_without_a_new_index(tmp_path):
    items = clustered(50)
    built(items).save(tmp_path / "index")
    assert opened(tmp_path / "index", items, search_effort=77).effort == 77


@pytest.mark.parametrize("settings", [{"links": 5}, {"build_effort": 50}])
def test_an_index_of_other_settings_is_refused(tmp_path, settings):
    items = clustered(50)
    built(items).save(tmp_path / "index")
    with pytest.raises(RunFolderError, match=f"{next(iter(settings))}.*Build it again"):
        opened(tmp_path / "index", items, **settings)


def test_an_index_of_other_vectors_is_refused(tmp_path):
    items = clustered(50)
    built(items).save(tmp_path / "index")
    with pytest.raises(VersionMismatch, match="v2"):
        opened(tmp_path / "index", Vectors(items.axis, items.values, "v2"))
    with pytest.raises(RunFolderError, match="vectors"):
        opened(tmp_path / "index", made(items.values + 1))
    with pytest.raises(RunFolderError, match="axis"):
        opened(tmp_path / "index", made(items.values, prefix="other"))


def test_a_folder_without_an_index_is_refused(tmp_path):
    with pytest.raises(RunFolderError, match=r"nowhere.*Build it"):
        opened(tmp_path / "nowhere", clustered(5))


@pytest.mark.parametrize("name", ["graph.bin", "graph.bin.dat", "nodes.npy", "index.json"])
def test_a_file_that_is_missing_or_cut_off_is_noticed(tmp_path, name):
    items = clustered(50)
    built(items).save(tmp_path / "index")
    path = tmp_path / "index" / name
    path.write_bytes(path.read_bytes()[:-9])
    with pytest.raises(RunFolderError, match=r"(?i)build"):
        opened(tmp_path / "index", items)
    path.unlink()
    with pytest.raises(RunFolderError, match=r"(?i)build"):
        opened(tmp_path / "index", items)


def test_every_file_stands_in_the_stamp(tmp_path):
    built(clustered(50)).save(tmp_path / "index")
    listed = json.loads((tmp_path / "index/index.json").read_text())["files"]
    assert {path.name for path in (tmp_path / "index").iterdir()} == {*listed, "index.json"}


def test_a_save_that_fails_leaves_the_old_index(tmp_path, monkeypatch):
    old, new = clustered(50), clustered(60, seed=1)
    built(old).save(tmp_path / "index")

    def fails(path, value):
        raise OSError("no space left")

    monkeypatch.setattr("text_retrieval.hnsw.write_json", fails)
    with pytest.raises(OSError, match="no space"):
        built(new).save(tmp_path / "index")
    assert len(opened(tmp_path / "index", old).graph) == 50
    assert [path.name for path in tmp_path.iterdir()] == ["index"]


KILLED = """
import logging, os, signal, sys
from pathlib import Path
from tests.index_contract import clustered
from candidates.settings import TextSettings
from text_retrieval.hnsw import NmslibIndex

logging.basicConfig(level=logging.INFO)
index = NmslibIndex.build(clustered(50), TextSettings(), threads=1)
swap = os.replace

def killed(source, target):
    if Path(target) == Path(sys.argv[1]):
        os.kill(os.getpid(), signal.SIGKILL)
    swap(source, target)

os.replace = killed
index.save(Path(sys.argv[1]))
"""


def test_a_killed_save_publishes_nothing_and_the_library_is_quiet(tmp_path):
    folder = tmp_path / "index"
    command = [sys.executable, "-c", KILLED, str(folder)]
    done = subprocess.run(command, cwd=ROOT, env={"PYTHONPATH": str(ROOT)}, capture_output=True, check=False)
    assert done.returncode == -signal.SIGKILL
    assert (done.stdout, done.stderr) == (b"", b"")
    with pytest.raises(RunFolderError):
        opened(folder, clustered(50))
    assert sweep_temporaries(tmp_path) == 1
    assert list(tmp_path.iterdir()) == []
    built(clustered(50)).save(folder)
    assert len(opened(folder, clustered(50)).graph) == 50
