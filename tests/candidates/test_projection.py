import io
import json
import zipfile

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from candidates.axis import Axis
from candidates.errors import ModelMissing, VariantsError, VersionMismatch
from candidates.projection import Projection
from candidates.vectors import Vectors


def projection(width=6, dimensions=3, seed=0, made_for="hog@1"):
    draw = np.random.default_rng(seed)
    matrix = draw.standard_normal((width, dimensions)).astype(np.float32)
    return Projection(matrix, draw.standard_normal(width).astype(np.float32), made_for)


def vectors(n=20, width=6, seed=1, dtype=np.float32, version="hog@1"):
    values = np.random.default_rng(seed).standard_normal((n, width)).astype(dtype)
    return Vectors(Axis.of([f"p{row}" for row in range(n)]), values, version)


def plain(one, values):
    """Row by row, in double precision."""
    rows = []
    for value in values.astype(float):
        mapped = (
            (value - one.mean.astype(float)) @ one.matrix.astype(float) if value.any() else np.zeros(one.dimensions)
        )
        rows.append(mapped / (np.linalg.norm(mapped) or 1.0))
    return np.array(rows).reshape(-1, one.dimensions)


@pytest.mark.parametrize(("dtype", "near"), [(np.float32, 1e-5), (np.float16, 1e-3)])
def test_rows_are_mapped_and_brought_to_length_one(dtype, near):
    one, many = projection(), vectors(dtype=dtype)
    many.values[4] = 0
    mapped = one.apply(many)
    assert (mapped.values.dtype, mapped.version, mapped.axis) == (dtype, one.version, many.axis)
    np.testing.assert_allclose(mapped.values, plain(one, many.values), atol=near)
    assert np.flatnonzero(~mapped.values.any(axis=1)).tolist() == [4]


@settings(deadline=None, derandomize=True, max_examples=40)
@given(n=st.integers(0, 30), width=st.integers(1, 9), dimensions=st.integers(1, 9), height=st.integers(1, 7))
def test_blocks_change_nothing(n, width, dimensions, height):
    one, many = projection(width, dimensions), vectors(n, width)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("candidates.projection._BLOCK", height * width)
        mapped = one.apply(many).values
    np.testing.assert_allclose(mapped, plain(one, many.values), atol=1e-4)


def test_a_file_mapped_into_memory_is_read_in_blocks(tmp_path, monkeypatch):
    many = vectors(50, dtype=np.float16)
    many.save(tmp_path / "vectors.arrow")
    heights = []
    whole = Projection.map_block
    monkeypatch.setattr("candidates.projection._BLOCK", 8 * 6)
    monkeypatch.setattr(Projection, "map_block", lambda one, block: heights.append(len(block)) or whole(one, block))
    mapped = projection().apply(Vectors.open(tmp_path / "vectors.arrow", many.axis))
    np.testing.assert_allclose(mapped.values, plain(projection(), many.values), atol=1e-3)
    assert heights == [8, 8, 8, 8, 8, 8, 2]


@pytest.mark.parametrize("others", [vectors(version="onnx@2"), vectors(width=7)])
def test_vectors_of_another_version_are_refused_and_both_are_named(others):
    with pytest.raises(VersionMismatch, match="hog@1") as refused:
        projection().apply(others)
    assert others.version in str(refused.value)
    assert str(others.dimensions) in str(refused.value)


def test_a_number_that_is_not_finite_is_refused_with_the_product():
    many = vectors()
    many.values[13, 2] = np.nan
    with pytest.raises(VariantsError, match="p13"):
        projection().apply(many)


def test_the_version_speaks_of_numbers_and_of_what_they_stand_on():
    versions = {
        projection().version,
        projection(seed=1).version,
        projection(made_for="hog@2").version,
        Projection(projection().matrix, projection().mean + np.float32(1e-3), "hog@1").version,
    }
    assert len(versions) == 4
    assert projection().version == projection().version
    assert projection().version.startswith("head-3-of-6-")


