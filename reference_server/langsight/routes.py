"""What LangSight answers over HTTP. Requests count in the same metrics as the simulated workload."""

from __future__ import annotations

import contextlib
import functools
import hmac
from collections import Counter
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from time import monotonic as now
from typing import Any

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response
from starlette.routing import BaseRoute, Match, Mount, Route
from starlette.types import Scope

from reference_server.core.bodies import body, http_error
from reference_server.core.rates.app import page
from reference_server.core.rates.hosting import ServiceHosting
from reference_server.core.rates.model import ServiceProcess
from reference_server.langsight import settings
from reference_server.langsight.access import Authenticated, Counted, failed
from reference_server.langsight.feed import Feed
from reference_server.langsight.paths import SKIPPED
from reference_server.langsight.spans import MalformedError, extracted, read
from reference_server.langsight.stream import Stream
from reference_server.langsight.work import checked, clients, latency, publish, shown, unready

ACCEPTED, MOVED, UNAUTHORISED, NOT_FOUND, UNPROCESSABLE, LIMITED, UNAVAILABLE = 202, 307, 401, 404, 422, 429, 503

#: Version that /api/status tells.
VERSION = "0.15.0"

#: Longest body of a batch of spans.
MOST_BYTES = 10 * 1024 * 1024

#: Requests a minute that one key may make of a way in.
LIMITS = {"/api/traces/otlp": 60, "/api/traces/spans": 10_000}

#: Requests a minute that one address may make of any other route; what is above is refused before anybody counts it.
USUAL = 200


def routes(hosting: ServiceHosting, environment: Mapping[str, str]) -> list[BaseRoute]:
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
        Route("/api/agents/sessions/{session_id}", api.unknown),
        Route("/api/projects", _nothing),
        Route("/api/projects/{project}/members", api.unknown),
        Route("/api/investigate", api.investigate, methods=["POST"]),
    ]
    slash = Route("/metrics/", _without_slash)
    inner = Starlette(routes=[*public, slash, *guarded], exception_handlers={HTTPException: http_error})
    pages = [Route(path, api.metrics) for path in ("/metrics", "/processes/{name}/metrics")]
    counted = Counted(Authenticated(inner, own, guarded, api.broken), hosting, api.refused([*public, *guarded]))
    return [*pages, Mount("/", counted)]


