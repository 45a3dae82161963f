"""LangSight's page: what prometheus_client writes of the process and of LangSight's own metrics, in the real order.

Source: `api/metrics.py` of LangSight; pages of prometheus_client 0.26.
"""

from __future__ import annotations

from collections.abc import Iterator

from generator.catalogue import Kind, Metric
from reference_server.core.exposition import labelled, real_help
from reference_server.core.rates import page
from reference_server.core.rates.model import ServiceProcess

CONTENT_TYPE = "text/plain; version=1.0.0; charset=utf-8"

#: HELP texts of LangSight's own metrics, in the order in which the code defines them.
OWN = {
    "http_requests_total": "Total HTTP requests",
    "http_request_duration_seconds": "HTTP request duration in seconds",
    "spans_ingested_total": "Total tool call spans ingested",
    "active_sse_connections": "Number of active SSE (live feed) connections",
    "sse_events_dropped_total": "SSE events dropped because client buffer was full",
    "health_checks_total": "Total health checks performed",
}

HELP = {name: text for name, text in real_help("new").items() if name.startswith(("python_", "process_"))} | OWN

_ORDER = list(HELP)

STYLE = page.Style(help=HELP, edge=lambda edge: repr(float(edge)), empty=True)


def write(process: ServiceProcess) -> bytes:
    """Write the page of one process. With `created` in its state false it has no `_created` gauges."""
    metrics = sorted(process.instruments.metrics, key=lambda m: _ORDER.index(m.name))

    def after(metric: Metric, series: list[dict[str, str]]) -> Iterator[page.Line]:
        if process.state.get("created", True) and metric.name in OWN and metric.kind is not Kind.GAUGE and series:
            yield _created(process, metric, series)

    return page.write(STYLE, metrics, process.instruments, after)


def _created(process: ServiceProcess, metric: Metric, series: list[dict[str, str]]) -> page.Line:
    """Return when each series began: the start of the process, or for one with labels the first page that has it."""
    born = process.state["born"]
    name = process.instruments.prefix + metric.base.removesuffix("_total") + "_created"
    for labels in series:
        key = (metric.name, *labels.values())
        if key not in born:
            first = process.wall(process.started + (process.state["age"] if labels else 0.0))
            born[key] = f"{labelled(name, labels.items())} {STYLE.number(first)}\n"
    return page.Line(name, Kind.GAUGE, HELP[metric.name], tuple(born[metric.name, *own.values()] for own in series))