def test_what_was_saved_is_opened(tmp_path):
    projection().save(tmp_path / "head.npz")
    again = Projection.open(tmp_path / "head.npz")
    assert (again.version, again.made_for) == (projection().version, "hog@1")
    np.testing.assert_array_equal(again.apply(vectors()).values, projection().apply(vectors()).values)
    assert [path.name for path in tmp_path.iterdir()] == ["head.npz"]


def test_a_failed_write_leaves_the_old_file(tmp_path, monkeypatch):
    path = tmp_path / "head.npz"
    projection().save(path)

    def full(*_, **__):
        raise OSError("no space left")

    monkeypatch.setattr("candidates.projection.np.savez", full)
    with pytest.raises(OSError, match="no space"):
        projection(seed=1).save(path)
    assert Projection.open(path).version == projection().version
    assert [one.name for one in tmp_path.iterdir()] == ["head.npz"]


def test_a_missing_or_cut_file_gives_one_line_that_names_it(tmp_path):
    path = tmp_path / "head.npz"
    with pytest.raises(ModelMissing, match=r"head\.npz"):
        Projection.open(path)
    projection().save(path)
    content = path.read_bytes()
    for length in range(0, len(content), len(content) // 25):
        path.write_bytes(content[:length])
        with pytest.raises(ModelMissing, match=r"head\.npz") as refused:
            Projection.open(path)
        assert "\n" not in str(refused.value)


def test_every_changed_byte_is_noticed_or_changes_nothing(tmp_path):
    path = tmp_path / "head.npz"
    projection().save(path)
    content, version = path.read_bytes(), projection().version
    noticed = 0
    for place in range(0, len(content), 5):
        path.write_bytes(content[:place] + bytes([content[place] ^ 0x55]) + content[place + 1 :])
        try:
            assert Projection.open(path).version == version
        except ModelMissing:
            noticed += 1
    assert noticed > len(content) / 10


def written(path, **members):
    """An archive as a stranger might put it together; the check sums of its members are right."""
    stored = {"matrix": projection().matrix, "mean": projection().mean, "about": about()} | members
    np.savez(path, **stored)
    return path


def about(**changed):
    told = {"made_for": "hog@1", "version": projection().version} | changed
    return np.frombuffer(json.dumps(told).encode(), np.uint8)


def test_the_archive_as_it_should_be(tmp_path):
    assert Projection.open(written(tmp_path / "head.npz")).version == projection().version


@pytest.mark.parametrize(
    "members",
    [
        {"matrix": projection().matrix * np.float32(1.001)},
        {"mean": projection().mean + np.float32(1)},
        {"about": about(made_for="hog@2")},
        {"about": about(version="head")},
        {"about": np.frombuffer(b"[]", np.uint8)},
        {"about": np.frombuffer(b"{", np.uint8)},
        {"mean": projection().mean[:5]},
        {"mean": np.full(6, np.nan, np.float32)},
        {"matrix": projection().matrix.astype(float)},
        {"matrix": np.float32(3)},
        {"matrix": np.array([{"run": "me"}], object)},
    ],
)
def test_contents_that_are_not_those_saved_are_refused(tmp_path, members):
    with pytest.raises(ModelMissing, match=r"head\.npz"):
        Projection.open(written(tmp_path / "head.npz", **members))


def test_an_archive_without_a_member_is_refused(tmp_path):
    whole = io.BytesIO()
    np.savez(whole, matrix=projection().matrix, mean=projection().mean)
    (tmp_path / "head.npz").write_bytes(whole.getvalue())
    with pytest.raises(ModelMissing, match="about"):
        Projection.open(tmp_path / "head.npz")


def test_nothing_in_the_file_is_pickled(tmp_path):
    projection().save(tmp_path / "head.npz")
    with zipfile.ZipFile(tmp_path / "head.npz") as archive:
        assert sorted(archive.namelist()) == ["about.npy", "matrix.npy", "mean.npy"]
        for name in archive.namelist():
            np.lib.format.read_array(archive.open(name), allow_pickle=False)
