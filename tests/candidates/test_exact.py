import subprocess
import sys

import numpy as np

from candidates.exact import ExactIndex
from tests.conftest import ROOT
from tests.index_contract import IndexContract, clustered, cosines


class TestExactIndex(IndexContract):
    exact = True

    def build(self, vectors, select=None):
        return ExactIndex(vectors, select)


def test_scores_are_cosines():
    items, queries = clustered(50), clustered(9, seed=1, prefix="q")
    rows, scores = ExactIndex(items).search(queries, 50).matrix(50)
    np.testing.assert_allclose(scores, np.take_along_axis(cosines(queries, items), rows, 1), atol=1e-6)


def test_several_tiles_of_queries_are_one_run(monkeypatch):
    items = clustered(60)
    at_once = ExactIndex(items).search(items, 7)
    monkeypatch.setattr("candidates.exact._TILE", 60 * 11)
    in_tiles = ExactIndex(items).search(items, 7)
    assert np.array_equal(at_once.whole().rows, in_tiles.whole().rows)


SEARCH = """
import resource
import numpy as np
from candidates.axis import Axis
from candidates.exact import ExactIndex
from candidates.vectors import Vectors

values = np.random.default_rng(1).standard_normal((100_000, 8)).astype(np.float16)
items = Vectors(Axis.of([f"p{row}" for row in range(len(values))]), values, "made up")
index = ExactIndex(items)
index.search(items.take(np.arange(100)), 100)
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
index.search(items.take(np.arange(4_000)), 100)
print((resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) // 1024)
"""


def test_memory_does_not_grow_with_the_number_of_queries():
    done = subprocess.run([sys.executable, "-c", SEARCH], capture_output=True, text=True, check=True, cwd=ROOT)
    assert int(done.stdout) < 200  # MiB; all scores would be 1,500
