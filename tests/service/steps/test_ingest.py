import pytest

from candidates.errors import FeedError
from intake.feeds.several import FeedSource
from service.files.refusals import read_refusals
from service.runs.job import Job
from service.steps.ingest import ingest
from tests.small_runs import small_settings


def feed(folder, bad, good, name="feed.tsv"):
    rows = [f"{name}{n}\tx" for n in range(good)] + ["\tno id"] * bad
    path = folder / name
    path.write_text("id\ttitle\n" + "\n".join(rows) + "\n")
    return path


def job(folder, *feeds, **settings):
    return Job.start(folder / "out", [FeedSource(path) for path in feeds], small_settings(feed=settings))


def test_a_feed_with_too_many_refused_rows_stops_and_its_refusals_are_there(tmp_path):
    made = job(tmp_path, feed(tmp_path, bad=3, good=7))
    with pytest.raises(FeedError, match=r"3 of its 10 rows \(30%\).*max_refused \(25%\).*line 9: no id"):
        ingest(made)
    assert len(read_refusals(made.folder.refused)) == 3
    assert not made.folder.products.exists()
    assert made.folder.record("ingest") is None


def test_the_share_is_a_setting(tmp_path):
    made = job(tmp_path, feed(tmp_path, bad=3, good=7), max_refused=0.3)
    assert ingest(made).counts["products"] == 7


def test_one_feed_of_two_may_be_too_bad(tmp_path):
    good, bad = feed(tmp_path, 0, 100, "good.tsv"), feed(tmp_path, 2, 2, "bad.tsv")
    with pytest.raises(FeedError, match=r"bad\.tsv: 2 of its 4 rows"):
        ingest(job(tmp_path, good, bad))


def test_counts_of_each_feed_and_of_all(tmp_path):
    record = ingest(job(tmp_path, feed(tmp_path, 1, 9, "a.tsv"), feed(tmp_path, 0, 5, "b.tsv")))
    assert {name: record.counts[name] for name in ("rows", "products", "refused", "merged")} == {
        "rows": 15,
        "products": 14,
        "refused": 1,
        "merged": 0,
    }
    assert [(one["first"], one["products"]) for one in record.counts["feeds"]] == [(0, 9), (9, 5)]
