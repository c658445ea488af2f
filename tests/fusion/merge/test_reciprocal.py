"""Reciprocal rank fusion of several lists: by hand, and against dictionaries on random lists."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from candidates.axis import Axis
from candidates.errors import AxisMismatch
from candidates.run import Run
from candidates.settings import FusedSettings
from fusion.merge import tiles as tiling
from fusion.merge.reciprocal import Ranking, fuse

ITEMS = Axis.of(["q", "a", "b", "c", "d"])
QUERY = Axis.of(["q"])


def axis(n, prefix="p"):
    return Axis.of([f"{prefix}{i}" for i in range(n)])


def one_list(rows, scores):
    rows, scores = np.array(rows, np.int32), np.array(scores, np.float32)
    return Run.of("list", QUERY, ITEMS, np.array([0, len(rows)], np.int64), rows, scores)


def random_run(rng, n, longest, queries=None):
    """Lists of every length from none to `longest`, own product left out."""
    lists = [rng.permutation(np.setdiff1d(np.arange(n), [q]))[: rng.integers(0, longest + 1)] for q in range(n)]
    offsets = np.concatenate([[0], np.cumsum([len(one) for one in lists])]).astype(np.int64)
    rows = np.concatenate(lists).astype(np.int32)
    return Run.of("r", queries or axis(n), axis(n), offsets, rows, rng.random(len(rows)).astype(np.float32))


def plain(rankings, query, k):
    """Σ weight / (k + rank), and the best rank of each kind, with dictionaries; ties in the order of the lists."""
    sums, best = {}, {}
    for one in rankings:
        rows, scores = one.run.ranked(query)
        for rank, (row, score) in enumerate(zip(rows.tolist(), scores.tolist(), strict=True), start=1):
            sums[row] = sums.get(row, 0.0) + one.weight / (k + rank)
            kinds = best.setdefault(row, {})
            if one.kind not in kinds or rank < kinds[one.kind][0]:
                kinds[one.kind] = (rank, score)
    return [(row, sums[row], best[row]) for row in sorted(sums, key=lambda row: -sums[row])]


def test_two_lists_by_hand():
    text, image = one_list([1, 2, 3], [0.9, 0.6, 0.5]), one_list([3, 4], [0.8, 0.4])
    fused = fuse([Ranking(text, "text", 0.5), Ranking(image, "image", 2.0)], k=10)
    scores = {entry.item_id: entry.score for entry in fused.entries("q")}
    assert scores == pytest.approx({"c": 0.5 / 13 + 2 / 11, "d": 2 / 12, "a": 0.5 / 11, "b": 0.5 / 12})
    assert list(scores) == ["c", "d", "a", "b"]


def test_columns_name_the_best_rank_of_each_kind():
    words, letters = one_list([1, 2], [0.9, 0.6]), one_list([2, 3], [0.3, 0.2])
    grid, outline = one_list([3, 1], [0.8, 0.7]), one_list([4, 3], [0.5, 0.4])
    kinds = [(grid, "image"), (outline, "image"), (words, "text"), (letters, "text")]
    part = fuse([Ranking(run, kind) for run, kind in kinds]).whole()
    found = {int(row): place for place, row in enumerate(part.rows)}

    def columns(row):
        names = ("text_rank", "text_score", "image_rank", "image_score", "via")
        return [getattr(part, name)[found[row]].item() for name in names]

    nan = float("nan")
    assert columns(1) == pytest.approx([1, 0.9, 2, 0.7, 0], nan_ok=True)
    assert columns(2) == pytest.approx([1, 0.3, 0, nan, -1], nan_ok=True)
    assert columns(3) == pytest.approx([2, 0.2, 1, 0.8, 0], nan_ok=True)
    assert columns(4) == pytest.approx([0, nan, 1, 0.5, 0], nan_ok=True)


@settings(max_examples=40, deadline=None, derandomize=True)
@given(
    seed=st.integers(0, 2**32),
    n=st.integers(2, 25),
    lists=st.integers(1, 5),
    depth=st.integers(0, 12),
    threads=st.integers(1, 3),
)
def test_equals_sums_in_dictionaries(seed, n, lists, depth, threads):
    rng = np.random.default_rng(seed)
    # Whole weights of one size make many sums equal: ties are the nasty part.
    weights = rng.integers(0, 3, lists) if seed % 2 else rng.random(lists)
    rankings = [
        Ranking(random_run(rng, n, min(n - 1, 12)), "image" if rng.random() < 0.5 else "text", float(weight))
        for weight in weights
    ]
    part = fuse(rankings, k=5, depth=depth, threads=threads).whole()
    for query in range(n):
        expected = plain(rankings, query, 5)[: depth or None]
        place = slice(*part.offsets[query : query + 2])
        assert part.rows[place].tolist() == [row for row, _, _ in expected]
        np.testing.assert_allclose(part.scores[place], [score for _, score, _ in expected], rtol=1e-6)
        for kind in ("text", "image"):
            best = [kinds.get(kind, (0, np.nan)) for _, _, kinds in expected]
            assert getattr(part, f"{kind}_rank")[place].tolist() == [rank for rank, _ in best]
            np.testing.assert_allclose(getattr(part, f"{kind}_score")[place], [score for _, score in best], rtol=1e-6)
        assert part.via[place].tolist() == [query if "image" in kinds else -1 for _, _, kinds in expected]


@pytest.mark.parametrize("seed", range(20))
def test_two_lists_are_the_text_order_then_the_image_order_by_their_sum(seed):
    """The strategy `rrf` as a plain sum over the union: text first, then what only the image list holds."""
    rng = np.random.default_rng(seed)
    text, image = random_run(rng, 40, 20), random_run(rng, 40, 20)
    weights = rng.integers(0, 3, 2).tolist() if seed % 2 else (3 * rng.random(2)).tolist()
    part = fuse([Ranking(text, "text", weights[0]), Ranking(image, "image", weights[1])], k=60).whole()
    for query in range(40):
        lists = [run.ranked(query)[0].tolist() for run in (text, image)]
        union = list(dict.fromkeys(lists[0] + lists[1]))
        sums = [
            sum(w / (60 + 1 + rows.index(row)) for w, rows in zip(weights, lists, strict=True) if row in rows)
            for row in union
        ]
        order = sorted(range(len(union)), key=lambda place: -sums[place])
        here = slice(*part.offsets[query : query + 2])
        assert part.rows[here].tolist() == [union[place] for place in order]
        assert part.scores[here].tolist() == np.array([sums[place] for place in order], np.float32).tolist()


def test_the_constant_and_the_name_are_arguments():
    text, image = one_list([1, 2, 3], [0.9, 0.6, 0.5]), one_list([3, 4], [0.8, 0.4])
    rankings = [Ranking(text, "text"), Ranking(image, "image")]
    scores = {entry.item_id: entry.score for entry in fuse(rankings, k=60).entries("q")}
    assert scores == pytest.approx({"c": 1 / 63 + 1 / 61, "a": 1 / 61, "d": 1 / 62, "b": 1 / 62})
    by_default = {entry.item_id: entry.score for entry in fuse(rankings).entries("q")}
    assert by_default["a"] == pytest.approx(1 / (FusedSettings().k + 1))
    assert (fuse(rankings).name, fuse(rankings, name="fused").name) == ("rrf", "fused")


def test_a_smaller_depth_is_the_beginning_of_a_greater_one():
    rng = np.random.default_rng(2)
    rankings = [Ranking(random_run(rng, 30, 15), kind) for kind in ("text", "image", "text")]
    few, all_of_them = fuse(rankings, depth=4), fuse(rankings)
    for query in range(30):
        assert few.ranked(query)[0].tolist() == all_of_them.ranked(query)[0].tolist()[:4]


def test_many_small_tiles_equal_one(monkeypatch):
    rng = np.random.default_rng(3)
    rankings = [Ranking(random_run(rng, 60, 20), kind) for kind in ("text", "image", "text")]
    whole = fuse(rankings, depth=9).whole()
    monkeypatch.setattr(tiling, "_ROOM", 70)
    tiled = fuse(rankings, depth=9, threads=3)
    assert len(tiled.parts) > 5
    for name in whole.columns():
        assert np.array_equal(getattr(whole, name), getattr(tiled.whole(), name), equal_nan=True)


def test_queries_that_are_no_products():
    strangers = axis(25, "upload")
    rng = np.random.default_rng(4)
    rankings = [Ranking(random_run(rng, 25, 8, strangers), kind) for kind in ("text", "image")]
    part = fuse(rankings).whole()
    assert (part.via == -1).all()
    assert (part.image_rank > 0).any()


def test_lists_over_other_products_or_queries_are_refused():
    rng = np.random.default_rng(5)
    ours = random_run(rng, 6, 3)
    for other in (random_run(rng, 7, 3), random_run(rng, 6, 3, axis(6, "upload"))):
        with pytest.raises(AxisMismatch, match="Make both from the same catalogue"):
            fuse([Ranking(ours, "text"), Ranking(other, "image")])


def test_no_products_no_candidates():
    nothing = axis(0)
    empty = Run.of("r", nothing, nothing, np.zeros(1, np.int64), np.zeros(0, np.int32), np.zeros(0, np.float32))
    assert len(fuse([Ranking(empty, "text"), Ranking(empty, "image")]).whole().rows) == 0
