"""The live event feed of one process: clients with bounded buffers, comments that keep connections open, a cap.

Knows nothing of HTTP and of metrics; its owner is called when clients come and go and events are dropped.

Source: seed 002, SSE live event feed; `api/broadcast.py` of LangSight.
"""

from __future__ import annotations

import asyncio
import json
from collections import deque
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Mapping
from datetime import UTC, datetime
from typing import Any

#: Seconds of silence after which a comment is sent.
KEEPALIVE_SECONDS = 15.0

KEEPALIVE = b": keepalive\n\n"

#: Bytes that wait for one slow client, unless a single event has more; the real buffer counts events alone.
MOST_BYTES = 4 * 1024 * 1024


class _Client:
    """One connection: events that it has not taken, and a bell."""

    __slots__ = ("bell", "buffer", "gone", "size")

    def __init__(self) -> None:
        self.buffer: deque[bytes] = deque()
        self.bell = asyncio.Event()
        self.gone = False
        self.size = 0

    def take(self) -> bytes:
        """Return the oldest event that waits."""
        event = self.buffer.popleft()
        self.size -= len(event)
        return event


class Feed:
    """Events to all clients that are connected. Used by one event loop only."""

    def __init__(
        self,
        most: int,
        buffer: int,
        *,
        taken: Callable[[], int] = lambda: 0,
        counted: Callable[[int], None] = lambda _: None,
        dropped: Callable[[], None] = lambda: None,
        documented: bool = True,
    ) -> None:
        """Start without clients.

        Args:
            most: Clients at once; one more gets an event `error`, and its stream ends.
            buffer: Events that wait for one client; the oldest goes when another one comes.
            taken: How many of `most` are taken by clients that are only simulated.
            counted: Told how many clients there are, whenever that changes.
            dropped: Told of each event that a client lost.
            documented: The event `error` has a message alone; in the code it tells the cap, too.

        """
        self._most, self._buffer, self._documented = most, buffer, documented
        self._taken, self._counted, self._dropped = taken, counted, dropped
        self._clients: list[_Client] = []
        self._connections = 0

    @property
    def connections(self) -> int:
        """Connections that are open, one that is being refused included: the real gauge rises before the cap is looked at."""
        return self._connections

    def publish(self, kind: str, data: Mapping[str, Any]) -> None:
        """Hand an event to every client, at once; never waits for one."""
        if not self._clients:
            return
        event = message(kind, data)
        for client in self._clients:
            while client.buffer and (len(client.buffer) >= self._buffer or client.size + len(event) > MOST_BYTES):
                client.take()
                self._dropped()
            client.buffer.append(event)
            client.size += len(event)
            client.bell.set()

    def cut(self) -> None:
        """End every stream, as the end of the process does."""
        for client in self._clients:
            client.gone = True
            client.bell.set()

    async def stream(self) -> AsyncGenerator[bytes, None]:
        """Yield what one client is sent, until it is cut or closed."""
        self._count(1)
        try:
            if len(self._clients) + self._taken() >= self._most:
                yield message(
                    "error", {"message": "Too many connections", **({} if self._documented else {"max": self._most})}
                )
                return
            client = _Client()
            self._clients.append(client)
            try:
                yield f": connected at {datetime.now(UTC).isoformat()}\n\n".encode()
                async for part in _followed(client):
                    yield part
            finally:
                self._clients.remove(client)
        finally:
            self._count(-1)

    def _count(self, change: int) -> None:
        self._connections += change
        self._counted(self._connections)


async def _followed(client: _Client) -> AsyncIterator[bytes]:
    while not client.gone:
        while client.buffer:
            yield client.take()
        client.bell.clear()
        try:
            await asyncio.wait_for(client.bell.wait(), KEEPALIVE_SECONDS)
        except TimeoutError:
            yield KEEPALIVE


def message(kind: str, data: Mapping[str, Any]) -> bytes:
    """Write one event."""
    return f"event: {kind}\ndata: {json.dumps(data)}\n\n".encode()
