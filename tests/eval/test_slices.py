import random

import numpy as np
import pytest

from candidates.axis import Axis
from candidates.errors import AxisMismatch
from candidates.run import Run
from eval.metrics import judged, recall
from eval.slices import Slice, by_group_size, index_recall, slices, within_and_across
from tests.eval.made_up import drawn_lists, drawn_qrels, qrels_of, run_of, variants_of

SEEDS = range(30)


def plain(made):
    """Slices without their intervals."""
    return [(one.by, one.name, one.queries, pytest.approx(one.recall.mean)) for one in made]


def test_slices_by_name_on_paper():
    values, groups = np.array([1.0, 0.0, 0.5, np.nan, 0.25]), np.array([0, 0, 1, 2, 3], np.int32)
    made = slices("category", ["shoes", "shoes", "mugs", "hats", "shoes"], values, groups)
    assert plain(made) == [("category", "shoes", 3, 1.25 / 3), ("category", "mugs", 1, 0.5)]
    assert made[0].recall.low <= made[0].recall.mean <= made[0].recall.high
    assert (made[1].recall.low, made[1].recall.high) == (0.5, 0.5)


@pytest.mark.parametrize("seed", SEEDS)
def test_slices_by_name_against_a_loop(seed):
    rng = random.Random(seed)
    count = rng.choice([0, 1, 10, 50])
    names = [rng.choice(["a", "b", "c", "(none)"]) for _ in range(count)]
    values = np.array([rng.choice([0.0, 0.5, 1.0, np.nan]) for _ in range(count)])
    expected = {}
    for name, value in zip(names, values, strict=True):
        if not np.isnan(value):
            expected.setdefault(name, []).append(value)
    made = slices("seller", names, values, np.arange(count, dtype=np.int32))
    assert {one.name: one.queries for one in made} == {name: len(own) for name, own in expected.items()}
    assert all(one.recall.mean == pytest.approx(np.mean(expected[one.name])) for one in made)
    assert [one.queries for one in made] == sorted((one.queries for one in made), reverse=True)


def test_group_sizes_on_paper():
    # Groups of two, three, four, nine; and a product of its own, which is no query.
    groups = [0] * 2 + [1] * 3 + [2] * 4 + [3] * 9 + [4]
    qrels = qrels_of(groups)
    rows = [0, 2, 5, 9, 10, 18]
    lists = judged(run_of(qrels, rows, [[1], [3], [6], [], list(range(11, 18)), [0]]), qrels)
    made = by_group_size(lists, recall(lists, 100), qrels.groups[lists.query_rows])
    assert plain(made) == [
        ("group size", "2", 1, 1.0),
        ("group size", "3–4", 2, (1 / 2 + 1 / 3) / 2),
        ("group size", "9 or more", 2, (0 + 7 / 8) / 2),
    ]


def test_every_group_size_has_its_slice():
    sizes = [2, 3, 4, 5, 8, 9, 40]
    qrels = qrels_of([group for group, size in enumerate(sizes) for _ in range(size)])
    rows = np.cumsum([0, *sizes[:-1]]).tolist()
    lists = judged(run_of(qrels, rows, [[] for _ in rows]), qrels)
    made = by_group_size(lists, recall(lists, 5), qrels.groups[lists.query_rows])
    assert [(one.name, one.queries) for one in made] == [("2", 1), ("3–4", 2), ("5–8", 2), ("9 or more", 2)]


def test_within_and_across_sellers_on_paper():
    # p0 has a variant of its own seller (p1, found) and two of another's (p2 found, p3 not).
    qrels = qrels_of([0, 0, 0, 0, 1])
    sellers = np.array([0, 0, 1, 1, 1], np.int32)
    made = within_and_across(run_of(qrels, [0], [[4, 1, 2]]), qrels, sellers, 10)
    assert plain(made) == [("sellers", "within one seller", 1, 1.0), ("sellers", "across sellers", 1, 0.5)]
    made = within_and_across(run_of(qrels, [0], [[4, 1, 2]]), qrels, sellers, 2)
    assert plain(made) == [("sellers", "within one seller", 1, 1.0), ("sellers", "across sellers", 1, 0.0)]


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("k", [1, 4, 100])
def test_within_and_across_sellers_against_sets(seed, k):
    qrels = drawn_qrels(seed)
    everyone = list(range(len(qrels.items)))
    lists = drawn_lists(qrels, everyone, seed)
    sellers = np.random.default_rng(seed).integers(0, 3, len(everyone)).astype(np.int32)
    expected = []
    for name, same in (("within one seller", True), ("across sellers", False)):
        values = []
        for query in everyone:
            known = {row for row in variants_of(qrels, query) if (sellers[row] == sellers[query]) == same}
            if known:
                values.append(len(known & set(lists[query][:k])) / len(known))
        if values:
            expected.append(("sellers", name, len(values), np.mean(values)))
    made = within_and_across(run_of(qrels, everyone, lists), qrels, sellers, k)
    assert plain(made) == expected


ITEMS = Axis.of(f"i{row}" for row in range(9))


def run_over(lists):
    """A run of strangers over nine items."""
    offsets = np.cumsum([0, *map(len, lists)], dtype=np.int64)
    rows = np.array([row for one in lists for row in one], np.int32)
    return Run.of(
        "test", Axis.of(f"q{row}" for row in range(len(lists))), ITEMS, offsets, rows, np.zeros(len(rows), np.float32)
    )


def test_index_recall_on_paper():
    exact, approximate = run_over([[0, 1, 2, 3], [4, 5, 6, 7]]), run_over([[1, 0, 8, 2], [4]])
    assert index_recall(approximate, exact, 1) == pytest.approx(1 / 2)
    assert index_recall(approximate, exact, 2) == pytest.approx((2 + 1) / 4)
    assert index_recall(approximate, exact, 4) == pytest.approx((3 + 1) / 8)
    assert index_recall(approximate, exact, 400) == pytest.approx((3 + 1) / 8)
    assert index_recall(exact, exact, 3) == 1


def test_index_recall_of_other_queries_is_refused():
    with pytest.raises(AxisMismatch, match="queries of an index"):
        index_recall(run_over([[0]]), run_over([[0], [1]]), 1)


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("k", [1, 3, 20])
def test_index_recall_against_sets(seed, k):
    rng = random.Random(seed)
    exact, found = ([rng.sample(range(9), rng.choice([0, 2, 9])) for _ in range(6)] for _ in range(2))
    wanted = sum(len(one[:k]) for one in exact)
    got = sum(len(set(one[:k]) & set(two[:k])) for one, two in zip(exact, found, strict=True))
    assert index_recall(run_over(found), run_over(exact), k) == pytest.approx(got / wanted if wanted else 1)


def test_a_slice_is_a_plain_value():
    first, second = (slices("x", ["a"], np.array([1.0]), np.array([0], np.int32))[0] for _ in range(2))
    assert first == second
    assert isinstance(first, Slice)
