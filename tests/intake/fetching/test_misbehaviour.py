"""Servers that misbehave, one way each: refused by name, in time and in bounded memory."""

import gzip
import time
import tracemalloc
import zlib

import pytest
import urllib3.util.connection

from candidates.errors import PictureError
from candidates.settings import FetchSettings
from intake.fetching.fetch import PATIENCE, Fetched, Fetcher
from tests.intake.fetching.misbehaving_server import PNG, a_picture, running


def fetch_all(folder, urls, **limits):
    chosen = FetchSettings(**({"allow_private": True, "timeout": 2.0} | limits))
    return Fetcher(folder, chosen, backoff=0.01).fetch(urls)


def fetch_one(folder, url, **limits):
    return fetch_all(folder, [url], **limits)[url]


def refusal(folder, url, **limits):
    outcome = fetch_one(folder, url, **limits)
    assert isinstance(outcome, PictureError), outcome
    assert outcome.fix
    assert outcome.what.startswith(url[:190])
    return outcome.what


def content(outcome):
    assert isinstance(outcome, Fetched), outcome
    return outcome.path.read_bytes()


def test_a_picture_arrives_whole(server, tmp_path):
    outcome = fetch_one(tmp_path, server.serve("/a.png", PNG))
    assert content(outcome) == PNG
    assert outcome.bytes == len(PNG)
    asked = server.asked[0].headers
    assert asked["host"] == f"127.0.0.1:{server.port}"
    assert asked["user-agent"] == "variant-candidates"
    assert asked["accept-encoding"] == "identity"


def test_chunks_without_a_length_arrive_whole(server, tmp_path):
    @server.on("/a")
    def _(exchange):
        exchange.head(transfer_encoding="chunked")
        for at in range(0, len(PNG), 100):
            part = PNG[at : at + 100]
            exchange.send(f"{len(part):x}\r\n".encode() + part + b"\r\n")
        exchange.send(b"0\r\n\r\n")

    assert content(fetch_one(tmp_path, server.url("/a"))) == PNG


def test_a_body_that_ends_with_its_connection_arrives_whole(server, tmp_path):
    @server.on("/a")
    def _(exchange):
        exchange.head(connection="close")
        exchange.send(PNG)
        exchange.hang_up()

    assert content(fetch_one(tmp_path, server.url("/a"))) == PNG


def test_a_connection_is_used_again(server, tmp_path):
    urls = [server.serve(f"/{number}", a_picture(number)) for number in range(20)]
    assert all(isinstance(one, Fetched) for one in fetch_all(tmp_path, urls, per_host=1).values())
    assert server.connections == 1


def test_a_connection_outlives_a_missing_picture(server, tmp_path):
    urls = [server.url(f"/{number}") for number in range(5)]
    assert not any(isinstance(one, Fetched) for one in fetch_all(tmp_path, urls, per_host=1).values())
    assert server.connections == 1


def test_a_connection_takes_no_longer_than_the_picture_may(server, tmp_path, monkeypatch):
    given = []
    really = urllib3.util.connection.create_connection

    def dial(address, timeout, **options):
        given.append(timeout)
        return really(address, timeout, **options)

    monkeypatch.setattr(urllib3.util.connection, "create_connection", dial)
    fetch_one(tmp_path, server.serve("/a"), timeout=1.0)
    fetch_one(tmp_path, server.serve("/b", a_picture(1)), timeout=100.0)
    assert given[0] <= 1.0
    assert 4.0 < given[1] <= 5.0


def test_a_declared_length_beyond_the_limit_is_refused_unread(server, tmp_path):
    server.does["/a"] = lambda exchange: exchange.head(content_length=10**12)
    assert "more than 1,000 bytes" in refusal(tmp_path, server.url("/a"), max_bytes=1000)
    assert server.paths() == ["/a"]


@pytest.mark.parametrize("headers", [{}, {"content_length": "many"}, {"content_length": "-5"}])
def test_bytes_are_counted_as_they_arrive(server, tmp_path, headers):
    sent = 0

    @server.on("/a")
    def _(exchange):
        nonlocal sent
        exchange.hang_up()
        exchange.head(**headers)
        exchange.send(PNG)
        for _ in range(1000):
            exchange.send(bytes(64 * 1024))
            sent += 64 * 1024

    assert "more than 100,000 bytes" in refusal(tmp_path, server.url("/a"), max_bytes=100_000)
    assert sent < 30 * 2**20


