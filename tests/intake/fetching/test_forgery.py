"""Feeds that would make us ask servers of our own network: each attempt is refused, and nobody is asked."""

import ssl
import subprocess

import pytest
import urllib3.util.connection

from candidates.errors import PictureError
from candidates.settings import FetchSettings
from intake.fetching.fetch import Fetched, Fetcher
from tests.intake.fetching.misbehaving_server import PNG, running

PUBLIC = "93.184.215.14"
OTHER_PUBLIC = "2606:2800:21f:cb07:6820:80da:af6b:8b2c"


@pytest.fixture
def dialled(server, monkeypatch):
    """The addresses to which connections were opened; the public one is played by the server on loopback."""
    opened = []
    really = urllib3.util.connection.create_connection

    def dial(address, *arguments, **options):
        opened.append(address)
        if address[0] == PUBLIC:
            address = ("127.0.0.1", server.port)
        elif address[0] != "127.0.0.1":
            raise ConnectionRefusedError
        return really(address, *arguments, **options)

    monkeypatch.setattr(urllib3.util.connection, "create_connection", dial)
    return opened


def names(**known):
    """A resolver that knows these hosts (`_` stands for a dot); a list of lists is an answer for each time."""
    answers = {host.replace("_", "."): list(ips) for host, ips in known.items()}

    def resolver(host, port):
        if host not in answers:
            return [host]
        return answers[host].pop(0) if isinstance(answers[host][0], list) else answers[host]

    return resolver


def refusal(folder, url, resolver=None, **limits):
    chosen = FetchSettings(**({"timeout": 2.0} | limits))
    outcome = Fetcher(folder, chosen, resolver=resolver or names(), backoff=0.01).fetch([url])[url]
    assert isinstance(outcome, PictureError), outcome
    return outcome.what


def test_loopback(server, tmp_path):
    assert "127.0.0.1 is a loopback address" in refusal(tmp_path, server.url("/a"))
    assert server.connections == 0


@pytest.mark.parametrize(
    "host", ["2130706433", "0x7f.1", "0177.0.0.1", "127.1", "0x7f000001", "１２７.０.０.１", "127。0。0。1"]
)
def test_loopback_in_disguise(server, tmp_path, host):
    assert "127.0.0.1 is a loopback address" in refusal(tmp_path, server.url("/a", host))
    assert server.connections == 0


def test_a_name_of_loopback(server, tmp_path):
    what = refusal(tmp_path, server.url("/a", "shop.example"), names(shop_example=["127.0.0.1"]))
    assert "shop.example (127.0.0.1) is a loopback address" in what
    assert server.connections == 0


def test_the_systems_own_name_of_loopback(server, tmp_path):
    url = server.url("/a", "localhost")
    outcome = Fetcher(tmp_path, FetchSettings()).fetch([url])[url]
    assert "is a loopback address" in outcome.what
    assert server.connections == 0


@pytest.mark.parametrize("ip", ["10.1.2.3", "172.16.0.1", "192.168.1.1", "fd12::1"])
def test_private(dialled, tmp_path, ip):
    assert "is a private address" in refusal(tmp_path, "http://shop.example/a", names(shop_example=[ip]))
    assert dialled == []


def test_shared_address_space(dialled, tmp_path):
    assert "is a shared address" in refusal(tmp_path, "http://100.64.0.1/a")
    assert dialled == []


@pytest.mark.parametrize("ip", ["169.254.3.4", "fe80::1", "fe80::1%eth0"])
def test_link_local(dialled, tmp_path, ip):
    assert "is a link-local address" in refusal(tmp_path, "http://shop.example/a", names(shop_example=[ip]))
    assert dialled == []


@pytest.mark.parametrize("ip", ["169.254.169.254", "fd00:ec2::254", "168.63.129.16", "100.100.100.200"])
def test_metadata(dialled, tmp_path, ip):
    what = refusal(tmp_path, "http://shop.example/latest/meta-data", names(shop_example=[ip]))
    assert "is a cloud's metadata address" in what
    assert dialled == []


@pytest.mark.parametrize("ip", ["169.254.169.254", "fd00:ec2::254", "fe80::1", "0.0.0.0", "224.0.0.1"])
def test_what_stays_refused_where_private_addresses_are_admitted(dialled, tmp_path, ip):
    refusal(tmp_path, "http://shop.example/a", names(shop_example=[ip]), allow_private=True)
    assert dialled == []


def test_a_redirect_to_loopback(server, dialled, tmp_path):
    server.does["/a"] = lambda exchange: exchange.answer(status=302, location=server.url("/secret"))
    server.serve("/secret")
    what = refusal(tmp_path, "http://shop.example/a", names(shop_example=[PUBLIC]))
    assert "after a redirect, 127.0.0.1 is a loopback address" in what
    assert server.paths() == ["/a"]
    assert dialled == [(PUBLIC, 80)]


