"""A listener of our own for Alertmanager's webhook: it remembers what was delivered."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self

from generator.errors import GeneratorError, Problem
from generator.validate.answer import Answer
from generator.validate.prometheus import unix

#: Largest notification that is read.
MOST_BYTES = 4 * 1024 * 1024

#: Seconds that one notification may take to arrive.
PATIENCE_SECONDS = 10


@dataclass(frozen=True, slots=True)
class Delivery:
    """One alert in a notification.

    Attributes:
        labels: Its labels.
        firing: It fires; otherwise it is resolved.
        began: When it began to fire, in unix seconds.
        arrived: When the notification came, in unix seconds.

    """

    labels: Mapping[str, str]
    firing: bool
    began: float
    arrived: float

    @property
    def name(self) -> str:
        """The alert's name."""
        return self.labels.get("alertname", "")


class Webhook:
    """A listener. A context manager: leaving it ends it."""

    def __init__(self, listen: tuple[str, int]) -> None:
        """Listen.

        Raises:
            GeneratorError: The address is taken, or is not ours.

        """
        self._deliveries: list[Delivery] = []
        self._arrival = threading.Condition()
        webhook = self

        class Handler(BaseHTTPRequestHandler):
            timeout = PATIENCE_SECONDS

            def do_POST(self) -> None:
                length = self.headers.get("Content-Length", "")
                good = length.isdecimal() and int(length) <= MOST_BYTES and webhook.take(self.rfile.read(int(length)))
                self.send_response(200 if good else 400)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the base's name
                """Say nothing: only the command line prints."""

        try:
            self._server = ThreadingHTTPServer(listen, Handler)
        except OSError as error:
            what = f"{listen[0]}:{listen[1]} cannot be listened on: {error.strerror}"
            raise GeneratorError([Problem("--webhook", 1, what, "name a free address of this machine")]) from error
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
        self._thread.start()

    def __enter__(self) -> Self:
        """Give the listener."""
        return self

    def __exit__(self, *_: object) -> None:
        """End it."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join(PATIENCE_SECONDS)

    @property
    def address(self) -> str:
        """Host and port."""
        host, port = self._server.server_address[:2]
        return f"{host!s}:{port}"

    def take(self, body: bytes) -> bool:
        """Remember a notification; False when it is none."""
        now = time.time()
        try:
            alerts = Answer(json.loads(body), "", ValueError).get("alerts")
            made = [
                Delivery(a.get("labels").labels(), a.get("status").text() == "firing", unix(a.get("startsAt")), now)
                for a in alerts.items()
            ]
        except (ValueError, RecursionError):
            return False
        with self._arrival:
            self._deliveries += made
            self._arrival.notify_all()
        return True

    def since(self, arrived: float) -> list[Delivery]:
        """Return what was delivered since a time, in unix seconds."""
        with self._arrival:
            return [d for d in self._deliveries if d.arrived >= arrived]

    def wait(self, seconds: float) -> None:
        """Wait for the next notification, so long at most."""
        with self._arrival:
            self._arrival.wait(max(0.0, seconds))
