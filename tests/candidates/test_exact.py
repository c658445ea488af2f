import numpy as np

from candidates.exact import ExactIndex
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
