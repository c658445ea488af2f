"""What was fetched is not fetched again: cache, resume, expiry, offline."""

import os
import signal
import sqlite3
import subprocess
import sys
import time

import pytest

from candidates.artifacts import digest_bytes
from candidates.errors import PictureError, VariantsError
from candidates.settings import FetchSettings
from intake.fetching.cache import Cache, Entry
from intake.fetching.fetch import Fetched, Fetcher, fetch_pictures
from tests.conftest import ROOT
from tests.intake.fetching.misbehaving_server import PNG, a_picture

DAY = 86_400.0


def fetch_all(folder, urls, after_days=0.0, **limits):
    chosen = FetchSettings(**({"allow_private": True, "timeout": 2.0} | limits))
    fetcher = Fetcher(folder, chosen, backoff=0.01, now=lambda: time.time() + after_days * DAY)
    return fetcher.fetch(urls)


def fetch_one(folder, url, **options):
    return fetch_all(folder, [url], **options)[url]


def test_objects_are_named_by_their_content(server, tmp_path):
    outcome = fetch_one(tmp_path, server.serve("/a"))
    digest = digest_bytes(PNG)
    assert outcome == Fetched(server.url("/a"), tmp_path / "objects" / digest[:2] / digest, digest, len(PNG))
    assert outcome.path.read_bytes() == PNG


def test_outcomes_come_in_the_order_given_each_url_once(server, tmp_path):
    urls = [server.serve(f"/{number}", a_picture(number)) for number in range(9)][::-1]
    told = []
    limits = FetchSettings(allow_private=True)
    outcomes = fetch_pictures([*urls, "ftp://x/", *urls], tmp_path, limits, told.append)
    assert list(outcomes) == [*urls, "ftp://x/"]
    assert sum(told) == 10
    assert len(server.asked) == 9


def test_one_url_written_in_two_ways_is_fetched_once_and_both_are_answered(server, tmp_path):
    first = server.serve("/a%20b")
    second = server.url("/a b#large")
    outcomes = fetch_all(tmp_path, [first, second])
    assert len(server.asked) == 1
    assert outcomes[first].path == outcomes[second].path
    assert outcomes[second].url == second


def test_two_urls_with_the_same_bytes_share_one_object(server, tmp_path):
    outcomes = fetch_all(tmp_path, [server.serve("/a"), server.serve("/b")])
    assert len({outcome.path for outcome in outcomes.values()}) == 1
    assert len([path for path in (tmp_path / "objects").rglob("*") if path.is_file()]) == 1


def test_a_second_run_asks_nothing(server, tmp_path):
    urls = [server.serve(f"/{number}", a_picture(number)) for number in range(5)]
    assert fetch_all(tmp_path, urls) == fetch_all(tmp_path, urls)
    assert len(server.asked) == 5


def test_a_run_that_was_killed_goes_on_where_it_was(server, tmp_path):
    urls = [server.serve(f"/{number}", a_picture(number)) for number in range(60)]

    @server.on("/40")
    def _(exchange):
        time.sleep(30)

    code = (
        "import sys; from pathlib import Path; from intake.fetching.fetch import *\n"
        f"fetch_pictures({urls!r}, Path({str(tmp_path)!r}), FetchSettings(allow_private=True, per_host=1))"
    )
    child = subprocess.Popen([sys.executable, "-c", code], cwd=ROOT)
    while len(server.asked) < 41:
        assert child.poll() is None
        time.sleep(0.01)
    os.kill(child.pid, signal.SIGKILL)
    child.wait()

    server.serve("/40", a_picture(40))
    outcomes = fetch_all(tmp_path, urls)
    assert [outcome.path.read_bytes() for outcome in outcomes.values()] == [a_picture(n) for n in range(60)]
    paths = server.paths()
    assert {path for path in paths if paths.count(path) > 1} == {"/40"}


@pytest.mark.parametrize("harm", [lambda path: path.unlink(), lambda path: path.write_bytes(PNG[:9])])
def test_an_object_that_was_harmed_is_fetched_again(server, tmp_path, harm):
    url = server.serve("/a")
    harm(fetch_one(tmp_path, url).path)
    assert fetch_one(tmp_path, url).path.read_bytes() == PNG
    assert len(server.asked) == 2


def test_offline_asks_nothing(server, tmp_path):
    old, new = server.serve("/old"), server.serve("/new")
    before = fetch_one(tmp_path, old)
    outcomes = fetch_all(tmp_path, [old, new], offline=True, after_days=1000)
    assert outcomes[old] == before
    assert "not in the cache, and offline" in outcomes[new].what
    assert server.paths() == ["/old"]


@pytest.mark.parametrize(
    ("validator", "sent"),
    [({"etag": '"v1"'}, "if-none-match"), ({"last_modified": "Wed, 21 Oct 2015 07:28:00 GMT"}, "if-modified-since")],
)
def test_an_expired_picture_that_has_not_changed_is_not_sent_again(server, tmp_path, validator, sent):
    @server.on("/a")
    def _(exchange):
        value = next(iter(validator.values()))
        if exchange.headers.get(sent) == value:
            exchange.answer(status=304)
        else:
            exchange.answer(PNG, **validator)

    first = fetch_one(tmp_path, server.url("/a"))
    assert fetch_one(tmp_path, server.url("/a"), after_days=29) == first
    assert len(server.asked) == 1
    assert fetch_one(tmp_path, server.url("/a"), after_days=31) == first
    assert len(server.asked) == 2
    assert fetch_one(tmp_path, server.url("/a"), after_days=60) == first
    assert len(server.asked) == 2, "the answer of day 31 holds for another 30 days"
    assert fetch_one(tmp_path, server.url("/a"), after_days=90) == first
    assert sent in server.asked[2].headers, "what was unchanged once is asked for in the same way again"


