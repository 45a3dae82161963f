"""What LangSight answers over HTTP. Requests count in the same metrics as the simulated workload."""

from __future__ import annotations

import hmac
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Mount, Route

from reference_server.bodies import body, told
from reference_server.langsight import settings
from reference_server.langsight.access import Authenticated, Counted
from reference_server.langsight.feed import Feed
from reference_server.langsight.spans import MalformedError, extracted, read
from reference_server.langsight.stream import Stream
from reference_server.langsight.work import checked, clients, latency, publish
from reference_server.services.app import page
from reference_server.services.hosting import Hosting
from reference_server.services.model import Process

ACCEPTED, UNAUTHORISED, NOT_FOUND, UNPROCESSABLE, UNAVAILABLE = 202, 401, 404, 422, 503

#: Version that /api/status tells: that of the repository looked at.
VERSION = "0.14.0"

#: Longest body of a batch of spans.
MOST_BYTES = 8 * 1024 * 1024


def routes(hosting: Hosting, environment: Mapping[str, str]) -> list[BaseRoute]:
    """List the routes of an API process; the last one answers, and counts, all that is no other's."""
    own = settings.read(environment)
    api = _Api(hosting, own)
    public = [
        Route("/api/status", api.status),
        Route("/api/liveness", api.liveness),
        Route("/api/readiness", api.readiness),
    ]
    guarded = [
        Route("/api/traces/spans", api.spans, methods=["POST"]),
        Route("/api/traces/otlp", api.otlp, methods=["POST"]),
        Route("/api/health/servers", api.servers),
        Route("/api/health/servers/{name}", api.server),
        Route("/api/health/check", api.check, methods=["POST"]),
        Route("/api/live/events", api.events),
        Route("/api/agents/sessions", _nothing),
        Route("/api/agents/sessions/{session_id}", _nothing),
        Route("/api/projects/{project}/members", _nothing),
    ]
    inner = Starlette(routes=[*public, *guarded], exception_handlers={HTTPException: told})
    return [Route("/metrics", api.metrics), Mount("/", Counted(Authenticated(inner, own, guarded), hosting))]


class _Api:
    def __init__(self, hosting: Hosting, own: settings.LangSight) -> None:
        self._hosting = hosting
        self._own = own
        self._feed = Feed(
            own.feed_clients, own.feed_buffer, taken=self._simulated, counted=self._counted, dropped=self._dropped
        )
        hosting.at_close.append(self._feed.cut)
        hosting.watch(self._starts)

    @property
    def _process(self) -> Process:
        """The process that answers over HTTP: the first one."""
        return self._hosting.service.processes[0]

    @property
    def _workload(self) -> Any:
        return self._hosting.service.workload

    def _starts(self, process: Process) -> None:
        process.state["created"] = self._own.created_series
        if process.number == 0:
            self._feed.cut()
            process.state["feed"] = self._feed

    def _simulated(self) -> int:
        return int(self._process.state["simulated"])

    def _counted(self, _: int) -> None:
        for process in self._hosting.service.processes[:1]:
            clients(process)

    def _dropped(self) -> None:
        self._process.instruments.add("sse_events_dropped_total")

    async def metrics(self, request: Request) -> Response:
        """Write the page to whoever has the token; without one configured, to everybody or to nobody."""
        token = self._own.metrics_token
        if not token and not self._own.open_metrics:
            return Response(status_code=NOT_FOUND)
        given = request.headers.get("authorization", "").removeprefix("Bearer ").strip()
        if token and not hmac.compare_digest(given.encode(), token.encode()):
            return Response("Unauthorized", UNAUTHORISED)
        return await page(self._hosting, self._hosting.process())

    async def status(self, _: Request) -> Response:
        return JSONResponse({"status": "ok", "version": VERSION})

    async def liveness(self, _: Request) -> Response:
        return JSONResponse({"status": "alive"})

    async def readiness(self, _: Request) -> Response:
        """Say whether the databases answer; ClickHouse without memory does not."""
        well = self._workload.rejected_ratio < 1
        storage = {"postgres": "ok", "clickhouse": "ok" if well else "error"}
        body = {"status": "ready" if well else "not_ready", "version": VERSION, "storage": storage}
        return JSONResponse(body, 200 if well else UNAVAILABLE)

    async def spans(self, request: Request) -> Response:
        """Store a batch of spans, count them, and tell the live feed of each."""
        batch = await _read(request, read)
        self._store()
        self._process.instruments.add("spans_ingested_total", len(batch))
        for span in batch:
            publish(self._process, "span:new", span)
        return JSONResponse({"accepted": len(batch)}, ACCEPTED)

    async def otlp(self, request: Request) -> Response:
        """Store the tool calls of an OTLP export. The documentation counts them; neither feed nor code does."""
        batch = await _read(request, extracted)
        self._store()
        if self._workload.counts_otlp:
            self._process.instruments.add("spans_ingested_total", len(batch))
        return JSONResponse({"accepted": len(batch)}, ACCEPTED)

    async def servers(self, _: Request) -> Response:
        """List the status of every MCP server."""
        return JSONResponse([self._health(name) for name in self._workload.servers])

    async def server(self, request: Request) -> Response:
        name = request.path_params["name"]
        if name not in self._workload.servers:
            raise HTTPException(NOT_FOUND, f"No health data found for server '{name[:80]}'. Run a check first.")
        return JSONResponse(self._health(name))

    async def check(self, _: Request) -> Response:
        """Check every MCP server now."""
        for name, status in self._workload.servers.items():
            checked(self._process, self._workload, name, status)
        return JSONResponse([self._health(name) for name in self._workload.servers])

    async def events(self, _: Request) -> Response:
        """Follow the live feed."""
        return Stream(self._feed)

    def _health(self, name: str) -> dict[str, Any]:
        return {
            "server_name": name,
            "status": self._workload.servers[name],
            "latency_ms": latency(self._process),
            "error": None,
        }

    def _store(self) -> None:
        """Fail as often as the scenario says that ClickHouse does."""
        if self._process.chance.random() < self._workload.rejected_ratio:
            raise HTTPException(UNAVAILABLE, "Storage temporarily unavailable: ClickHouse memory limit exceeded")


async def _read(request: Request, reader: Callable[[bytes], Sequence[Any]]) -> Sequence[Any]:
    try:
        return reader(await body(request, MOST_BYTES))
    except MalformedError as error:
        raise HTTPException(UNPROCESSABLE, str(error)) from None


async def _nothing(_: Request) -> Response:
    """Answer a list that nothing is in."""
    return JSONResponse([])
