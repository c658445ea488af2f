from dataclasses import dataclass, field

import numpy as np
import pytest

from candidates.axis import Axis
from candidates.collapse import Owners, collapse, search_products
from candidates.errors import VersionMismatch
from candidates.filters import Filter
from candidates.run import Run
from candidates.vectors import Vectors


def axis(prefix, count):
    return Axis.of(f"{prefix}{row}" for row in range(count))


def owners(rows, products, prefix="p"):
    return Owners(axis(prefix, products), np.asarray(rows, np.int32))


def lists_of(run):
    return [
        [(int(row), float(score)) for row, score in zip(*run.ranked(query), strict=True)] for query in range(len(run))
    ]


def plain_collapse(lists, query_owners, item_owners, products, k):
    """Best pair of pictures for each pair of products, one dict a query product."""
    best = [{} for _ in range(products)]
    for picture, found in enumerate(lists):
        for item, score in found:
            product = item_owners[item]
            own = best[query_owners[picture]]
            own[product] = max(score, own.get(product, -np.inf))
    return [sorted(own.items(), key=lambda pair: (-pair[1], pair[0]))[:k] for own in best]


def drawn(seed):
    """A random picture run (lists may be empty, scores tie), and who owns what (some own nothing)."""
    rng = np.random.default_rng(seed)
    queries, items, query_products, item_products = rng.integers(1, 9, 4)
    lists = []
    for _ in range(queries):
        rows = rng.permutation(items)[: rng.integers(0, items + 1)]
        scores = rng.choice([-1, -0.5, 0.0, 0.25, 1], len(rows))
        found = [(int(row), float(score)) for row, score in zip(rows, scores, strict=True)]
        lists.append(sorted(found, key=lambda pair: (-pair[1], pair[0])))  # as every index gives them
    run = Run.of(
        "images",
        axis("q", queries),
        axis("i", items),
        np.cumsum([0, *map(len, lists)], dtype=np.int64),
        np.array([row for one in lists for row, _ in one], np.int32),
        np.array([score for one in lists for _, score in one], np.float32),
    )
    return (
        run,
        lists,
        rng.integers(0, query_products, queries),
        rng.integers(0, item_products, items),
        query_products,
        item_products,
    )


@pytest.mark.parametrize("seed", range(40))
@pytest.mark.parametrize("k", [0, 1, 3, 100])
def test_collapse_against_a_dict(seed, k):
    run, lists, query_owners, item_owners, query_products, item_products = drawn(seed)
    collapsed = collapse(run, owners(query_owners, query_products), owners(item_owners, item_products, "x"), k)
    assert lists_of(collapsed) == plain_collapse(lists, query_owners, item_owners, query_products, k)
    assert list(collapsed.queries) == [f"p{row}" for row in range(query_products)]
    assert list(collapsed.items) == [f"x{row}" for row in range(item_products)]
    (part,) = collapsed.parts
    assert (part.offsets.dtype, part.rows.dtype, part.scores.dtype) == (np.int64, np.int32, np.float32)


def test_one_picture_each_changes_nothing():
    run, lists, *_ = drawn(3)
    whole = Owners(run.queries, run.queries.rows), Owners(run.items, run.items.rows)
    assert all(one.one_each for one in whole)
    assert lists_of(collapse(run, *whole, 100)) == lists


def test_products_without_a_picture_find_nothing_and_are_not_found():
    run, lists, *_ = drawn(3)
    queries = owners(np.arange(len(run)) * 2, 2 * len(run))
    items = owners(np.arange(len(run.items)) + 1, len(run.items) + 1, "x")
    found = lists_of(collapse(run, queries, items, 2))
    assert found[::2] == [[(row + 1, score) for row, score in one[:2]] for one in lists]
    assert not any(found[1::2])


@pytest.mark.parametrize(
    ("rows", "products", "one_each"),
    [([0, 1], 2, True), ([1, 0], 2, False), ([0, 0], 2, False), ([1], 2, True), ([], 0, True)],
)
def test_who_owns_one_picture_each(rows, products, one_each):
    assert owners(rows, products).one_each is one_each


@pytest.mark.parametrize("seed", range(20))
@pytest.mark.parametrize("k", [0, 1, 2, 100])
def test_one_picture_each_with_products_that_have_none(seed, k):
    rng = np.random.default_rng(seed)
    query_products, item_products = rng.integers(1, 9, 2)
    query_owners = np.flatnonzero(rng.random(query_products) < 0.6)
    item_owners = np.flatnonzero(rng.random(item_products) < 0.6)
    # As an index lists them: equal scores in the order of rows.
    scores = rng.choice([0.0, 0.5, 1.0], (len(query_owners), len(item_owners)))
    rows = np.argsort(-scores, axis=1, kind="stable")
    run = Run.from_matrix(
        "images", axis("q", len(query_owners)), axis("i", len(item_owners)), rows, np.take_along_axis(scores, rows, 1)
    )
    asked, found = owners(query_owners, query_products), owners(item_owners, item_products, "x")
    assert asked.one_each
    assert found.one_each
    expected = plain_collapse(lists_of(run), query_owners, item_owners, query_products, k)
    assert lists_of(collapse(run, asked, found, k)) == expected