def test_an_expired_picture_that_has_changed_is_fetched(server, tmp_path):
    url = server.serve("/a", a_picture(1), etag='"v1"')
    fetch_one(tmp_path, url)
    server.serve("/a", a_picture(2), etag='"v2"')
    assert fetch_one(tmp_path, url, after_days=31).path.read_bytes() == a_picture(2)


def test_unchanged_is_no_answer_to_a_question_that_was_not_asked(server, tmp_path):
    url = server.serve("/a")
    fetch_one(tmp_path, url)
    server.does["/a"] = lambda exchange: exchange.answer(status=304)
    assert "returned status 304" in fetch_one(tmp_path, url, after_days=31).what


def test_validators_go_only_to_the_server_that_gave_them(server, tmp_path):
    """Another server's picture may bear the same ETag and be another."""
    server.does["/a"] = lambda exchange: exchange.answer(status=302, location="/first")
    server.serve("/first", a_picture(1), etag='"1"')
    url = server.url("/a")
    fetch_one(tmp_path, url)
    server.does["/a"] = lambda exchange: exchange.answer(status=302, location="/second")

    @server.on("/second")
    def _(exchange):
        exchange.answer(a_picture(2), status=304 if "if-none-match" in exchange.headers else 200, etag='"1"')

    assert fetch_one(tmp_path, url, after_days=31).path.read_bytes() == a_picture(2)


def test_an_expired_picture_serves_on_where_its_server_does_not_answer(server, tmp_path):
    url = server.serve("/a")
    first = fetch_one(tmp_path, url)
    server.does["/a"] = lambda exchange: exchange.answer(status=500)
    assert fetch_one(tmp_path, url, after_days=31) == first
    asked = len(server.asked)
    assert fetch_one(tmp_path, url, after_days=31) == first
    assert len(server.asked) > asked, "it is still expired"


def test_an_expired_picture_that_is_gone_is_refused(server, tmp_path):
    url = server.serve("/a")
    fetch_one(tmp_path, url)
    del server.does["/a"]
    assert "no such picture" in fetch_one(tmp_path, url, after_days=31).what


def test_a_lasting_failure_is_remembered_for_a_day(server, tmp_path):
    url = server.url("/missing")
    first = fetch_one(tmp_path, url)
    again = fetch_one(tmp_path, url)
    assert (again.what, again.fix) == (first.what, first.fix)
    assert len(server.asked) == 1
    assert "no such picture" in fetch_one(tmp_path, url, offline=True).what
    server.serve("/missing")
    assert isinstance(fetch_one(tmp_path, url, after_days=0.9), PictureError)
    assert isinstance(fetch_one(tmp_path, url, after_days=1.1), Fetched)


def test_a_passing_failure_is_not_remembered(server, tmp_path):
    server.does["/a"] = lambda exchange: exchange.answer(status=500)
    assert isinstance(fetch_one(tmp_path, server.url("/a")), PictureError)
    assert isinstance(fetch_one(tmp_path, server.serve("/a")), Fetched)


def test_what_was_too_large_is_asked_for_again_under_another_limit(server, tmp_path):
    url = server.serve("/a", a_picture(1, size=5000))
    assert "more than 1,000 bytes" in fetch_one(tmp_path, url, max_bytes=1000).what
    assert isinstance(fetch_one(tmp_path, url, max_bytes=10_000), Fetched)


def test_an_index_that_is_none_is_named(tmp_path):
    (tmp_path / "index.sqlite").write_bytes(b"not a database, but long enough to be taken for one" * 100)
    with pytest.raises(VariantsError, match=r"index\.sqlite.*fetched again"):
        fetch_all(tmp_path, ["http://127.0.0.1/a"])


def test_an_index_of_another_layout_is_named(tmp_path):
    with sqlite3.connect(tmp_path / "index.sqlite") as index:
        index.execute("PRAGMA user_version = 99")
    with pytest.raises(VariantsError, match="another version"):
        fetch_all(tmp_path, ["http://127.0.0.1/a"])


def test_a_cache_whose_column_is_still_called_mend_is_read(tmp_path):
    cache = Cache(tmp_path)
    entry = Entry("http://a/1", 1.0, what="gone", fix="give another address")
    cache.note(entry)
    cache.close()
    with sqlite3.connect(tmp_path / "index.sqlite") as index:
        index.execute("ALTER TABLE pictures RENAME COLUMN fix TO mend")
    assert Cache(tmp_path).find("http://a/1") == entry


def test_a_folder_that_can_not_be_written_is_named(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(VariantsError, match="use another folder"):
        fetch_all(tmp_path / "file" / "cache", ["http://127.0.0.1/a"])


def test_a_full_disk_ends_the_run_and_is_no_fault_of_a_picture(server, tmp_path, monkeypatch):
    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("intake.fetching.cache.shutil.copyfileobj", full)
    with pytest.raises(VariantsError, match=r"No space left on device.*Free some disk space"):
        fetch_one(tmp_path, server.serve("/a"))


def test_two_processes_share_a_cache(tmp_path):
    first, second = Cache(tmp_path), Cache(tmp_path)
    for number in range(50):
        for cache in (first, second):
            cache.note(Entry(f"http://a/{number}", 1.0, what="gone", fix="fix"))
    assert first.find("http://a/49") == second.find("http://a/49") == Entry("http://a/49", 1.0, what="gone", fix="fix")
    first.close()
    second.close()


def test_importing_it_loads_no_http_client():
    code = "import sys, intake.fetching.fetch; print('urllib3' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"
