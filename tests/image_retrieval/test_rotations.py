import hashlib
import json

import numpy as np
import pytest

from candidates.errors import RunFolderError, VersionMismatch
from candidates.run import same_lists
from image_retrieval.hamming import HammingIndex
from image_retrieval.lsh import Hyperplanes
from image_retrieval.rotations import CODES, Rotations
from tests.index_contract import IndexContract, clustered


class TestHammingIndexOfRotations(IndexContract):
    recall_floor = 0.97

    def build(self, vectors, select=None):
        return HammingIndex.build(vectors, 512, 7, 200, select, kind="rotations")


@pytest.mark.parametrize(("dimensions", "bits"), [(128, 512), (48, 256), (300, 256), (1, 8), (7, 64), (256, 256)])
def test_blocks_of_normals_are_orthonormal(dimensions, bits):
    normals = Rotations(dimensions, bits, 7).normals
    assert (normals.shape, normals.dtype) == ((dimensions, bits), np.float32)
    for start in range(0, bits, dimensions):
        block = normals[:, start : start + dimensions].astype(float)
        np.testing.assert_allclose(block.T @ block, np.eye(block.shape[1]), atol=1e-6)


def test_rotations_differ_from_each_other():
    normals = Rotations(32, 128, 7).normals
    across = [np.abs(normals[:, a : a + 32].T @ normals[:, b : b + 32]) for a in (0, 32) for b in (64, 96)]
    assert all(0.05 < one.mean() < 0.3 and one.max() < 0.95 for one in across)


def test_every_direction_is_equally_likely():
    # Without the signs fixed, the decomposition's own convention makes diagonals negative nearly always.
    drawn = np.stack([Rotations(8, 8, seed).normals for seed in range(400)])
    np.testing.assert_allclose((drawn > 0).mean(axis=0), 0.5, atol=0.1)
    np.testing.assert_allclose((drawn**2).mean(axis=0), 1 / 8, atol=0.04)


def clear_of_planes(planes, n, margin=0.005):
    """Vectors that lie so far from every plane that no rounding can move them across."""
    drawn = np.random.RandomState(11).standard_normal((60 * n, planes.dimensions))
    clear = drawn[(np.abs(drawn @ planes.normals) > margin).all(axis=1)]
    assert len(clear) >= n
    return clear[:n].astype(np.float32)


def test_golden_codes():
    planes = Rotations(24, 64, 7)
    codes = planes.codes(clear_of_planes(planes, 10))
    assert codes.shape == (10, 8)
    assert hashlib.sha256(codes.tobytes()).hexdigest()[:16] == GOLDEN


def test_the_seed_makes_the_rotations_and_the_version_names_them():
    one, two, other = Rotations(10, 64, 7), Rotations(10, 64, 7), Rotations(10, 64, 8)
    assert np.array_equal(one.normals, two.normals)
    assert not np.array_equal(one.normals, other.normals)
    assert one.version == "rotations-64-of-10-seed7"
    assert len({one.version, other.version, Rotations(10, 128, 7).version, Hyperplanes(10, 64, 7).version}) == 4


def test_codes_are_the_signs_in_the_order_of_hyperplanes():
    planes = Rotations(20, 64, 3)
    values = clear_of_planes(planes, 4)
    expected = np.packbits(values @ planes.normals > 0, axis=1)
    assert np.array_equal(planes.codes(values), expected)
    assert np.array_equal(planes.codes(-values), ~expected)


def test_hamming_distance_follows_the_angle_with_less_scatter_than_hyperplanes():
    rng = np.random.default_rng(0)
    one = rng.standard_normal((400, 64))
    two = one + 0.8 * rng.standard_normal((400, 64))
    cosines = (one * two).sum(axis=1) / np.linalg.norm(one, axis=1) / np.linalg.norm(two, axis=1)
    errors = {}
    for name, kind in CODES.items():
        planes = kind(64, 256, 7)
        differing = np.bitwise_count(planes.codes(one) ^ planes.codes(two)).sum(axis=1) / 256
        errors[name] = differing - np.arccos(cosines) / np.pi
    assert abs(errors["rotations"].mean()) < 0.005
    assert errors["rotations"].std() < 0.9 * errors["hyperplanes"].std()


def test_codes_find_more_of_the_true_neighbours_than_hyperplanes_and_rescoring_almost_all():
    rng = np.random.default_rng(1)
    values = rng.standard_normal((60, 64))[rng.integers(60, size=2500)] + 1.2 * rng.standard_normal((2500, 64))
    values /= np.linalg.norm(values, axis=1, keepdims=True)
    cosines = values @ values[:150].T
    truth = np.argsort(-cosines, axis=0)[:10].T
    held = {}
    for name, kind in CODES.items():
        codes = kind(64, 512, 7).codes(values)
        distances = np.stack([np.bitwise_count(codes ^ codes[query]).sum(axis=1) for query in range(150)], axis=1)
        order = np.argsort(distances, axis=0, kind="stable")
        for depth in (10, 200):
            shares = [np.isin(truth[query], order[:depth, query]).mean() for query in range(150)]
            held[name, depth] = np.mean(shares)
    assert held["rotations", 10] > held["hyperplanes", 10] + 0.01
    assert held["rotations", 200] > 0.998


def test_vectors_of_another_length_are_refused():
    with pytest.raises(VersionMismatch, match="17 dimensions"):
        Rotations(16, 256, 7).codes(np.zeros((1, 17), np.float32))


@pytest.mark.parametrize("kind", CODES)
def test_an_index_opened_has_the_codes_it_was_saved_with(tmp_path, kind):
    items = clustered(300)
    index = HammingIndex.build(items, 256, 7, 20, kind=kind)
    index.save(tmp_path)
    again = HammingIndex.open(tmp_path, items, 20)
    assert again.planes.version == index.planes.version
    assert np.array_equal(again.planes.codes(items.values), again.codes)
    assert same_lists(again.search(items, 5), index.search(items, 5))


def test_an_index_that_names_no_kind_has_hyperplanes(tmp_path):
    items = clustered(60)
    index = HammingIndex.build(items, 256, 7, 20)
    index.save(tmp_path)
    stamp = json.loads((tmp_path / "index.json").read_text())
    del stamp["planes"]["kind"]
    (tmp_path / "index.json").write_text(json.dumps(stamp))
    assert HammingIndex.open(tmp_path, items, 20).planes.version == index.planes.version
    stamp["planes"]["kind"] = "spheres"
    (tmp_path / "index.json").write_text(json.dumps(stamp))
    with pytest.raises(RunFolderError, match="unknown kind 'spheres'"):
        HammingIndex.open(tmp_path, items, 20)


GOLDEN = "c03ad9bc278b4553"
