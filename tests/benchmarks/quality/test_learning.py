"""What learning costs and what codes lose, measured small; each bound can fail."""

import sys
from dataclasses import replace

import numpy as np
import pytest

from benchmarks.quality import codes, learning
from benchmarks.quality.codes import CodesAlone, Coding, Space
from benchmarks.quality.learning import Part
from candidates.axis import Axis
from candidates.collapse import Owners
from candidates.exact import ExactIndex
from candidates.qrels import Qrels
from candidates.settings import Settings
from candidates.vectors import Vectors, normalised
from demo_catalogue.catalogue import draw_catalogue
from image_retrieval.hamming import HammingIndex
from service.pipeline.run import encode
from text_retrieval.sentence import SentenceEncoder

SMALL = 20_000


@pytest.fixture(scope="module")
def encoded(tmp_path_factory):
    """A run of a small drawn catalogue whose vectors are made."""
    folder = tmp_path_factory.mktemp("learning")
    settings = Settings.read(None, image={"model": "phash"}, run={"threads": 1})
    feed = draw_catalogue(folder / "catalogue", groups=8).feed
    with pytest.MonkeyPatch.context() as patch:
        # Loading the text model takes longer than all that is tested here.
        patch.setattr(SentenceEncoder, "encode", lambda encoder, texts: normalised(letters(texts)))
        patch.setattr(SentenceEncoder, "dimensions", 26)
        with encode(feed, folder / "run", settings) as job:
            return job


def letters(texts):
    """How often each letter stands in a text."""
    return np.array([[text.count(chr(ord("a") + letter)) for letter in range(26)] for text in texts], np.float32)


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


def test_every_part_of_learning_is_timed(encoded, tmp_path, monkeypatch):
    trained = []
    monkeypatch.setattr(learning, "train", lambda job, out: trained.append((job, out)))
    parts = learning.learning_parts(encoded, tmp_path)
    assert trained == [(encoded, tmp_path / "trained")]
    assert [part.name for part in parts][2:5] == ["text head", "image head", "writing the model"]
    assert all(part.seconds > 0 for part in parts)
    assert (tmp_path / "model" / "model.json").is_file()
    assert learning.counted_seconds(parts) == sum(part.seconds for part in parts[:-1])
    assert not parts[-1].counted
    assert len(learning.parts_table(parts, 5).rows) == len(parts) + 1


def test_statistics_of_many_vectors_stay_small(tmp_path):
    found = learning.memory(tmp_path, SMALL, 96, 6000)
    assert found.vectors == SMALL
    assert 5000 < found.groups <= 6000
    assert found.file_mib == pytest.approx(SMALL * 96 * 2 / 2**20)
    # Mostly Python and the libraries; that blocks and sums alone are held is tested beside `learn_head`.
    assert 20 < found.own_mib <= found.peak_mib < 600
    assert len(learning.memory_table(found).rows) == 4


def test_memory_that_is_taken_is_seen():
    with learning.own_memory() as seen:
        taken = np.ones(2**25)
        learning.time.sleep(5 * learning._PAUSE)
        del taken
    assert max(seen) > seen[0] + 200


def test_members_of_a_made_up_group_are_alike(tmp_path):
    learning.write_made_up(tmp_path / "vectors", 3000, 32, 50)
    values = np.fromfile(tmp_path / "vectors", np.float16).reshape(3000, 32).astype(np.float32)
    groups = learning.drawn_groups(3000, 50)
    means = np.stack([values[groups == group].mean(axis=0) for group in range(50)])
    within = np.square(values - means[groups]).sum(axis=1).mean()
    assert within < 0.5 * np.square(values - values.mean(axis=0)).sum(axis=1).mean()


@pytest.mark.parametrize(("seconds", "peak", "status"), [(59, 4000, 0), (61, 4000, 1), (59, 4200, 1)])
def test_the_exit_status_says_whether_the_bounds_hold(encoded, monkeypatch, capsys, seconds, peak, status):
    monkeypatch.setattr(learning, "learning_parts", lambda *_, **__: (Part("head", seconds, 1.0),))
    found = learning.Memory(10, 4, 3, 1.0, peak, 100.0, 1.0)
    monkeypatch.setattr(learning, "memory", lambda *_, **__: found)
    monkeypatch.setattr(sys, "argv", ["learning", "--run", str(encoded.folder.root)])
    with pytest.raises(SystemExit) as ended:
        learning.main()
    assert ended.value.code == status
    assert f"measured {seconds:.1f} s" in capsys.readouterr().out


def test_a_run_that_is_not_there_is_one_clear_line(monkeypatch, tmp_path):
    monkeypatch.setattr(sys, "argv", ["learning", "--run", str(tmp_path / "none")])
    with pytest.raises(SystemExit, match="none"):
        learning.main()


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
