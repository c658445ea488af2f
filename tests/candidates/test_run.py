import random
from dataclasses import fields
from itertools import pairwise

import numpy as np
import pyarrow as pa
import pytest

from candidates.axis import Axis
from candidates.errors import AxisMismatch, RunFolderError
from candidates.provenance import CandidatePart
from candidates.run import Part, Run, ScoredItem, joined, same_lists

ITEMS = Axis.of(f"i{row}" for row in range(12))


def part_of(lists, start=0):
    """A part from plain lists of (row, score)."""
    return Part(
        start,
        np.cumsum([0, *map(len, lists)], dtype=np.int64),
        np.array([row for one in lists for row, _ in one], np.int32),
        np.array([score for one in lists for _, score in one], np.float32),
    )


def queries(count):
    return Axis.of(f"q{row}" for row in range(count))


def run_of(lists, cuts=(), name="test", items=ITEMS):
    """A run from plain lists, in parts that begin at 0 and at each cut."""
    bounds = [0, *cuts, len(lists)]
    parts = tuple(part_of(lists[low:high], low) for low, high in pairwise(bounds))
    return Run(name, queries(len(lists)), items, parts)


def lists_of(run):
    return [
        [(int(row), float(score)) for row, score in zip(*run.ranked(query), strict=True)] for query in range(len(run))
    ]


def drawn(seed):
    """Random lists (some empty, some with tied scores) and where the parts are cut (some parts empty)."""
    rng = random.Random(seed)
    count = rng.choice([0, 1, 2, 5, 9])
    lists = []
    for _ in range(count):
        rows = rng.sample(range(len(ITEMS)), rng.choice([0, 0, 1, 3, len(ITEMS)]))
        lists.append(sorted(((row, rng.choice([0.0, 0.5, -1.0, 2.0])) for row in rows), key=lambda pair: -pair[1]))
    cuts = sorted(rng.randint(0, count) for _ in range(rng.choice([0, 1, 3])))
    return lists, cuts


SEEDS = range(25)


@pytest.mark.parametrize("seed", SEEDS)
def test_a_run_is_its_lists_however_it_is_cut(seed):
    lists, cuts = drawn(seed)
    run = run_of(lists, cuts)
    assert len(run) == len(lists)
    assert lists_of(run) == lists
    assert run.counts.tolist() == [len(one) for one in lists]
    assert run.counts.dtype == np.int64
    whole = run.whole()
    assert (whole.start, whole.stop) == (0, len(lists))
    assert whole.query_rows.tolist() == [query for query, one in enumerate(lists) for _ in one]
    assert whole.ranks.tolist() == [rank for one in lists for rank in range(1, len(one) + 1)]
    assert same_lists(run, run_of(lists))


@pytest.mark.parametrize("seed", SEEDS)
def test_query_rows_and_ranks_of_each_part(seed):
    lists, cuts = drawn(seed)
    run = run_of(lists, cuts)
    rows = [row for part in run.parts for row in part.query_rows.tolist()]
    ranks = [rank for part in run.parts for rank in part.ranks.tolist()]
    assert rows == [query for query, one in enumerate(lists) for _ in one]
    assert ranks == [rank for one in lists for rank in range(1, len(one) + 1)]


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("k", [0, 1, 2, 100])
def test_the_top_of_every_list(seed, k):
    lists, cuts = drawn(seed)
    assert lists_of(run_of(lists, cuts).top(k)) == [one[:k] for one in lists]


@pytest.mark.parametrize("seed", SEEDS)
def test_leaving_out_the_query_itself(seed):
    lists, cuts = drawn(seed)
    own = np.array([random.Random(seed + query).randrange(len(ITEMS)) for query in range(len(lists))], np.int32)
    without = run_of(lists, cuts).excluding(own)
    assert lists_of(without) == [[pair for pair in one if pair[0] != own[q]] for q, one in enumerate(lists)]


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("k", [0, 1, 3, 20])
def test_as_a_matrix_and_back(seed, k):
    lists, cuts = drawn(seed)
    run = run_of(lists, cuts)
    rows, scores = run.matrix(k)
    assert rows.shape == scores.shape == (len(lists), k)
    assert (rows.dtype, scores.dtype) == (np.int32, np.float32)
    for query, one in enumerate(lists):
        short = one[:k]
        assert rows[query].tolist() == [row for row, _ in short] + [-1] * (k - len(short))
        assert scores[query, : len(short)].tolist() == [score for _, score in short]
        assert np.isnan(scores[query, len(short) :]).all()
    assert same_lists(Run.from_matrix("m", run.queries, ITEMS, rows, scores), run.top(k))


