"""The words of ASGI, and the shortest answers in it. Knows nothing of what is served."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]

OK = 200


async def tell(send: Send, answer: Any, status: int = OK) -> None:
    """Answer with JSON."""
    body = json.dumps(answer).encode()
    headers = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})


async def refuse(send: Send, status: int, detail: str) -> None:
    """Answer with an error."""
    await tell(send, {"detail": detail}, status)


def address_of(server: tuple[str, int]) -> str:
    """Return where a request met us, as the reader of a list of targets needs it: never what the request called us."""
    host, port = server
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
