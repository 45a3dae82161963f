"""Connections that cannot be held for nothing: uvicorn's own protocol, with clocks and with bounds on number and size.

uvicorn waits for ever for the first byte of a request, for the rest of one that has begun, and for a client that does
not read. Knows nothing of what is served.
"""

from __future__ import annotations

import asyncio
import functools
import re
import resource
from collections.abc import Iterator
from typing import ClassVar

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol

#: Longest wait for the whole of a request, head and body, and for the first one on a new connection.
REQUEST_SECONDS = 15.0

#: Longest wait for a client to take what was sent.
WRITE_SECONDS = 30.0

#: Most connections at once. The one that has waited longest for a request goes when another one comes. Of all places one
#: in `KEPT` is for those that owe a request: where answers that never end have more than the others, the oldest of them goes.
MOST_CONNECTIONS = 2_000
KEPT = 10

#: Longest request head, and most lines of it: over them, 431. Reading a line takes as long as answering takes otherwise.
HEAD_BYTES = 16 * 1024
HEAD_LINES = 100

#: What is read from a connection at once, and what may wait to be sent on one: others get their turn in between.
READ_BYTES = 16 * 1024
WAITING_BYTES = 32 * 1024

#: A chunked body that is more framing than content is an attempt to keep us busy: it is looked at this often.
FRAMED_BYTES = 2_048

#: What ends a head.
BLANK_LINE = re.compile(rb"\r?\n\r?\n")

#: Names under which an app finds, in the state of its scope, what cuts its connection, and what says whether it is cut.
ABORT, GONE = "abort", "gone"

#: What a request can still be missing.
UNFINISHED = (h11.IDLE, h11.SEND_BODY)

#: What a connection that has sent nothing of an answer yet can be in.
ANSWERABLE = (h11.IDLE, h11.SEND_RESPONSE)

TOO_LARGE = (
    b"HTTP/1.1 431 Request Header Fields Too Large\r\nconnection: close\r\ncontent-type: text/plain\r\n"
    b"content-length: 29\r\n\r\nThe request head is too large"
)


class PatientProtocol(H11Protocol):
    """HTTP/1.1 that gives a client `REQUEST_SECONDS` for each request, and less when others want its place.

    Attributes:
        waiting: Connections that owe a request, the oldest first.
        opened: All connections, the oldest first; those that became WebSockets too.

    """

    waiting: ClassVar[dict[PatientProtocol, None]] = {}
    opened: ClassVar[dict[asyncio.Transport, None]] = {}

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn's own
        """Start the clock; make room when there is none."""
        super().connection_made(transport)
        self.app_state = {**self.app_state, ABORT: transport.abort, GONE: transport.is_closing}
        transport.max_size = READ_BYTES  # type: ignore[attr-defined]  # of every transport that asyncio selects on
        transport.set_write_buffer_limits(high=WAITING_BYTES)
        self._timer: asyncio.TimerHandle | None = None
        self._writing: asyncio.TimerHandle | None = None
        self._framed = self._content = 0
        self._wait()
        self.opened[transport] = None
        if len(self.opened) > most_connections():
            self._evict()

    def data_received(self, data: bytes) -> None:
        """Hand the bytes on; the clock runs while a request is unfinished."""
        if self._timer is None:
            self._wait()
        for part in self._parts(data):
            if self.transport.is_closing():
                return
            self._take(part)
        if self.conn.their_state not in UNFINISHED:
            self._stop()

    def _parts(self, data: bytes) -> Iterator[bytes]:
        """Yield a head that came in one piece, then what follows in small pieces."""
        start = 0
        if self.conn.their_state is h11.IDLE and not self.conn.trailing_data[0]:
            blank = BLANK_LINE.search(data)
            start = blank.end() if blank else len(data)
            yield data[:start]
        for begin in range(start, len(data), FRAMED_BYTES):
            yield data[begin : begin + FRAMED_BYTES]

    def _take(self, data: bytes) -> None:
        body, before = (self.cycle.body, len(self.cycle.body)) if self.conn.their_state is h11.SEND_BODY else (None, 0)
        super().data_received(data)
        if body is not None and body is self.cycle.body:
            self._weigh(len(data), len(body) - before)

    def send_400_response(self, msg: str) -> None:
        """Answer what is no HTTP; a handler of the part before it can no longer answer."""
        if self.cycle is not None and not self.cycle.response_complete:
            self.cycle.disconnected = True
            self.cycle.message_event.set()
        if self.conn.our_state in ANSWERABLE:
            super().send_400_response(msg)
        else:
            self.transport.close()

    def handle_events(self) -> None:
        """Refuse a head that takes too long to read; then as uvicorn does."""
        if self.conn.their_state is h11.IDLE:
            self._framed = self._content = 0
            if _large(self.conn.trailing_data[0]):
                self._stop()
                self.transport.write(TOO_LARGE)
                self.transport.close()
                return
        super().handle_events()

    def handle_websocket_upgrade(self, event: h11.Request) -> None:
        """Leave the connection to the other protocol."""
        self._stop()
        super().handle_websocket_upgrade(event)

    def connection_lost(self, exc: Exception | None) -> None:
        """Stop the clocks."""
        self._stop()
        self.resume_writing()
        self.opened.pop(self.transport, None)
        super().connection_lost(exc)

    def pause_writing(self) -> None:
        """Give the client a while to take what waits for it."""
        super().pause_writing()
        if self._writing is None:
            self._writing = self.loop.call_later(WRITE_SECONDS, self.give_up)

    def resume_writing(self) -> None:
        """Go on writing."""
        super().resume_writing()
        if self._writing:
            self._writing.cancel()
            self._writing = None

    def _wait(self) -> None:
        self._timer = self.loop.call_later(REQUEST_SECONDS, self.give_up)
        self.waiting[self] = None

    def _stop(self) -> None:
        if self._timer:
            self._timer.cancel()
            self._timer = None
        self.waiting.pop(self, None)

    def _weigh(self, framed: int, content: int) -> None:
        """Give up on a body that comes in crumbs."""
        self._framed += framed
        self._content += content
        if self._framed >= FRAMED_BYTES and self._content * 2 < self._framed:
            self.give_up()

    def give_up(self) -> None:
        """Close the connection at once."""
        self._stop()
        self.transport.abort()

    def _evict(self) -> None:
        for gone in [transport for transport in self.opened if transport.is_closing()]:
            del self.opened[gone]  # one that became a WebSocket does not say when it ends
        if len(self.opened) <= most_connections():
            return
        if len(self.waiting) <= max(1, most_connections() // KEPT):  # the one that came last is among them
            owing = {one.transport for one in self.waiting}
            busy = next((transport for transport in self.opened if transport not in owing), None)
            if busy is not None:
                busy.abort()
                return
        next(iter(self.waiting)).give_up()


def _large(data: bytes) -> bool:
    """Say whether the request head at the start of `data`, as far as it has come, is too large."""
    blank = BLANK_LINE.search(data)
    head = data[: blank.start()] if blank else data
    return len(head) > HEAD_BYTES or head.count(b"\n") > HEAD_LINES


def patient() -> type[PatientProtocol]:
    """Return the protocol for one server: connections of different servers do not evict one another."""
    return type("Patient", (PatientProtocol,), {"waiting": {}, "opened": {}})


@functools.cache
def most_connections() -> int:
    """Bound on connections: half of the file descriptors that this process may open, if that is less."""
    return min(MOST_CONNECTIONS, resource.getrlimit(resource.RLIMIT_NOFILE)[0] // 2)
