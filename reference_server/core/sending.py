"""Large answers sent in parts, so that clients who do not read them cannot fill the memory.

What waits on one connection is bounded by the connection; what waits in our own hands, by `MOST_BYTES` over all of them.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, MutableMapping
from typing import Any

from reference_server.core.asgi import App, Receive, Scope, Send, refuse
from reference_server.core.connections import ABORT, GONE

#: Answers up to this are handed on as they are; larger ones in parts of this size.
PART_BYTES = 16 * 1024

#: Most bytes of answers that are being sent; over it the one that has taken longest is cut off.
MOST_BYTES = 32 * 1024 * 1024

UNAVAILABLE = 503


class Sending:
    """ASGI around a whole server."""

    def __init__(self, app: App, most_bytes: int = MOST_BYTES) -> None:
        """Wrap `app`."""
        self._app = app
        self._most = most_bytes
        self._pending: dict[object, tuple[int, Callable[[], None]]] = {}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Hand on; cut large bodies into parts. What still waits when the server ends is refused, or cut off."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        begun = False

        async def parted(message: MutableMapping[str, Any]) -> None:
            nonlocal begun
            begun = True
            body = message.get("body", b"")
            if len(body) <= PART_BYTES:
                await send(message)
            else:
                await self._send(scope, body, more=message.get("more_body", False), send=send)

        try:
            await self._app(scope, receive, parted)
        except asyncio.CancelledError:  # the server ends, and has told of it
            if begun:
                scope.get("state", {}).get(ABORT, lambda: None)()
            else:
                await refuse(send, UNAVAILABLE, "the server ends")

    async def _send(self, scope: Scope, body: bytes, *, more: bool, send: Send) -> None:
        key, state = object(), scope.get("state", {})
        gone = state.get(GONE, lambda: False)
        self._pending[key] = len(body), state.get(ABORT, lambda: None)
        self._make_room(key)
        try:
            for start in range(0, len(body), PART_BYTES):
                last = start + PART_BYTES >= len(body)
                if gone():
                    await asyncio.sleep(0)  # the protocol hears of it, and misses nothing of the answer
                    return
                part = {"type": "http.response.body", "body": body[start : start + PART_BYTES]}
                await send({**part, "more_body": more or not last})
        finally:
            self._pending.pop(key, None)

    def _make_room(self, newest: object) -> None:
        total = sum(size for size, _ in self._pending.values())
        for key, (size, abort) in list(self._pending.items()):
            if total <= self._most or key is newest:
                return
            del self._pending[key]
            total -= size
            abort()
