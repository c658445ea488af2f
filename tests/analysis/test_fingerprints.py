"""Recall of fingerprints: codes, folds and metrics against slow plain references on tiny input."""

import json

import numpy as np
import pytest

from analysis import fingerprints
from analysis.fingerprints import (
    BITS,
    LEARNED,
    METRICS,
    RAW,
    WHITENED,
    Pictures,
    available_fingerprints,
    compare,
    compare_all,
    fingerprint_recall,
    milliseconds,
    neighbours,
    pictures_of,
    queries_of,
    query_spaces,
)
from analysis.ground import Ground
from candidates.axis import Axis
from candidates.collapse import Owners
from candidates.errors import SettingsError
from candidates.settings import LearnSettings, Settings
from candidates.vectors import Vectors
from service.learning.heads import learn_head
from tests.eval.made_up import drawn_lists, drawn_qrels, plain_truth, qrels_of, run_of, variants_of

ABOUT = {
    "fingerprint": "made up",
    "space": RAW,
    "codes": "",
    "bits": 0,
    "rescored": False,
    "dimensions": 8,
    "bytes": 16,
}


def made_up(seed=1, groups=24, dimensions=12, per_product=1, alike=0.6):
    """Products of groups of three, each with so many pictures; pictures of a group share a part of their vector."""
    draw = np.random.default_rng(seed)
    number = np.repeat(np.arange(groups), 3).astype(np.int32)
    owners = np.repeat(np.arange(len(number)), per_product).astype(np.int32)
    centre = draw.standard_normal((groups, dimensions))
    values = alike * centre[number[owners]] + (1 - alike) * draw.standard_normal((len(owners), dimensions))
    qrels = qrels_of(number.tolist())
    axis = Axis.of(f"p{row}#{place}" for place, row in enumerate(owners))
    vectors = Vectors(axis, values.astype(np.float16), "made up")
    return Pictures(vectors, Owners(qrels.items, owners), qrels, LearnSettings(dimensions=6), seed=3)


def plain_metrics(qrels, query, listed):
    """Every metric of one list, in plain words."""
    known = variants_of(qrels, query)
    hits = [plain_truth(qrels, query, row) == 1 for row in listed]

    def precision(k):
        return sum(hits[:k]) / k

    def recall(k):
        return sum(hits[:k]) / len(known)

    def average_precision(k):
        return sum(sum(hits[:rank]) / rank for rank in range(1, min(k, len(hits)) + 1) if hits[rank - 1]) / len(known)

    found = {f"MAP@{k}": sum(precision(rank) for rank in range(1, k + 1)) / k for k in (1, 5, 10)}
    found |= {f"AP@{k}": average_precision(k) for k in (1, 5, 10)}
    found |= {f"recall@{k}": recall(k) for k in (10, 100, 1000)}
    return found | {"R-precision": sum(hits[: len(known)]) / len(known)}


@pytest.mark.parametrize("seed", [seed for seed in range(16) if len(drawn_qrels(seed).queries())])
def test_metrics_are_those_of_plain_words(seed):
    qrels = drawn_qrels(seed)
    rows = np.random.default_rng(seed).permutation(qrels.queries())
    lists = drawn_lists(qrels, rows.tolist(), seed)
    pictures = Pictures(made_up().vectors, Owners(qrels.items, np.zeros(0, np.int32)), qrels, LearnSettings())
    made = fingerprint_recall(run_of(qrels, rows, lists), pictures, 20, **ABOUT)
    wanted = [plain_metrics(qrels, query, one) for query, one in zip(rows.tolist(), lists, strict=True)]
    assert set(made.values) == set(METRICS) == set(wanted[0])
    for name, value in made.values.items():
        assert value == pytest.approx(np.mean([one[name] for one in wanted])), name
    in_order = sorted(zip(rows.tolist(), wanted, strict=True))
    assert made.recalls == pytest.approx([one["recall@10"] for _, one in in_order])
    assert made.groups.tolist() == [qrels.groups[row] for row, _ in in_order]
    assert made.span.mean == pytest.approx(made.values["recall@10"])


