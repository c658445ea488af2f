import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from candidates.errors import AxisMismatch, RunFolderError, VersionMismatch
from candidates.exact import ExactIndex
from candidates.filters import Filter
from candidates.run import same_lists
from candidates.vectors import Vectors
from image_retrieval.hamming import HammingIndex, best_first
from tests.index_contract import IndexContract, clustered, cosines, made, recall, rows_of


class TestHammingIndex(IndexContract):
    recall_floor = 0.97

    def build(self, vectors, select=None):
        return HammingIndex.build(vectors, 512, 7, 200, select)


class TestHammingIndexWithDeepShortlist(IndexContract):
    exact = True

    def build(self, vectors, select=None):
        return HammingIndex.build(vectors, 256, 7, 1000, select)


class TestHammingIndexInCells(IndexContract):
    recall_floor = 0.9

    def build(self, vectors, select=None):
        return HammingIndex.build(vectors, 512, 7, 30, select, flat_below=5)


class TestHammingIndexReopened(IndexContract):
    recall_floor = 0.97

    @pytest.fixture(autouse=True)
    def _folder(self, tmp_path):
        self.folder = tmp_path / "index"

    def build(self, vectors, select=None):
        HammingIndex.build(vectors, 512, 7, 200, select).save(self.folder)
        return HammingIndex.open(self.folder, vectors, 200, select)


def bit_distances(index: HammingIndex, queries: Vectors) -> np.ndarray:
    """Differing bits of every query and item, counted one bit at a time."""
    mine, theirs = (np.unpackbits(index.planes.codes(one.values), axis=1) for one in (queries, index.vectors))
    return np.stack([(theirs != query).sum(axis=1) for query in mine])


@pytest.mark.parametrize("k", [3, 20])
def test_lists_are_the_best_cosines_of_the_hamming_shortlist(k):
    items, queries = clustered(300), clustered(25, seed=1, prefix="q")
    index = HammingIndex.build(items, 256, 7, shortlist=40)
    truth, distances = cosines(queries, items), bit_distances(index, queries)
    depth = max(40, 4 * k)
    for query, rows in enumerate(rows_of(index.search(queries, k))):
        last = np.sort(distances[query])[depth - 1]
        # Codes at the last distance may stand in the shortlist or not; nearer ones must, farther ones can't.
        assert (distances[query, rows] <= last).all()
        sure = np.flatnonzero(distances[query] < last)
        better = sure[truth[query, sure] > truth[query, rows].min() + 1e-6]
        assert set(better.tolist()) <= set(rows)
        assert len(rows) == k


def test_scores_are_cosines_of_the_stored_vectors():
    items, queries = clustered(200, dtype=np.float16), clustered(20, seed=1, prefix="q")
    rows, scores = HammingIndex.build(items, 256, 7, 50).search(queries, 10).matrix(10)
    np.testing.assert_allclose(scores, np.take_along_axis(cosines(queries, items), rows, 1), atol=1e-6)


def test_four_times_k_widens_a_narrow_shortlist():
    items = clustered(500)
    narrow, wide = (HammingIndex.build(items, 256, 7, shortlist).search(items, 50) for shortlist in (1, 200))
    assert (narrow.counts == 50).all()
    assert same_lists(narrow, wide)


@pytest.mark.parametrize(("name", "value"), [("_TILE", 2000), ("_WHOLE", 100)])
def test_tiles_change_nothing(monkeypatch, name, value):
    items, queries = clustered(150, dtype=np.float16), clustered(40, seed=1, prefix="q")
    items.values[7] = 0
    at_once = HammingIndex.build(items, 256, 7, 30).search(queries, 10)
    monkeypatch.setattr(f"image_retrieval.hamming.{name}", value)
    assert same_lists(HammingIndex.build(items, 256, 7, 30).search(queries, 10), at_once)


def test_threads_change_nothing():
    items = clustered(150)
    one, two = (HammingIndex.build(items, 256, 7, 30, threads=threads).search(items, 10) for threads in (1, 2))
    assert same_lists(one, two)


def kinds(n: int, seed: int) -> np.ndarray:
    """n vectors close around 200 centres, as the pictures of a large catalogue lie."""
    centres, rng = np.random.default_rng(99).standard_normal((200, 24)), np.random.default_rng(seed)
    return centres[rng.integers(200, size=n)] + 0.4 * rng.standard_normal((n, 24))


def test_cells_lose_little_against_all_codes():
    items, queries = made(kinds(4000, 0)), made(kinds(100, 1), "q")
    flat = HammingIndex.build(items, 512, 7, 100)
    cells = HammingIndex.build(items, 512, 7, 100, flat_below=1000)
    assert flat.cells is None
    assert cells.cells.nprobe < cells.cells.nlist / 4
    truth = cosines(queries, items)
    all_codes, some_codes = (recall(index.search(queries, 10), truth, 10) for index in (flat, cells))
    assert all_codes >= 0.97
    assert some_codes >= 0.95


