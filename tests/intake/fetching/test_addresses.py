"""URLs as shops write them, and as attackers do."""

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from intake.fetching.addresses import follow, parse_address
from intake.fetching.failures import Failure, Kind, shown


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("https://shop.example/a.jpg", "https://shop.example/a.jpg"),
        ("  HTTPS://Shop.Example:443/a.jpg \n", "https://shop.example/a.jpg"),
        ("http://shop.example:80", "http://shop.example/"),
        ("http://shop.example:/a", "http://shop.example/a"),
        ("http://shop.example:8080/a", "http://shop.example:8080/a"),
        ("http://shop.example./a", "http://shop.example/a"),
        ("//cdn.shop.example/a.jpg", "https://cdn.shop.example/a.jpg"),
        ("https://shop.example/a b.jpg", "https://shop.example/a%20b.jpg"),
        ("https://shop.example/a%20b.jpg", "https://shop.example/a%20b.jpg"),
        ("https://shop.example/50%off.jpg", "https://shop.example/50%25off.jpg"),
        ("https://shop.example/kâle/größe.jpg", "https://shop.example/k%C3%A2le/gr%C3%B6%C3%9Fe.jpg"),
        ("https://shop.example/a\u00a0b.jpg", "https://shop.example/a%C2%A0b.jpg"),
        ("https://shop.example/a.jpg?v=1&n=ä b#big", "https://shop.example/a.jpg?v=1&n=%C3%A4%20b"),
        ("https://shop.example?v=1", "https://shop.example/?v=1"),
        ("https://shop.example/a?", "https://shop.example/a?"),
        ("https://shop.example//a//b.jpg", "https://shop.example//a//b.jpg"),
        ("https://shop.example\\img\\a.jpg?x=\\", "https://shop.example/img/a.jpg?x=%5C"),
        ("https://bücher.example/a.jpg", "https://xn--bcher-kva.example/a.jpg"),
        ("https://straße.example/", "https://xn--strae-oqa.example/"),
        ("https://img_1.shop.example/a", "https://img_1.shop.example/a"),
        ("http://[2001:DB8::0:1]:8080/a", "http://[2001:db8::1]:8080/a"),
        ("http://2130706433/a", "http://127.0.0.1/a"),
        ("http://0x7f.1/a", "http://127.0.0.1/a"),
        ("http://0177.0.0.01/a", "http://127.0.0.1/a"),
        ("http://１２７。0.0.1/a", "http://127.0.0.1/a"),
        ("http://a.example\\@b.example/", "http://a.example/@b.example/"),
        ("http://a.example/@b.example/", "http://a.example/@b.example/"),
        ("http://a.example#@b.example/", "http://a.example/"),
        ("http://a.example?@b.example/", "http://a.example/?@b.example/"),
    ],
)
def test_reads_what_shops_write(written, read):
    assert parse_address(written).url == read
    assert parse_address(read).url == read


@pytest.mark.parametrize(
    ("written", "what"),
    [
        ("ftp://shop.example/a.jpg", "ftp: URLs are not fetched"),
        ("file:///etc/passwd", "file: URLs are not fetched"),
        ("gopher://shop.example:70/_a", "gopher: URLs are not fetched"),
        ("data:image/png;base64,iVBORw0KGgo=", "data: URLs are not fetched"),
        ("JavaScript:alert(1)", "javascript: URLs are not fetched"),
        ("a.jpg", "not an http or https URL"),
        ("", "not an http or https URL"),
        ("http:a.jpg", "has no host"),
        ("http:///a.jpg", "has no host"),
        ("https://", "has no host"),
        ("http://me@shop.example/a", "user name"),
        ("http://me:secret@shop.example/a", "user name"),
        ("http://127.0.0.1:80@shop.example/", "user name"),
        ("http://shop.example:0/a", "port"),
        ("http://shop.example:65536/a", "port"),
        ("http://shop.example:8o/a", "port"),
        ("http://shop.example:٨٠/a", "port"),
        ("http://:80/a", "not a host name"),
        ("http://shop..example/a", "not a host name"),
        ("http://.example/a", "not a host name"),
        ("http://%31%32%37.0.0.1/a", "not an IPv4 address"),
        ("http://shop example/a", "not a host name"),
        ("http://☃\u0338.example/a", "not a host name"),
        (f"http://{'a' * 64}.example/", "not a host name"),
        (f"http://{'a.' * 200}example/", "not a host name"),
        ("http://1.2.3.256/a", "not an IPv4 address"),
        ("http://1.2.3.4.5/a", "not an IPv4 address"),
        ("http://shop.0x/a", "not an IPv4 address"),
        ("http://[::1/a", "is invalid"),
        ("http://[::g]/a", "not an IPv6 address"),
        ("http://[fe80::1%25eth0]/a", "not an IPv6 address"),
        ("http://[::1].example/a", "is invalid"),
        ("http://shop.example/a\r\nHost: other", "control characters"),
        ("http://shop.example/a\tb", "control characters"),
        ("http://shop\x00.example/", "control characters"),
        ("http://shop.example/\ud800", "control characters"),
    ],
)
def test_refuses_what_none_should_follow(written, what):
    with pytest.raises(Failure) as caught:
        parse_address(written)
    assert what in caught.value.what
    assert caught.value.kind is Kind.NEVER_ASKED
    assert caught.value.fix


@settings(deadline=None, derandomize=True, max_examples=300)
@given(st.text(max_size=40), st.sampled_from(["http://", "https://a.example/", "//", "http://[", ""]))
@example("ß" * 64, "http://")
@example("a\u200d.example", "http://")
def test_every_text_is_an_address_in_normal_form_or_a_failure(text, front):
    try:
        address = parse_address(front + text)
    except Failure:
        return
    assert parse_address(address.url) == address
    assert address.url.isascii()
    assert address.url.isprintable()
    assert " " not in address.url


@pytest.mark.parametrize(
    ("location", "url"),
    [
        ("b.jpg", "https://shop.example/img/b.jpg"),
        ("/b.jpg", "https://shop.example/b.jpg"),
        ("?v=2", "https://shop.example/img/a.jpg?v=2"),
        ("//cdn.example/b.jpg", "https://cdn.example/b.jpg"),
        ("http://other.example/b.jpg", "http://other.example/b.jpg"),
        ("gr\u00c3\u00b6\u00c3\u009fe.jpg", "https://shop.example/img/gr%C3%B6%C3%9Fe.jpg"),
        ("gr\u00f6.jpg", "https://shop.example/img/gr%C3%B6.jpg"),
    ],
)
def test_follows_redirects(location, url):
    assert follow(parse_address("https://shop.example/img/a.jpg"), location).url == url


def test_shown_urls_are_short_and_keep_secrets():
    assert shown("http://me:secret@shop.example/a@b") == "http://…@shop.example/a@b"
    assert shown("http:\\\\me:secret@shop.example") == "http:\\\\…@shop.example"
    assert len(shown("x" * 500)) == 200
    assert shown("x" * 200) == "x" * 200
    assert shown("http://a/\x1b[31m") == "http://a/�[31m"
