"""One attempt to fetch one picture over HTTP: follows redirects, enforces limits, checks the data as they arrive.

urllib3 handles HTTP, TLS and connection reuse. Some of its features are deliberately not used: retries and redirects
(each hop is checked here), its resolver (connections go to exactly the IP address that was admitted, while TLS is
checked against the name), proxies from the environment (they would resolve names themselves), cookies and passwords.
Redirects from https to http are followed, because a feed may name http URLs anyway and nothing secret is sent.
"""

from __future__ import annotations

import ssl
import threading
import time
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.client import HTTPException
from typing import IO, Any

import urllib3
from urllib3 import exceptions as broken

from candidates.settings import FetchSettings
from intake.fetching.addresses import Address, follow
from intake.fetching.failures import Failure, Kind
from intake.fetching.gatekeeper import Gatekeeper
from intake.fetching.signatures import HEAD, is_picture, looks_like
from intake.fetching.verdicts import AGAIN, CHECK_LINK, failure_of, refusal_of
from intake.fetching.wire import TooMuch, bounded_pools

CONNECT_SECONDS = 5.0
_IPS_TRIED = 4
_CHUNK = 64 * 1024
_DRAINED = 64 * 1024
_OVERHEAD = 2**20
_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_WEB_PAGES = ("text/html", "application/xhtml+xml")
_NOT_A_PICTURE = "Use the URL of the picture itself in the feed"
_FIX_COMPRESSION = "Configure the server to send pictures uncompressed"


@dataclass(frozen=True)
class Validators:
    """What lets a server tell whether our copy of a picture is still current (RFC 9110, section 13).

    Attributes:
        url: The URL of the picture after redirects; the validators apply only to it.
        etag: The `ETag` that the server sent, or empty.
        modified: The `Last-Modified` that the server sent, or empty.
    """

    url: str
    etag: str = ""
    modified: str = ""

    def headers_for(self, address: Address) -> dict[str, str]:
        """The headers of a conditional request."""
        if address.url != self.url:
            return {}
        named = {"If-None-Match": self.etag, "If-Modified-Since": self.modified}
        return {name: value for name, value in named.items() if value}


@dataclass(frozen=True)
class Reply:
    """A server's reply.

    Attributes:
        unchanged: Whether our copy is still current; then the server sent no picture.
        validators: The validators for the next request.
    """

    unchanged: bool
    validators: Validators