@pytest.mark.parametrize(("k", "every"), [(5, False), (40, False), (100, True)])
def test_cells_rescore_the_nearest_codes_of_those_visited(k, every):
    import faiss

    items, queries, shortlist = made(kinds(4000, 0)), made(kinds(20, 1), "q"), 100
    index = HammingIndex.build(items, 256, 7, shortlist, flat_below=1000)
    truth, distances, lists = cosines(queries, items), bit_distances(index, queries), index.cells.invlists
    _, visited = index.cells.quantizer.search(index.planes.codes(queries.values), index.cells.nprobe)
    depth, found = max(shortlist, 4 * k), rows_of(index.search(queries, k))
    for query, rows in enumerate(found):
        members = [faiss.rev_swig_ptr(lists.get_ids(cell), lists.list_size(cell)) for cell in visited[query].tolist()]
        pool = np.concatenate(members).astype(int)  # as integers even of cells that are empty
        # Where the visited cells hold fewer codes than are rescored, every code is compared.
        assert (len(pool) < depth) == every
        pool = np.arange(4000) if every else pool
        last = np.sort(distances[query, pool])[depth - 1]
        sure = pool[distances[query, pool] < last]
        assert len(rows) == k
        assert np.isin(rows, pool).all()
        assert (distances[query, rows] <= last).all()
        assert np.isin(sure[truth[query, sure] > truth[query, rows].min() + 1e-6], rows).all()


def test_cells_under_a_filter_compare_every_code():
    items, queries = clustered(2000), clustered(30, seed=1, prefix="q")
    odd = np.arange(2000) % 2 == 1
    flat, cells = (
        HammingIndex.build(items, 512, 7, 100, lambda where: odd, flat_below=below) for below in (10, 10_000)
    )
    assert same_lists(flat.search(queries, 10, Filter(seller="a")), cells.search(queries, 10, Filter(seller="a")))


def test_many_copies_of_one_picture():
    items = made(np.tile(clustered(3).values, (100, 1)))
    for query, rows in enumerate(rows_of(HammingIndex.build(items, 256, 7, 1).search(items.take(np.arange(3)), 20))):
        assert rows == sorted(rows)
        assert all(row % 3 == query for row in rows)


def test_vectors_mapped_from_disk(tmp_path):
    items = clustered(100, dtype=np.float16)
    items.save(tmp_path / "vectors.arrow")
    mapped = Vectors.open(tmp_path / "vectors.arrow", items.axis)
    assert same_lists(
        HammingIndex.build(mapped, 256, 7, 50).search(mapped, 5), HammingIndex.build(items, 256, 7, 50).search(items, 5)
    )


def test_agrees_with_exact_search_when_all_codes_are_rescored():
    items, queries = clustered(200), clustered(20, seed=1, prefix="q")
    mine, _ = HammingIndex.build(items, 256, 7, 200).search(queries, 12).matrix(12)
    theirs, _ = ExactIndex(items).search(queries, 12).matrix(12)
    assert (mine == theirs).mean() > 0.99


@pytest.mark.parametrize("flat_below", [50, 1000])
def test_an_index_saved_is_the_index_opened(tmp_path, flat_below):
    items = clustered(300)
    items.values[5] = 0
    index = HammingIndex.build(items, 512, 7, 20, flat_below=flat_below)
    index.save(tmp_path / "index")
    again = HammingIndex.open(tmp_path / "index", items, 20)
    assert (again.cells is None) == (flat_below == 1000)
    assert same_lists(again.search(items, 5), index.search(items, 5))


def test_an_index_meets_only_its_own_vectors(tmp_path):
    items = clustered(30)
    HammingIndex.build(items, 256, 7, 20).save(tmp_path)
    with pytest.raises(VersionMismatch, match="v2"):
        HammingIndex.open(tmp_path, Vectors(items.axis, items.values, "v2"), 20)
    with pytest.raises(AxisMismatch, match="other rows"):
        HammingIndex.open(tmp_path, clustered(30, prefix="j"), 20)


@pytest.mark.parametrize("name", ["codes.npy", "rows.npy", "cells.faiss"])
def test_a_damaged_index_is_noticed(tmp_path, name):
    items = clustered(60)
    HammingIndex.build(items, 256, 7, 20, flat_below=10).save(tmp_path)
    content = bytearray((tmp_path / name).read_bytes())
    content[-1] ^= 1
    (tmp_path / name).write_bytes(content)
    with pytest.raises(RunFolderError, match=f"{name}.*have changed since they were saved"):
        HammingIndex.open(tmp_path, items, 20)
    (tmp_path / name).unlink()
    with pytest.raises(RunFolderError, match=name):
        HammingIndex.open(tmp_path, items, 20)


@pytest.mark.parametrize("content", [None, "", "{", "[]", json.dumps({"format": 0})])
def test_an_index_without_its_stamp_is_not_opened(tmp_path, content):
    items = clustered(30)
    HammingIndex.build(items, 256, 7, 20).save(tmp_path)
    (tmp_path / "index.json").unlink()
    if content is not None:
        (tmp_path / "index.json").write_text(content)
    with pytest.raises(RunFolderError, match=r"index\.json"):
        HammingIndex.open(tmp_path, items, 20)


@given(
    st.lists(
        st.sampled_from([-np.inf, -1.0, -0.5, -1e-30, -0.0, 0.0, 1e-30, 0.25, 0.5, 0.9999999, 1.0]),
        min_size=1,
        max_size=30,
    ),
    st.integers(1, 30),
    st.randoms(use_true_random=False),
)
@settings(max_examples=150, deadline=None)
def test_the_order_is_that_of_two_keys(values, length, random):
    rows = np.array(random.sample(range(10**9), len(values)), np.int32)
    scores = np.array(values, np.float32)
    rows[np.isneginf(scores)] = -1
    order = np.lexsort((rows.astype(np.uint32), -scores))[:length]
    best, best_scores = best_first(rows[None], scores[None], length)
    assert best[0].tolist() == rows[order].tolist()
    assert best_scores[0].tolist() == scores[order].tolist()
