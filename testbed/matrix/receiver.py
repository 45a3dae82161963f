"""Both ends of the way of an alert, on one loopback port: a page to scrape, and a webhook that keeps what it is sent."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any

PAGE = b"# TYPE lg_api_num_pending_runs gauge\nlg_api_num_pending_runs 0\n"


class Receiver:
    """What the server shows and what it was sent.

    Attributes:
        address: Host and port.
        answers: The page is there; otherwise its scrapes fail.
        sent: Bodies of the webhook, in the order of their arrival.

    """

    def __init__(self, address: str) -> None:
        self.address = address
        self.answers = True
        self.sent: list[dict[str, Any]] = []

    def told(self, alert: str, status: str) -> list[str]:
        """Return the receivers that were told that an alert is `firing` or `resolved`."""
        return [
            body["receiver"]
            for body in list(self.sent)
            for one in body["alerts"]
            if one["labels"]["alertname"] == alert and one["status"] == status
        ]


@contextmanager
def receiver() -> Iterator[Receiver]:
    """Give a running server."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200 if kept.answers else 503)
            self.send_header("Content-Type", "text/plain; version=0.0.4; charset=utf-8")
            self.end_headers()
            if kept.answers:
                self.wfile.write(PAGE)

        def do_POST(self) -> None:
            kept.sent.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    kept = Receiver(f"127.0.0.1:{server.server_address[1]}")
    thread = Thread(target=server.serve_forever)
    thread.start()
    try:
        yield kept
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
