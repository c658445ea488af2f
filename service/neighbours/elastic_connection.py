"""The connection to Elasticsearch: address and credentials come from the environment.

| variable | content |
|---|---|
| `ELASTICSEARCH_URL` | its address, or those of several nodes of one cluster, separated by commas |
| `ELASTICSEARCH_API_KEY` | an API key in its encoded form; alternatively |
| `ELASTICSEARCH_USER`, `ELASTICSEARCH_PASSWORD` | a user name and password |
| `ELASTICSEARCH_CA_FILE` | the certificate of the authority that signed the server's, unless it is a public one |

Secrets are only in the environment: never in settings, records, messages or addresses.
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
_HEALTH_SECONDS = 10.0


@dataclass(frozen=True)
class ElasticConnection:
    """Address and credentials of an Elasticsearch cluster. Its `repr` shows no secret."""

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
        # A password may begin or end with a space.
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
        """The official client, which switches to another node if one is down.

        It does not retry when the server is busy; callers that can wait use `Window.ask`.

        Args:
            connections: Most concurrent requests to one node; further ones wait.
            seconds: Timeout of one request.
        """
        from elasticsearch import Elasticsearch

        # The client logs every request, and a traceback for each retry; a final failure is raised anyway.
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
        """Turns the client's connection errors into one-line errors; other errors pass through.

        Raises:
            ServerUnreachable: No node answers, its certificate is not trusted, or it is too busy.
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
            refusal = self._refused(failed)
            if refusal is None:
                raise
            raise refusal from failed

    def _where(self) -> str:
        return ", ".join(self.urls)

    def _stranger(self) -> ServerUnreachable:
        return ServerUnreachable(f"the server at {self._where()} is not Elasticsearch", f"Check {URL}")

    def _trust(self) -> dict[str, Any]:
        """The client's options about certificates."""
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
        """Rejects contradictory settings before any secret is sent."""
        if self.api_key and (self.user or self.password):
            raise SettingsError(f"{API_KEY} and {USER} or {PASSWORD} are set", "Unset one of them")
        if bool(self.user) != bool(self.password):
            missing, present = (PASSWORD, USER) if self.user else (USER, PASSWORD)
            raise SettingsError(f"{present} is set without {missing}", f"Set {missing} too")
        if self.api_key and not (self.api_key.isascii() and self.api_key.isprintable()):
            raise SettingsError(
                f"{API_KEY} contains characters that are not allowed in a key", "Use the key in its encoded form"
            )
        plain = [url for url in self.urls if url.startswith("http:")]
        if self.ca_file and plain:
            raise SettingsError(f"{CA_FILE} is set, but {plain[0]} is not an https address", f"Check {URL}")
        far = [url for url in plain if not _is_loopback(url)]
        if far and (self.api_key or self.user):
            raise SettingsError(f"a secret would go to {far[0]} in clear text", f"Use an https address in {URL}")

    def _unreachable(self, failed: TransportError) -> ServerUnreachable:
        from elasticsearch import ConnectionTimeout, SSLError

        if isinstance(failed, SSLError):
            return ServerUnreachable(*self._distrusted(str(failed)))
        what = "did not answer in time" if isinstance(failed, ConnectionTimeout) else "does not answer"
        fix = f"Check that it is running, and that {URL} is right"
        if "Connection aborted" in str(failed) and any(url.startswith("http:") for url in self.urls):
            what, fix = "closed the connection", f"It may accept only https: check {URL}"
        return ServerUnreachable(f"Elasticsearch at {self._where()} {what}", fix)

    def _distrusted(self, reason: str) -> tuple[str, str]:
        where = self._where()
        if "Hostname mismatch" in reason or "IP address mismatch" in reason:
            return f"the certificate of {where} is for another name", f"Use the name in the certificate in {URL}"
        if "CERTIFICATE_VERIFY_FAILED" in reason and "expired" in reason:
            return f"the certificate of {where} has expired", "Renew it on the server"
        if "CERTIFICATE_VERIFY_FAILED" in reason:
            fix = f"Set {CA_FILE} to the certificate of the authority that signed it"
            return f"the certificate of {where} is signed by an authority that is not trusted here", fix
        return f"no secure connection to {where} could be established", f"It may accept only http: check {URL}"

    def _refused(self, failed: ApiError) -> ServerUnreachable | AccessRefused | None:
        status = failed.meta.status
        if status in BUSY:
            what = f"Elasticsearch at {self._where()} is too busy or has no master (HTTP {status})"
            return ServerUnreachable(what, "Try again later; everything that it confirmed is safe")
        if status not in (401, 403):
            return None
        if self.api_key:
            credentials, variables = f"the key in {API_KEY}", API_KEY
        elif self.user:
            credentials, variables = f"the name in {USER} with the password in {PASSWORD}", f"{USER} and {PASSWORD}"
        else:
            what = f"Elasticsearch at {self._where()} requires a key or a name and password (HTTP {status})"
            return AccessRefused(what, f"Set {API_KEY}, or {USER} and {PASSWORD}")
        if status == 401:
            return AccessRefused(
                f"Elasticsearch at {self._where()} does not accept {credentials} (HTTP 401)", f"Check {variables}"
            )
        what = f"Elasticsearch at {self._where()} accepts {credentials}, but not for this request (HTTP 403)"
        return AccessRefused(what, "It needs the privileges that docs/elasticsearch.md lists")


