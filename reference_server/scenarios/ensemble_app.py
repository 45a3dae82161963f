"""A whole scenario over HTTP: a page per process, the list of processes, and the switch to another scenario. Plain ASGI."""

from __future__ import annotations

import re

from reference_server.core.asgi import OK, Receive, Scope, Send, address_of, refuse, tell
from reference_server.core.background import Background
from reference_server.core.switch import NOT_ALLOWED, NOT_FOUND, SCENARIO, SCENARIOS, expectations, switch
from reference_server.scenarios.ensemble import Ensemble

PAGE = re.compile(r"/processes/([^/]+)/([^/]+)/metrics")
UNREACHABLE = 503


class EnsembleApp:
    """The ASGI app; its clock runs with its lifespan."""

    def __init__(self, ensemble: Ensemble) -> None:
        self.background = Background()
        self._ensemble = ensemble

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer."""
        ensemble = self._ensemble
        if scope["type"] == "lifespan":
            await self._live(receive, send)
        elif scope["type"] != "http":
            await send({"type": "websocket.close"})
        elif scope["path"] == SCENARIO:
            await switch(ensemble, scope, receive, send)
        elif scope["path"].startswith(SCENARIOS):
            await expectations(ensemble, scope, send)
        elif scope["method"] != "GET":
            await refuse(send, NOT_ALLOWED, "Method Not Allowed")
        elif found := PAGE.fullmatch(scope["path"]):
            await _page(ensemble, found[1], found[2], send)
        elif scope["path"] == "/targets":
            ensemble.clock.advance()
            await tell(send, ensemble.discovery(address_of(scope["server"])))
        elif scope["path"] in {"/", "/ok"}:
            await tell(send, {"ok": True, "services": {}})
        else:
            await refuse(send, NOT_FOUND, "Not Found")

    async def _live(self, receive: Receive, send: Send) -> None:
        await receive()
        self.background.start("the clock", self._ensemble.clock.run())
        await send({"type": "lifespan.startup.complete"})
        await receive()
        await self.background.end()
        await send({"type": "lifespan.shutdown.complete"})


async def _page(ensemble: Ensemble, deployment: str, instance: str, send: Send) -> None:
    found = await ensemble.scrape(deployment, instance)
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
