"""Counts HTTP requests as the real server does: by route template, with one empty path for all unknown URLs.

The bounds are the real ones too: where the number of label sets is reached, new ones are not counted.
"""

from __future__ import annotations

from collections.abc import Callable, MutableMapping
from typing import Any

from starlette.routing import Route

from reference_server.core.asgi import App, Receive, Scope, Send

#: What is told of a request: method, route template, status, milliseconds.
Record = Callable[[str, str, int, int], None]

#: Routes that are not counted: pages for probes and scrapers, with whatever prefix they are mounted.
UNCOUNTED = ("/ok", "/info", "/metrics", "/docs", "/openapi.json")

#: Paths that are not even looked at, whatever the method.
IGNORED = ("/ok", "/metrics")

#: Bounds on what is remembered. Source: `http_metrics.py` of 0.16.7.
MOST_COUNTS = 5_000
MOST_LATENCIES = 1_000

FAILED = 500


class ApiRoute(Route):
    """A route that leaves its template where `Access` finds it, also when the method is wrong."""

    async def handle(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Note the template; then as any route."""
        scope["route"] = self.path
        await super().handle(scope, receive, send)


class Access:
    """Middleware around the API: tells `record` of each request once it has been answered."""

    def __init__(self, app: App, *, record: Record, clock: Callable[[], float], mount_prefix: str = "") -> None:
        """Wrap `app`; `clock` gives seconds, virtual ones when time is scaled."""
        self._app = app
        self._record = record
        self._clock = clock
        self._mount_prefix = mount_prefix

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve, then record."""
        path = scope.get("path", "")
        if scope["type"] != "http" or (path.replace(self._mount_prefix, "") if self._mount_prefix else path) in IGNORED:
            await self._app(scope, receive, send)
            return
        status = 0

        async def watch(message: MutableMapping[str, Any]) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        begun = self._clock()
        try:
            await self._app(scope, receive, watch)
        except Exception:
            status = FAILED
            raise
        finally:
            route = template(scope.get("route"))
            if route is not None and status and not route.endswith(UNCOUNTED):
                self._record(scope["method"], route, status, int((self._clock() - begun) * 1000))


def template(route: object) -> str | None:
    """Read the template off what the router left: a text, or a route or mount that has a path."""
    if isinstance(route, str):
        return route
    path = getattr(route, "path", None)
    return path if isinstance(path, str) else None


class Requests:
    """Label sets of the requests that came over HTTP: a bound on how many there can be."""

    def __init__(self) -> None:
        self.counts: dict[tuple[str, str, int], int] = {}
        self._latencies: set[tuple[str, str]] = set()

    def admit(self, method: str, path: str, status: int) -> bool:
        """Count a request; False when there is no room for its label set."""
        key, pair = (method, path, status), (method, path)
        if key not in self.counts and len(self.counts) >= MOST_COUNTS:
            return False
        if pair not in self._latencies and len(self._latencies) >= MOST_LATENCIES:
            return False
        self._latencies.add(pair)
        self.counts[key] = self.counts.get(key, 0) + 1
        return True
