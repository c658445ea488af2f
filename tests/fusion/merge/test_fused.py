"""Fusion formulas by hand: a few products, two lists, a sum on paper."""

import numpy as np
import pytest

from candidates.axis import Axis
from candidates.run import Run
from fusion.merge.fused import union, weighted
from fusion.merge.reciprocal import Ranking, fuse

ITEMS = Axis.of(["q", "a", "b", "c", "d"])
QUERY = Axis.of(["q"])


def one_list(rows, scores):
    rows, scores = np.array(rows, np.int32), np.array(scores, np.float32)
    return Run.of("list", QUERY, ITEMS, np.array([0, len(rows)], np.int64), rows, scores)


TEXT = one_list([1, 2, 3], [0.9, 0.6, 0.5])
IMAGE = one_list([3, 4], [0.8, 0.4])


def rrf(text, image, threads=1):
    return fuse([Ranking(text, "text"), Ranking(image, "image")], k=60, threads=threads)


def order(run):
    return [entry.item_id for entry in run.entries("q")]


def test_union_lays_the_lists_into_each_other():
    assert order(union(TEXT, IMAGE)) == ["a", "c", "b", "d"]


def test_weighted_sums_scores_scaled_within_the_query():
    fused = {entry.item_id: entry.score for entry in weighted(TEXT, IMAGE).entries("q")}
    assert fused == pytest.approx({"a": 1.0, "b": (0.6 - 0.5) / 0.4, "c": 0.0 + 1.0, "d": 0.0})


def test_a_list_of_one_counts_in_full():
    assert [e.score for e in weighted(one_list([2], [0.3]), one_list([], [])).entries("q")] == [1.0]


def test_ties_keep_the_texts_order():
    equal = one_list([3, 1, 2], [0.5, 0.5, 0.5])
    assert order(weighted(equal, one_list([], []))) == ["c", "a", "b"]


@pytest.mark.parametrize("method", [union, rrf, weighted])
def test_fused_lists_hold_each_product_once_and_scores_fall(method):
    rng = np.random.default_rng(1)
    items = Axis.of([f"p{i}" for i in range(50)])

    def random_run():
        rows = np.stack([rng.permutation(50)[:20] for _ in range(50)])
        return Run.from_matrix("r", items, items, rows, -np.sort(-rng.random((50, 20)), axis=1))

    text, image = random_run(), random_run()
    fused = method(text, image, threads=2)
    for query in range(50):
        rows, scores = fused.ranked(query)
        assert set(rows) == set(text.ranked(query)[0]) | set(image.ranked(query)[0])
        assert len(set(rows)) == len(rows)
        assert (np.diff(scores) <= 0).all()
