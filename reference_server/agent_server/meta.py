"""What probes and scrapers ask: /metrics in its two formats, /ok, /info, for each role as the real server answers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from reference_server.agent_server import versions
from reference_server.agent_server.node import Node
from reference_server.core.families import Buckets
from reference_server.core.sharing import Shared

#: Content types of the page, by era. Source: the real servers' headers.
CONTENT_TYPES = {"new": "text/plain; version=1.0.0; charset=utf-8", "old": "text/plain; charset=utf-8"}

#: Version of `langgraph` in the environment of the real server that the conformance test runs.
LANGGRAPH = "1.2.22"

HEALTHY, UNHEALTHY, OVERLOADED = 200, 500, 503


class MetaRoutes:
    """The routes of one process that are not its API."""

    def __init__(self, node: Node) -> None:
        self.node = node
        self.pages = Shared()

    def all(self) -> list[Route]:
        """List the routes of an API or combined process."""
        return [
            Route("/ok", self.ok, methods=["GET"]),
            Route("/metrics", self.metrics, methods=["GET"]),
            Route("/", self.ok, methods=["GET"]),
            Route("/info", self.info, methods=["GET"]),
        ]

    def queue(self) -> list[Route]:
        """List the routes of a queue process, which has no other ones."""
        return [Route("/ok", self.queue_ok), Route("/metrics", self.metrics)]

    async def metrics(self, request: Request) -> Response:
        """Write the page; a format that does not exist means the Prometheus one."""
        node = self.node
        node.clock.advance()
        await self._reachable()
        if request.query_params.get("format") == "json":
            return JSONResponse(json_page(node))
        kind = CONTENT_TYPES[node.process.settings.era]
        body = await self.pages.get("", lambda: node.deployment.page(node.process))
        return Response(body, headers={"content-type": kind})

    async def _reachable(self) -> None:
        """Wait as long as the simulation says that a scrape takes.

        Raises:
            HTTPException: It says that there is no answer.

        """
        node = self.node
        faults = node.process.faults
        if node.process.up and not faults.blocked_seconds and not faults.partitioned:
            return
        found = node.deployment.scrape(node.process)
        if faults.blocked_seconds:
            await node.clock.sleep(found.duration_seconds)
        if not found.ok and not node.ending:
            raise HTTPException(OVERLOADED, "the scenario says that this process cannot be reached")

    async def ok(self, request: Request) -> Response:
        """Say whether the server is well; with `check_db=1` ask the databases too."""
        check = int(request.query_params.get("check_db", "0"))
        status, services = health(self.node, check_db=bool(check))
        if not versions.tells_services(self.node.process.settings.version):
            return JSONResponse({"ok": status == HEALTHY}, status)
        return JSONResponse({"ok": status == HEALTHY, "services": services}, status)

    async def queue_ok(self, request: Request) -> Response:
        """Say whether the queue process is well; the databases are asked unless `check_db=0`."""
        check = int(request.query_params.get("check_db", "1"))
        status, _ = health(self.node, check_db=bool(check))
        if check and status != HEALTHY:
            return Response("Internal Server Error", UNHEALTHY, media_type="text/plain")
        return JSONResponse({"status": "ok"})

    async def info(self, _: Request) -> Response:
        """Say who this is."""
        node = self.node
        flags = {
            "assistants": True,
            "crons": True,
            "langsmith": False,
            "langsmith_tracing_replicas": True,
            "langsmith_tracing_session_on_runs": True,
        }
        host = {
            "kind": "byoc" if node.settings.project_id else "self-hosted",
            "project_id": node.settings.project_id or None,
            "host_revision_id": node.settings.revision_id or None,
            "revision_id": None,
            "tenant_id": None,
        }
        version = node.process.settings.version
        return JSONResponse({"version": version, "langgraph_py_version": LANGGRAPH, "flags": flags, "host": host})


def health(node: Node, *, check_db: bool) -> tuple[int, Mapping[str, str]]:
    """Status and services of `/ok`: the core is always asked, the databases only when told to."""
    node.clock.advance()
    status, services = node.deployment.health(node.process, check_db=True)
    if not services:
        return status, {}
    if not check_db:
        core = services["core_api"]
        return (
            HEALTHY if core == "healthy" else UNHEALTHY,
            {name: core if name == "core_api" else "skipped" for name in services},
        )
    process = node.process
    full = process.postgres_in_use() >= process.settings.postgres_pool
    if status == HEALTHY and full:
        return OVERLOADED, {**services, "postgres": "unhealthy"}
    return status, services


def json_page(node: Node) -> dict[str, Any]:
    """Return the page in its JSON format: read at request time, whatever is exposed and whatever names start with.

    Source: `api/meta.py` and `queue_entrypoint.py` of 0.16.7; the order of the keys is theirs.

    Raises:
        HTTPException: 500; the statistics of the queue cannot be read.

    """
    process = node.process
    pools = {name: dict(pool) for name, pool in node.deployment.pools(process).items()}
    slots, active = process.settings.slots, len(process.active)
    workers = {"max": slots, "active": active, "available": slots - active}
    if process.role == "queue":
        return {**pools, "workers": workers}
    if process.faults.stats_frozen or process.faults.postgres == "down":
        raise HTTPException(UNHEALTHY, "the statistics of the queue cannot be read")
    counts = [
        {"method": own["method"], "path": own.get("path", ""), "status": int(own["status"]), "count": int(count)}
        for metric, own, count in process.instruments.points()
        if metric.name == "http_requests_total" and "status" in own and not isinstance(count, Buckets)
    ]
    page = {**pools, "queue": _queue(node), "api": {"http_requests_total": counts}}
    return {**page, "workers": workers} if process.executes and slots else page


def _queue(node: Node) -> dict[str, Any]:
    stats = asdict(node.deployment.queue_stats())
    if not stats["n_pending"] and not stats["n_running"]:
        # The real server builds this answer apart, in another order.
        return {**{k: v for k, v in stats.items() if k != "n_running"}, "n_running": 0}
    return stats