@dataclass
class BruteIndex:
    """Inner products in plain numpy, remembering how deep it was asked, and for how many queries."""

    vectors: Vectors
    admitted: np.ndarray | None = None
    asked: list = field(default_factory=list)

    @property
    def items(self):
        return self.vectors.axis

    @property
    def version(self):
        return self.vectors.version

    def search(self, vectors, k, where=None):
        vectors.require_version(self.version)
        self.asked.append((k, len(vectors)))
        scores = vectors.values @ self.vectors.values.T
        rows = np.argsort(-scores, axis=1, kind="stable")
        if where:
            rows = np.array([[row for row in one if self.admitted[row]] for one in rows]).reshape(len(vectors), -1)
        rows = rows[:, :k]
        return Run.from_matrix("brute", vectors.axis, self.items, rows, np.take_along_axis(scores, rows, 1))


def vectors(prefix, values, version="v1"):
    return Vectors(axis(prefix, len(values)), np.asarray(values, np.float32), version)


def plain_products(index, queries, query_owners, item_owners, products, k, admitted=None):
    scores = queries.values @ index.vectors.values.T
    lists = [
        [(item, float(score)) for item, score in enumerate(one) if admitted is None or admitted[item]] for one in scores
    ]
    return plain_collapse(lists, query_owners, item_owners, products, k)


@pytest.mark.parametrize("seed", range(20))
@pytest.mark.parametrize("k", [1, 3, 50])
@pytest.mark.parametrize("where", [None, Filter(category="x")])
def test_products_are_found_as_if_all_pictures_were_compared(seed, k, where):
    rng = np.random.default_rng(seed)
    items, queries = int(rng.integers(1, 40)), int(rng.integers(1, 7))
    # Whole numbers: sums come out the same in any order.
    index = BruteIndex(vectors("i", rng.integers(-4, 5, (items, 3))), rng.random(items) < 0.5)
    asked = vectors("q", rng.integers(-4, 5, (queries, 3)))
    query_owners = rng.integers(0, 4, queries)
    item_owners = np.minimum(rng.geometric(0.4, items) - 1, 9)
    found = search_products(index, asked, owners(query_owners, 4), owners(item_owners, 10, "x"), k, where)
    admitted = index.admitted if where else None
    expected = plain_products(index, asked, query_owners, item_owners, 4, k, admitted)
    # Where scores tie at the depth an index was asked to, which of the equals it lists is its own choice.
    assert [[score for _, score in one] for one in lists_of(found)] == [[score for _, score in one] for one in expected]
    assert all(len({row for row, _ in one}) == len(one) for one in lists_of(found))


def test_a_product_with_many_pictures_does_not_crowd_out_the_others():
    # Product 0 owns the 90 nearest pictures; the others follow, one picture each.
    values = np.linspace(1, 0, 100)[:, None]
    index = BruteIndex(vectors("i", values))
    rows = [0] * 90 + list(range(1, 11))
    found = search_products(index, vectors("q", [[1.0]]), owners([0], 1), owners(rows, 11, "x"), 3)
    assert [row for row, _ in lists_of(found)[0]] == [0, 1, 2]
    depths = [depth for depth, _ in index.asked]
    assert depths[0] == 3
    assert depths == sorted(set(depths))
    assert max(depths) <= 100


def test_only_short_lists_are_asked_deeper():
    values = [[1.0, 0], [0.9, 0], [0.8, 0], [0, 1.0], [0, 0.5], [0, 0.25]]
    index = BruteIndex(vectors("i", values))
    items = owners([0, 0, 0, 1, 2, 3], 4, "x")
    found = search_products(index, vectors("q", [[1, 0], [0, 1]]), owners([0, 1], 2), items, 2)
    assert [[row for row, _ in one] for one in lists_of(found)] == [[0, 1], [1, 2]]
    assert index.asked == [(2, 2), (6, 1)]


def test_nothing_is_asked_twice_where_nothing_more_is_to_be_had():
    index = BruteIndex(vectors("i", [[1.0], [0.5], [0.25]]), np.array([True, False, False]))
    everything = owners([0, 1, 2], 3, "x")
    search_products(index, vectors("q", [[1.0]]), owners([0], 1), everything, 3)
    assert index.asked == [(3, 1)]
    found = search_products(index, vectors("q", [[1.0]]), owners([0], 1), everything, 2, Filter(category="x"))
    assert lists_of(found) == [[(0, 1.0)]]
    assert index.asked[1:] == [(2, 1)]


def test_the_pictures_of_one_product_are_asked_together():
    index = BruteIndex(vectors("i", [[1.0, 0], [0, 0.5], [0, 0.25]]))
    found = search_products(index, vectors("q", [[1, 0], [0, 1]]), owners([1, 1], 3), owners([0, 1, 1], 2, "x"), 2)
    assert lists_of(found) == [[], [(0, 1.0), (1, 0.5)], []]


def test_vectors_of_another_version_are_refused():
    index = BruteIndex(vectors("i", [[1.0]]))
    with pytest.raises(VersionMismatch):
        search_products(index, vectors("q", [[1.0]], "v2"), owners([0], 1), owners([0], 1), 1)
