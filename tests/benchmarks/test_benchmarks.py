"""Each benchmark at a tiny size gives its rows, and what it claims to check it does check."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import numpy as np
import pytest

from benchmarks.quality import codes, known_figures, pool_size
from benchmarks.quality.ground import Ground
from benchmarks.speed import encoders, expanding, neighbours, overhead
from benchmarks.speed.made_up import made_codes, made_lists, made_vectors
from benchmarks.speed.page import Table, circumstances, markdown_page
from benchmarks.speed.timing import Spread, interleaved, significant
from candidates.settings import Settings
from fusion.merge.hop import expand
from image_retrieval.encoders.hog import HogEncoder
from service.pipeline.order import STEPS
from text_retrieval.sentence import SentenceEncoder


@pytest.fixture(scope="module")
def ground(tmp_path_factory):
    """A small drawn catalogue and where to work."""
    settings = Settings.read(
        None, merge={"n": 10, "k": 2}, evaluation={"bootstrap": 20}, pairs={"classify": False}, run={"threads": 1}
    )
    folder = tmp_path_factory.mktemp("bench")
    return Ground(folder, folder / "no such folder", groups=16, settings=settings)


def test_tasks_take_turns_and_the_first_round_is_not_kept():
    did, kept = [], []
    tasks = {name: lambda turn, name=name: did.append((name, turn)) or name + str(turn) for name in "AB"}
    seconds = interleaved(tasks, 2, keep=lambda name, made: kept.append(made))
    assert did == [("A", 0), ("B", 0), ("A", 0), ("B", 0), ("A", 1), ("B", 1)]
    assert kept == ["A0", "B0", "A1", "B1"]
    assert [len(spent) for spent in seconds.values()] == [2, 2]


def test_figures_have_three_digits():
    assert [significant(value) for value in (0, 0.01234, 1.005, 12.34, 1234.5)] == [
        "0",
        "0.0123",
        "1.00",
        "12.3",
        "1,234",
    ]
    assert str(Spread.of([3.0, 1.0, 2.0])) == "2.00 (1.00–3.00)"
    assert str(Spread.of([2.0])) == "2.00"


def test_a_page_says_where_it_was_made():
    table = Table("Speed", ("way", "s"), (("slow", "10.0"), ("fast", "1.0")), ("Once.",))
    assert table.text() == "Speed\n=====\nway      s\nslow  10.0\nfast   1.0\n\nOnce.\n"
    page = markdown_page("Benchmarks", circumstances(), [table])
    assert page.startswith("# Benchmarks\n\nMachine: ")
    assert "| way | s |\n| --- | ---: |\n| slow | 10.0 |\n| fast | 1.0 |\n\nOnce.\n" in page
    assert "Python 3." in page
    assert "Command: `python " in page


def test_made_up_lists_hold_others_once_each_and_meet_again():
    lists = made_lists(500, 20, 3)
    for run, depth in ((lists.text, 20), (lists.image, 3)):
        rows = run.matrix(depth)[0]
        assert (np.diff(np.sort(rows, axis=1), axis=1) > 0).all()
        assert (rows != np.arange(500)[:, None]).all()
    met = expand(lists.text, lists.image, 20, 3).counts.mean()
    assert 25 < met < 20 + 21 * 3 - 5


def test_made_up_vectors_and_codes_cluster():
    vectors = made_vectors(400, 32)
    cosines = np.sort(vectors.values @ vectors.values.T, axis=1)
    assert cosines[:, -2].mean() > cosines.mean() + 0.3
    words = made_codes(400, 128).view(np.uint64)
    apart = np.sort(np.bitwise_count(words[:, None] ^ words).sum(axis=2), axis=1)
    assert apart[:, 1].mean() < 0.35 * 128


def test_expanding():
    found = expanding.measure(count=400, n=12, k=3, parts=2, sample=30)
    assert [way.name for way in found.ways] == [expanding.KERNEL, expanding.KERNELS, expanding.DICTS, expanding.SETS]
    by_name = {way.name: way for way in found.ways}
    assert by_name[expanding.DICTS].against_dicts.median == 1
    assert 12 < found.candidates_per_product < found.met == 12 + 13 * 3
    assert found.peak_mib >= found.resident_mib > 0
    assert len(expanding.table(found).rows) == 4


@pytest.mark.parametrize("column", ["rows", "via", "image_rank", "text_score"])
def test_expanding_is_stopped_by_a_candidate_that_differs(column):
    lists = made_lists(60, 8, 2)
    work = expanding.Work.of(lists.text, lists.text.items.rows, 8, 60)
    image = expanding.as_python(lists.image.whole(), 2)
    made = expand(lists.text, lists.image, 8, 2)
    expanding.check(made, work, image)
    part = made.whole()
    values = getattr(part, column).copy()
    values[17] += 1
    changed = made.replace_parts((replace(part, **{column: np.nan_to_num(values, nan=5)}),))
    with pytest.raises(AssertionError, match=column):
        expanding.check(changed, work, image)


def test_neighbours():
    found = neighbours.measure(count=600, dimensions=16, k=50, parts=2, builds=1)
    assert [kind.name for kind in found.kinds] == [neighbours.EXACT, neighbours.NMSLIB, neighbours.HNSWLIB]
    assert found.kinds[0].index_recall == (1, 1)
    assert all(recall > 0.9 for kind in found.kinds for recall in kind.index_recall)
    assert [kind.building is None for kind in found.kinds] == [True, False, False]
    assert len(neighbours.table(found).rows) == 3


def test_codes():
    (book,) = codes.measure((2000,), batch=8, rounds=2)
    assert book.ways[0].against_numpy.median == 1
    assert [way.of_stream is None for way in book.ways] == [False] * 4 + [True] * 2
    assert 0.3 < book.index_recall <= 1
    assert len(codes.table([book]).rows) == 6


def test_numpy_finds_the_nearest_codes():
    made = made_codes(500, 64)
    found = codes.by_numpy(made, made[:5])
    apart = np.bitwise_count(made[:5, None] ^ made).sum(axis=2)
    nearest = np.sort(apart, axis=1)[:, : codes.DEPTH]
    assert np.array_equal(np.take_along_axis(apart, found, axis=1), nearest)


def test_encoders(ground):
    found = encoders.measure(ground, sample=2, texts=2, rounds=1)
    names = [one.name for one in found]
    assert names == [
        "decode",
        "fit into 224×224",
        "hog",
        "phash",
        "torchvision:resnet50, random weights",
        "minilm, texts",
    ]
    assert all(one.per_second.median > 0 for one in found)
    assert next(one for one in found if one.name == encoders.HOG).against_hog.median == 1
    assert len(encoders.table(found, ground.feed).rows) == 6


def test_overhead(ground, monkeypatch):
    # A thread stands in for the process of its own, which would import everything anew.
    monkeypatch.setattr(overhead, "ProcessPoolExecutor", lambda workers, context: ThreadPoolExecutor(workers))
    for encoder in (HogEncoder, SentenceEncoder):
        monkeypatch.setattr(encoder, "encode", encoder.encode)  # so that it is put back in the end
    tfidf = ground.settings.model_copy(update={"text": ground.settings.text.model_copy(update={"index": "tfidf"})})
    ground = replace(ground, folder=ground.folder / "overhead", given=ground.feed, settings=tfidf)
    found = overhead.measure(ground)
    steps = {step.name: step for step in found.steps}
    assert list(steps) == list(STEPS)
    assert 0 < steps["encode_images"].bare <= steps["encode_images"].seconds
    assert steps["encode_text"].bare == steps["expand"].bare == 0
    assert found.over_encoders(measuring=True) > found.over_encoders(measuring=False) > 0
    assert found.over_steps(measuring=True) > found.over_steps(measuring=False) > 0
    assert len(overhead.table(found, ground.feed).rows) == len(steps) + 2


def test_pool_size(ground):
    found = pool_size.measure(ground, depth=10)
    assert len(found) == 4 * 2 * 3
    assert all(0 <= one.low <= one.recall <= one.high <= 1 for one in found)
    whole = {(one.strategy, one.fixed): one for one in found if one.eighths == 8}
    for strategy in ("text", "image", "hop"):
        number, share = whole[strategy, "number"], whole[strategy, "share"]
        assert (number.recall, number.candidates_per_product) == (share.recall, share.candidates_per_product)
    assert len(pool_size.table(found, ground.feed).rows) == 24


def test_eighths_part_no_group():
    groups = np.random.default_rng(3).integers(-1, 40, 400).astype(np.int32)
    eighths = pool_size.drawn_eighths(groups, 7)
    assert all(len(np.unique(eighths[groups == group])) == 1 for group in range(40))
    assert np.bincount(eighths, minlength=8).min() > 400 / 8 - 20


def test_known_figures(ground, tmp_path):
    known = (
        known_figures.Known("text", "text", (("n", 5),), 0.5, 5),
        known_figures.Known("union", "union", (("n", 10), ("k", 10)), 0.5, 15),
        known_figures.Known("hop", "hop", (("n", 5), ("k", 1)), 0.5, 8),
    )
    evaluation = {"text_depths": (5, 10), "hops": (1,), "max_share": 1.0, "bootstrap": 20}
    settings = Settings.read(
        None,
        evaluation=evaluation,
        feed={"groups_are_global": True},
        learn={"spaces": "encoded"},
        merge={"strategy": "hop"},
        pairs={"classify": False},
    )
    found = known_figures.measure(ground.feed, tmp_path / "run", settings, "all", known)
    assert [len(figure.ours) for figure in found.figures] == [3, 3, 3]
    text = found.figures[0]
    assert text.ours[0].candidates_per_product == 5
    assert text.difference == text.ours[0].recall - 0.5
    assert text.holds == (abs(text.difference) <= known_figures.TOLERANCE)
    assert len(found.compared) == 3
    assert len(known_figures.figures_table(found, ground.feed).rows) == 3