def connect(environment: Mapping[str, str] = os.environ) -> tuple[ElasticConnection, Elasticsearch]:
    """A client for the cluster that the environment names, once the cluster has answered.

    Raises:
        SettingsError: A variable is missing or wrong.
        ServerUnreachable: The cluster does not answer.
        AccessRefused: It does not accept the key.
    """
    try:
        from elasticsearch import ApiError
    except ModuleNotFoundError:
        fix = "Install it: pip install 'variant-candidates[elasticsearch]'"
        raise ToolMissing("the Elasticsearch client is not installed", fix) from None

    connection = ElasticConnection.from_environment(environment)
    client = connection.client()
    try:
        with connection.plain_errors():
            reachable(client)
    except ApiError as failed:
        raise connection._stranger() from failed  # every Elasticsearch answers this request
    return connection, client


def reachable(client: Elasticsearch) -> dict[str, Any]:
    """Requests the cluster's health once, however busy it is; raises the client's errors.

    `client.info()` would be the usual request, but a bare node of `devtools.elastic_node` does not support it.
    """
    return dict(client.options(request_timeout=_HEALTH_SECONDS).cluster.health(timeout="5s"))


def _addresses(value: str) -> tuple[str, ...]:
    """The addresses, each with its port."""
    parts = [part.strip() for part in value.split(",") if part.strip()]
    if not parts:
        raise SettingsError(
            f"{URL} is not set", f"`make elasticsearch` starts a node; then export {URL}=http://127.0.0.1:9200"
        )
    return tuple(_address(part, number) for number, part in enumerate(parts, 1))


def _address(text: str, number: int) -> str:
    # An invalid address may contain a password, so the message gives its position, not its text.
    fix = "Write https://host:port"
    try:
        parts = urlsplit(text)
        port = parts.port
    except ValueError:
        raise SettingsError(f"address {number} of {URL} is invalid", fix) from None
    if parts.username is not None or parts.password is not None:
        raise SettingsError(f"address {number} of {URL} contains a name or password", f"Use {USER} and {PASSWORD}")
    if parts.scheme not in _PORTS or not parts.hostname or parts.query or parts.fragment:
        raise SettingsError(f"address {number} of {URL} is invalid", fix)
    host = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
    return f"{parts.scheme}://{host}:{port or _PORTS[parts.scheme]}{parts.path.rstrip('/')}"


def _is_loopback(url: str) -> bool:
    host = urlsplit(url).hostname or ""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
