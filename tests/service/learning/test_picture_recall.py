"""Recall of pictures: a slow plain reference, products without one, spaces that a query's group had no part in."""

import numpy as np
import pytest

from service.learning.picture_recall import PictureVectors, projected_recalls, recalls


def made(n=60, width=8, seed=0):
    draw = np.random.default_rng(seed)
    values = draw.normal(0, 1, (n, width)).astype(np.float16)
    values[draw.random(n) < 0.1] = 0
    return PictureVectors(values, draw.integers(-1, n // 4, n).astype(np.int32))


def plain(seen, query, depth):
    """Recall of one query, product by product."""
    values = seen.values.astype(np.float64)
    lengths = np.linalg.norm(values, axis=1)
    others = [row for row in range(len(values)) if row != query and lengths[row]]
    ranked = sorted(others, key=lambda row: -(values[row] @ values[query]) / lengths[row] / lengths[query])
    members = [row for row in range(len(values)) if seen.groups[row] == seen.groups[query] and row != query]
    return len(set(ranked[:depth]) & set(members)) / len(members)


@pytest.mark.parametrize("seed", range(4))
def test_recall_is_the_plain_one(seed):
    seen = made(seed=seed)
    queries = seen.queries
    found = recalls(seen.values, seen.groups, queries, (1, 5, 20))
    for place, depth in enumerate((1, 5, 20)):
        assert found[:, place] == pytest.approx([plain(seen, query, depth) for query in queries])


def test_queries_have_a_picture_and_a_known_variant():
    values = np.ones((6, 2), np.float16)
    values[1] = 0
    seen = PictureVectors(values, np.array([0, 0, 1, -1, -1, 2], np.int32))
    assert seen.queries.tolist() == [0]
    # Its only variant has no picture, and counts as missed.
    assert recalls(values, seen.groups, seen.queries, (5,)).tolist() == [[0.0]]


def test_a_space_never_saw_the_groups_that_it_is_measured_on(monkeypatch):
    from service.learning import picture_recall

    seen = made(200, 6, 3)
    folds = np.where(seen.groups >= 0, seen.groups % 3, -1)
    taught = []
    whole = picture_recall.learn_head

    def spied(values, groups, **options):
        taught.append(set(groups.tolist()) - {-1})
        return whole(values, groups, **options)

    monkeypatch.setattr(picture_recall, "learn_head", spied)
    found = projected_recalls(seen, folds, seen.queries, (5,))
    assert found.shape == (len(seen.queries), 1)
    assert len(taught) == 3
    for fold, groups in enumerate(taught):
        assert groups
        assert not groups & set(seen.groups[folds == fold].tolist())
