"""The page as Rust's prometheus-client writes it: the OpenMetrics text, whatever content type was asked for.

Seen on pages of running gateways: HELP, TYPE, UNIT, families without `_total`, whole counters, labels in the order of
their declaration, `# EOF`. A family without a series is not there. Protobuf, which the real one offers too, is not.

Source: crates/agentgateway/src/management/metrics_server.rs of agentgateway/agentgateway; prometheus-client 0.24
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from generator.catalogue import Kind, Metric, version_key
from reference_server.agentgateway.workload import CODE
from reference_server.core.rates import page as pages
from reference_server.core.rates.model import ServiceProcess

TEXT = "text/plain;charset=utf-8"
OPEN_METRICS = "application/openmetrics-text;charset=utf-8;version=1.0.0"

_UNITS = ("seconds", "bytes", "usd")
_HELP: Mapping[str, str] = json.loads((Path(__file__).parent / "help.json").read_text(encoding="utf-8"))


def number(value: float) -> str:
    """Write a float as Rust does: `1.0`, `5e-5`, `+Inf`."""
    if math.isinf(value):
        return "+Inf" if value > 0 else "-Inf"
    mantissa, _, exponent = repr(float(value)).partition("e")
    return f"{mantissa}e{int(exponent)}" if exponent else mantissa


def family(name: str, kind: Kind) -> str:
    """Return the name on the HELP and TYPE lines."""
    return name.removesuffix({Kind.COUNTER: "_total", Kind.INFO: "_info"}.get(kind, ""))


def unit(metric: Metric) -> str:
    """Return the unit that the metric is registered with: the one in its name."""
    return next((u for u in _UNITS if metric.name.removesuffix("_total").endswith(f"_{u}")), "")


STYLE = pages.Style(
    help=_HELP,
    family=family,
    kind=str,
    unit=unit,
    number=number,
    integer=lambda value: str(int(value)),
    fractional=frozenset({"gen_ai_client_cost_usd_total"}),
    edge=number,
    leading=("_sum", "_count"),
    trailing=(),
    edge_first=True,
    alphabetical=False,
    end="# EOF\n",
)


def write(process: ServiceProcess) -> bytes:
    """Write the page of a process: what it recorded, in the order of the catalogue."""
    found = dict.fromkeys(metric for metric, _, _ in process.instruments.points())
    return pages.write(STYLE, sorted(found, key=lambda m: m.line), process.instruments)


def unshown(metrics: Iterable[Metric], era: str, version: str) -> frozenset[str]:
    """Return the names of metrics that a gateway of an era, or of a version of the code, does not have."""
    known = version_key(version)
    return frozenset(m.name for m in metrics if era not in m.emission or (era == CODE and version_key(m.since) > known))


def content_type(accept: str) -> str:
    """Return the content type for an Accept header; the text is the same."""
    asked = [each.partition(";")[0].strip().lower() for each in accept.split(",")]
    return OPEN_METRICS if "application/openmetrics-text" in asked else TEXT


def routes(hosting: Any, _: Mapping[str, str]) -> list[Route]:
    """Return both paths of the page, each process's own, and the readiness that the real one has on port 15021."""
    from reference_server.core.rates.app import page  # its module imports the models

    async def metrics(request: Request) -> Response:
        response = await page(hosting, hosting.process(request.path_params.get("name", "")))
        if response.headers["content-type"] == TEXT:
            response.headers["content-type"] = content_type(request.headers.get("accept", ""))
        return response

    async def ready(_: Request) -> Response:
        up = any(process.up for process in hosting.service.processes)
        return PlainTextResponse("ready\n" if up else "not ready\n", 200 if up else 503)

    paths = ("/metrics", "/stats/prometheus", "/processes/{name}/metrics")
    return [*(Route(path, metrics, methods=["GET"]) for path in paths), Route("/healthz/ready", ready, methods=["GET"])]
