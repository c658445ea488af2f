"""The benchmark on a real node at a tiny size: its rows, what it checks, and that it leaves nothing behind."""

from dataclasses import replace

import numpy as np
import pytest

from benchmarks.elastic import scale as elastic
from benchmarks.elastic.figures import EMBEDDED, FLAT, GRAPH, MSEARCH, Asked, goals, tables
from benchmarks.elastic.images import BITS, CONDITIONS, make_images
from benchmarks.elastic.scale import Scale
from candidates.filters import Filter
from service.neighbours.elastic_connection import ElasticConnection

SMALL = Scale(sizes=(1000, 2000), subset=1000, queries=6, rounds=2, settle=0.0)


@pytest.fixture(scope="module")
def measured(elasticsearch_url, tmp_path_factory):
    """All figures of two small sizes."""
    return elastic.measure(elasticsearch_url, tmp_path_factory.mktemp("elastic"), SMALL)


def test_images_cluster_and_filters_admit_their_share(tmp_path):
    made = make_images(tmp_path, (2000, 5000), 40)
    cosines = np.sort(made.queries.values @ made.vectors.values.T, axis=1)
    assert cosines[:, -1].mean() > 0.7
    assert abs(cosines[:, :2500].mean()) < 0.3
    admitted = {name: made.select(where).mean() for name, where in CONDITIONS.items() if where}
    assert 0.03 < admitted["text"] < 0.08
    assert 0.05 < admitted["category"] < 0.2
    assert np.bincount(made.groups).max() <= 12
    assert len(set(made.groups[:2000]) & set(made.groups[2000:])) <= 1


def test_the_first_images_stay_what_they_are(tmp_path):
    made = make_images(tmp_path, (500, 1000), 4)
    first = made.first(500)
    assert len(first) == 500
    assert list(first.vectors.axis) == list(made.vectors.axis)[:500]
    image = next(first.images(np.zeros((500, BITS // 8), np.uint8)))
    where = Filter(text=image.title.split(", ")[1])
    assert first.select(where)[0]
    assert first.truth["none"].matrix(100)[0].shape == (4, 100)


def test_every_way_finds_the_neighbours_that_it_should(measured):
    for size in SMALL.sizes:
        for condition in CONDITIONS:
            flat = measured.looked[Asked(FLAT, size, condition)]
            assert len(flat.milliseconds) == len(flat.took) == 6
            if condition != "none" or size == 2000:
                assert measured.looked[Asked(EMBEDDED, size, condition)].recalls == flat.recalls
            assert min(flat.recalls) > 0.99
    together = measured.looked[Asked(f"{FLAT}, {MSEARCH}", 2000)]
    assert together.recalls == measured.looked[Asked(FLAT, 2000)].recalls
    assert not together.milliseconds
    assert min(measured.looked[Asked(GRAPH, 1000)].recalls) > 0.99


def test_the_goals_that_no_machine_excuses_hold(measured):
    held = {goal.wanted: goal.holds for goal in goals(measured)}
    assert held["flat: exact at every rank"]
    assert held["hnsw, rescored: recall@10 / @100 ≥ 0.98 / 0.95"]
    missed = replace(measured, served=replace(measured.served, exact=5))
    assert not {goal.wanted: goal.holds for goal in goals(missed)}["flat: exact at every rank"]
    assert len(held) == 10


def test_tables_have_a_row_for_every_figure(measured):
    loading, looked, third, figure, reached = tables(measured)
    assert [row[0] for row in figure.rows] == [
        "512 bits, flat, 1,000 images",
        "512 bits, flat, 2,000 images",
        "512 bits, 32 subcodes, 1,000 images",
        "512 bits, hnsw, 1,000 images",
    ]
    assert len(loading.rows) == 5
    assert third.rows[-1][-1] == "1.112"
    assert len(reached.rows) == 10
    for table in (loading, looked, third, figure, reached):
        assert all(len(row) == len(table.columns) for row in table.rows)
        assert table.markdown()


def test_nothing_is_left_behind(measured, elasticsearch_url):
    with ElasticConnection((elasticsearch_url,)).client() as client:
        assert not client.indices.get(index=f"{elastic.NAME}-*", expand_wildcards="all").body


def test_indices_go_when_measuring_fails(elasticsearch_url, tmp_path, monkeypatch):
    monkeypatch.setattr(elastic, "merge", lambda *_: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        elastic.measure(elasticsearch_url, tmp_path, replace(SMALL, sizes=(200,), subset=200, queries=1, rounds=1))
    with ElasticConnection((elasticsearch_url,)).client() as client:
        assert not client.indices.get(index=f"{elastic.NAME}-*", expand_wildcards="all").body
