"""The hop against plain sets and lists, on random and on nasty input."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from candidates.axis import Axis
from candidates.errors import AxisMismatch
from candidates.run import Run
from fusion.merge import tiles as tiling
from fusion.merge.hop import expand, pool, walks


def axis(n, prefix="p"):
    return Axis.of([f"{prefix}{i}" for i in range(n)])


def run_of(name, lists, items, queries=None, scores=None):
    offsets = np.concatenate([[0], np.cumsum([len(one) for one in lists])]).astype(np.int64)
    rows = np.array([row for one in lists for row in one], np.int32)
    scores = -np.arange(len(rows), dtype=np.float32) if scores is None else scores
    return Run.of(name, queries or items, items, offsets, rows, scores)


def walk(own, text, image, n, k):
    """The plain reference: the walk over seeds with lists and dictionaries; yields (row, provenance)."""
    found = {}

    def entry(row):
        return found.setdefault(row, {"text_rank": 0, "image_rank": 0, "via": -1})

    for seed_rank, seed in enumerate([own, *text[:n]]):
        if seed_rank:
            entry(seed)["text_rank"] = seed_rank
        for image_rank, row in enumerate(image[seed][:k] if seed >= 0 else [], start=1):
            if row != own and entry(row)["via"] < 0:
                found[row] |= {"image_rank": image_rank, "via": seed}
    return list(found.items())


def random_lists(rng, n, longest, own=None):
    lists = []
    for query in range(n):
        others = np.setdiff1d(np.arange(n), [query if own is None else own[query]])
        lists.append(rng.permutation(others)[: rng.integers(0, min(longest, len(others)) + 1)].tolist())
    return lists


@settings(max_examples=60, deadline=None)
@given(
    seed=st.integers(0, 2**32),
    n_items=st.integers(2, 30),
    n=st.integers(0, 12),
    k=st.integers(0, 5),
    t=st.integers(1, 3),
)
def test_equals_the_plain_walk(seed, n_items, n, k, t):
    rng = np.random.default_rng(seed)
    items = axis(n_items)
    text, image = random_lists(rng, n_items, 12), random_lists(rng, n_items, 5)
    made = expand(run_of("text", text, items), run_of("image", image, items), n, k, threads=t)
    part = made.whole()
    for query in range(n_items):
        low, high = part.offsets[query : query + 2]
        expected = walk(query, text[query], image, n, k)
        assert part.rows[low:high].tolist() == [row for row, _ in expected]
        for column in ("text_rank", "image_rank", "via"):
            assert getattr(part, column)[low:high].tolist() == [how[column] for _, how in expected]


@settings(max_examples=60, deadline=None, derandomize=True)
@given(
    seed=st.integers(0, 2**32),
    n_items=st.integers(2, 30),
    n=st.integers(0, 12),
    k=st.integers(0, 5),
    most=st.integers(1, 200),
    t=st.integers(1, 3),
)
def test_candidates_up_to_a_step_are_those_of_so_many_text_neighbours(seed, n_items, n, k, most, t):
    rng = np.random.default_rng(seed)
    items = axis(n_items)
    text, image = (run_of(name, random_lists(rng, n_items, longest), items) for name, longest in (("t", 12), ("i", 5)))
    blocks = list(walks(text, image, n, k, most=most, threads=t))
    assert [block.part.start for block in blocks] == [0, *(block.part.stop for block in blocks[:-1])]
    assert sum(len(block.part.counts) for block in blocks) == n_items
    for smaller in range(n + 1):
        expected = expand(text, image, smaller, k)
        for part, steps in blocks:
            assert steps.dtype == np.int32
            assert len(steps) == len(part.rows)
            for query in range(part.start, part.stop):
                here = slice(*part.offsets[query - part.start : query - part.start + 2])
                entered = steps[here] <= smaller
                assert part.rows[here][entered].tolist() == expected.ranked(query)[0].tolist()
                assert (np.diff(steps[here]) >= 0).all()


def test_candidates_are_the_set_the_paper_describes():
    rng = np.random.default_rng(5)
    items = axis(40)
    text, image = random_lists(rng, 40, 20), random_lists(rng, 40, 6)
    made = expand(run_of("text", text, items), run_of("image", image, items), 7, 3)
    for query in range(40):
        seeds = text[query][:7]
        expected = set(seeds).union(image[query][:3], *(image[seed][:3] for seed in seeds)) - {query}
        assert set(made.ranked(query)[0].tolist()) == expected


def test_scores_and_ranks_of_both_lists_are_kept():
    items = axis(4)
    text = run_of("text", [[1], [], [], []], items, scores=np.array([0.5], np.float32))
    image = run_of("image", [[], [2, 3], [], []], items, scores=np.array([0.9, 0.8], np.float32))
    part = expand(text, image, 1, 2).take(np.array([0])).whole()
    assert part.rows.tolist() == [1, 2, 3]
    assert part.text_score.tolist() == pytest.approx([0.5, np.nan, np.nan], nan_ok=True)
    assert part.image_score.tolist() == pytest.approx([np.nan, 0.9, 0.8], nan_ok=True)
    assert part.via.tolist() == [-1, 1, 1]
    assert part.scores.tolist() == pytest.approx([1, 1 / 2, 1 / 3])


def test_a_smaller_n_is_the_beginning_of_a_greater_one():
    rng = np.random.default_rng(2)
    items = axis(30)
    text = run_of("text", random_lists(rng, 30, 15), items)
    image = run_of("image", random_lists(rng, 30, 4), items)
    small, great = expand(text, image, 3, 2), expand(text, image, 9, 2)
    for query in range(30):
        few = small.ranked(query)[0].tolist()
        assert great.ranked(query)[0].tolist()[: len(few)] == few


def test_queries_that_are_no_products_have_no_own_look_up():
    items, strangers = axis(5), axis(2, "upload")
    text = run_of("text", [[4], [0, 1]], items, queries=strangers)
    image = run_of("image", [[1], [2], [3], [4], [0]], items)
    made = expand(text, image, 2, 1)
    assert [made.ranked(q)[0].tolist() for q in range(2)] == [[4, 0], [0, 1, 2]]


def test_a_part_of_the_queries_gives_the_same_lists():
    rng = np.random.default_rng(3)
    items = axis(25)
    text = run_of("text", random_lists(rng, 25, 10), items)
    image = run_of("image", random_lists(rng, 25, 4), items)
    some = np.array([20, 3, 7])
    whole, part = expand(text, image, 5, 2), expand(text.take(some), image, 5, 2)
    for place, query in enumerate(some):
        assert part.ranked(place)[0].tolist() == whole.ranked(query)[0].tolist()


def test_many_small_tiles_equal_one(monkeypatch):
    rng = np.random.default_rng(4)
    items = axis(60)
    text = run_of("text", random_lists(rng, 60, 20), items)
    image = run_of("image", random_lists(rng, 60, 4), items)
    whole = expand(text, image, 20, 3).whole()
    monkeypatch.setattr(tiling, "_ROOM", 10)
    tiled = expand(text, image, 20, 3, threads=3).whole()
    assert all(np.array_equal(getattr(whole, c), getattr(tiled, c), equal_nan=True) for c in whole.columns())


def test_runs_over_other_products_are_refused():
    items, others = axis(3), axis(4)
    with pytest.raises(AxisMismatch, match="Make both from the same catalogue"):
        expand(run_of("text", [[1], [], []], items), run_of("image", [[]] * 4, others), 1, 1)


def test_no_products_no_candidates():
    nothing = axis(0)
    assert len(expand(run_of("text", [], nothing), run_of("image", [], nothing), 5, 2).whole().rows) == 0


def test_pool_keeps_rank_and_score_of_either_list():
    items = axis(5)
    text = run_of("text", [[1, 2], [], [0], [], []], items, scores=np.array([0.9, 0.8, 0.7], np.float32))
    image = run_of("image", [[2, 3], [4], [], [], []], items, scores=np.array([0.6, 0.5, 0.4], np.float32))
    part = pool(text, image).whole()
    assert part.counts.tolist() == [3, 1, 1, 0, 0]
    assert part.rows.tolist() == [1, 2, 3, 4, 0]
    assert part.text_rank.tolist() == [1, 2, 0, 0, 1]
    assert part.image_rank.tolist() == [0, 1, 2, 1, 0]
    assert part.image_score.tolist() == pytest.approx([np.nan, 0.6, 0.5, 0.4, np.nan], nan_ok=True)
    assert part.via.tolist() == [-1, 0, 0, 1, -1]