@pytest.mark.parametrize("chunk", [b"-1\r\n", b"-0x1\r\n", b"FFFFFFFFFF\r\n", b"0" * 10**6])
def test_a_chunk_of_a_mad_size_takes_no_memory(server, tmp_path, chunk):
    @server.on("/a")
    def _(exchange):
        exchange.hang_up()
        exchange.head(transfer_encoding="chunked")
        exchange.send(chunk + PNG)
        for _ in range(200):
            exchange.send(bytes(64 * 1024))

    tracemalloc.start()
    try:
        refusal(tmp_path, server.url("/a"), attempts=1)
        assert tracemalloc.get_traced_memory()[1] < 8 * 2**20
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize(("size", "fits"), [(999, True), (1000, True), (1001, False)])
@pytest.mark.parametrize("packed", [True, False])
def test_the_limit_is_exact(server, tmp_path, size, fits, packed):
    picture = a_picture(size=size)

    @server.on("/a")
    def _(exchange):
        exchange.hang_up()
        exchange.head(**({"content_encoding": "gzip"} if packed else {}))
        exchange.send(gzip.compress(picture) if packed else picture)

    assert isinstance(fetch_one(tmp_path, server.url("/a"), max_bytes=1000), Fetched) is fits


def test_endless_trailers_end(server, tmp_path):
    @server.on("/a")
    def _(exchange):
        exchange.hang_up()
        exchange.head(transfer_encoding="chunked")
        exchange.send(f"{len(PNG):x}\r\n".encode() + PNG + b"\r\n0\r\n")
        while True:
            exchange.send(b"X-More: 1\r\n" * 1000)

    assert "more than 1,000 bytes" in refusal(tmp_path, server.url("/a"), max_bytes=1000)


@pytest.mark.parametrize(("encoding", "pack"), [("gzip", gzip.compress), ("deflate", zlib.compress)])
def test_a_packed_picture_is_unpacked(server, tmp_path, encoding, pack):
    url = server.serve("/a", pack(PNG), content_encoding=encoding)
    assert content(fetch_one(tmp_path, url)) == PNG


def test_a_bomb_is_not_unpacked(server, tmp_path):
    url = server.serve("/a", gzip.compress(PNG + bytes(50 * 2**20), compresslevel=1), content_encoding="gzip")
    tracemalloc.start()
    try:
        assert "more than 1,000,000 bytes" in refusal(tmp_path, url, max_bytes=1_000_000)
        assert tracemalloc.get_traced_memory()[1] < 16 * 2**20
    finally:
        tracemalloc.stop()


def test_a_small_bomb_is_counted_unpacked(server, tmp_path):
    url = server.serve("/a", gzip.compress(PNG + bytes(5000)), content_encoding="gzip")
    assert "more than 1,000 bytes" in refusal(tmp_path, url, max_bytes=1000)


def test_packed_bytes_cut_short_are_asked_for_again(server, tmp_path):
    url = server.serve("/a", gzip.compress(PNG)[:-9], content_encoding="gzip")
    assert "truncated" in refusal(tmp_path, url)
    assert len(server.asked) == 3


def test_packed_in_a_way_not_asked_for(server, tmp_path):
    assert "compresses it with br" in refusal(tmp_path, server.serve("/a", PNG, content_encoding="br"))


def test_not_packed_as_said(server, tmp_path):
    assert "not valid gzip" in refusal(tmp_path, server.serve("/a", PNG, content_encoding="gzip"))


def test_cut_short_is_asked_for_again_and_then_refused(server, tmp_path):
    @server.on("/a")
    def _(exchange):
        exchange.head(content_length=len(PNG) + 1)
        exchange.send(PNG)
        exchange.hang_up()

    assert "truncated" in refusal(tmp_path, server.url("/a"), attempts=2)
    assert len(server.asked) == 2
    assert not list((tmp_path / "objects").rglob("*.*"))


def test_chunks_cut_short_are_asked_for_again_and_then_refused(server, tmp_path):
    @server.on("/a")
    def _(exchange):
        exchange.head(transfer_encoding="chunked")
        exchange.send(f"{len(PNG):x}\r\n".encode() + PNG + b"\r\n")
        exchange.hang_up()

    assert "truncated" in refusal(tmp_path, server.url("/a"))
    assert len(server.asked) == 3


def test_cut_short_once_arrives_at_the_second_attempt(server, tmp_path):
    @server.on("/a")
    def _(exchange):
        whole = len(server.asked) > 1
        exchange.head(content_length=len(PNG))
        exchange.send(PNG if whole else PNG[:50])
        exchange.hang_up()

    assert content(fetch_one(tmp_path, server.url("/a"))) == PNG