def test_a_redirect_to_a_name_of_metadata(server, dialled, tmp_path):
    server.does["/a"] = lambda exchange: exchange.answer(status=302, location="//cdn.example/latest")
    known = names(shop_example=[PUBLIC], cdn_example=["169.254.169.254"])
    assert "cdn.example (169.254.169.254) is a cloud's metadata address" in refusal(
        tmp_path, "http://shop.example/a", known
    )
    assert dialled == [(PUBLIC, 80)]


def test_one_good_and_one_private_address(dialled, tmp_path):
    known = names(shop_example=[PUBLIC, "10.0.0.7"])
    assert "shop.example (10.0.0.7) is a private address" in refusal(tmp_path, "http://shop.example/a", known)
    assert dialled == []


def test_a_name_that_is_public_first_and_loopback_then(server, dialled, tmp_path):
    """DNS rebinding: the connection goes to what was checked, and what is asked again is checked again."""
    server.does["/a"] = lambda exchange: exchange.reset()
    what = refusal(tmp_path, "http://shop.example/a", names(shop_example=[[PUBLIC], ["127.0.0.1"]]))
    assert "shop.example (127.0.0.1) is a loopback address" in what
    assert dialled == [(PUBLIC, 80)]


def test_the_connection_goes_to_the_address_that_was_checked(server, dialled, tmp_path):
    server.serve("/a")
    answers = names(shop_example=[[PUBLIC], ["127.0.0.1"], ["127.0.0.1"]])
    url = "http://shop.example/a"
    outcome = Fetcher(tmp_path, FetchSettings(), resolver=answers).fetch([url])[url]
    assert isinstance(outcome, Fetched)
    assert dialled == [(PUBLIC, 80)]
    assert server.asked[0].headers["host"] == "shop.example"


def test_a_port_that_is_not_the_webs(dialled, tmp_path):
    what = refusal(tmp_path, "http://shop.example:25/a", names(shop_example=[PUBLIC]))
    assert "port 25 is refused" in what
    assert dialled == []


def test_a_refused_redirect_is_not_followed_up_by_another_run(server, dialled, tmp_path):
    server.does["/a"] = lambda exchange: exchange.answer(status=302, location="http://10.0.0.1/")
    for _ in range(2):
        assert "10.0.0.1 is a private address" in refusal(
            tmp_path, "http://shop.example/a", names(shop_example=[PUBLIC])
        )
    assert server.paths() == ["/a"]


@pytest.mark.parametrize("variable", ["http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY", "https_proxy"])
def test_proxies_of_the_environment_are_not_asked(server, tmp_path, monkeypatch, variable):
    with running() as proxy:
        monkeypatch.setenv(variable, f"http://127.0.0.1:{proxy.port}")
        url = server.serve("/a")
        outcome = Fetcher(tmp_path, FetchSettings(allow_private=True)).fetch([url])[url]
        assert isinstance(outcome, Fetched)
        assert proxy.connections == 0


@pytest.fixture(scope="module")
def certificate(tmp_path_factory):
    """A certificate for shop.test that signs itself."""
    folder = tmp_path_factory.mktemp("certificate")
    command = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
    command += ["-keyout", "key.pem", "-out", "cert.pem", "-subj", "/CN=shop.test", "-days", "2"]
    try:
        subprocess.run(
            [*command, "-addext", "subjectAltName=DNS:shop.test"], cwd=folder, check=True, capture_output=True
        )
    except FileNotFoundError:
        pytest.skip("needs openssl to make a certificate: install your system's openssl package")
    return folder


def fetch_over_tls(folder, certificate, host, trusted):
    serving = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    serving.load_cert_chain(certificate / "cert.pem", certificate / "key.pem")
    asking = ssl.create_default_context(cafile=certificate / "cert.pem" if trusted else None)
    with running(serving) as server:
        server.serve("/a")
        url = f"https://{host}:{server.port}/a"
        limits = FetchSettings(allow_private=True, timeout=2.0)
        fetcher = Fetcher(folder, limits, resolver=lambda host, port: ["127.0.0.1"], tls=asking, backoff=0.01)
        return fetcher.fetch([url])[url], server.paths()


def test_tls_is_checked_against_the_name_and_not_the_address(certificate, tmp_path):
    outcome, asked = fetch_over_tls(tmp_path, certificate, "shop.test", trusted=True)
    assert isinstance(outcome, Fetched), outcome
    assert outcome.path.read_bytes() == PNG
    assert asked == ["/a"]


@pytest.mark.parametrize(("host", "trusted"), [("other.test", True), ("shop.test", False), ("127.0.0.1", True)])
def test_a_certificate_of_another_name_or_of_nobody_we_trust(certificate, tmp_path, host, trusted):
    outcome, asked = fetch_over_tls(tmp_path, certificate, host, trusted)
    assert f"the certificate of {host} can't be trusted" in outcome.what
    assert asked == []
