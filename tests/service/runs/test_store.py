"""The pointer is the only commit point."""

import pytest

from candidates.errors import RunFolderError
from service.runs.store import Store, run_root


def building(store, name, content):
    folder = store.building(name)
    folder.mkdir(parents=True)
    (folder / "products.parquet").write_text(content)
    return folder


def test_a_generation_comes_into_force_when_the_pointer_is_written(tmp_path):
    store = Store(tmp_path)
    with pytest.raises(RunFolderError, match="no current generation"):
        _ = store.current
    first = store.publish(building(store, "b", "one"), "g1")
    assert store.current == first == tmp_path / "generations" / "g1"
    store.publish(building(store, "b", "two"), "g2")
    assert (store.current / "products.parquet").read_text() == "two"
    assert (first / "products.parquet").read_text() == "one"


def test_an_earlier_generation_can_be_brought_back(tmp_path):
    store = Store(tmp_path)
    store.publish(building(store, "b", "one"), "g1")
    store.publish(building(store, "b", "two"), "g2")
    store.point_to("g1")
    assert run_root(tmp_path).name == "g1"
    with pytest.raises(RunFolderError, match="There are: g1, g2"):
        store.point_to("g3")


def test_publishing_again_leaves_the_published_generation_alone(tmp_path):
    store = Store(tmp_path)
    store.publish(building(store, "b", "one"), "g1")
    store.publish(building(store, "b", "other"), "g1")
    assert (store.current / "products.parquet").read_text() == "one"


def test_a_plain_run_folder_is_its_own_root(tmp_path):
    assert run_root(tmp_path) == tmp_path