@pytest.mark.parametrize("per_product", [1, 3])
def test_products_are_as_near_as_their_best_pair_of_pictures(per_product):
    pictures = made_up(2, per_product=per_product)
    rows = pictures.qrels.queries()
    run = neighbours(pictures, query_spaces(pictures, RAW, rows), depth=9)
    unit, owners = pictures.vectors.unit(), pictures.owners.rows
    for query, row in enumerate(rows.tolist()):
        best = {
            other: float((unit[owners == row] @ unit[owners == other].T).max())
            for other in range(len(pictures.qrels.items))
            if other != row
        }
        assert run.ranked(query)[0].tolist() == sorted(best, key=lambda other: -best[other])[:9]


def test_no_product_is_looked_up_in_a_space_that_its_group_taught(monkeypatch):
    pictures = made_up(5)
    taught, original = [], fingerprints.learn_head

    def watched(values, groups, **options):
        taught.append(set(groups[groups >= 0].tolist()))
        return original(values, groups, **options)

    monkeypatch.setattr(fingerprints, "learn_head", watched)
    rows = pictures.qrels.queries()
    seen = query_spaces(pictures, LEARNED, rows)
    asked = [set(pictures.qrels.groups[view.rows].tolist()) for view in seen]
    assert len(taught) == len(seen) == 5
    assert not any(one & two for one, two in zip(taught, asked, strict=True))
    assert all(len(one) > 10 for one in taught)
    assert sorted(np.concatenate([view.rows for view in seen]).tolist()) == rows.tolist()
    query_spaces(pictures, WHITENED, rows)
    assert taught[-1] == set()


def test_a_learned_space_is_that_of_the_head_learned_without_the_fold():
    pictures = made_up(7, per_product=2)
    view = query_spaces(pictures, LEARNED, pictures.qrels.queries())[0]
    groups = pictures.qrels.groups.copy()
    groups[np.isin(groups, groups[view.rows])] = -1
    head = learn_head(
        pictures.vectors.values, groups[pictures.owners.rows], made_for="made up", dimensions=6, seed=pictures.seed
    )
    wanted = head.projection.apply(pictures.vectors).values
    assert view.vectors.values == pytest.approx(wanted, abs=2e-3)


def test_learning_from_chance_groups_finds_chance():
    pictures = made_up(8, groups=60, alike=0.0)
    rows = pictures.qrels.queries()
    made = fingerprint_recall(neighbours(pictures, query_spaces(pictures, LEARNED, rows)), pictures, 20, **ABOUT)
    assert made.values["recall@10"] == pytest.approx(10 / (len(pictures.qrels.items) - 1), abs=0.06)
    alike = made_up(8, groups=60)
    made = fingerprint_recall(neighbours(alike, query_spaces(alike, LEARNED, rows)), alike, 20, **ABOUT)
    assert made.values["recall@10"] > 0.5


def test_every_way_is_measured_once_and_costs_what_it_keeps():
    pictures = made_up(9, per_product=2)
    made = list(compare("made up", pictures, Settings.read(None, evaluation={"bootstrap": 20})))
    ways = {(one.space, one.codes, one.bits, one.rescored) for one in made}
    assert len(ways) == len(made) == 3 + 2 * 2 * len(BITS) * 2
    by_way = {(one.space, one.codes, one.bits, one.rescored): one for one in made}
    assert by_way[RAW, "", 0, False].bytes == 2 * 2 * 12
    assert by_way[LEARNED, "", 0, False].bytes == 2 * 2 * 6
    assert by_way[LEARNED, "rotations", 512, False].bytes == 2 * 64
    assert by_way[LEARNED, "rotations", 512, True].bytes == 2 * (64 + 2 * 6)
    for one in made:
        assert all(0 <= value <= 1 for value in one.values.values())
        assert len(one.recalls) == len(pictures.qrels.queries())
    # All pictures stand within the rescored head here, so that nothing is lost against float vectors.
    assert by_way[RAW, "hyperplanes", 256, True].values == pytest.approx(by_way[RAW, "", 0, False].values)


