"""A feed whose pictures are URLs, through the whole pipeline, against a real server on loopback."""

import json
import shutil

import numpy as np
import pyarrow.parquet as pq
import pytest

from intake.picture_files import FetchedPicture, read_fetched, write_fetched
from service.files.refusals import read_refusals
from service.pipeline.run import run, run_into_store
from service.runs.remaining import missing_urls, picture_urls
from service.runs.store import Store
from tests.intake.fetching.misbehaving_server import running
from tests.small_runs import small_settings

LOCAL = {"allow_private": True, "attempts": 1, "timeout": 2.0}


@pytest.fixture
def shop(drawn, tmp_path):
    """The drawn catalogue with every picture on a server; one is a web page, one is not there."""
    shutil.copytree(drawn.feed.parent, tmp_path, dirs_exist_ok=True)  # further pictures stay paths
    header, *rows = drawn.feed.read_text("utf-8").splitlines()
    column = header.split("\t").index("image_link")
    with running() as server:
        served, lines = 0, []
        for row in rows:
            cells = row.split("\t")
            picture = drawn.feed.parent / cells[column]
            if picture.is_file():
                served += 1
                url = server.serve(f"/{picture.name}", picture.read_bytes())
                if served == 3:
                    server.serve(f"/{picture.name}", b"<!doctype html><p>gone", content_type="text/html")
                cells[column] = url
            lines.append("\t".join(cells))
        feed = tmp_path / "feed.tsv"
        feed.write_text("\n".join([header, *lines]) + "\n", "utf-8")
        yield feed, server


def test_pictures_by_url_give_the_candidates_of_pictures_on_disk(shop, finished, tmp_path):
    feed, server = shop
    job = run(feed, tmp_path / "out", small_settings(fetch=LOCAL))
    counts = job.folder.require("fetch_pictures").counts
    assert counts["urls"] == len(picture_urls(job)) == len(set(server.paths()))
    assert counts["refused"] == 1
    assert missing_urls(job) == []
    page = next(one for one in read_refusals(job.folder.refused) if one.where.startswith("http"))
    assert "web page" in page.reason
    local = finished.folder.require("encode_images").counts
    assert abs(job.folder.require("encode_images").counts["distinct"] - local["distinct"]) <= 1
    asked = len(server.asked)
    again = run(feed, tmp_path / "out", small_settings(fetch=LOCAL))
    assert len(server.asked) == asked  # a web page is not asked for again for a day
    assert again.folder.require("encode_images").key == job.folder.require("encode_images").key


def test_what_a_store_fetched_serves_offline_and_what_is_new_is_refused(shop, tmp_path):
    feed, server = shop
    store = Store(tmp_path / "store")
    first = run_into_store(feed, store, small_settings(fetch=LOCAL))
    tonight = tmp_path / "tonight.tsv"
    header = feed.read_text("utf-8").splitlines()[0].split("\t")
    new = {"id": "brand-new", "title": "a new thing", "image_link": server.url("/never-asked.png")}
    line = "\t".join(new.get(name, "") for name in header)
    tonight.write_text(feed.read_text("utf-8") + line + "\n", "utf-8")
    asked = len(server.asked)
    second = run_into_store(tonight, store, small_settings(fetch=LOCAL | {"offline": True}))
    assert len(server.asked) == asked
    assert second.folder.require("encode_images").counts["encoded"] == 0
    reasons = {one.id: one.reason for one in read_refusals(second.folder.refused)}
    assert "offline" in reasons["brand-new"]
    assert json.loads(second.folder.changes.read_text())["new"] == 1
    pictures = [one.folder.require("encode_images").counts["pictures"] for one in (first, second)]
    assert np.ptp(pictures) == 0


def test_fetched_is_read_as_it_was_written(tmp_path):
    made = {"http://a/1": FetchedPicture("/x/1"), "http://a/2": FetchedPicture("", "gone", "fix")}
    write_fetched(tmp_path / "fetched.parquet", made)
    assert read_fetched(tmp_path / "fetched.parquet") == made
    write_fetched(tmp_path / "none.parquet", {})
    assert read_fetched(tmp_path / "none.parquet") == {}
    table = pq.read_table(tmp_path / "fetched.parquet")
    pq.write_table(table.rename_columns(["url", "path", "what", "mend"]), tmp_path / "before.parquet")
    assert read_fetched(tmp_path / "before.parquet") == made


def test_a_run_into_a_store_asks_a_failing_server_no_oftener_than_it_may(tmp_path):
    feed = tmp_path / "feed.tsv"
    with running() as server:
        server.does["/down.png"] = lambda exchange: exchange.answer(b"busy", 500)
        rows = [f"p{n}\tthing {n}\t{server.url('/down.png') if n == 0 else ''}" for n in range(12)]
        feed.write_text("\n".join(["id\ttitle\timage_link", *rows]) + "\n", "utf-8")
        job = run_into_store(feed, Store(tmp_path / "store"), small_settings(fetch=LOCAL | {"attempts": 2}))
    assert job.folder.require("fetch_pictures").counts["refused"] == 1
    assert server.paths() == ["/down.png"] * 2
