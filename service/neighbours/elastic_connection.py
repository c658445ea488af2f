"""The way to an Elasticsearch: where it is and what proves that we may ask come from the environment.

| variable | what it holds |
|---|---|
| `ELASTICSEARCH_URL` | its address, or those of several nodes of one cluster with commas between them |
| `ELASTICSEARCH_API_KEY` | an API key in its encoded form; or instead of it |
| `ELASTICSEARCH_USER`, `ELASTICSEARCH_PASSWORD` | a name and its password |
| `ELASTICSEARCH_CA_FILE` | the certificate of the authority that signed the server's, where it is not a public one |

Secrets are in the environment alone: never in settings, records, messages or addresses.
"""

from __future__ import annotations

import logging
import os
import ssl
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from ipaddress import ip_address
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from candidates.errors import AccessRefused, ServerUnreachable, SettingsError, ToolMissing
from image_retrieval.elastic.patience import BUSY

if TYPE_CHECKING:
    from elasticsearch import ApiError, Elasticsearch, TransportError

URL = "ELASTICSEARCH_URL"
API_KEY = "ELASTICSEARCH_API_KEY"
USER = "ELASTICSEARCH_USER"
PASSWORD = "ELASTICSEARCH_PASSWORD"
CA_FILE = "ELASTICSEARCH_CA_FILE"

CONNECTIONS = 16
SECONDS = 60.0
RETRIES = 5

_PORTS = {"http": 80, "https": 443}
_SECONDS_TO_SAY_HOW_IT_IS = 10.0


@dataclass(frozen=True)
class ElasticConnection:
    """Where an Elasticsearch is, and what proves that we may ask it. Its `repr` shows no secret."""

    urls: tuple[str, ...]
    api_key: str | None = field(default=None, repr=False)
    user: str | None = None
    password: str | None = field(default=None, repr=False)
    ca_file: Path | None = None

    @classmethod
    def from_environment(cls, environment: Mapping[str, str] = os.environ) -> ElasticConnection:
        """Reads the variables; an empty one counts as not set.

        Raises:
            SettingsError: One is missing or wrong, or two contradict each other.
        """
        values = {name: environment.get(name, "").strip() for name in (URL, API_KEY, USER, CA_FILE)}
        # A password may begin or end with a blank.
        password = environment.get(PASSWORD, "")
        connection = cls(
            urls=_addresses(values[URL]),
            api_key=values[API_KEY] or None,
            user=values[USER] or None,
            password=password or None,
            ca_file=Path(values[CA_FILE]) if values[CA_FILE] else None,
        )
        connection._require_sense()
        return connection

    def client(self, *, connections: int = CONNECTIONS, seconds: float = SECONDS) -> Elasticsearch:
        """The official client, which asks another node where one is gone.

        An answer that the server is busy is final: whoever can wait asks by `Window.ask`.

        Args:
            connections: The most requests at a time to one node; more wait for their turn.
            seconds: How long one answer may take.
        """
        from elasticsearch import Elasticsearch

        # The client logs every request, and a traceback for each that it repeats; what fails in the end is raised.
        logging.getLogger("elastic_transport").setLevel(logging.ERROR)
        return Elasticsearch(
            list(self.urls),
            api_key=self.api_key,
            basic_auth=(self.user, self.password or "") if self.user else None,
            connections_per_node=connections,
            request_timeout=seconds,
            max_retries=RETRIES,
            retry_on_status=(),
            **self._trust(),
        )

    @contextmanager
    def plain_errors(self) -> Iterator[None]:
        """Turns what the client raises about the connection into one line each; other answers pass through.

        Raises:
            ServerUnreachable: No node answers, or none that can be trusted, or it is too busy.
            AccessRefused: The server does not accept the key, or does not allow the request.
        """
        from elasticsearch import ApiError, SerializationError, TransportError, UnsupportedProductError

        try:
            yield
        except (UnsupportedProductError, SerializationError) as failed:
            raise self._stranger() from failed
        except TransportError as failed:
            raise self._unreachable(failed) from failed
        except ApiError as failed:
            told = self._refused(failed)
            if told is None:
                raise
            raise told from failed

    def _where(self) -> str:
        return ", ".join(self.urls)

    def _stranger(self) -> ServerUnreachable:
        return ServerUnreachable(f"what answers at {self._where()} is no Elasticsearch", f"Check {URL}")

    def _trust(self) -> dict[str, Any]:
        """The client's words on certificates."""
        if self.ca_file is None:
            return {}
        try:
            context = ssl.create_default_context(cafile=str(self.ca_file))
        except (OSError, ssl.SSLError):
            raise SettingsError(
                f"{self.ca_file}, which {CA_FILE} names, can't be read as a certificate", "It must be a PEM file"
            ) from None
        return {"ssl_context": context}

    def _require_sense(self) -> None:
        """Refuses what contradicts itself, before a secret goes anywhere."""
        if self.api_key and (self.user or self.password):
            raise SettingsError(f"{API_KEY} and {USER} or {PASSWORD} are set", "Unset the one or the other")
        if bool(self.user) != bool(self.password):
            missing, given = (PASSWORD, USER) if self.user else (USER, PASSWORD)
            raise SettingsError(f"{given} is set without {missing}", f"Set {missing} too")
        if self.api_key and not (self.api_key.isascii() and self.api_key.isprintable()):
            raise SettingsError(f"{API_KEY} holds characters that no key has", "Give the key in its encoded form")
        plain = [url for url in self.urls if url.startswith("http:")]
        if self.ca_file and plain:
            raise SettingsError(f"{CA_FILE} is set, but {plain[0]} is no https address", f"Check {URL}")
        far = [url for url in plain if not _is_loopback(url)]
        if far and (self.api_key or self.user):
            raise SettingsError(f"a secret would go to {far[0]} in clear text", f"Give an https address in {URL}")

    def _unreachable(self, failed: TransportError) -> ServerUnreachable:
        from elasticsearch import ConnectionTimeout, SSLError

        if isinstance(failed, SSLError):
            return ServerUnreachable(*self._distrusted(str(failed)))
        what = "did not answer in time" if isinstance(failed, ConnectionTimeout) else "does not answer"
        fix = f"Is it running, and is {URL} right?"
        if "Connection aborted" in str(failed) and any(url.startswith("http:") for url in self.urls):
            what, fix = "broke the connection off", f"Perhaps it speaks https only: check {URL}"
        return ServerUnreachable(f"Elasticsearch at {self._where()} {what}", fix)

    def _distrusted(self, told: str) -> tuple[str, str]:
        where = self._where()
        if "Hostname mismatch" in told or "IP address mismatch" in told:
            return f"the certificate of {where} is made out to another name", f"Use the name that it has in {URL}"
        if "CERTIFICATE_VERIFY_FAILED" in told and "expired" in told:
            return f"the certificate of {where} has expired", "Renew it on the server"
        if "CERTIFICATE_VERIFY_FAILED" in told:
            fix = f"Set {CA_FILE} to the certificate of the authority that signed it"
            return f"the certificate of {where} is signed by an authority that is not trusted here", fix
        return f"no secure connection to {where} comes about", f"Perhaps it speaks http only: check {URL}"

    def _refused(self, failed: ApiError) -> ServerUnreachable | AccessRefused | None:
        status = failed.meta.status
        if status in BUSY:
            what = f"Elasticsearch at {self._where()} is too busy or has no master (HTTP {status})"
            return ServerUnreachable(what, "Try again later; nothing that it confirmed is lost")
        if status not in (401, 403):
            return None
        if self.api_key:
            given, variables = f"the key in {API_KEY}", API_KEY
        elif self.user:
            given, variables = f"the name in {USER} with the password in {PASSWORD}", f"{USER} and {PASSWORD}"
        else:
            what = f"Elasticsearch at {self._where()} demands a key or a name and password (HTTP {status})"
            return AccessRefused(what, f"Set {API_KEY}, or {USER} and {PASSWORD}")
        if status == 401:
            return AccessRefused(
                f"Elasticsearch at {self._where()} does not accept {given} (HTTP 401)", f"Check {variables}"
            )
        what = f"Elasticsearch at {self._where()} accepts {given}, but not for this request (HTTP 403)"
        return AccessRefused(what, "It needs the privileges that docs/elasticsearch.md lists")


