"""WebSockets that cannot be used to keep us busy: uvicorn's own protocol, with a bound on frames that say nothing.

A frame of six bytes takes as long as a whole command; an answer to a ping waits in memory until its client reads it. Knows
nothing of what is said.
"""

from __future__ import annotations

from typing import Any

from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol

from reference_server.core.connections import FRAMED_BYTES

#: Most pings, pongs and small pieces of messages of one connection within so many seconds. A client that is well sends a
#: ping now and then, and pieces of some kilobytes.
MOST_CRUMBS, CRUMB_SECONDS = 200, 15.0

#: A piece of a message that is smaller says nothing.
SMALL_BYTES = 1_024


class PatientWebSocket(WebSocketsSansIOProtocol):
    """A WebSocket that is cut when it crumbles, or when its text is no text."""

    def __init__(self, *args: Any, **more: Any) -> None:
        super().__init__(*args, **more)
        self._crumbs, self._since = 0, 0.0

    def data_received(self, data: bytes) -> None:
        """Hand the bytes on in small pieces; after each of them it can be over."""
        for start in range(0, len(data), FRAMED_BYTES):
            if self.transport.is_closing():
                return
            super().data_received(data[start : start + FRAMED_BYTES])

    def handle_ping(self) -> None:
        """Answer, as long as the answers are taken."""
        self._crumb()
        super().handle_ping()

    def handle_pong(self, event: Any) -> None:
        """Take it for an answer."""
        self._crumb()
        super().handle_pong(event)

    def handle_cont(self, event: Any) -> None:
        """Take the next piece of a message."""
        if len(event.data) < SMALL_BYTES:
            self._crumb()
        super().handle_cont(event)

    def send_receive_event_to_app(self) -> None:
        """Hand a message on, unless it is said to be a text and is none: uvicorn would write a traceback of it."""
        if self.curr_msg_data_type == "text" and not _is_text(b"".join(self.frames)):
            self.frames = []
            self.transport.abort()
            return
        super().send_receive_event_to_app()

    def _crumb(self) -> None:
        now = self.loop.time()
        if now - self._since > CRUMB_SECONDS:
            self._crumbs, self._since = 0, now
        self._crumbs += 1
        if self._crumbs > MOST_CRUMBS:
            self.transport.abort()


def _is_text(data: bytes) -> bool:
    try:
        data.decode()
    except UnicodeDecodeError:
        return False
    return True
