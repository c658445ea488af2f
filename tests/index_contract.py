"""What every `Index` must do, written once; each index's test gives `build` and says how exact it is.

A subclass in the index's own test file inherits every check:

    class TestExactIndex(IndexContract):
        exact = True

        def build(self, vectors, select=None):
            return ExactIndex(vectors, select)

The truth is plain float64 cosine arithmetic, written here and nowhere else.
"""

from __future__ import annotations

import numpy as np
import pytest

from candidates.axis import Axis
from candidates.contracts import Index, Select
from candidates.errors import VariantsError, VersionMismatch
from candidates.filters import Filter
from candidates.run import Run, same_lists
from candidates.vectors import Vectors

DIMENSIONS = 24
EVEN = Filter(category="even")
NOBODY = Filter(category="nobody")


def made(values, prefix: str = "i", version: str = "v1", dtype=np.float32) -> Vectors:
    """Vectors over an axis of made-up ids."""
    values = np.asarray(values, dtype)
    return Vectors(Axis.of([f"{prefix}{row}" for row in range(len(values))]), values, version)


def clustered(n: int, seed: int = 0, clusters: int = 20, prefix: str = "i", dtype=np.float32) -> Vectors:
    """n vectors scattered around a few centres (the same for every seed), as products around their kinds."""
    centres = np.random.default_rng(99).standard_normal((clusters, DIMENSIONS))
    rng = np.random.default_rng(seed)
    return made(centres[rng.integers(clusters, size=n)] + rng.standard_normal((n, DIMENSIONS)), prefix, dtype=dtype)


def cosines(queries: Vectors, items: Vectors) -> np.ndarray:
    """Every cosine, float64 (q, n); −∞ where a vector is zero."""
    left, right = queries.values.astype(float), items.values.astype(float)
    lengths = np.outer(np.linalg.norm(left, axis=1), np.linalg.norm(right, axis=1))
    return np.divide(left @ right.T, lengths, out=np.full(lengths.shape, -np.inf), where=lengths > 0)


def rows_of(run: Run) -> list[list[int]]:
    """Each query's found rows."""
    return [run.ranked(query)[0].tolist() for query in range(len(run))]


def recall(run: Run, truth: np.ndarray, k: int) -> float:
    """Mean share of the k nearest that `run` holds; any item as near as the k-th counts (equals are equals)."""
    shares = []
    for rows, scores in zip(rows_of(run), truth, strict=True):
        depth = min(k, int(np.isfinite(scores).sum()))
        if depth:
            last = np.sort(scores)[-depth]
            shares.append(min(depth, sum(scores[row] >= last - 1e-5 for row in rows)) / depth)
    return float(np.mean(shares))


