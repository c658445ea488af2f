import numpy as np
import pyarrow as pa
import pytest

from candidates.artifacts import write_batch
from candidates.axis import Axis
from candidates.errors import RunFolderError, VersionMismatch
from candidates.vectors import Vectors, normalised


def vectors_of(values, version="v1"):
    return Vectors(Axis.of(f"p{row}" for row in range(len(values))), values, version)


@pytest.mark.parametrize("dtype", [np.float16, np.float32])
@pytest.mark.parametrize("shape", [(0, 4), (1, 1), (5, 3)])
def test_written_and_mapped_again(tmp_path, dtype, shape):
    values = np.random.default_rng(0).standard_normal(shape).astype(dtype)
    vectors = vectors_of(values, "hog 1")
    vectors.save(tmp_path / "v.arrow")
    before = pa.total_allocated_bytes()
    again = Vectors.open(tmp_path / "v.arrow", vectors.axis)
    assert pa.total_allocated_bytes() == before
    np.testing.assert_array_equal(again.values, values)
    assert (again.values.dtype, again.version, again.dimensions, len(again)) == (dtype, "hog 1", shape[1], shape[0])
    assert not again.values.flags.owndata


def test_values_that_are_not_contiguous_are_written_in_order(tmp_path):
    values = np.arange(24, dtype=np.float32).reshape(4, 6)[::-1, ::2]
    vectors = vectors_of(values)
    vectors.save(tmp_path / "v.arrow")
    np.testing.assert_array_equal(Vectors.open(tmp_path / "v.arrow", vectors.axis).values, values)


def test_special_values_are_kept(tmp_path):
    values = np.array([[np.nan, np.inf, -np.inf, -0.0, 6e-8]], np.float16)
    vectors_of(values).save(tmp_path / "v.arrow")
    again = Vectors.open(tmp_path / "v.arrow", Axis.of(["p0"])).values
    assert again.tobytes() == values.tobytes()


def test_vectors_of_other_rows_are_refused(tmp_path):
    vectors_of(np.zeros((2, 2), np.float32)).save(tmp_path / "v.arrow")
    with pytest.raises(RunFolderError, match="belong to other rows"):
        Vectors.open(tmp_path / "v.arrow", Axis.of(["p1", "p0"]))


def test_a_missing_or_truncated_file(tmp_path):
    vectors = vectors_of(np.ones((3, 2), np.float16))
    path = tmp_path / "v.arrow"
    with pytest.raises(RunFolderError, match="vectors can't be read"):
        Vectors.open(path, vectors.axis)
    vectors.save(path)
    content = path.read_bytes()
    for length in [0, 8, *range(16, len(content), 41), len(content) - 1]:
        path.write_bytes(content[:length])
        with pytest.raises(RunFolderError, match="vectors can't be read"):
            Vectors.open(path, vectors.axis)


def test_another_kind_of_file(tmp_path):
    write_batch(tmp_path / "other.arrow", pa.record_batch([pa.array([1])], names=["x"]))
    with pytest.raises(RunFolderError, match="vectors can't be read"):
        Vectors.open(tmp_path / "other.arrow", Axis.of(["p0"]))


@pytest.mark.parametrize(
    "values", [np.zeros((2, 2), np.float32), np.zeros(3, np.float32), np.zeros((3, 2), np.float64)]
)
def test_values_that_cannot_stand_for_the_axis(values):
    with pytest.raises(VersionMismatch):
        Vectors(Axis.of(["a", "b", "c"]), values, "v1")


def test_some_of_the_rows():
    vectors = vectors_of(np.arange(8, dtype=np.float32).reshape(4, 2))
    taken = vectors.take(np.array([3, 1]))
    assert list(taken.axis) == ["p3", "p1"]
    np.testing.assert_array_equal(taken.values, [[6, 7], [2, 3]])
    assert taken.version == "v1"


def test_two_versions_never_mix():
    vectors = vectors_of(np.zeros((1, 2), np.float32), "model a")
    vectors.require_version("model a")
    with pytest.raises(VersionMismatch, match=r"version 'model a', the index of 'model b'"):
        vectors.require_version("model b")


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_rows_at_length_one(dtype):
    values = np.random.default_rng(1).standard_normal((6, 5)).astype(dtype)
    values[2] = 0
    values[3] *= 1000
    unit = normalised(values)
    assert unit.dtype == np.float32
    for row, one in zip(values.astype(float), unit, strict=True):
        length = sum(value * value for value in row) ** 0.5
        np.testing.assert_allclose(one, [value / length if length else 0 for value in row], atol=1e-6)
    assert not np.isnan(unit).any()
    np.testing.assert_array_equal(vectors_of(values.astype(np.float32)).unit(), normalised(values.astype(np.float32)))
    assert normalised(np.zeros((0, 3), np.float32)).shape == (0, 3)


def test_long_float16_rows_do_not_overflow():
    unit = normalised(np.full((1, 100), 60000, np.float16))
    np.testing.assert_allclose(unit, 0.1, atol=1e-4)
