"""A real HTTP server on loopback that does to a client whatever a test says."""

from __future__ import annotations

import socket
import socketserver
import struct
import tempfile
import threading
import time
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

PNG = b"\x89PNG\r\n\x1a\n" + bytes(range(256))


def a_picture(number=0, size=300):
    """Bytes that begin as a PNG, others for each number."""
    return PNG[:8] + f"{number:08d}".encode() + bytes(size - 16)


@dataclass
class Exchange:
    """One request, and the connection over which to answer it in any way at all."""

    path: str
    headers: dict[str, str]
    connection: socket.socket
    keep: bool = True

    def send(self, raw):
        self.connection.sendall(raw)

    def head(self, status=200, **headers):
        """Sends a status line and headers; `content_type="x"` is `Content-Type: x`."""
        lines = [f"HTTP/1.1 {status} Whatever"]
        lines += [f"{name.replace('_', '-').title()}: {value}" for name, value in headers.items()]
        self.send(("\r\n".join(lines) + "\r\n\r\n").encode("utf-8"))

    def answer(self, body=b"", status=200, **headers):
        self.head(status, **({"content_length": len(body)} | headers))
        self.send(body)

    def hang_up(self):
        self.keep = False

    def reset(self):
        """Ends the connection with an error instead of an end."""
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.keep = False


@dataclass
class Asked:
    path: str
    headers: dict[str, str]
    when: float


@dataclass
class MisbehavingServer:
    """What each path does, and what was asked.

    Attributes:
        does: From a path to what is done with an `Exchange`; other paths answer 404.
        asked: Every request, in order.
        most: Requests that were under way at once.
        connections: Connections that were accepted.
    """

    port: int = 0
    does: dict = field(default_factory=dict)
    asked: list[Asked] = field(default_factory=list)
    most: int = 0
    connections: int = 0
    _active: int = 0
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def url(self, path, host="127.0.0.1"):
        return f"http://{host}:{self.port}{path}"

    def paths(self):
        return [one.path for one in self.asked]

    def serve(self, path, body=PNG, **headers):
        """Lets a path answer well."""
        self.does[path] = lambda exchange: exchange.answer(body, **({"content_type": "image/png"} | headers))
        return self.url(path)

    def on(self, path):
        """Names what a path does, as a decorator."""

        def register(behaviour):
            self.does[path] = behaviour
            return behaviour

        return register

    def handle(self, connection):
        with self._lock:
            self.connections += 1
        requests = connection.makefile("rb")
        with suppress(OSError):
            while (line := requests.readline()) and self._one(line, requests, connection):
                pass

    def _one(self, line, requests, connection):
        path = line.split()[1].decode("latin-1")
        headers = {}
        while (header := requests.readline()) not in (b"\r\n", b""):
            name, _, value = header.decode("latin-1").partition(":")
            headers[name.lower()] = value.strip()
        exchange = Exchange(path, headers, connection)
        with self._lock:
            self.asked.append(Asked(path, headers, time.monotonic()))
            self._active += 1
            self.most = max(self.most, self._active)
        try:
            self.does.get(path, lambda one: one.answer(b"no", 404))(exchange)
        finally:
            with self._lock:
                self._active -= 1
        return exchange.keep


@contextmanager
def folder_in_memory():
    """An empty folder, in memory where the system has such: caches sync often, and disks are slow at that."""
    shared = Path("/dev/shm")
    with tempfile.TemporaryDirectory(dir=shared if shared.is_dir() else None) as folder:
        yield Path(folder)


@contextmanager
def running(tls=None):
    """A server on a free port of loopback, with TLS where a context is given."""
    state = MisbehavingServer()

    class Handler(socketserver.BaseRequestHandler):
        def handle(self):
            connection = self.request
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            if tls:
                try:
                    connection = tls.wrap_socket(connection, server_side=True)
                except OSError:
                    return
            state.handle(connection)
            with suppress(OSError):
                connection.close()

    class Server(socketserver.ThreadingTCPServer):
        daemon_threads = True
        request_queue_size = 128
        allow_reuse_address = True

    with Server(("127.0.0.1", 0), Handler) as server:
        state.port = server.server_address[1]
        thread = threading.Thread(target=server.serve_forever, args=(0.005,), daemon=True)
        server.block_on_close = False
        thread.start()
        try:
            yield state
        finally:
            server.shutdown()
            thread.join()