class IndexContract:
    """The checks; `exact` demands the true lists in the true order, else `recall_floor` of their entries."""

    exact: bool = False
    recall_floor: float = 0.9

    def build(self, vectors: Vectors, select: Select | None = None) -> Index:
        """Builds the index under test over `vectors`; `select` tells which rows meet a `Filter`."""
        raise NotImplementedError

    def agrees(self, run: Run, truth: np.ndarray, k: int) -> None:
        """Checks lists against the true cosines (q, n), −∞ where an item must not be found."""
        for rows, scores in zip(rows_of(run), truth, strict=True):
            assert len(set(rows)) == len(rows) <= k
            assert np.isfinite(scores[rows]).all(), "found an item that must not be found"
            assert (np.diff(scores[rows]) <= 1e-5).all(), "not best first"
            if self.exact:
                assert len(rows) == min(k, np.isfinite(scores).sum())
        assert recall(run, truth, k) >= (1 if self.exact else self.recall_floor)

    @pytest.mark.parametrize("dtype", [np.float32, np.float16])
    @pytest.mark.parametrize("k", [1, 10])
    def test_finds_the_nearest_best_first(self, k, dtype):
        items, queries = clustered(400, dtype=dtype), clustered(50, seed=1, prefix="q", dtype=dtype)
        self.agrees(self.build(items).search(queries, k), cosines(queries, items), k)

    def test_scores_fall_along_a_list(self):
        items = clustered(300)
        run = self.build(items).search(items, 10)
        for query in range(len(run)):
            assert (np.diff(run.ranked(query)[1]) <= 0).all()

    def test_a_query_that_is_an_item_finds_itself_first(self):
        items = clustered(300)
        first = [rows[:1] for rows in rows_of(self.build(items).search(items, 5))]
        assert np.mean([rows == [row] for row, rows in enumerate(first)]) >= (1 if self.exact else self.recall_floor)

    def test_length_does_not_matter(self):
        items, queries = clustered(200), clustered(20, seed=1, prefix="q")
        longer = made(items.values * np.linspace(0.1, 9, 200, dtype=np.float32)[:, None])
        self.agrees(self.build(longer).search(queries, 10), cosines(queries, items), 10)

    def test_equal_scores_stand_in_the_order_of_rows(self):
        # Ones and zeros four at a time: every product and length is exact, so equal means equal.
        directions = np.kron(np.eye(6), np.ones((1, 4)))
        items = made(np.tile(directions, (9, 1)))
        run = self.build(items).search(items.take(np.arange(6)), 9)
        for query, rows in enumerate(rows_of(run)):
            same = [row for row in rows if row % 6 == query]
            assert same == sorted(same)
            assert len(same) >= 9 * (1 if self.exact else self.recall_floor)

    def test_a_tie_across_the_cut_keeps_the_first_rows(self):
        items = made(np.tile(np.kron(np.eye(6), np.ones((1, 4))), (9, 1)))
        for query, rows in enumerate(rows_of(self.build(items).search(items.take(np.arange(6)), 4))):
            expected = [query, query + 6, query + 12, query + 18]
            assert rows == expected if self.exact else rows == sorted(rows)

    @pytest.mark.parametrize("n", [1, 2, 7])
    def test_k_beyond_the_items_finds_all_there_are(self, n):
        items, queries = clustered(n), clustered(3, seed=1, prefix="q")
        self.agrees(self.build(items).search(queries, 50), cosines(queries, items), 50)

    def test_no_queries_make_an_empty_run(self):
        items = clustered(20)
        run = self.build(items).search(items.take(np.zeros(0, int)), 5)
        assert len(run) == 0
        assert run.items == items.axis

    def test_no_items_are_never_found(self):
        run = self.build(clustered(0)).search(clustered(4, prefix="q"), 5)
        assert rows_of(run) == [[], [], [], []]

    def test_zero_items_are_never_found(self):
        items, queries = clustered(60), clustered(10, seed=1, prefix="q")
        items.values[::3] = 0
        self.agrees(self.build(items).search(queries, 60), cosines(queries, items), 60)

    def test_nothing_but_zero_items(self):
        run = self.build(made(np.zeros((5, DIMENSIONS)))).search(clustered(3, prefix="q"), 5)
        assert rows_of(run) == [[], [], []]

    def test_a_query_of_zeros_finds_nothing(self):
        items, queries = clustered(60), clustered(4, seed=1, prefix="q")
        queries.values[1] = 0
        run = self.build(items).search(queries, 5)
        assert [len(rows) > 0 for rows in rows_of(run)] == [True, False, True, True]

    def test_the_scores_of_a_list_are_finite(self):
        items = clustered(30)
        items.values[4] = 0
        run = self.build(items).search(items, 30)
        assert len(run.whole().scores) > 0
        assert np.isfinite(run.whole().scores).all()

    def test_queries_and_items_are_two_axes(self):
        items, queries = clustered(40), clustered(7, seed=1, prefix="other")
        index = self.build(items)
        run = index.search(queries, 3)
        assert index.items == run.items == items.axis
        assert run.queries == queries.axis
        assert index.version == "v1"

    def test_a_filter_restricts_what_is_found(self):
        items, queries = clustered(300), clustered(20, seed=1, prefix="q")
        even = np.arange(300) % 2 == 0
        run = self.build(items, self.select(300)).search(queries, 10, EVEN)
        self.agrees(run, np.where(even, cosines(queries, items), -np.inf), 10)

    def test_a_narrow_filter_finds_all_it_admits(self):
        items, queries = clustered(300), clustered(20, seed=1, prefix="q")
        three = np.isin(np.arange(300), [5, 17, 203])
        run = self.build(items, lambda where: three).search(queries, 10, EVEN)
        self.agrees(run, np.where(three, cosines(queries, items), -np.inf), 10)

    def test_a_filter_that_nothing_meets_finds_nothing(self):
        run = self.build(clustered(30), self.select(30)).search(clustered(2, prefix="q"), 5, NOBODY)
        assert rows_of(run) == [[], []]

    def test_an_empty_filter_is_no_filter(self):
        items = clustered(50)
        index = self.build(items, self.select(50))
        assert same_lists(index.search(items, 5), index.search(items, 5, Filter()))

    def test_a_filter_without_products_is_refused(self):
        items = clustered(30)
        with pytest.raises(VariantsError, match="filter"):
            self.build(items).search(items, 5, EVEN)

    def test_vectors_of_another_version_are_refused(self):
        items = clustered(30)
        with pytest.raises(VersionMismatch, match="v2"):
            self.build(items).search(Vectors(items.axis, items.values, "v2"), 5)

    def test_a_search_twice_is_the_same(self):
        items, queries = clustered(200), clustered(30, seed=1, prefix="q")
        index = self.build(items)
        assert same_lists(index.search(queries, 10), index.search(queries, 10))

    @staticmethod
    def select(n: int) -> Select:
        """A `select` that knows the categories `even` and `nobody`."""
        return lambda where: (np.arange(n) % 2 == 0) & (where.category == "even")
