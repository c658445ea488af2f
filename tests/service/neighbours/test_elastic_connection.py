"""The way to an Elasticsearch: by the environment, with TLS and a key, one line for an error."""

import base64
import os
import subprocess
import sys

import pytest

from candidates.errors import AccessRefused, ServerUnreachable, SettingsError
from service.neighbours.elastic_connection import ElasticConnection, connect, reachable
from tests.conftest import ROOT
from tests.devtools.elastic_node.proxy import Proxy, make_certificate, running

KEY = "c2VjcmV0OmtleQ=="
SECRET = "f1ve blind mice"


@pytest.fixture(scope="module")
def certificate(tmp_path_factory):
    return make_certificate(tmp_path_factory.mktemp("certificate"))


@pytest.fixture
def guarded(elasticsearch_url, certificate):
    """The node behind a proxy that speaks TLS and requires a key; the variables that lead to it."""
    with running(Proxy(elasticsearch_url, authorization=f"ApiKey {KEY}"), certificate) as proxy:
        yield {
            "ELASTICSEARCH_URL": proxy.url,
            "ELASTICSEARCH_API_KEY": KEY,
            "ELASTICSEARCH_CA_FILE": str(certificate[0]),
        }


def error_line(error, environment):
    """The one-line error of connecting; it must contain no secret."""
    with pytest.raises(error) as raised:
        connect(environment)
    line = str(raised.value)
    assert "\n" not in line
    for name in ("ELASTICSEARCH_API_KEY", "ELASTICSEARCH_PASSWORD"):
        assert not environment.get(name) or environment[name] not in line
    return line


# A server that answers


def test_a_bare_node_is_reached_without_any_secret(elasticsearch_url):
    _, client = connect({"ELASTICSEARCH_URL": elasticsearch_url})
    with client:
        assert reachable(client)["number_of_nodes"] >= 1


def test_the_right_key_and_authority_lead_through_tls(guarded):
    connection, client = connect(guarded)
    with client, connection.plain_errors():
        client.index(index="connection-test", id="1", document={"word": "through"}, refresh=True)
        assert client.get(index="connection-test", id="1")["_source"] == {"word": "through"}
        client.indices.delete(index="connection-test")


def test_a_name_and_password_do_so_too(elasticsearch_url, certificate):
    proof = base64.b64encode(f"reader:{SECRET}".encode()).decode()
    environment = {"ELASTICSEARCH_USER": "reader", "ELASTICSEARCH_CA_FILE": str(certificate[0])}
    with running(Proxy(elasticsearch_url, authorization=f"Basic {proof}"), certificate) as proxy:
        environment["ELASTICSEARCH_URL"] = proxy.url
        connect(environment | {"ELASTICSEARCH_PASSWORD": SECRET})[1].close()
        line = error_line(AccessRefused, environment | {"ELASTICSEARCH_PASSWORD": "wrong"})
    assert "does not accept the name in ELASTICSEARCH_USER with the password in ELASTICSEARCH_PASSWORD" in line


def test_a_dead_address_among_living_ones_does_no_harm(elasticsearch_url):
    _, client = connect({"ELASTICSEARCH_URL": f"http://127.0.0.1:1, {elasticsearch_url}"})
    with client:
        for _ in range(5):
            reachable(client)


# A server that refuses


def test_a_wrong_key_names_the_variable(guarded):
    line = error_line(AccessRefused, guarded | {"ELASTICSEARCH_API_KEY": "d3Jvbmc6a2V5"})
    assert "does not accept the key in ELASTICSEARCH_API_KEY (HTTP 401)" in line


def test_no_key_says_what_to_set(guarded):
    line = error_line(AccessRefused, guarded | {"ELASTICSEARCH_API_KEY": ""})
    assert "requires a key" in line
    assert "Set ELASTICSEARCH_API_KEY" in line


def test_a_key_that_may_not_is_told_from_a_wrong_one(elasticsearch_url):
    with running(Proxy(elasticsearch_url, refuse=lambda method, path: 403)) as proxy:
        line = error_line(AccessRefused, {"ELASTICSEARCH_URL": proxy.url, "ELASTICSEARCH_API_KEY": KEY})
    assert "accepts the key in ELASTICSEARCH_API_KEY, but not for this request (HTTP 403)" in line


def test_an_unknown_authority_says_which_variable_helps(guarded):
    line = error_line(ServerUnreachable, guarded | {"ELASTICSEARCH_CA_FILE": ""})
    assert "signed by an authority that is not trusted here" in line
    assert "Set ELASTICSEARCH_CA_FILE" in line


def test_a_certificate_of_another_name_is_refused(elasticsearch_url, tmp_path):
    other = make_certificate(tmp_path, names="DNS:elsewhere.example")
    with running(Proxy(elasticsearch_url), other) as proxy:
        environment = {"ELASTICSEARCH_URL": proxy.url, "ELASTICSEARCH_CA_FILE": str(other[0])}
        assert "is for another name" in error_line(ServerUnreachable, environment)


def test_plain_http_to_a_server_with_tls_is_error_line(guarded):
    environment = {"ELASTICSEARCH_URL": guarded["ELASTICSEARCH_URL"].replace("https:", "http:")}
    assert "It may accept only https" in error_line(ServerUnreachable, environment)


def test_https_to_a_server_without_tls_is_error_line(elasticsearch_url):
    environment = {"ELASTICSEARCH_URL": elasticsearch_url.replace("http:", "https:")}
    assert "It may accept only http:" in error_line(ServerUnreachable, environment)


