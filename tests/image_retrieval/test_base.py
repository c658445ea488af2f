import numpy as np
import pytest

from candidates.errors import RunFolderError, VersionMismatch
from image_retrieval.base import Base


def sample(n: int = 400, width: int = 60, seed: int = 0) -> np.ndarray:
    """Vectors far from the origin whose lengths fall quickly along hidden directions, at length one."""
    rng = np.random.default_rng(seed)
    turn = np.linalg.qr(np.random.default_rng(5).standard_normal((width, width)))[0]
    values = (rng.standard_normal((n, width)) * 0.85 ** np.arange(width) + 2 * (np.arange(width) == 0)) @ turn
    return (values / np.linalg.norm(values, axis=1, keepdims=True)).astype(np.float32)


def test_columns_are_orthonormal():
    matrix = Base.fit(sample(), 20, 7).matrix
    assert (matrix.shape, matrix.dtype) == ((60, 20), np.float32)
    np.testing.assert_allclose(matrix.T @ matrix, np.eye(20), atol=1e-5)


def test_the_directions_are_the_leading_singular_vectors():
    values = sample()
    base = Base.fit(values, 10, 7)
    exact = np.linalg.svd(values.astype(float))[2][:10].T
    kept, best = (np.square(values @ matrix).sum() for matrix in (base.matrix, exact))
    assert kept > 0.999 * best
    assert np.linalg.svd(base.matrix.T @ exact, compute_uv=False).min() > 0.9


def test_cosines_are_kept_not_centred():
    values = sample()
    short = Base.fit(values, 30, 7).apply(values).astype(np.float32)
    short /= np.linalg.norm(short, axis=1, keepdims=True)
    np.testing.assert_allclose(short @ short.T, values @ values.T, atol=0.02)
    assert (values @ values.T).mean() > 0.3


def test_the_same_seed_makes_the_same_base_and_another_nearly():
    one, two, other = Base.fit(sample(), 10, 7), Base.fit(sample(), 10, 7), Base.fit(sample(), 10, 8)
    assert np.array_equal(one.matrix, two.matrix)
    assert one.version == two.version != other.version
    assert np.abs(np.sum(one.matrix * other.matrix, axis=0))[:3] == pytest.approx(1, abs=1e-3)
    assert (np.sum(one.matrix * other.matrix, axis=0)[:3] > 0).all()


def test_signs_are_settled():
    matrix = Base.fit(sample(), 10, 7).matrix
    assert (np.take_along_axis(matrix, np.abs(matrix).argmax(axis=0)[None], axis=0) > 0).all()


@pytest.mark.parametrize(
    ("n", "dimensions"), [(400, 0), (400, 60), (400, 61), (20, 30), (30, 30), (0, 10), (0, 0), (1, 10)]
)
def test_where_nothing_can_be_left_out_all_is_kept(n, dimensions):
    base = Base.fit(sample(n), dimensions, 7)
    assert (base.dimensions, base.version) == (60, "whole-60")
    values = sample(5, seed=1)
    np.testing.assert_allclose(base.apply(values), values, atol=1e-3)


def test_barely_enough_pictures_span_themselves():
    values = sample(31)
    base = Base.fit(values, 30, 7)
    assert base.dimensions == 30
    assert np.square(base.apply(values).astype(float)).sum() > 0.99 * np.square(values).sum()


def test_a_sample_of_zeros_makes_no_nan():
    base = Base.fit(np.zeros((50, 20), np.float32), 10, 7)
    assert np.isfinite(base.apply(sample(4, 20))).all()


def test_rows_come_out_in_half_precision_and_zeros_stay_zero():
    values = sample(5)
    values[2] = 0
    short = Base.fit(sample(), 10, 7).apply(values)
    assert (short.shape, short.dtype) == ((5, 10), np.float16)
    assert np.flatnonzero(~short.any(axis=1)).tolist() == [2]
    assert Base.fit(sample(), 10, 7).apply(values[:0]).shape == (0, 10)


def test_vectors_of_another_length_are_refused():
    with pytest.raises(VersionMismatch, match="59 dimensions, the base is for 60"):
        Base.fit(sample(), 10, 7).apply(np.zeros((2, 59), np.float32))


@pytest.mark.parametrize("dimensions", [0, 10])
def test_a_base_saved_is_the_base_opened(tmp_path, dimensions):
    base = Base.fit(sample(), dimensions, 7)
    base.save(tmp_path / "base.npz")
    again = Base.open(tmp_path / "base.npz")
    assert again.version == base.version
    assert np.array_equal(again.apply(sample(5, seed=1)), base.apply(sample(5, seed=1)))
    assert [path.name for path in tmp_path.iterdir()] == ["base.npz"]


def test_a_missing_or_cut_file_is_named(tmp_path):
    path = tmp_path / "base.npz"
    with pytest.raises(RunFolderError, match=r"base\.npz: the base can't be read"):
        Base.open(path)
    Base.fit(sample(), 10, 7).save(path)
    content = path.read_bytes()
    for length in range(0, len(content), len(content) // 20):
        path.write_bytes(content[:length])
        with pytest.raises(RunFolderError, match=r"base\.npz"):
            Base.open(path)


def test_a_changed_file_is_noticed(tmp_path):
    path = tmp_path / "base.npz"
    base = Base.fit(sample(), 10, 7)
    np.savez(path, matrix=base.matrix * 1.001, version=np.array(base.version))
    with pytest.raises(RunFolderError, match="have changed since they were saved"):
        Base.open(path)


def test_pickled_objects_are_not_read(tmp_path):
    path = tmp_path / "base.npz"
    np.savez(path, matrix=np.array([{"run": "me"}], object), version=np.array("x"))
    with pytest.raises(RunFolderError, match="the base can't be read"):
        Base.open(path)
