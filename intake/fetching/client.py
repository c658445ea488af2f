"""One attempt at one picture over HTTP: redirects, limits, and what arrives checked while it arrives.

urllib3 speaks HTTP and TLS and keeps connections. Left out on purpose: its retries and redirects (each hop is
checked here), its resolver (a connection goes to the very IP address that was admitted; TLS is checked against
the name), proxies of the environment (they would resolve names themselves), cookies and passwords. Redirects
from https to http are followed: a feed may name http itself, and nothing secret is sent.
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
_NOT_A_PICTURE = "Put the link of the picture itself into the feed"


@dataclass(frozen=True)
class Validators:
    """By what a server tells whether a picture is still the one we have (RFC 9110, section 13).

    Attributes:
        url: Where the picture came from, after redirects; validators mean nothing elsewhere.
        etag: As the server sent it, or empty.
        modified: Its `Last-Modified`, or empty.
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
    """What a server gave.

    Attributes:
        unchanged: The picture is the one we have; nothing was sent.
        validators: By which to ask next time.
    """

    unchanged: bool
    validators: Validators


class Client:
    """Asks for pictures; safe to use from many threads.

    Args:
        limits: What is asked and taken.
        gatekeeper: Decides whom to ask.
        tls: Whose certificates are trusted; the system's authorities where not given.
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
        """Closes the connections that are kept."""
        self._pools.clear()

    def fetch(self, address: Address, known: Validators | None, sink: IO[bytes]) -> Reply:
        """Makes one attempt.

        Args:
            address: The picture.
            known: How to ask whether it has changed; None asks for it outright.
            sink: Takes the picture's bytes; after a failure what it holds is worthless.

        Raises:
            Failure: There is no picture to be had there, now or at all.
        """
        deadline = time.monotonic() + self._limits.timeout
        seen = {address.url}
        found = self._hop(address, known, deadline, sink)
        while isinstance(found, str):
            with _behind_a_redirect():
                address = follow(address, found)
                if address.url in seen:
                    raise Failure(Kind.LASTING, "it redirects in a circle", CHECK_LINK)
                if len(seen) > self._limits.redirects:
                    what = f"it redirects more than {self._limits.redirects} times"
                    raise Failure(Kind.LASTING, what, CHECK_LINK)
                seen.add(address.url)
                found = self._hop(address, known, deadline, sink)
        return found

    def _hop(self, address: Address, known: Validators | None, deadline: float, sink: IO[bytes]) -> Reply | str:
        """Asks once: the reply, or where else to ask."""
        with self._asked(address, known, deadline) as response:
            return _location(response) or self._take(response, address, known, sink)

    @contextmanager
    def _asked(self, address: Address, known: Validators | None, deadline: float) -> Iterator[urllib3.BaseHTTPResponse]:
        """A response whose body is still to come; its connection is kept when the body was read or is small."""
        headers = {
            "Host": address.authority,
            "User-Agent": self._limits.user_agent,
            "Accept": "image/*,*/*;q=0.1",
            "Accept-Encoding": "identity",
        } | (known.headers_for(address) if known else {})
        with self._speaking(address):
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
        raise AssertionError("a host that is admitted has an address")

    def _pool(self, address: Address, ip: str) -> urllib3.HTTPConnectionPool:
        secured: dict[str, Any] = {}
        if address.scheme == "https":
            with self._lock:  # The system's authorities are read when first needed: that takes a while.
                self._tls = self._tls or ssl.create_default_context()
            secured = {"ssl_context": self._tls, "server_hostname": address.host}
        return self._pools.connection_from_host(ip, address.port, address.scheme, secured)

    @contextmanager
    def _speaking(self, address: Address) -> Iterator[None]:
        """Turns what may go wrong on the wire into failures."""
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
            "Publish it smaller, or raise fetch.max_bytes",
        )

    def _unpacked(self, response: urllib3.BaseHTTPResponse, address: Address) -> Iterator[bytes]:
        """The body, with gzip or deflate undone, never much more of it at once than may be kept."""
        encoding = response.headers.get("Content-Encoding", "identity").strip().lower()
        if encoding in ("", "identity", "none"):
            yield from self._arriving(response, address)
            return
        if encoding not in ("gzip", "x-gzip", "deflate"):
            what = f"it is packed as {encoding[:40]}, which was not asked for"
            raise Failure(Kind.LASTING, what, "Let the server send pictures unpacked")
        unpacker = zlib.decompressobj(wbits=47)
        for packed in self._arriving(response, address):
            try:  # One byte too many is enough: whoever takes this counts, and takes no more.
                yield unpacker.decompress(packed, self._limits.max_bytes + 1)
            except zlib.error as error:
                what = f"it is not packed as {encoding}, as its server says"
                raise Failure(Kind.LASTING, what, "Let the server send pictures unpacked") from error
        if not unpacker.eof:
            raise Failure(Kind.PASSING, "the picture was cut short", AGAIN)

    def _arriving(self, response: urllib3.BaseHTTPResponse, address: Address) -> Iterator[bytes]:
        chunks = response.stream(_CHUNK, decode_content=False)
        while True:
            with self._speaking(address):
                chunk = next(chunks, None)
            if chunk is None:
                return
            yield chunk


def _location(response: urllib3.BaseHTTPResponse) -> str | None:
    if response.status not in _REDIRECTS:
        return None
    location = response.headers.get("Location")
    if not location:
        raise Failure(Kind.LASTING, f"it redirects ({response.status}) to nowhere", CHECK_LINK)
    return location


@contextmanager
def _behind_a_redirect() -> Iterator[None]:
    """Says of what goes wrong that it does so behind a redirect; a refused address is then worth remembering."""
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
