"""What every simulated service answers: its page, the pages of its siblings, where they are, and another scenario.

`/metrics` is the page of the role that the settings name, `/processes/<name>/metrics` that of any process of the
deployment, `/targets` the list of them for `http_sd_configs`, and `/scenario` tells and changes what is played. The
model adds the routes of the system itself.
"""

from __future__ import annotations

import asyncio
import contextlib
import ipaddress
import json
from collections.abc import AsyncIterator, Callable, Mapping
from typing import Any

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from generator.errors import GeneratorError
from reference_server import systems
from reference_server.services.hosting import Hosting
from reference_server.services.model import Process

BAD, FORBIDDEN, NOT_FOUND, UNAUTHORISED, DOWN = 400, 403, 404, 401, 503

#: The word for an ordinary day, without any fault.
ORDINARY = "calm"


class App(Starlette):
    """An app that can be told to end: answers that never end by themselves then do."""

    def __init__(self, closing: Callable[[], None], **options: Any) -> None:
        self.closing = closing
        super().__init__(**options)


def build(hosting: Hosting, environment: Mapping[str, str]) -> App:
    """Make the app; `environment` has the variables of the system itself.

    Raises:
        SettingsError: The system cannot use some variable of the environment.

    """
    model = systems.model(hosting.settings.system)
    hosting.use(environment)

    @contextlib.asynccontextmanager
    async def live(_: Starlette) -> AsyncIterator[None]:
        clock = asyncio.create_task(hosting.pace.run())
        yield
        hosting.close()
        clock.cancel()
        await asyncio.gather(clock, return_exceptions=True)

    own = model.routes(hosting, environment)
    taken = {route.path for route in own if isinstance(route, Route)}
    shared = [
        Route("/metrics", _Page(hosting).get, methods=["GET"]),
        Route("/processes/{name}/metrics", _Page(hosting).get, methods=["GET"]),
        Route("/targets", _Page(hosting).targets, methods=["GET"]),
        Route("/scenario", _Switch(hosting).tell, methods=["GET"]),
        Route("/scenario", _Switch(hosting).change, methods=["POST"]),
    ]
    return App(hosting.close, routes=[*(r for r in shared if r.path not in taken), *own], lifespan=live)


async def page(hosting: Hosting, process: Process | None) -> Response:
    """Answer a scrape of a process as the simulation says: late, refused, or not at all."""
    hosting.pace.advance()
    if process is None:
        return JSONResponse({"detail": "no such process"}, NOT_FOUND)
    if not process.up or process.faults.unreachable:
        return JSONResponse({"detail": "the scenario says that this process cannot be reached"}, DOWN)
    if process.faults.unauthorised:
        return JSONResponse({"detail": "Unauthorized"}, UNAUTHORISED)
    await hosting.pace.sleep(process.faults.slow_seconds)
    model = hosting.service.model
    return Response(model.page(process), headers={"content-type": model.content_type})


class _Page:
    def __init__(self, hosting: Hosting) -> None:
        self._hosting = hosting

    async def get(self, request: Request) -> Response:
        return await page(self._hosting, self._hosting.process(request.path_params.get("name", "")))

    async def targets(self, request: Request) -> Response:
        """List every process that discovery would find, each with its own path and labels."""
        groups: list[dict[str, Any]] = []
        for target in self._hosting.service.targets():
            path = f"/processes/{target.processes[0].name}/metrics"
            own = {"__metrics_path__": path, "instance": target.instance, "system": self._hosting.service.system}
            groups.append({"targets": [request.url.netloc], "labels": {**own, **target.labels}})
        return JSONResponse(groups)


class _Switch:
    def __init__(self, hosting: Hosting) -> None:
        self._hosting = hosting

    async def tell(self, _: Request) -> Response:
        found = self._hosting.scenario
        return JSONResponse(
            {"scenario": found.id if found else ORDINARY, "title": found.title if found else "An ordinary day"}
        )

    async def change(self, request: Request) -> Response:
        """Play another scenario: `{"scenario": NAME}`, a shipped one of this system, or `calm`."""
        if not _loopback(request):
            return JSONResponse({"detail": "only this machine may switch the scenario"}, FORBIDDEN)
        try:
            given = json.loads(await request.body())
            name = given["scenario"]
        except (ValueError, KeyError, TypeError, RecursionError):
            name = None
        if not isinstance(name, str) or "/" in name or name.endswith((".yaml", ".yml")):
            what = 'the body is not {"scenario": "NAME"} with the name of a shipped scenario'
            return JSONResponse({"detail": what}, BAD)
        try:
            self._hosting.switch(None if name == ORDINARY else self._hosting.find(name))
        except GeneratorError as error:
            return JSONResponse({"detail": str(error)}, NOT_FOUND)
        return await self.tell(request)


def _loopback(request: Request) -> bool:
    try:
        return request.client is not None and ipaddress.ip_address(request.client.host).is_loopback
    except ValueError:
        return False