@pytest.mark.parametrize("kind", ["text/html", "TEXT/HTML; charset=utf-8", "application/xhtml+xml"])
def test_a_web_page_is_refused_by_its_type(server, tmp_path, kind):
    assert "is a web page, not a picture" in refusal(tmp_path, server.serve("/a", PNG, content_type=kind))


@pytest.mark.parametrize("kind", ["application/octet-stream", "text/plain", "image/jpeg", ""])
def test_other_types_leave_it_to_the_first_bytes(server, tmp_path, kind):
    assert content(fetch_one(tmp_path, server.serve("/a", PNG, content_type=kind))) == PNG


def test_no_type_leaves_it_to_the_first_bytes(server, tmp_path):
    server.does["/a"] = lambda exchange: exchange.answer(PNG)
    assert content(fetch_one(tmp_path, server.url("/a"))) == PNG


@pytest.mark.parametrize(
    ("body", "what"),
    [
        (b"\xef\xbb\xbf\n<!DOCTYPE html><title>Not here</title>" + bytes(100), "a web page"),
        (b'<?xml version="1.0"?>\n<svg xmlns="http://www.w3.org/2000/svg">' + bytes(100), "a drawing"),
        (b"%PDF-1.7" + bytes(100), "a PDF"),
        (b'{"error": "no"}', "a data file"),
        (b"MZ" + bytes(1000), "something else"),
        (b"P", "something else"),
    ],
)
def test_what_begins_as_no_picture_is_refused_whatever_its_type_says(server, tmp_path, body, what):
    assert f"is {what}" in refusal(tmp_path, server.serve("/a", body, content_type="image/jpeg"))
    assert server.paths() == ["/a"]


def test_nothing_at_all_is_refused(server, tmp_path):
    assert "empty" in refusal(tmp_path, server.serve("/a", b""))


def drip(exchange, head, drop):
    exchange.hang_up()
    exchange.send(head)
    for _ in range(200):
        exchange.send(drop)
        time.sleep(0.05)


@pytest.mark.parametrize(
    ("head", "drop"),
    [
        (b"HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n" + PNG, b"x"),
        (b"HTTP/1.1 200 OK\r\n", b"X-More: 1\r\n"),
        (b"HTTP/1.1 200 OK\r\nX-Long: ", b"x"),
        (b"", b"H"),
        (b"", b"HTTP/1.1 100 Continue\r\n\r\n"),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", b"0"),
    ],
    ids=["body", "headers", "one header", "status", "continue", "chunk size"],
)
def test_drips_end_at_the_deadline_of_the_whole_picture(server, tmp_path, head, drop):
    server.does["/a"] = lambda exchange: drip(exchange, head, drop)
    begun = time.monotonic()
    assert "took longer than 0.25 seconds" in refusal(tmp_path, server.url("/a"), timeout=0.25, attempts=1)
    assert time.monotonic() - begun < 1.5


def test_silence_after_drips_ends_at_the_same_deadline(server, tmp_path):
    @server.on("/a")
    def _(exchange):
        exchange.hang_up()
        exchange.head(content_length=len(PNG))
        time.sleep(0.5)
        exchange.send(PNG[:100])
        time.sleep(3)

    begun = time.monotonic()
    assert "took longer than 0.6 seconds" in refusal(tmp_path, server.url("/a"), timeout=0.6, attempts=1)
    assert time.monotonic() - begun < 1.0


def test_silence_ends_at_the_deadline(server, tmp_path):
    server.does["/a"] = lambda exchange: time.sleep(3)
    begun = time.monotonic()
    assert "took longer than 0.3 seconds" in refusal(tmp_path, server.url("/a"), timeout=0.3, attempts=1)
    assert time.monotonic() - begun < 1.5


def test_redirects_share_the_deadline(server, tmp_path):
    for number in range(5):

        @server.on(f"/{number}")
        def _(exchange, number=number):
            time.sleep(0.2)
            exchange.answer(status=302, location=f"/{number + 1}")

    server.serve("/5")
    assert "longer than 0.5 seconds" in refusal(tmp_path, server.url("/0"), timeout=0.5, attempts=1)
    assert len(server.asked) <= 3


@pytest.mark.parametrize(
    "junk",
    [
        b"SSH-2.0-OpenSSH_9\r\n" * 100,
        b"HTTP/1.1 200 OK\r\n" + b"X-More: 1\r\n" * 100_000,
        b"HTTP/1.1 200 OK\r\nX-Long: " + b"x" * 1_000_000,
        b"HTTP/1.1 two OK\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 1, 2\r\n\r\nxx",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nwhat?\r\n",
        b"\0" * 1000,
    ],
)
def test_what_is_not_http_is_refused(server, tmp_path, junk):
    @server.on("/a")
    def _(exchange):
        exchange.hang_up()
        exchange.send(junk)

    what = refusal(tmp_path, server.url("/a"), attempts=1)
    assert "is not HTTP" in what or "response is invalid" in what or "failed" in what


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_redirects_are_followed(server, tmp_path, status):
    server.does["/a"] = lambda exchange: exchange.answer(status=status, location="new/%C3%A4%20b.png")
    server.serve("/new/%C3%A4%20b.png")
    assert content(fetch_one(tmp_path, server.url("/a"))) == PNG


