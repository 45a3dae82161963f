"""Routes of one process put together as the real server does it: order of routes, mounts and middleware decide the labels."""

from __future__ import annotations

from typing import Any

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.cors import CORSMiddleware
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Mount, Route

from reference_server.agent_server.access import Access
from reference_server.agent_server.event_routes import EventRoutes
from reference_server.agent_server.meta import MetaRoutes
from reference_server.agent_server.node import Node
from reference_server.agent_server.routes import Routes
from reference_server.agent_server.simulation import FullError
from reference_server.core.asgi import App, Receive, Scope, Send, refuse
from reference_server.core.bodies import HANDLERS as COMMON_HANDLERS
from reference_server.core.bodies import UNAVAILABLE

#: Verbs that the real server's HTTP parser knows; it answers any other one with 400 before anything is counted.
#: Source: llhttp, https://github.com/nodejs/llhttp/blob/main/src/llhttp/constants.ts
VERBS = frozenset(
    ["DELETE", "GET", "HEAD", "POST", "PUT", "CONNECT", "OPTIONS", "TRACE", "COPY", "LOCK", "MKCOL", "MOVE", "PROPFIND",
     "PROPPATCH", "SEARCH", "UNLOCK", "BIND", "REBIND", "UNBIND", "ACL", "REPORT", "MKACTIVITY", "CHECKOUT", "MERGE",
     "M-SEARCH", "NOTIFY", "SUBSCRIBE", "UNSUBSCRIBE", "PATCH", "PURGE", "MKCALENDAR", "LINK", "UNLINK", "SOURCE"]
)  # fmt: skip


def _full(_: Request, error: Exception) -> Response:
    """Answer to a run for which there is no room."""
    return JSONResponse({"detail": str(error)}, UNAVAILABLE)


HANDLERS: dict[Any, Any] = {**COMMON_HANDLERS, FullError: _full}


def build(node: Node) -> App:
    """Make the app of a process, whatever its role; it has no lifespan of its own."""
    return _Verbs(_unreachable(node, _queue(node) if node.role == "queue" else _api(node)))


def _api(node: Node) -> App:
    meta = MetaRoutes(node)
    routes = [*meta.all(), Mount("", routes=[*Routes(node).all(), *EventRoutes(node).all()])]
    middleware = [
        Middleware(CORSMiddleware, allow_origins=["*"], allow_methods=["*"], allow_headers=["*"]),
        Middleware(Access, record=node.count, clock=node.clock.now, mount_prefix=node.settings.mount_prefix),
    ]
    app = Starlette(routes=routes, middleware=middleware, exception_handlers=HANDLERS)
    if not node.settings.mount_prefix:
        return app
    # Probes and scrapers find the root too; /info answers below the prefix only.
    outer = [Route(path, endpoint, methods=["GET"]) for path, endpoint in (("/", meta.ok), ("/ok", meta.ok))]
    outer.append(Route("/metrics", meta.metrics, methods=["GET"]))
    return Starlette(routes=[*outer, Mount(node.settings.mount_prefix, app=app)], exception_handlers=HANDLERS)


def _queue(node: Node) -> App:
    routes = MetaRoutes(node).queue()
    prefix = node.settings.mount_prefix
    inner = Starlette(routes=routes, exception_handlers=HANDLERS)
    return Starlette(routes=[*routes, Mount(prefix, app=inner)], exception_handlers=HANDLERS) if prefix else inner


def _unreachable(node: Node, app: App) -> App:
    """Refuse requests while the scenario has the process down; the page has its own way of saying so."""

    async def guarded(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and not node.process.up and not node.ending:
            await refuse(send, 503, "the scenario says that this process is down")
        else:
            await app(scope, receive, send)

    return guarded


class _Verbs:
    """Refuses what the real server's parser refuses, so that verbs cannot grow the label set."""

    def __init__(self, app: App) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and scope["method"] not in VERBS:
            await refuse(send, 400, "Invalid HTTP request received.")
        else:
            await self._app(scope, receive, send)
