"""What LangSmith answers beside its pages: queue depths as JSON, the json_exporter's probe, nginx's status page.

Source: the chart's KEDA triggers (langchain-ai/helm) for the JSON; json_exporter's `/probe`; ngx_http_stub_status_module.
"""

from __future__ import annotations

import functools
from collections.abc import Mapping

from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from generator.catalogue import JsonPage, load
from reference_server.core.rates.hosting import ServiceHosting
from reference_server.core.rates.model import ServiceProcess
from reference_server.langsmith.queues import PAGES

BAD, NOT_FOUND = 400, 404


def routes(hosting: ServiceHosting, _: Mapping[str, str]) -> list[Route]:
    """Return the routes of every role: one process shows them all."""
    own = _Routes(hosting)
    return [
        Route("/metrics", own.metrics, methods=["GET"]),
        Route("/processes/{name}/metrics", own.metrics, methods=["GET"]),
        Route("/metrics/queue/{queue}", own.queue, methods=["GET"]),
        Route("/probe", own.probe, methods=["GET"]),
        Route("/nginx_status", own.status, methods=["GET"]),
    ]


@functools.cache
def _pages() -> tuple[JsonPage, ...]:
    return load().systems["langsmith"].endpoint.json


class _Routes:
    def __init__(self, hosting: ServiceHosting) -> None:
        self._hosting = hosting

    async def metrics(self, request: Request) -> Response:
        """Answer a page, or where platform-backend is asked for JSON the depths of its queues."""
        from reference_server.core.rates import app

        process = self._hosting.process(request.path_params.get("name", ""))
        json = (
            process is not None and process.role == "platform-backend" and request.query_params.get("format") == "json"
        )
        if not json:
            return await app.page(self._hosting, process)
        self._hosting.clock.advance()
        return JSONResponse({f"{queue}_queue": {"pending": self._depth(0, queue)} for queue in PAGES[0][1]})

    async def queue(self, request: Request) -> Response:
        """Answer the depth of one queue of backend's workers."""
        self._hosting.clock.advance()
        queue = request.path_params["queue"]
        for number, (_, names) in enumerate(PAGES[1:], start=1):
            if queue in names and self._reader(number) is not None:
                return JSONResponse({"queued": self._depth(number, queue)})
        return JSONResponse({"detail": "no such queue"}, NOT_FOUND)

    async def probe(self, request: Request) -> Response:
        """Answer as a json_exporter with this bundle's modules; it has read `target` for itself."""
        from reference_server.core.rates import app

        module = request.query_params.get("module", "default")
        numbers = [n for n, page in enumerate(_pages()) if page.module == module]
        if not numbers:
            return PlainTextResponse(f'Unknown module "{module}"\n', BAD)
        if not request.query_params.get("target"):
            return PlainTextResponse("Target parameter is missing\n", BAD)
        return await app.page(self._hosting, self._reader(numbers[0]))

    async def status(self, _: Request) -> Response:
        """Answer nginx's status page as the module writes it."""
        self._hosting.clock.advance()
        found = self._hosting.process("frontend-nginx-0")
        if found is None or not found.instruments.value("nginx_connections_active"):
            return PlainTextResponse("no such nginx\n", NOT_FOUND)

        def value(name: str) -> int:
            return int(found.instruments.value(f"nginx_{name}"))

        return PlainTextResponse(
            f"Active connections: {value('connections_active')} \n"
            "server accepts handled requests\n"
            f" {value('connections_accepted')} {value('connections_handled')} {value('http_requests_total')} \n"
            f"Reading: {value('connections_reading')} Writing: {value('connections_writing')} "
            f"Waiting: {value('connections_waiting')} \n"
        )

    def _reader(self, number: int) -> ServiceProcess | None:
        return self._hosting.process(f"queue-depth-{number}")

    def _depth(self, number: int, queue: str) -> int:
        reader = self._reader(number)
        return int(reader.instruments.value(PAGES[number][0], queue=queue)) if reader else 0