def test_a_server_that_is_something_else_is_error_line(elasticsearch_url):
    with running(Proxy(elasticsearch_url, refuse=lambda method, path: 404)) as proxy:
        assert "is not Elasticsearch" in error_line(ServerUnreachable, {"ELASTICSEARCH_URL": proxy.url})
    with running(Proxy(elasticsearch_url, refuse=lambda method, path: 200)) as proxy:
        assert "is not Elasticsearch" in error_line(ServerUnreachable, {"ELASTICSEARCH_URL": proxy.url})


def test_a_server_that_is_down_is_one_line_and_exit_code_3():
    code = """
import logging, sys
from candidates.errors import VariantsError
from service.neighbours.elastic_connection import connect
logging.basicConfig(level=logging.INFO)
try:
    connect()
except VariantsError as error:
    print(f"error: {error}", file=sys.stderr)
    sys.exit(error.exit_code)
"""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("ELASTICSEARCH_")}
    environment |= {"ELASTICSEARCH_URL": "http://127.0.0.1:1", "ELASTICSEARCH_API_KEY": KEY}
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, env=environment, capture_output=True, text=True)
    assert done.returncode == 3
    assert done.stderr.count("\n") == 1
    assert "Elasticsearch at http://127.0.0.1:1 does not answer" in done.stderr


# A server that is busy


def test_connecting_to_a_busy_server_asks_once_and_says_so(elasticsearch_url):
    with running(Proxy(elasticsearch_url, refuse=lambda method, path: 503)) as proxy:
        assert "too busy or has no master (HTTP 503)" in error_line(ServerUnreachable, {"ELASTICSEARCH_URL": proxy.url})
        assert proxy.seen == 1


def test_other_answers_pass_through(elasticsearch_url):
    from elasticsearch import NotFoundError

    connection, client = connect({"ELASTICSEARCH_URL": elasticsearch_url})
    with client, pytest.raises(NotFoundError), connection.plain_errors():
        client.get(index="no-such-index", id="1")


# Variables that make no sense


def refused(**variables):
    environment = {f"ELASTICSEARCH_{name}": value for name, value in variables.items()}
    with pytest.raises(SettingsError) as raised:
        ElasticConnection.from_environment(environment).client()
    assert "\n" not in str(raised.value)
    return str(raised.value)


def test_without_an_address_the_fix_is_said():
    assert "ELASTICSEARCH_URL is not set. `make elasticsearch`" in refused()
    assert "ELASTICSEARCH_URL is not set" in refused(URL=" , ")


@pytest.mark.parametrize(
    "address",
    ["localhost:9200", "ftp://a:1", "http://", "http://a:b", "http://[::1", "http://a:70000", "https://a?x=1"],
)
def test_an_address_that_is_none_is_named_by_its_place(address):
    assert "address 2 of ELASTICSEARCH_URL is invalid" in refused(URL=f"http://a:9200,{address}")


def test_a_password_in_an_address_is_refused_and_not_repeated():
    line = refused(URL=f"https://elastic:{SECRET}@host:9200")
    assert "Use ELASTICSEARCH_USER and ELASTICSEARCH_PASSWORD" in line
    assert SECRET not in line


def test_addresses_get_their_ports_and_lose_their_last_slash():
    def urls(value):
        return ElasticConnection.from_environment({"ELASTICSEARCH_URL": value}).urls

    assert urls("https://a") == ("https://a:443",)
    assert urls("http://a:9200/,https://[::1]:9200/behind/") == ("http://a:9200", "https://[::1]:9200/behind")


def test_one_proof_not_two_and_no_half():
    both = refused(URL="https://a:1", API_KEY=KEY, USER="elastic", PASSWORD=SECRET)
    assert "ELASTICSEARCH_API_KEY and ELASTICSEARCH_USER" in both
    assert "ELASTICSEARCH_USER is set without ELASTICSEARCH_PASSWORD" in refused(URL="https://a:1", USER="elastic")
    assert "ELASTICSEARCH_PASSWORD is set without ELASTICSEARCH_USER" in refused(URL="https://a:1", PASSWORD=SECRET)


def test_a_key_with_a_line_break_in_it_never_becomes_a_header():
    assert "ELASTICSEARCH_API_KEY contains characters" in refused(URL="https://a:1", API_KEY="abc\r\nX-Other: 1")


def test_a_secret_never_leaves_this_machine_in_clear_text():
    line = refused(URL="https://a:1,http://b:9200", USER="elastic", PASSWORD=SECRET)
    assert "a secret would go to http://b:9200 in clear text" in line
    assert SECRET not in line
    for here in ("http://127.0.0.1:1", "http://localhost:1", "http://[::1]:1"):
        ElasticConnection.from_environment({"ELASTICSEARCH_URL": here, "ELASTICSEARCH_API_KEY": KEY})


def test_an_authority_that_can_not_be_read_is_named(tmp_path):
    missing, nonsense = tmp_path / "missing.pem", tmp_path / "nonsense.pem"
    nonsense.write_text("no certificate")
    for path in (missing, nonsense):
        assert f"{path}, which ELASTICSEARCH_CA_FILE names" in refused(URL="https://a:1", CA_FILE=str(path))
    assert "is not an https address" in refused(URL="http://127.0.0.1:1", CA_FILE=str(nonsense))


def test_no_secret_shows_when_a_connection_is_printed():
    connection = ElasticConnection(("https://a:1",), api_key=KEY, user="elastic", password=SECRET)
    assert KEY not in repr(connection)
    assert SECRET not in repr(connection)
    with ElasticConnection(("https://a:1",), api_key=KEY).client() as client:
        assert KEY not in repr(client)
