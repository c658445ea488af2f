"""Publishing with the secrets of an Airflow connection, named before the bucket."""

import importlib

import pytest

from candidates.errors import VariantsError
from service.batches.publishing import Place

PUBLISHING = {
    "build_indexes": "indexes",
    "generate_candidates": "suggestions",
    "evaluate": "evaluation",
    "train": "training",
}


@pytest.fixture
def asked(bag, monkeypatch):
    """Connections that Airflow looked up; a provider is in its place that opens files in memory."""
    from airflow.sdk.io import fs as file_systems
    from fsspec.implementations.memory import MemoryFileSystem

    connections = []

    def open_memory(connection, options):
        connections.append(connection)
        return MemoryFileSystem(**options)

    monkeypatch.setattr(file_systems, "_register_filesystems", lambda: {"memory": open_memory})
    return connections


def test_a_connection_before_the_bucket_opens_it(asked, tmp_path):
    from apps.airflow.schedule import open_place

    source = tmp_path / "source"
    source.mkdir()
    (source / "a.txt").write_text("one")
    place = Place.at("memory://warehouse@shop/variants", open_place)
    assert place.upload(source, "g1") == 1
    place.point_to("g1")
    assert asked == ["warehouse"]
    # The connection is no part of where the files are.
    there = Place.at("memory://shop/variants")
    assert there.current == "g1"
    there.fetch("g1", tmp_path / "back")
    assert (tmp_path / "back" / "a.txt").read_text() == "one"


def test_a_place_without_a_connection_is_opened_by_fsspec(asked, tmp_path):
    from apps.airflow.schedule import open_place

    place = Place.at(str(tmp_path / "a@b"), open_place)
    assert place.is_local
    assert place.root == str(tmp_path / "a@b")
    assert asked == []


@pytest.mark.usefixtures("asked")
def test_a_connection_whose_provider_is_not_installed_is_a_users_mistake():
    from apps.airflow.schedule import open_place

    with pytest.raises(VariantsError, match="no place to publish to"):
        Place.at("s3://warehouse@shop/variants", open_place)


class Published(Exception):
    """Ends a task where it publishes."""


@pytest.mark.parametrize("name", PUBLISHING)
def test_every_dag_publishes_by_its_connections(bag, name, monkeypatch):
    from apps.airflow.schedule import open_place

    def publish(batch, opener=None):
        assert batch == {"generation": "g1"}
        assert opener is open_place
        raise Published

    monkeypatch.setattr(importlib.import_module(f"service.batches.{PUBLISHING[name]}"), "publish", publish)
    with pytest.raises(Published):
        bag.dags[name].get_task("publish").python_callable({"generation": "g1"})
