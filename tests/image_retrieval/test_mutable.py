import json

import numpy as np
import pytest

from candidates.errors import RunFolderError, VersionMismatch
from candidates.run import same_lists
from image_retrieval.lsh import Hyperplanes
from image_retrieval.mutable import RollingHammingIndex
from image_retrieval.rolling import Rolling
from tests.mutable_index_contract import JULY, PLANES, VERSION, MutableIndexContract, Truth, product, vector


class TestRollingHammingIndex(MutableIndexContract):
    @pytest.fixture(autouse=True)
    def _folder(self, tmp_path):
        self.folder = tmp_path / "window"

    def build(self, rolling):
        return RollingHammingIndex(self.folder, PLANES, VERSION, rolling)


class TestRollingHammingIndexByWeek(TestRollingHammingIndex):
    rolling = Rolling("week", 3)


class Reopened:
    """An index that is put down and taken up again at each checkpoint."""

    def __init__(self, index):
        self.index = index

    def __getattr__(self, name):
        return getattr(self.index, name)

    def checkpoint(self):
        self.index.checkpoint()
        self.index = RollingHammingIndex.open(self.index.folder, PLANES, VERSION, self.index.rolling)


class TestRollingHammingIndexReopened(TestRollingHammingIndex):
    def build(self, rolling):
        return Reopened(super().build(rolling))


def filled(folder):
    index = RollingHammingIndex(folder, PLANES, VERSION)
    Truth(index, Rolling()).add([(f"i{n}", n, product(f"p{n // 3}")) for n in range(20)])
    return index


def asked():
    from candidates.axis import Axis
    from candidates.vectors import Vectors

    return Vectors(Axis.of("xyz"), np.stack([vector(n) for n in (3, 4, 70)]), VERSION)


def test_what_came_after_the_last_checkpoint_is_not_in_the_folder(tmp_path):
    index = filled(tmp_path / "window")
    index.checkpoint()
    found = index.search(asked(), 5)
    index.remove(["p1"])
    again = RollingHammingIndex.open(tmp_path / "window", PLANES, VERSION)
    assert same_lists(again.search(asked(), 5), found)


def test_tiles_change_nothing(tmp_path, monkeypatch):
    index = filled(tmp_path)
    at_once = index.search(asked(), 5)
    monkeypatch.setattr("image_retrieval.mutable._TILE", 1)
    assert same_lists(index.search(asked(), 5), at_once)


def test_rows_of_removed_pictures_are_dropped_at_a_checkpoint(tmp_path):
    index = filled(tmp_path / "window")
    index.remove(["p0", "p4"])
    assert len(index._state.codes) == 20
    index.checkpoint()
    assert len(index._state.codes) == len(index.items) == 14
    assert len(index._state.products) == 5


def test_codes_of_another_version_are_refused(tmp_path):
    filled(tmp_path / "window").checkpoint()
    with pytest.raises(VersionMismatch, match="seed9"):
        RollingHammingIndex.open(tmp_path / "window", Hyperplanes(12, 128, 9), VERSION)
    with pytest.raises(VersionMismatch, match="v2"):
        RollingHammingIndex.open(tmp_path / "window", PLANES, "v2")


@pytest.mark.parametrize("name", ["window.json", "pictures.parquet", "codes.npy"])
def test_a_damaged_folder_is_noticed(tmp_path, name):
    filled(tmp_path / "window").checkpoint()
    (tmp_path / "window" / name).write_bytes(b"nothing")
    with pytest.raises(RunFolderError, match="can't be read"):
        RollingHammingIndex.open(tmp_path / "window", PLANES, VERSION)
    with pytest.raises(RunFolderError, match="can't be read"):
        RollingHammingIndex.open(tmp_path / "elsewhere", PLANES, VERSION)


def test_codes_of_other_pictures_are_noticed(tmp_path):
    filled(tmp_path / "window").checkpoint()
    np.save(tmp_path / "window" / "codes.npy", np.zeros((3, 16), np.uint8))
    with pytest.raises(RunFolderError, match="don't fit its pictures"):
        RollingHammingIndex.open(tmp_path / "window", PLANES, VERSION)
    assert json.loads((tmp_path / "window" / "window.json").read_text())["version"] == VERSION
    assert JULY.year == 2026