def test_the_difference_of_two_ways_is_paired():
    pictures = made_up(3)
    rows = pictures.qrels.queries()
    one, two = (
        fingerprint_recall(neighbours(pictures, query_spaces(pictures, space, rows)), pictures, 20, **ABOUT)
        for space in (RAW, LEARNED)
    )
    ahead = two.above(one)
    assert ahead.mean == pytest.approx(two.values["recall@10"] - one.values["recall@10"])
    assert two.above(two).low == two.above(two).high == 0


def test_a_product_without_a_picture_counts_as_one_that_finds_nothing():
    whole = made_up(2)
    kept = np.arange(1, len(whole.vectors))
    part = Pictures(
        whole.vectors.take(kept), Owners(whole.owners.products, whole.owners.rows[kept]), whole.qrels, whole.learn
    )
    made = fingerprint_recall(neighbours(part, query_spaces(part, RAW, part.qrels.queries())), part, 20, **ABOUT)
    assert len(made.recalls) == len(whole.owners.products)
    assert made.recalls[0] == 0


def test_a_sample_of_the_products_is_seeded():
    qrels = made_up().qrels
    assert queries_of(qrels, 1000, 1).tolist() == qrels.queries().tolist()
    few = queries_of(qrels, 10, 1)
    assert len(few) == 10
    assert few.tolist() == queries_of(qrels, 10, 1).tolist() != queries_of(qrels, 10, 2).tolist()


def test_fingerprints_at_hand(tmp_path):
    assert set(available_fingerprints(tmp_path)) == {"own", "gradients", "hog", "hog-crop", "mask", "phash"}
    (tmp_path / "mobilenetv2_fp16.onnx").write_bytes(b"")
    file = tmp_path / "mobilenetv2_fp16.onnx"
    assert available_fingerprints(tmp_path)["MobileNetV2 grid7"] == f"onnx:{file}#grid7"
    assert len(available_fingerprints(tmp_path)) == 8
    some = available_fingerprints(
        tmp_path, ["mask", "MobileNetV2 grid7", "EfficientNet-B4 grid7", "onnx:my.onnx#out@7x7"]
    )
    assert set(some) == {"mask", "MobileNetV2 grid7", "onnx:my.onnx#out@7x7"}
    assert some["onnx:my.onnx#out@7x7"] == "onnx:my.onnx#out@7x7"
    with pytest.raises(SettingsError, match="no fingerprint hogg"):
        available_fingerprints(tmp_path, ["hog", "hogg"])
    with pytest.raises(SettingsError, match="EfficientNet-B4 grid7"):
        available_fingerprints(tmp_path, ["EfficientNet-B4 grid7"])


@pytest.fixture(scope="module")
def ground(drawn, tmp_path_factory):
    settings = Settings.read(None, feed={"groups_are_global": True}, evaluation={"bootstrap": 20})
    return Ground(drawn.feed, tmp_path_factory.mktemp("ground"), settings, "drawn")


def encoded(ground):
    return json.loads((ground.out / "pictures" / "steps" / "encode_images.json").read_text())["counts"]["encoded"]


def test_what_was_encoded_once_is_not_encoded_again(ground):
    first = pictures_of(ground, "mask")
    assert encoded(ground) > 0
    pictures_of(ground, "phash")
    assert encoded(ground) > 0
    again = pictures_of(ground, "mask")
    assert encoded(ground) == 0
    assert np.array_equal(first.vectors.values, again.vectors.values)
    assert first.vectors.version == again.vectors.version


def test_a_catalogue_is_compared_and_timed(ground):
    models = {"mask": "mask", "phash": "phash"}
    made = compare_all(ground, models)
    assert [one.fingerprint for one in made] == ["mask"] * 27 + ["phash"] * 27
    assert made[0].values["recall@10"] > 0.05
    speed = milliseconds(ground, models, sample=3, rounds=1)
    assert set(speed) == set(models)
    assert all(0 < one < 1000 for one in speed.values())
