"""What every simulated service answers: its page, the pages of its siblings, where they are, and what is played.

`/metrics` is the page of the role that the settings name, `/processes/<name>/metrics` that of any process of the
deployment, `/targets` the list of them for `http_sd_configs`; `/scenario` and `/scenarios/NAME` are those of every
reference server (`switch`). The model adds the routes of the system itself.
"""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Callable, Mapping
from typing import Any

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from reference_server.core.asgi import Receive, Scope, Send, address_of
from reference_server.core.background import Background
from reference_server.core.rates.hosting import ServiceHosting
from reference_server.core.rates.model import ServiceProcess
from reference_server.core.switch import SCENARIO, SCENARIOS, expectations, switch

NOT_FOUND, UNAUTHORISED, DOWN = 404, 401, 503


class App(Starlette):
    """An app that can be told to end: answers that never end by themselves then do."""

    def __init__(self, closing: Callable[[], None], background: Background, **options: Any) -> None:
        self.closing = closing
        self.background = background
        super().__init__(**options)


def build(hosting: ServiceHosting, environment: Mapping[str, str]) -> App:
    """Make the app; `environment` has the variables of the system itself.

    Returns:
        The app: the routes that every service has, but for those that the system answers itself, and its own.

    Raises:
        SettingsError: The system cannot use some variable of the environment.

    """
    model = hosting.service.model
    hosting.use(environment)
    background = Background()

    @contextlib.asynccontextmanager
    async def live(_: Starlette) -> AsyncIterator[None]:
        background.start("the clock", hosting.clock.run())
        yield
        hosting.close()
        await background.end()

    own = model.routes(hosting, environment)
    taken = {route.path for route in own if isinstance(route, Route)}
    shared = [
        page_route(hosting, "/metrics"),
        page_route(hosting, "/processes/{name}/metrics"),
        Route("/targets", _Pages(hosting).targets, methods=["GET"]),
        Route(SCENARIO, _Switch(hosting)),
        Route(SCENARIOS + "{name:path}", _Switch(hosting)),
    ]
    return App(hosting.close, background, routes=[*(r for r in shared if r.path not in taken), *own], lifespan=live)


def page_route(hosting: ServiceHosting, path: str) -> Route:
    """Return the route of the page of the role that the settings name."""
    return Route(path, _Pages(hosting).get, methods=["GET"])


async def page(hosting: ServiceHosting, process: ServiceProcess | None) -> Response:
    """Answer a scrape of a process as the simulation says: late, refused, or not at all."""
    hosting.clock.advance()
    if process is None:
        return JSONResponse({"detail": "no such process"}, NOT_FOUND)
    if not process.up or process.faults.unreachable:
        return JSONResponse({"detail": "the scenario says that this process cannot be reached"}, DOWN)
    if process.faults.unauthorised:
        return JSONResponse({"detail": "Unauthorized"}, UNAUTHORISED)
    await hosting.clock.sleep(process.faults.slow_seconds)
    model = hosting.service.model
    body = await hosting.pages.get(id(process), lambda: model.page(process))
    return Response(body, headers={"content-type": model.content_type})


class _Pages:
    def __init__(self, hosting: ServiceHosting) -> None:
        self._hosting = hosting

    async def get(self, request: Request) -> Response:
        return await page(self._hosting, self._hosting.process(request.path_params.get("name", "")))

    async def targets(self, request: Request) -> Response:
        """List every process that discovery would find, each with its own path and labels."""
        self._hosting.clock.advance()
        groups: list[dict[str, Any]] = []
        for target in self._hosting.service.targets():
            path = f"/processes/{target.processes[0].name}/metrics"
            own = {"__metrics_path__": path, "instance": target.instance, "system": self._hosting.service.system}
            groups.append({"targets": [address_of(request.scope["server"])], "labels": {**own, **target.labels}})
        return JSONResponse(groups)


class _Switch:
    """Plain ASGI: Starlette hands such an object every method."""

    def __init__(self, hosting: ServiceHosting) -> None:
        self._hosting = hosting

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["path"] == SCENARIO:
            await switch(self._hosting, scope, receive, send)
        else:
            await expectations(self._hosting, scope, send)