def test_a_location_in_raw_utf8_with_spaces_is_followed(server, tmp_path):
    server.does["/a"] = lambda exchange: exchange.answer(status=302, location="/ä b.png#part")
    server.serve("/%C3%A4%20b.png")
    assert content(fetch_one(tmp_path, server.url("/a"))) == PNG


def test_redirects_in_a_circle(server, tmp_path):
    server.does["/a"] = lambda exchange: exchange.answer(status=302, location="/b")
    server.does["/b"] = lambda exchange: exchange.answer(status=302, location="/a")
    assert "redirects in a loop" in refusal(tmp_path, server.url("/a"))
    assert server.paths() == ["/a", "/b"]


def test_too_many_redirects(server, tmp_path):
    for number in range(20):
        server.does[f"/{number}"] = lambda exchange, to=number + 1: exchange.answer(status=302, location=f"/{to}")
    assert "redirects more than 3 times" in refusal(tmp_path, server.url("/0"), redirects=3)
    assert server.paths() == ["/0", "/1", "/2", "/3"]


def test_as_many_redirects_as_are_allowed(server, tmp_path):
    for number in range(3):
        server.does[f"/{number}"] = lambda exchange, to=number + 1: exchange.answer(status=302, location=f"/{to}")
    server.serve("/3")
    assert content(fetch_one(tmp_path, server.url("/0"), redirects=3)) == PNG


@pytest.mark.parametrize(
    ("location", "what"),
    [
        ("file:///etc/passwd", "file: URLs are not fetched"),
        ("ftp://127.0.0.1/a", "ftp: URLs are not fetched"),
        ("http://[", "is not a URL"),
        ("http://me:secret@127.0.0.1/a", "user name"),
    ],
)
def test_redirects_to_what_is_not_followed(server, tmp_path, location, what):
    server.does["/a"] = lambda exchange: exchange.answer(status=302, location=location)
    said = refusal(tmp_path, server.url("/a"))
    assert what in said
    assert "redirect" in said
    assert "secret" not in said


def test_a_redirect_to_nowhere(server, tmp_path):
    server.does["/a"] = lambda exchange: exchange.answer(status=302)
    assert "without a location" in refusal(tmp_path, server.url("/a"))


@pytest.mark.parametrize(
    ("status", "what", "times"),
    [
        (404, "no such picture (404)", 1),
        (410, "no such picture (410)", 1),
        (403, "denies access (403)", 1),
        (400, "returned status 400", 1),
        (204, "returned status 204", 1),
        (304, "returned status 304", 1),
        (500, "failed (500)", 3),
        (502, "failed (502)", 3),
        (408, "failed (408)", 3),
        (429, "too busy (429)", 3),
        (503, "too busy (503)", 3),
    ],
)
def test_statuses(server, tmp_path, status, what, times):
    bodies = {} if status in (204, 304) else {"body": b"<html>"}
    server.does["/a"] = lambda exchange: exchange.answer(status=status, **bodies)
    assert what in refusal(tmp_path, server.url("/a"))
    assert len(server.asked) == times


def test_a_server_that_fails_once_is_asked_again(server, tmp_path):
    @server.on("/a")
    def _(exchange):
        exchange.answer(PNG, status=500 if len(server.asked) < 3 else 200)

    assert content(fetch_one(tmp_path, server.url("/a"))) == PNG


def test_a_reset_is_asked_again(server, tmp_path):
    @server.on("/a")
    def _(exchange):
        if len(server.asked) < 3:
            exchange.reset()
        else:
            exchange.answer(PNG)

    assert content(fetch_one(tmp_path, server.url("/a"))) == PNG


def test_retry_after_is_respected_for_the_whole_host(server, tmp_path):
    @server.on("/a")
    def _(exchange):
        first = server.paths().count("/a") == 1
        exchange.answer(PNG, status=429 if first else 200, **({"retry_after": 1} if first else {}))

    urls = [server.url("/a"), *(server.serve(f"/{number}", a_picture(number)) for number in range(5))]
    assert all(isinstance(one, Fetched) for one in fetch_all(tmp_path, urls, per_host=1).values())
    assert server.paths()[:2] == ["/a", "/a"]
    assert server.asked[1].when - server.asked[0].when >= 1.0