def test_from_a_matrix_with_holes():
    run = Run.from_matrix("m", queries(3), ITEMS, np.array([[3, -1, 5], [-1, -1, -1], [0, 1, 2]]), np.ones((3, 3)))
    assert [[row for row, _ in one] for one in lists_of(run)] == [[3, 5], [], [0, 1, 2]]


@pytest.mark.parametrize("seed", SEEDS)
def test_some_of_the_queries(seed):
    lists, cuts = drawn(seed)
    run = run_of(lists, cuts)
    wanted = random.Random(seed).sample(range(len(lists)), len(lists) // 2 + len(lists) % 2)
    taken = run.take(np.array(wanted, np.int64))
    assert lists_of(taken) == [lists[query] for query in wanted]
    assert list(taken.queries) == [f"q{query}" for query in wanted]


@pytest.mark.parametrize("seed", SEEDS)
def test_a_part_takes_lists_more_than_once(seed):
    lists, _ = drawn(seed)
    wanted = random.Random(seed).choices(range(len(lists)), k=7) if lists else []
    taken = part_of(lists, start=4).take(np.array(wanted, np.int64))
    assert (taken.start, taken.stop) == (0, len(wanted))
    assert lists_of(Run("t", queries(len(wanted)), ITEMS, (taken,))) == [lists[query] for query in wanted]


@pytest.mark.parametrize("seed", SEEDS)
def test_written_and_mapped_again(tmp_path, seed):
    lists, cuts = drawn(seed)
    run = run_of(lists, sorted(set(cuts) - {0, len(lists)}))
    run.save(tmp_path)
    again = Run.open("again", tmp_path, run.queries, run.items)
    assert same_lists(run, again)
    assert lists_of(again) == lists
    assert [part.start for part in again.parts] == [part.start for part in run.parts]


def test_an_opened_run_lies_in_the_file_not_in_memory(tmp_path):
    run = run_of([[(1, 0.5)], [(2, 0.25), (3, 0.125)]])
    run.save(tmp_path)
    before = pa.total_allocated_bytes()
    (part,) = Run.open("mapped", tmp_path, run.queries, ITEMS).parts
    assert pa.total_allocated_bytes() == before
    for array in (part.offsets, part.rows, part.scores):
        assert not array.flags.owndata
        assert not array.flags.writeable
    assert (part.offsets.dtype, part.rows.dtype, part.scores.dtype) == (np.int64, np.int32, np.float32)


def test_a_part_file_is_written_the_same_way_twice(tmp_path):
    run = run_of([[(1, 0.5)], [(2, 0.25)]])
    run.save(tmp_path / "a")
    run.save(tmp_path / "b")
    (one,), (two,) = ((tmp_path / name).iterdir() for name in "ab")
    assert one.name == two.name == "part-000000000-000000002.arrow"
    assert one.read_bytes() == two.read_bytes()


def test_a_truncated_part_is_no_run(tmp_path):
    run = run_of([[(1, 0.5)], [(2, 0.25)]])
    run.save(tmp_path)
    (path,) = tmp_path.iterdir()
    content = path.read_bytes()
    for length in [0, 1, 8, *range(16, len(content), 41), len(content) - 1]:
        path.write_bytes(content[:length])
        with pytest.raises(RunFolderError, match=r"part-000000000-000000002\.arrow: the lists can't be read"):
            Run.open("torn", tmp_path, run.queries, ITEMS)


@pytest.mark.parametrize("kind", ["text", "no stamp", "no batch", "other columns", "zeros"])
def test_another_kind_of_file_is_no_run(tmp_path, kind):
    path = tmp_path / "part-000000000-000000001.arrow"
    batch = pa.record_batch([pa.array([1])], names=["rows"])
    if kind == "text":
        path.write_text("id\ttitle\n" * 100)
    elif kind == "zeros":
        path.write_bytes(bytes(4096))
    else:
        stamp = {"start": "0", "queries": queries(1).digest, "items": ITEMS.digest} if kind == "other columns" else {}
        schema = batch.schema.with_metadata(stamp)
        with pa.OSFile(str(path), "wb") as sink, pa.ipc.new_file(sink, schema) as out:
            if kind != "no batch":
                out.write_batch(batch.replace_schema_metadata(stamp))
    with pytest.raises(RunFolderError, match="the lists can't be read"):
        Run.open("none", tmp_path, queries(1), ITEMS)


def test_a_plain_run_is_no_candidates(tmp_path):
    run = run_of([[(1, 0.5)]])
    run.save(tmp_path)
    with pytest.raises(RunFolderError, match="text_rank"):
        CandidatePart.open(next(tmp_path.iterdir()), run.queries, ITEMS)


def test_a_missing_part_is_named(tmp_path):
    run = run_of([[(row, 1.0)] for row in range(6)], cuts=[2, 4])
    run.save(tmp_path)
    (tmp_path / "part-000000002-000000004.arrow").unlink()
    with pytest.raises(RunFolderError, match="queries 2–4 are missing"):
        Run.open("gap", tmp_path, run.queries, ITEMS)
    (tmp_path / "part-000000004-000000006.arrow").unlink()
    with pytest.raises(RunFolderError, match="lists for 2 of 6"):
        Run.open("short", tmp_path, run.queries, ITEMS)


def test_a_folder_without_parts(tmp_path):
    for folder in (tmp_path, tmp_path / "none"):
        with pytest.raises(RunFolderError, match="contains no lists"):
            Run.open("none", folder, queries(0), ITEMS)


@pytest.mark.parametrize("side", ["queries", "items"])
def test_a_run_over_other_products_is_refused(tmp_path, side):
    run = run_of([[(1, 0.5)], [(2, 0.25)]])
    run.save(tmp_path)
    swapped = Axis.of(reversed(list(run.queries))) if side == "queries" else ITEMS.take(ITEMS.rows[::-1])
    axes = (swapped, ITEMS) if side == "queries" else (run.queries, swapped)
    with pytest.raises(AxisMismatch, match="belong to another catalogue"):
        Run.open("other", tmp_path, *axes)


def test_parts_must_cover_the_queries():
    with pytest.raises(RunFolderError, match="lists for 1 of 2"):
        Run("short", queries(2), ITEMS, (part_of([[]]),))
    with pytest.raises(RunFolderError, match="are missing"):
        Run("gap", queries(2), ITEMS, (part_of([[]], start=1),))


def test_entries_are_plain_tuples():
    run = run_of([[], [(3, 0.5), (1, 0.25)]])
    assert run.entries("q1") == [ScoredItem("q1", "i3", 1, 0.5), ScoredItem("q1", "i1", 2, 0.25)]
    assert run.entries("q0") == []


@pytest.mark.parametrize("query", [-1, 2, 99])
def test_a_query_that_is_not_there(query):
    with pytest.raises(IndexError):
        run_of([[], []], cuts=[1]).ranked(query)


def test_runs_that_differ():
    base = [[(1, 0.5), (2, 0.25)], [(3, 1.0)]]
    run = run_of(base)
    assert same_lists(run, run_of(base, cuts=[1], name="another name"))
    assert not same_lists(run, run_of([[(2, 0.5), (1, 0.25)], [(3, 1.0)]]))
    assert not same_lists(run, run_of([[(1, 0.5), (2, 0.125)], [(3, 1.0)]]))
    assert not same_lists(run, run_of([[(1, 0.5)], [(2, 0.25), (3, 1.0)]]))
    assert not same_lists(run, run_of(base, items=ITEMS.take(ITEMS.rows[::-1])))


def test_joining_nothing():
    part = joined(Part, [])
    assert (part.start, part.stop, len(part.rows)) == (0, 0, 0)
    assert [getattr(part, field.name).dtype for field in fields(part)[1:]] == [np.int64, np.int32, np.float32]
