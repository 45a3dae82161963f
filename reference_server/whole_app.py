"""A whole scenario over HTTP: a page per process, the list of processes, and the switch to another scenario. Plain ASGI."""

from __future__ import annotations

import asyncio
import contextlib
import re

from reference_server.app import App, Receive, Scope, Send, refuse
from reference_server.fleet_app import address_of
from reference_server.switch import NOT_ALLOWED, NOT_FOUND, OK, SCENARIO, SCENARIOS, expectations, switch, tell
from reference_server.whole import Whole

PAGE = re.compile(r"/processes/([^/]+)/([^/]+)/metrics")
UNREACHABLE = 503


def whole_app(whole: Whole) -> App:
    """Make the ASGI app; its clock runs with its lifespan."""

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await _live(whole, receive, send)
        elif scope["type"] != "http":
            await send({"type": "websocket.close"})
        elif scope["path"] == SCENARIO:
            await switch(whole, scope, receive, send)
        elif scope["path"].startswith(SCENARIOS):
            await expectations(whole, scope, send)
        elif scope["method"] != "GET":
            await refuse(send, NOT_ALLOWED, "Method Not Allowed")
        elif found := PAGE.fullmatch(scope["path"]):
            await _page(whole, found[1], found[2], send)
        elif scope["path"] == "/targets":
            whole.pace.advance()
            await tell(send, whole.discovery(address_of(scope)))
        elif scope["path"] in {"/", "/ok"}:
            await tell(send, {"ok": True, "services": {}})
        else:
            await refuse(send, NOT_FOUND, "Not Found")

    return app


async def _page(whole: Whole, deployment: str, instance: str, send: Send) -> None:
    found = await whole.scrape(deployment, instance)
    if found is None:
        await refuse(send, NOT_FOUND, "no such process")
        return
    scrape, kind = found
    if not scrape.ok:
        await refuse(send, UNREACHABLE, "the scenario says that this process cannot be reached")
        return
    body = scrape.text()
    headers = [(b"content-type", kind.encode()), (b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": OK, "headers": headers})
    await send({"type": "http.response.body", "body": body})


async def _live(whole: Whole, receive: Receive, send: Send) -> None:
    await receive()
    clock = asyncio.create_task(whole.pace.run())
    await send({"type": "lifespan.startup.complete"})
    await receive()
    clock.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await clock
    await send({"type": "lifespan.shutdown.complete"})