def connect(environment: Mapping[str, str] = os.environ) -> tuple[ElasticConnection, Elasticsearch]:
    """A client for what the environment names, once the cluster there has answered.

    Raises:
        SettingsError: A variable is missing or wrong.
        ServerUnreachable: The cluster does not answer.
        AccessRefused: It does not accept the key.
    """
    try:
        from elasticsearch import ApiError
    except ModuleNotFoundError:
        fix = "Install it: pip install 'variant-candidates[elasticsearch]'"
        raise ToolMissing("the client of Elasticsearch is not installed", fix) from None

    connection = ElasticConnection.from_environment(environment)
    client = connection.client()
    try:
        with connection.plain_errors():
            reachable(client)
    except ApiError as failed:
        raise connection._stranger() from failed  # every Elasticsearch has an answer to this question
    return connection, client


def reachable(client: Elasticsearch) -> dict[str, Any]:
    """Asks for the cluster's health once, however busy it is; raises what the client raises.

    `client.info()` would be the usual question, but a bare node of `devtools.elastic_node` has no answer to it.
    """
    return dict(client.options(request_timeout=_SECONDS_TO_SAY_HOW_IT_IS).cluster.health(timeout="5s"))


def _addresses(value: str) -> tuple[str, ...]:
    """The addresses, each with its port."""
    given = [part.strip() for part in value.split(",") if part.strip()]
    if not given:
        raise SettingsError(
            f"{URL} is not set", f"`make elasticsearch` starts a node; then export {URL}=http://127.0.0.1:9200"
        )
    return tuple(_address(part, number) for number, part in enumerate(given, 1))


def _address(given: str, number: int) -> str:
    # An address that can't be understood may hold a password, so the message names its place, not its text.
    fix = "Write https://host:port"
    try:
        parts = urlsplit(given)
        port = parts.port
    except ValueError:
        raise SettingsError(f"address {number} of {URL} is none", fix) from None
    if parts.username is not None or parts.password is not None:
        raise SettingsError(f"address {number} of {URL} holds a name or password", f"Use {USER} and {PASSWORD}")
    if parts.scheme not in _PORTS or not parts.hostname or parts.query or parts.fragment:
        raise SettingsError(f"address {number} of {URL} is none", fix)
    host = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
    return f"{parts.scheme}://{host}:{port or _PORTS[parts.scheme]}{parts.path.rstrip('/')}"


def _is_loopback(url: str) -> bool:
    host = urlsplit(url).hostname or ""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
