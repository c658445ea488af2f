"""Bounded connections: below the HTTP parser, bytes are counted and one deadline covers the whole response.

A socket's own timeout restarts with every byte, so a slow server could hold a connection for days, and a hostile
server can send lines and chunks of any size. Both are therefore limited where the bytes arrive.
"""

from __future__ import annotations

import io
import time
from dataclasses import dataclass
from http.client import HTTPException, HTTPResponse
from typing import TYPE_CHECKING, Any

import urllib3
from urllib3.connection import HTTPConnection, HTTPSConnection

if TYPE_CHECKING:
    import socket


class TooMuch(Exception):
    """A response has more bytes than any picture may have."""


class _Clocked(io.RawIOBase):
    """The bytes received from a socket, up to a deadline and a maximum number."""

    def __init__(self, sock: socket.socket, seconds: float, most: int) -> None:
        self._sock = sock
        self._raw = sock.makefile("rb", buffering=0)
        self._deadline = time.monotonic() + seconds
        self._left = most

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int | None:
        seconds = self._deadline - time.monotonic()
        if seconds <= 0:
            raise TimeoutError("the deadline has passed")
        if self._left <= 0:
            raise TooMuch
        self._sock.settimeout(seconds)
        count = self._raw.readinto(buffer)
        self._left -= count or 0
        return count

    def close(self) -> None:
        self._raw.close()
        super().close()


class _Reader(io.BufferedReader):
    """Refuses to read everything at once, which urllib3 would request for a chunk that declares -1 bytes."""

    def read(self, size: int | None = -1, /) -> bytes:
        if size is None or size < 0:
            raise HTTPException("a negative size")
        return super().read(size)


@dataclass(frozen=True)
class _ClockedSocket:
    """The part of a socket's interface that a response needs."""

    sock: socket.socket
    seconds: float
    most: int

    def makefile(self, _mode: str) -> io.BufferedReader:
        return _Reader(_Clocked(self.sock, self.seconds, self.most))


def bounded_pools(most: int) -> dict[str, type[urllib3.HTTPConnectionPool]]:
    """Connection pools whose responses end after `most` bytes or when the time for the whole response is up."""

    class Bounded(HTTPConnection):
        def response_class(self, sock: socket.socket, **options: Any) -> HTTPResponse:  # type: ignore[override]
            return HTTPResponse(_ClockedSocket(sock, float(self.timeout or 0), most), **options)  # type: ignore[arg-type]

    class BoundedTLS(Bounded, HTTPSConnection):
        pass

    class Pool(urllib3.HTTPConnectionPool):
        ConnectionCls = Bounded

    class PoolTLS(urllib3.HTTPSConnectionPool):
        ConnectionCls = BoundedTLS

    return {"http": Pool, "https": PoolTLS}
