import hashlib

import numpy as np
import pytest

from candidates.errors import VersionMismatch
from image_retrieval.lsh import Hyperplanes


def clear_of_planes(planes: Hyperplanes, n: int, margin: float = 0.02) -> np.ndarray:
    """Vectors that lie so far from every plane that no rounding can move them across."""
    drawn = np.random.RandomState(11).standard_normal((60 * n, planes.dimensions))
    clear = drawn[(np.abs(drawn @ planes.normals) > margin).all(axis=1)]
    assert len(clear) >= n
    return clear[:n].astype(np.float32)


def test_golden_codes():
    planes = Hyperplanes(24, 64, 7)
    codes = planes.codes(clear_of_planes(planes, 10))
    assert hashlib.sha256(codes.tobytes()).hexdigest()[:16] == GOLDEN


@pytest.mark.parametrize("bits", [256, 512, 1024])
def test_codes_are_the_signs_in_the_stated_order(bits):
    planes = Hyperplanes(40, bits, 3)
    values = clear_of_planes(planes, 1, 1e-4)
    codes = planes.codes(values)
    assert (codes.shape, codes.dtype) == ((1, bits // 8), np.uint8)
    for bit in range(bits):
        side = values[0] @ planes.normals[:, bit] > 0
        assert (codes[0, bit // 8] >> (7 - bit % 8)) & 1 == side


def test_the_seed_makes_the_planes():
    one, two, other = Hyperplanes(10, 64, 7), Hyperplanes(10, 64, 7), Hyperplanes(10, 64, 8)
    assert np.array_equal(one.normals, two.normals)
    assert not np.array_equal(one.normals, other.normals)
    assert one.version == two.version == "lsh-64-of-10-seed7"
    assert other.version != one.version != Hyperplanes(10, 128, 7).version


def test_hamming_distance_follows_the_angle():
    planes = Hyperplanes(32, 4096, 7)
    rng = np.random.default_rng(0)
    one, two = np.linalg.qr(rng.standard_normal((32, 2)))[0].T
    angles = np.linspace(0, np.pi, 9)
    codes = planes.codes(np.outer(np.cos(angles), one) + np.outer(np.sin(angles), two))
    differing = np.bitwise_count(codes ^ codes[0]).sum(axis=1) / planes.bits
    np.testing.assert_allclose(differing, angles / np.pi, atol=0.03)


def test_length_does_not_matter_but_sign_does():
    planes = Hyperplanes(16, 256, 7)
    values = clear_of_planes(planes, 4, 1e-3)
    assert np.array_equal(planes.codes(values), planes.codes(9 * values))
    assert np.array_equal(planes.codes(-values), ~planes.codes(values))


def test_half_precision_and_tiles_change_nothing(monkeypatch):
    planes = Hyperplanes(16, 256, 7)
    values = clear_of_planes(planes, 30)
    codes = planes.codes(values)
    monkeypatch.setattr("image_retrieval.lsh._TILE", 256 * 7)
    assert np.array_equal(planes.codes(values), codes)
    assert np.bitwise_count(planes.codes(values.astype(np.float16)) ^ codes).sum() == 0


def test_no_vectors_have_no_codes():
    assert Hyperplanes(16, 256, 7).codes(np.zeros((0, 16), np.float32)).shape == (0, 32)


def test_vectors_of_another_length_are_refused():
    with pytest.raises(VersionMismatch, match="17 dimensions, the hyperplanes are for 16"):
        Hyperplanes(16, 256, 7).codes(np.zeros((1, 17), np.float32))


GOLDEN = "bd5f3ffac57af05f"
