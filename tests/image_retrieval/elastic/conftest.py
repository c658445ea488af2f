"""Windows on a real node, each under a name of its own, and gone after the test."""

import uuid

import pytest

from image_retrieval.elastic.mapping import Layout
from image_retrieval.elastic.patience import Patience
from image_retrieval.elastic.slices import Window
from image_retrieval.rolling import Rolling


@pytest.fixture(scope="session")
def client(elasticsearch_url):
    from elasticsearch import Elasticsearch

    with Elasticsearch(elasticsearch_url.split(","), request_timeout=60) as client:
        yield client


@pytest.fixture
def window_of(client):
    """Makes windows; `like` gives another version under the same name."""
    made = []

    def make(
        bits=64, search="flat", *, codes="planes", fingerprint="v1", like=None, every="month", by=client, **options
    ):
        layout = Layout(bits, fingerprint, codes, search, replicas=0, **options)
        name = like.name if like else f"test{uuid.uuid4().hex[:10]}"
        window = Window(by, name, layout, Rolling(every), Patience(attempts=8, first=0.01))
        made.append(window.name)
        return window

    yield make
    for name in set(made):
        found = client.options(ignore_status=404).indices.get(index=f"{name}*", filter_path="*.settings.index.uuid")
        for index in [one for one in found if one.startswith(name)]:
            client.indices.delete(index=index)
