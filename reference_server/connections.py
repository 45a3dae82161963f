"""Connections that cannot be held for nothing: uvicorn's own protocol, with a clock and a bound on their number.

uvicorn waits for ever for the first byte of a request, and for the rest of one that has begun. Knows nothing
of what is served.
"""

from __future__ import annotations

import asyncio
import functools
import resource
from typing import ClassVar

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol

#: Longest wait for the whole of a request, head and body, and for the first one on a new connection.
REQUEST_SECONDS = 15.0

#: Most connections at once. The one that has waited longest for a request goes when another one comes.
MOST_CONNECTIONS = 2_000

#: Longest request head: uvicorn's default for h11, said aloud. Over it: 400.
HEAD_BYTES = 64 * 1024

#: What a request can still be missing.
UNFINISHED = (h11.IDLE, h11.SEND_BODY)


class PatientProtocol(H11Protocol):
    """HTTP/1.1 that gives a client `REQUEST_SECONDS` for each request, and less when others want its place.

    Attributes:
        waiting: Connections that owe a request, the oldest first.

    """

    waiting: ClassVar[dict[PatientProtocol, None]] = {}

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn's own
        """Start the clock; make room when there is none."""
        super().connection_made(transport)
        self._timer: asyncio.TimerHandle | None = None
        self._wait()
        if len(self.connections) > most_connections():
            self._evict()

    def data_received(self, data: bytes) -> None:
        """Hand the bytes on; the clock runs while a request is unfinished."""
        if self._timer is None:
            self._wait()
        super().data_received(data)
        if self.conn.their_state not in UNFINISHED:
            self._stop()

    def connection_lost(self, exc: Exception | None) -> None:
        """Stop the clock."""
        self._stop()
        super().connection_lost(exc)

    def _wait(self) -> None:
        self._timer = self.loop.call_later(REQUEST_SECONDS, self.give_up)
        self.waiting[self] = None

    def _stop(self) -> None:
        if self._timer:
            self._timer.cancel()
            self._timer = None
        self.waiting.pop(self, None)

    def give_up(self) -> None:
        """Close the connection at once."""
        self._stop()
        self.transport.abort()

    def _evict(self) -> None:
        oldest = next(iter(self.waiting), None)
        if oldest is not None:
            oldest.give_up()


def patient() -> type[PatientProtocol]:
    """Return the protocol for one server: connections of different servers do not evict one another."""
    return type("Patient", (PatientProtocol,), {"waiting": {}})


@functools.cache
def most_connections() -> int:
    """Bound on connections: half of the file descriptors that this process may open, if that is less."""
    return min(MOST_CONNECTIONS, resource.getrlimit(resource.RLIMIT_NOFILE)[0] // 2)
