"""What codes cost and lose, measured small; each bound can fail."""

import sys
from dataclasses import replace

import numpy as np
import pytest

from benchmarks.quality import codes, learning
from benchmarks.quality.codes import CodesAlone, Coding, Space
from benchmarks.speed.made_up import made_codes
from candidates.axis import Axis
from candidates.collapse import Owners
from candidates.exact import ExactIndex
from candidates.qrels import Qrels
from candidates.vectors import Vectors
from image_retrieval.hamming import HammingIndex


@pytest.fixture(scope="module")
def losses():
    """What codes lose on made-up vectors."""
    vectors, qrels = codes.made_space(1000, 48)
    spaces = [Space(vectors, half) for half in np.array_split(qrels.queries()[::3], 2)]
    return codes.losses(spaces, Owners(vectors.axis, vectors.axis.rows), qrels, bits=(64, 512), seeds=(1, 2))


def by_hand(vectors, qrels, rows, k):
    """Mean recall@k of exact search, one query at a time."""
    values, recalls = vectors.values.astype(float), []
    for row in rows:
        nearest = np.argsort(-(values @ values[row]), kind="stable")
        nearest = nearest[nearest != row][:k]
        alike = np.flatnonzero(qrels.groups == qrels.groups[row])
        recalls.append(np.isin(nearest, alike).sum() / (len(alike) - 1))
    return np.mean(recalls)


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


def test_float_is_measured_as_by_hand():
    vectors, qrels = codes.made_space(600, 24)
    rows = qrels.queries()[:120]
    owners = Owners(vectors.axis, vectors.axis.rows)
    found = codes._measured(ExactIndex(vectors), Space(vectors, rows), owners, qrels).mean(axis=0)
    for name in ("recall@10", "recall@100"):
        assert found[list(codes.MEASURES).index(name)] == pytest.approx(by_hand(vectors, qrels, rows, int(name[7:])))


def test_rescored_codes_of_512_bits_lose_nothing_that_matters(losses):
    assert losses.holds
    assert {way.kind for way, _, _ in losses.bound_losses()} == {"hyperplanes", "rotations"}
    assert losses.loss(Coding("rotations", 512, True), "recall@100").worst >= -0.002


def test_what_is_lost_is_seen(losses):
    alone, rescored = (losses.loss(Coding("hyperplanes", 64, way), "recall@10", 50) for way in (False, True))
    assert alone.mean.high < -0.02
    assert alone.worst <= alone.mean.mean < rescored.mean.mean
    assert losses.loss(Coding("rotations", 512, False), "recall@10", 50).mean.mean > alone.mean.mean + 0.05


def test_the_bound_fails_where_codes_lose_too_much(losses, monkeypatch):
    monkeypatch.setattr(codes, "BOUND_BITS", 64)
    assert not losses.holds
    assert not replace(losses, coded={}).holds


def test_tables_have_every_way(losses):
    ways = [f"{kind}, {bits} bits{how}" for how in ("", ", rescored") for kind in codes.CODES for bits in (64, 512)]
    assert [row[0] for row in codes.quality_table(losses).rows] == ["float, exact", *ways]
    assert [row[0] for row in codes.loss_table(losses).rows] == ways
    assert {len(row) for row in codes.loss_table(losses).rows} == {len(codes.loss_table(losses).columns)}


def test_codes_alone_are_in_the_order_of_codes():
    vectors, _ = codes.made_space(400, 24)
    vectors.values[7] = 0
    index = HammingIndex.build(vectors, 64, 3, 10)
    run = CodesAlone(index).search(vectors, 50)
    planes = index.planes.codes(vectors.values)
    for query in (0, 5, 399):
        apart = np.bitwise_count(planes ^ planes[query]).sum(axis=1, dtype=int)
        apart[7] = 65
        rows, scores = run.ranked(query)
        assert np.array_equal(apart[rows], np.sort(apart)[:50])
        np.testing.assert_allclose(scores, np.cos(np.pi * apart[rows] / 64), atol=1e-6)
    assert len(run.ranked(7)[0]) == 0


def test_the_order_of_the_feed_decides_nothing_among_equal_codes():
    # 64 copies of one vector: variants stand together in the feed, and no code tells them from the others.
    axis = Axis.of(f"p{row}" for row in range(64))
    vectors = Vectors(axis, np.ones((64, 8), np.float16), "v")
    qrels = Qrels(axis, (np.arange(64) // 8).astype(np.int32), np.zeros(64, np.int32))
    index = CodesAlone(HammingIndex.build(vectors, 8, 1, 10))
    found = codes._measured(index, Space(vectors, axis.rows), Owners(axis, axis.rows), qrels)
    assert found[:, list(codes.MEASURES).index("recall@10")].mean() == pytest.approx(10 / 63, abs=0.03)


def test_spaces_are_learned_without_their_queries_groups(encoded, monkeypatch):
    hidden = []

    def learn(values, groups, **options):
        hidden.append(groups)
        return learning.learn_head(values, groups, **options)

    monkeypatch.setattr(codes, "learn_head", learn)
    spaces = list(codes.learned_spaces(encoded, 16, folds=3))
    groups, asked = encoded.truth("evaluation").groups, np.concatenate([space.rows for space in spaces])
    assert np.array_equal(np.sort(asked), encoded.truth("evaluation").queries())
    for space, seen in zip(spaces, hidden, strict=True):
        assert not np.isin(groups[space.rows], seen[seen >= 0]).any()
        assert (seen >= 0).any()
        assert space.vectors.dimensions <= 16


def test_among_many_codes_each_way_is_measured():
    found = codes.large(1700, 48, bits=(256, 512), seeds=(1, 2), shortlists=(200, 800), flat_below=1000)
    ways = [(one.way.kind, one.way.bits, one.shortlist, one.cells is not None, one.draws) for one in found]
    of_one = [(256, 200, False, 2), (512, 200, False, 2), (512, 200, True, 1), (512, 800, False, 2)]
    assert ways == [(kind, *way) for kind in codes.CODES for way in of_one]
    short, longer, least, in_cells = found[1], found[3], found[0], found[2]
    assert in_cells.cells[0] < in_cells.cells[1]
    assert least.index_recalls[0] < short.index_recalls[0] < longer.index_recalls[0] <= 1
    assert least.losses[0].mean < longer.losses[0].mean
    assert all(spent > 0 for one in found for spent in one.milliseconds)
    table = codes.large_table(found, 1700)
    assert {len(row) for row in table.rows} == {len(table.columns)}
    assert "cells" in table.rows[2][0]


@pytest.mark.parametrize(("bits", "status"), [(512, 0), (64, 1)])
def test_the_exit_status_says_whether_codes_lose_too_much(encoded, losses, monkeypatch, capsys, tmp_path, bits, status):
    monkeypatch.setattr(codes, "losses", lambda *_, **__: losses)
    monkeypatch.setattr(codes, "BOUND_BITS", bits)
    page = tmp_path / "codes.md"
    words = ["codes", "--run", str(encoded.folder.root), "--large", "0", "--write", str(page)]
    monkeypatch.setattr(sys, "argv", words)
    with pytest.raises(SystemExit) as ended:
        codes.main()
    assert ended.value.code == status
    assert "What codes lose" in capsys.readouterr().out
    assert "| float, exact |" in page.read_text("utf-8")
