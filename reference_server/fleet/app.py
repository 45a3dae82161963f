"""The fleet over HTTP: a page per target and the list of targets. Plain ASGI: a scrape costs a format and a write."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import Any

from reference_server.core.asgi import address_of
from reference_server.fleet.fleet import Fleet

Scope = dict[str, Any]
Call = Callable[..., Any]

PAGE = re.compile(r"/targets/(\d{1,9})/metrics")
TEXT = b"text/plain; version=1.0.0; charset=utf-8"
JSON = b"application/json"
READERS = ("GET", "HEAD")

OK, NOT_FOUND, NOT_ALLOWED = 200, 404, 405


def fleet_app(fleet: Fleet, clock: Callable[[], float]) -> Any:
    """Make the ASGI app; `clock` gives unix seconds, virtual ones when time is scaled."""

    async def app(scope: Scope, receive: Call, send: Call) -> None:
        if scope["type"] == "lifespan":
            await _live(receive, send)
        elif scope["type"] == "http":
            status, kind, body = _answer(fleet, clock(), scope)
            headers = [(b"content-type", kind), (b"content-length", str(len(body)).encode())]
            await send({"type": "http.response.start", "status": status, "headers": headers})
            await send({"type": "http.response.body", "body": b"" if scope["method"] == "HEAD" else body})
        else:
            await send({"type": "websocket.close"})

    return app


def _answer(fleet: Fleet, now: float, scope: Scope) -> tuple[int, bytes, bytes]:
    if scope["method"] not in READERS:
        return NOT_ALLOWED, JSON, json.dumps({"detail": "Method Not Allowed"}).encode()
    path: str = scope["path"]
    if (one := PAGE.fullmatch(path)) and (page := fleet.page(int(one[1]), now)) is not None:
        return OK, TEXT, page
    if path == "/targets":
        return OK, JSON, fleet.discovery(address_of(scope["server"]))
    if path in {"/", "/ok"}:
        return OK, JSON, json.dumps({"ok": True, "services": {}}).encode()
    return NOT_FOUND, JSON, json.dumps({"detail": "Not Found"}).encode()


async def _live(receive: Call, send: Call) -> None:
    await receive()
    await send({"type": "lifespan.startup.complete"})
    await receive()
    await send({"type": "lifespan.shutdown.complete"})