class _Api:
    def __init__(self, hosting: ServiceHosting, own: settings.LangSight) -> None:
        self._hosting = hosting
        self._own = own
        self._feed = Feed(
            own.feed_clients, own.feed_buffer, taken=self._simulated, counted=self._counted, dropped=self._dropped,
            documented=own.documented,
        )  # fmt: skip
        self._asked: Counter[tuple[str, str]] = Counter()
        self._minute = 0
        hosting.at_close.append(self._feed.cut)
        hosting.watch(self._starts)

    @property
    def _process(self) -> ServiceProcess:
        """The process that answers over HTTP: the first one."""
        return self._hosting.service.processes[0]

    @property
    def _workload(self) -> Any:
        return self._hosting.service.workload

    def _starts(self, process: ServiceProcess) -> None:
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
        """Write a page for clients with the token; without one configured, for all or for none."""
        token = self._own.metrics_token
        if not token and not self._own.open_metrics:
            return Response(status_code=NOT_FOUND)
        given = request.headers.get("authorization", "").removeprefix("Bearer ").strip()
        if token and not hmac.compare_digest(given.encode(), token.encode()):
            return Response("Unauthorized", UNAUTHORISED)
        return await page(self._hosting, self._hosting.process(request.path_params.get("name", "")))

    async def status(self, _: Request) -> Response:
        return JSONResponse({"status": "ok", "version": VERSION})

    async def liveness(self, _: Request) -> Response:
        return JSONResponse({"status": "alive"})

    async def readiness(self, _: Request) -> Response:
        """Say whether the databases answer; ClickHouse without memory does not."""
        states = dict(zip(("postgres", "clickhouse"), unready(self._workload), strict=True))
        well = not any(states.values())
        storage = {name: "error" if bad else "ok" for name, bad in states.items()}
        body = {"status": "ready" if well else "not_ready", "version": VERSION, "storage": storage}
        return JSONResponse(body, 200 if well else UNAVAILABLE)

    async def spans(self, request: Request) -> Response:
        """Store a batch of spans, count them, and tell the live feed of each."""
        if self._limited(request):
            return JSONResponse({"error": "Rate limit exceeded"}, LIMITED)
        reader = functools.partial(read, documented=self._own.documented)
        async with _read(request, reader, invalid=self._invalid) as batch:
            if batch is None or self._fails():
                return failed(request.scope)
            self._process.instruments.add("spans_ingested_total", len(batch))
            for span in batch:
                event = shown(span, documented=self._workload.documented_spans)
                publish(self._process, "span:new", event)
            return JSONResponse({"accepted": len(batch)}, ACCEPTED)

    async def otlp(self, request: Request) -> Response:
        """Store the tool calls of an OTLP export. The documentation counts them; neither feed nor code does."""
        if self._limited(request):
            return JSONResponse({"error": "Rate limit exceeded"}, LIMITED)
        async with _read(request, extracted, invalid=self._invalid, fails=not self._own.documented) as batch:
            if batch is None or self._fails():
                return failed(request.scope)
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

    def broken(self) -> bool:
        """Whether Postgres is gone."""
        return bool(self._workload.postgres_gone)

    async def unknown(self, request: Request) -> Response:
        """Answer for a session or a project: the documentation has some of each, a real server without any has none."""
        if self._own.documented:
            return await _nothing(request)
        raise HTTPException(NOT_FOUND, "Not found")

    async def investigate(self, _: Request) -> Response:
        """Refuse: nobody here has a language model to ask."""
        raise HTTPException(UNPROCESSABLE, self._invalid("Field required"))

    def _invalid(self, why: str) -> Any:
        """Return why a body is refused, as the code writes it: a list of what is wrong."""
        return why if self._own.documented else [{"type": "value_error", "loc": ["body"], "msg": why}]

    def _limited(self, request: Request) -> bool:
        """Count a batch of a key against its limit; only the code has one."""
        path = request.url.path
        key = request.headers.get("x-api-key", "") if self._own.api_keys else ""  # only keys that were let in
        return not self._own.documented and self._exceeds(path, key, LIMITS[path])

    def _exceeds(self, route: str, who: str, limit: int) -> bool:
        """Count a request, minute by minute."""
        if (minute := int(now() / 60)) != self._minute:
            self._minute = minute
            self._asked.clear()
        self._asked[route, who] += 1
        return self._asked[route, who] > limit

    def refused(self, known: Sequence[Route]) -> Callable[[Scope], Response | None]:
        """Return what refuses a request above the common limit of the code; routes with a limit of their own have none."""

        def refusal(scope: Scope) -> Response | None:
            if self._own.documented:
                return None
            route = next((r.path for r in known if r.matches(scope)[0] is Match.FULL), "")
            address = scope["client"][0] if scope.get("client") else ""
            if route in {"", *LIMITS, *SKIPPED} or not self._exceeds(route, address, USUAL):
                return None
            return JSONResponse({"error": f"Rate limit exceeded: {USUAL} per 1 minute"}, LIMITED)

        return refusal

    def _fails(self) -> bool:
        """Fail as often as the scenario says that ClickHouse does: without memory it is told, else it is an error."""
        if self._process.chance.random() < self._workload.rejected_ratio:
            raise HTTPException(UNAVAILABLE, "Storage temporarily unavailable: ClickHouse memory limit exceeded")
        failing: bool = self._process.chance.random() < self._workload.insert_errors
        return failing


@contextlib.asynccontextmanager
async def _read(
    request: Request, reader: Callable[[bytes], Sequence[Any]], *, invalid: Callable[[str], Any], fails: bool = False
) -> AsyncIterator[Sequence[Any] | None]:
    """Read a batch; a malformed one is `invalid`, or None where the handler `fails` on it."""
    async with body(request, MOST_BYTES) as raw:
        batch: Sequence[Any] | None = None
        try:
            batch = reader(raw)
        except MalformedError as error:
            if not fails:
                raise HTTPException(UNPROCESSABLE, invalid(str(error))) from None
        yield batch


async def _without_slash(_: Request) -> Response:
    return RedirectResponse("/metrics", MOVED)


async def _nothing(_: Request) -> Response:
    """Answer a list that nothing is in."""
    return JSONResponse([])
