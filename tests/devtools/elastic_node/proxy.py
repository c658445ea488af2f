"""A small proxy before an Elasticsearch: it can speak TLS, demand a key, and refuse requests on purpose."""

import shutil
import ssl
import subprocess
import threading
from contextlib import contextmanager
from http.client import HTTPConnection
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import urlsplit

import pytest

HOP_BY_HOP = {"connection", "keep-alive", "transfer-encoding", "content-length", "host"}


class Proxy:
    """What passes and what does not.

    `refuse` is asked about every request, with its method and path, and names a status to answer with instead, or
    None; it may be set at any time. `seen` counts requests, `refused` those that it refused.
    """

    def __init__(self, upstream, authorization=None, refuse=None):
        self.upstream = urlsplit(upstream)
        self.authorization = authorization
        self.refuse = refuse or (lambda method, path: None)
        self.seen = self.refused = 0
        self.url = ""
        self._lock = threading.Lock()

    def verdict(self, method, path, headers):
        with self._lock:
            self.seen += 1
            status = self.refuse(method, path)
            if status is None and self.authorization and headers.get("Authorization") != self.authorization:
                status = 401
            self.refused += status is not None
            return status


def first(count, status=429, within=""):
    """Refuses the first `count` requests whose path holds `within`."""
    left = [count]

    def refuse(_method, path):
        if within not in path or not left[0]:
            return None
        left[0] -= 1
        return status

    return refuse


@contextmanager
def running(proxy, certificate=None):
    """Runs a proxy on a free port of loopback; with TLS where a certificate (file and key file) is given."""

    class Handler(_Handler):
        pass

    Handler.proxy = proxy
    server = _Server(("127.0.0.1", 0), Handler)
    if certificate:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(*certificate)
        # The handshake is left to the request's own thread, so that a client that makes none holds up nobody.
        server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
    proxy.url = f"http{'s' if certificate else ''}://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    try:
        yield proxy
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def make_certificate(folder, names="IP:127.0.0.1,DNS:localhost"):
    """A certificate that signs itself, and its key, as files; it is its own authority."""
    openssl = shutil.which("openssl")
    if openssl is None:
        pytest.skip("needs openssl to make a certificate: apt-get install openssl")
    certificate, key = folder / "certificate.pem", folder / "key.pem"
    kind = ["-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2"]
    words = ["-subj", "/CN=test", "-addext", f"subjectAltName={names}", "-keyout", key, "-out", certificate]
    subprocess.run([openssl, "req", *kind, *words], check=True, capture_output=True)
    return certificate, key


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False

    def handle_error(self, request, client_address):
        """A client that goes away, or that does not trust us, is part of the game."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = -1

    def answer(self):
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        status = self.proxy.verdict(self.command, self.path, self.headers)
        if status is None:
            status, headers, content = self.forwarded(body)
        else:
            headers, content = {"Content-Type": "application/json"}, b'{"error":"refused","status":%d}' % status
        self.send_response_only(status)
        for name, value in {**headers, "Content-Length": str(len(content))}.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(content)
        self.wfile.flush()

    def forwarded(self, body):
        # The node has no security, and knows nothing of the key.
        headers = {name: value for name, value in self.headers.items() if name.lower() not in HOP_BY_HOP}
        headers.pop("Authorization", None)
        connection = HTTPConnection(self.proxy.upstream.hostname, self.proxy.upstream.port, timeout=60)
        try:
            connection.request(self.command, self.path, body or None, headers)
            answer = connection.getresponse()
            content = answer.read()
            kept = {name: value for name, value in answer.getheaders() if name.lower() not in HOP_BY_HOP}
            return answer.status, kept, content
        finally:
            connection.close()

    do_GET = do_POST = do_PUT = do_DELETE = do_HEAD = answer

    def log_message(self, *arguments):
        """Says nothing."""