def test_retry_after_as_a_date_in_the_past_is_no_wait(server, tmp_path):
    server.does["/a"] = lambda exchange: exchange.answer(status=503, retry_after="Wed, 21 Oct 2015 07:28:00 GMT")
    begun = time.monotonic()
    refusal(tmp_path, server.url("/a"))
    assert len(server.asked) == 3
    assert time.monotonic() - begun < 1


@pytest.mark.parametrize("value", ["soon", "-3", "9" * 400, "Wed, 99 Oct 9999 99:99:99 GMT", "²"])
def test_a_mad_retry_after_harms_nobody(server, tmp_path, value):
    server.does["/a"] = lambda exchange: exchange.answer(status=503, retry_after=value)
    begun = time.monotonic()
    refusal(tmp_path, server.url("/a"))
    assert time.monotonic() - begun < 1


def test_a_long_wait_is_not_sat_out_and_the_host_is_left_alone(server, tmp_path):
    server.does["/0"] = lambda exchange: exchange.answer(status=429, retry_after=3600)
    urls = [server.url(f"/{number}") for number in range(20)]
    outcomes = fetch_all(tmp_path, urls, per_host=1)
    assert all("wait 3600 seconds" in outcome.what for outcome in outcomes.values())
    assert server.paths() == ["/0"]


def test_a_host_that_is_down_is_given_up_and_others_are_not(server, tmp_path):
    with running() as other:
        down = [server.url(f"/{number}", host="localhost") for number in range(500)]
        for number in range(500):
            server.does[f"/{number}"] = lambda exchange: exchange.reset()
        up = [other.serve(f"/{number}", a_picture(number)) for number in range(30)]
        outcomes = fetch_all(tmp_path, down + up, per_host=2)
    assert all(isinstance(outcomes[url], Fetched) for url in up)
    assert all("localhost was given up after 10 failures in a row" in outcomes[url].what for url in down[20:])
    assert len(server.asked) <= PATIENCE + 1


@pytest.mark.parametrize("good", [True, False])
def test_a_host_that_answers_in_between_is_not_given_up(server, tmp_path, good):
    for number in range(60):
        if number % 5 != 4:
            server.does[f"/{number}"] = lambda exchange: exchange.reset()
        elif good:
            server.serve(f"/{number}", a_picture(number))
    urls = [server.url(f"/{number}") for number in range(60)]
    outcomes = list(fetch_all(tmp_path, urls, per_host=1, attempts=1).values())
    assert server.paths() == [f"/{number}" for number in range(60)]
    assert [isinstance(outcome, Fetched) for outcome in outcomes[4::5]] == [good] * 12


def test_pictures_that_make_their_server_fail_do_not_give_their_host_up(server, tmp_path):
    urls = [server.url(f"/{number}") for number in range(30)]
    for number in range(30):
        server.does[f"/{number}"] = lambda exchange: exchange.answer(status=500)
    urls.append(server.serve("/good"))
    outcomes = fetch_all(tmp_path, urls, per_host=1)
    assert isinstance(outcomes[server.url("/good")], Fetched)


def test_an_unknown_name_is_said(tmp_path):
    def unknown(host, port):
        raise OSError("Name or service not known")

    limits = FetchSettings(attempts=2)
    url = "http://no-such-shop.example/a.png"
    outcome = Fetcher(tmp_path, limits, resolver=unknown, backoff=0.01).fetch([url])[url]
    assert "the host no-such-shop.example can't be found" in outcome.what


def test_nobody_at_the_port_is_said(server, tmp_path):
    with running() as gone:
        url = gone.url("/a")
    assert "the host 127.0.0.1 does not respond" in refusal(tmp_path, url)


def test_the_second_address_of_a_host_is_tried(server, tmp_path):
    server.serve("/a")
    limits = FetchSettings(allow_private=True, attempts=1)
    url = server.url("/a", host="shop.test")
    fetcher = Fetcher(tmp_path, limits, resolver=lambda host, port: ["127.0.0.99", "127.0.0.1"])
    assert content(fetcher.fetch([url])[url]) == PNG
    assert server.asked[0].headers["host"] == f"shop.test:{server.port}"


def test_a_message_cuts_a_long_url_and_hides_its_password(tmp_path):
    long = "ftp://shop.example/" + "x" * 1000
    secret = "http://me:hunter2@shop.example/a.png"
    outcomes = fetch_all(tmp_path, [long, secret])
    assert len(outcomes[long].what) < 300
    assert "hunter2" not in str(outcomes[secret])