class Client:
    """Requests pictures; thread-safe.

    Args:
        limits: Limits on requests and replies.
        gatekeeper: Decides which hosts may be contacted.
        tls: Trusted certificates; by default the system's authorities.
    """

    def __init__(self, limits: FetchSettings, gatekeeper: Gatekeeper, tls: ssl.SSLContext | None = None) -> None:
        self._limits = limits
        self._gatekeeper = gatekeeper
        self._pools = urllib3.PoolManager(
            num_pools=4 * limits.concurrency,
            maxsize=limits.concurrency,
        )
        self._tls = tls
        self._lock = threading.Lock()
        self._pools.pool_classes_by_scheme = bounded_pools(2 * limits.max_bytes + _OVERHEAD)

    def close(self) -> None:
        """Closes all open connections."""
        self._pools.clear()

    def fetch(self, address: Address, known: Validators | None, sink: IO[bytes]) -> Reply:
        """Makes one attempt.

        Args:
            address: The picture's address.
            known: Validators for a conditional request; None for an unconditional one.
            sink: Receives the picture's bytes; its contents are meaningless after a failure.

        Raises:
            Failure: The picture could not be fetched, now or ever.
        """
        deadline = time.monotonic() + self._limits.timeout
        seen = {address.url}
        found = self._hop(address, known, deadline, sink)
        while isinstance(found, str):
            with _after_redirect():
                address = follow(address, found)
                if address.url in seen:
                    raise Failure(Kind.LASTING, "it redirects in a loop", CHECK_LINK)
                if len(seen) > self._limits.redirects:
                    what = f"it redirects more than {self._limits.redirects} times"
                    raise Failure(Kind.LASTING, what, CHECK_LINK)
                seen.add(address.url)
                found = self._hop(address, known, deadline, sink)
        return found

    def _hop(self, address: Address, known: Validators | None, deadline: float, sink: IO[bytes]) -> Reply | str:
        """Makes one request; returns the reply, or the location of a redirect."""
        with self._asked(address, known, deadline) as response:
            return _location(response) or self._take(response, address, known, sink)

    @contextmanager
    def _asked(self, address: Address, known: Validators | None, deadline: float) -> Iterator[urllib3.BaseHTTPResponse]:
        """A response whose body is not read yet; its connection is reused if the body was read or is small."""
        headers = {
            "Host": address.authority,
            "User-Agent": self._limits.user_agent,
            "Accept": "image/*,*/*;q=0.1",
            "Accept-Encoding": "identity",
        } | (known.headers_for(address) if known else {})
        with self._translated(address):
            response = self._open(address, headers, deadline)
        try:
            yield response
        finally:
            left = int(response.headers.get("Content-Length", "-1")) if _has_length(response) else -1
            if 0 <= left <= _DRAINED:
                response.drain_conn()
                response.release_conn()
            else:
                response.close()

    def _open(self, address: Address, headers: dict[str, str], deadline: float) -> urllib3.BaseHTTPResponse:
        ips = self._gatekeeper.admit(address)[:_IPS_TRIED]
        for ip in ips:
            left = max(deadline - time.monotonic(), 0.001)
            try:
                return self._pool(address, ip).urlopen(
                    "GET",
                    address.target,
                    headers=headers,
                    retries=False,
                    redirect=False,
                    assert_same_host=False,
                    preload_content=False,
                    timeout=urllib3.Timeout(connect=CONNECT_SECONDS, total=left),
                )
            except (broken.NewConnectionError, broken.ConnectTimeoutError):
                if ip == ips[-1]:
                    raise
        raise AssertionError("an admitted host has an address")

    def _pool(self, address: Address, ip: str) -> urllib3.HTTPConnectionPool:
        secured: dict[str, Any] = {}
        if address.scheme == "https":
            with self._lock:  # The system's authorities are only loaded when needed, because that takes a while.
                self._tls = self._tls or ssl.create_default_context()
            secured = {"ssl_context": self._tls, "server_hostname": address.host}
        return self._pools.connection_from_host(ip, address.port, address.scheme, secured)

    @contextmanager
    def _translated(self, address: Address) -> Iterator[None]:
        """Turns network and protocol errors into failures."""
        try:
            yield
        except Failure:
            raise
        except TooMuch as error:
            raise self._too_large() from error
        except (broken.HTTPError, HTTPException, OSError, ValueError) as error:
            failure = failure_of(error, address, self._limits)
            if failure.kind is Kind.SILENT:
                self._gatekeeper.forget(address)
            raise failure from error

    def _take(
        self, response: urllib3.BaseHTTPResponse, address: Address, known: Validators | None, sink: IO[bytes]
    ) -> Reply:
        validators = Validators(
            address.url, response.headers.get("ETag", ""), response.headers.get("Last-Modified", "")
        )
        if response.status == 304 and known and known.headers_for(address):
            return Reply(True, Validators(address.url, validators.etag or known.etag, known.modified))
        if response.status != 200:
            raise refusal_of(response)
        self._check_headers(response)
        size, head = 0, b""
        for chunk in self._unpacked(response, address):
            if len(head) < HEAD:
                head = (head + chunk)[:HEAD]
                if len(head) == HEAD:
                    _check_head(head)
            size += len(chunk)
            if size > self._limits.max_bytes:
                raise self._too_large()
            sink.write(chunk)
        if not size:
            raise Failure(Kind.LASTING, "the picture is empty", "Publish the picture again")
        _check_head(head)
        return Reply(False, validators)

    def _check_headers(self, response: urllib3.BaseHTTPResponse) -> None:
        if response.headers.get("Content-Type", "").partition(";")[0].strip().lower() in _WEB_PAGES:
            raise Failure(Kind.LASTING, "is a web page, not a picture", _NOT_A_PICTURE)
        if _has_length(response) and int(response.headers["Content-Length"]) > self._limits.max_bytes:
            raise self._too_large()

    def _too_large(self) -> Failure:
        return Failure(
            Kind.LASTING,
            f"the picture has more than {self._limits.max_bytes:,} bytes",
            "Publish a smaller file, or raise fetch.max_bytes",
        )

    def _unpacked(self, response: urllib3.BaseHTTPResponse, address: Address) -> Iterator[bytes]:
        """The body, decompressed if it is gzip or deflate, in pieces not much larger than the limit."""
        encoding = response.headers.get("Content-Encoding", "identity").strip().lower()
        if encoding in ("", "identity", "none"):
            yield from self._arriving(response, address)
            return
        if encoding not in ("gzip", "x-gzip", "deflate"):
            what = f"its server compresses it with {encoding[:40]}, which was not requested"
            raise Failure(Kind.LASTING, what, _FIX_COMPRESSION)
        unpacker = zlib.decompressobj(wbits=47)
        for packed in self._arriving(response, address):
            try:  # One byte over the limit is enough, because the caller counts and then stops.
                yield unpacker.decompress(packed, self._limits.max_bytes + 1)
            except zlib.error as error:
                what = f"it is not valid {encoding}, although its server declares it"
                raise Failure(Kind.LASTING, what, _FIX_COMPRESSION) from error
        if not unpacker.eof:
            raise Failure(Kind.PASSING, "the picture is truncated", AGAIN)

    def _arriving(self, response: urllib3.BaseHTTPResponse, address: Address) -> Iterator[bytes]:
        chunks = response.stream(_CHUNK, decode_content=False)
        while True:
            with self._translated(address):
                chunk = next(chunks, None)
            if chunk is None:
                return
            yield chunk


def _location(response: urllib3.BaseHTTPResponse) -> str | None:
    if response.status not in _REDIRECTS:
        return None
    location = response.headers.get("Location")
    if not location:
        raise Failure(Kind.LASTING, f"it redirects ({response.status}) without a location", CHECK_LINK)
    return location


@contextmanager
def _after_redirect() -> Iterator[None]:
    """Marks failures as following a redirect; a refused address is then a permanent failure."""
    try:
        yield
    except Failure as failure:
        kind = Kind.LASTING if failure.kind is Kind.NEVER_ASKED else failure.kind
        what = failure.what if failure.what.startswith("it redirects") else f"after a redirect, {failure.what}"
        raise Failure(kind, what, failure.fix, failure.wait) from failure


def _check_head(head: bytes) -> None:
    if not is_picture(head):
        raise Failure(Kind.LASTING, f"is {looks_like(head)}, not a picture", _NOT_A_PICTURE)


def _has_length(response: urllib3.BaseHTTPResponse) -> bool:
    length = response.headers.get("Content-Length", "")
    return length.isascii() and length.isdecimal() and len(length) < 20
