"""The comparison of both image indexes, on a drawn catalogue and a real node."""

from benchmarks.elastic.candidates import measure, table
from candidates.settings import Settings
from demo_catalogue.catalogue import draw_catalogue


def test_candidates_are_those_of_the_embedded_index_but_for_ties(elasticsearch_url, monkeypatch, tmp_path):
    monkeypatch.setenv("ELASTICSEARCH_URL", elasticsearch_url)
    settings = Settings.read(
        None,
        image={"model": "hog", "bits": 256, "shortlist": 40},
        text={"index": "exact"},
        learn={"spaces": "encoded"},
        merge={"strategy": "fused", "n": 10},
        elasticsearch={"name": "compared", "replicas": 0},
    )
    drawn = draw_catalogue(tmp_path / "catalogue", groups=24)
    found = measure(drawn.feed, tmp_path / "runs", settings, depth=10)
    assert found.tied == found.differing
    assert found.common >= 0.98 * found.candidates > 0
    assert f"{found.candidates:,}" in table(found).text()
