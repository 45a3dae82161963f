"""The model of a system that is made of its catalogue file."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from generator.catalogue import Catalogue, Metric, System
from reference_server.core.rates import page
from reference_server.core.rates.app import DOWN, page_route
from reference_server.core.rates.hosting import ServiceHosting
from reference_server.core.rates.model import Model, ServiceProcess
from reference_server.generic.series import metrics_of
from reference_server.generic.simulation import GenericWorkload, begin, tick

STYLE = page.Style()


def simulated(catalogue: Catalogue, name: str) -> Model:
    """Return the model of a system of the catalogue: one process of each role, or one where it has none."""
    system = catalogue.systems[name]
    return Model(
        system=name,
        roles=dict.fromkeys(system.roles or ("",), 1),
        workload=GenericWorkload,
        begin=begin,
        tick=tick,
        job=partial(_job, system),
        port=system.endpoint.port_of,
        page=_write,
        metrics=partial(_metrics, system),
        prefix=system.prefix,
        routes=partial(_routes, system),
        catalogue=lambda: catalogue,
    )


def _job(system: System, role: str) -> str:
    """Return the job's name, as the generated scrape configuration has it."""
    return "-".join(filter(None, (system.name.replace("_", "-"), role)))


def _metrics(system: System, role: str, known: tuple[Metric, ...]) -> tuple[Metric, ...]:
    return metrics_of(system, role, known)


def _write(process: ServiceProcess) -> bytes:
    return page.write(STYLE, process.instruments.metrics, process.instruments)


def _routes(system: System, hosting: ServiceHosting, _: Mapping[str, str]) -> Sequence[BaseRoute]:
    """Return the page at the path where the catalogue has it, and `/healthz`."""

    async def health(_: Request) -> Response:
        process = hosting.process()
        up = process is not None and process.up
        return JSONResponse({"status": "ok" if up else "down"}, 200 if up else DOWN)

    path = system.endpoint.path_of(hosting.settings.role or next(iter(system.roles), ""))
    found: list[Any] = [Route("/healthz", health, methods=["GET"])]
    if path not in {"/metrics", "/healthz"} and path.startswith("/"):
        found.append(page_route(hosting, path))
    return found
