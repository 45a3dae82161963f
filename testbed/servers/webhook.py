"""A receiver for Alertmanager that remembers what it was told, and when."""

import json
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, NamedTuple, Self


class Notice(NamedTuple):
    """One alert of one notification: unix seconds of its arrival, `firing` or `resolved`, its labels."""

    at: float
    status: str
    labels: dict[str, str]


class Webhook:
    """A web server on a free loopback port. A context manager: leaving it ends the server."""

    def __init__(self) -> None:
        notices: list[Notice] = []

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                told: dict[str, Any] = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                now = time.time()
                notices.extend(Notice(now, alert["status"], alert["labels"]) for alert in told["alerts"])
                self.send_response(200)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_: object) -> None:
                """Say nothing."""

        self.notices = notices
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, name="webhook", daemon=True)
        self._thread.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    @property
    def url(self) -> str:
        """Where Alertmanager posts to."""
        return f"http://127.0.0.1:{self._server.server_port}/"
