"""Servers of our own on a free loopback port: each answers as a function says, and remembers what it was asked."""

from __future__ import annotations

import json
import socketserver
import ssl
import sys
import threading
from collections.abc import Callable, Iterable, Mapping
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any, NamedTuple, Self


class Listener:
    """A TCP server with a thread for each connection. A context manager: leaving it, or `close()`, ends it.

    Attributes:
        closing: Set when it is about to end, for a handler that waits.

    """

    def __init__(self, handler: type[socketserver.BaseRequestHandler], certificate: Path | None = None) -> None:
        """Listen; `handler` deals with each connection. With a certificate and its key, in one file, the server speaks TLS."""
        self._scheme = "https" if certificate else "http"
        self.closing = threading.Event()
        self._server = _Server(("127.0.0.1", 0), handler)
        if certificate:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(certificate)
            self._server.socket = context.wrap_socket(self._server.socket, server_side=True)
        # Half a second between two looks whether to end, as by default, is long for a test.
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
        self._thread.start()

    def __enter__(self) -> Self:
        """Return the running server."""
        return self

    def __exit__(self, *_: object) -> None:
        """End the server."""
        self.close()

    def close(self) -> None:
        """Take no further connection; harmless when repeated."""
        self.closing.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    @property
    def port(self) -> int:
        """The port at which it listens."""
        return int(self._server.server_address[1])

    @property
    def address(self) -> str:
        """Host and port, as Prometheus wants its targets."""
        return f"127.0.0.1:{self.port}"

    @property
    def url(self) -> str:
        """Where it answers, without a slash at the end."""
        return f"{self._scheme}://{self.address}"


class _Server(socketserver.ThreadingTCPServer):
    daemon_threads = True
    request_queue_size = 128

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say nothing of a client that has gone."""
        if not isinstance(sys.exception(), OSError):
            super().handle_error(request, client_address)


class Request(NamedTuple):
    """What a client sent; the query belongs to the path."""

    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes


#: Status, headers and body of an answer. Of a body in pieces each is sent as it comes, and its end is that of the connection.
Reply = tuple[int, Mapping[str, str], bytes | Iterable[bytes]]

Respond = Callable[[Request], Reply]


class FakeServer(Listener):
    """An HTTP server.

    Attributes:
        requests: What it was asked, in the order of arrival.

    """

    def __init__(self, respond: Respond, certificate: Path | None = None) -> None:
        """Listen; `respond` answers each request, several at once. What it raises ends the connection."""
        self.requests: list[Request] = []
        server = self

        class Handler(BaseHTTPRequestHandler):
            def answer(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                request = Request(self.command, self.path, dict(self.headers), body)
                server.requests.append(request)
                status, headers, text = respond(request)
                length = {"Content-Length": str(len(text))} if isinstance(text, bytes) else {}
                self.send_response(status)
                for name, value in {**length, **headers}.items():
                    self.send_header(name, value)
                self.end_headers()
                for piece in (text,) if isinstance(text, bytes) else text:
                    self.wfile.write(piece)

            do_GET = do_POST = do_PUT = answer  # noqa: N815 - the base's names

            def log_message(self, *_: object) -> None:
                """Say nothing."""

        super().__init__(Handler, certificate)


def always(status: int, headers: Mapping[str, str], body: bytes) -> Respond:
    """Return what answers every request alike."""
    return lambda _: (status, headers, body)


def in_json(value: object, status: int = 200) -> tuple[int, Mapping[str, str], bytes]:
    """Return an answer in JSON."""
    return status, {"Content-Type": "application/json"}, json.dumps(value).encode()


def exposition(text: str) -> tuple[int, Mapping[str, str], bytes]:
    """Return a metrics page, in the text format."""
    return 200, {"Content-Type": "text/plain; version=0.0.4; charset=utf-8"}, text.encode()
