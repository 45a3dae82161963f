"""All systems at once: is each of them well, and where to look next?

For whoever is on call and does not know yet which system it is. One row per system that is enabled: its targets, its
firing alerts, the golden signals of its deployments, and the way to its own first board.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from generator import scraped, targets
from generator.alerts.langsight_api import WAITING
from generator.catalogue import Metric
from generator.layout import WIDE, Board, Row, board, row
from generator.limits import Limit
from generator.panels import Column, Shown, stat, table, text
from generator.promql import count, distinct, level, peak, quantile, rate, total
from generator.query import Query
from generator.records.agent_server import error_share, flow, levels, records
from generator.records.agentgateway import records as gateway_records
from generator.rules import board_uid, recorded
from generator.site import Site

#: One target or alert is one too many.
ANY = Limit("any", 1, "none", "Any.")


@dataclass(frozen=True, slots=True)
class Part:
    """One system's row.

    Attributes:
        system: Its id.
        first: Stem of the board that one opens first.
        signals: Its golden signals by deployment.

    """

    system: str
    first: str
    signals: Callable[[Site], list[Column]]


def dashboard(site: Site) -> Board:
    """Build the board."""
    here = [part for part in PARTS if site.config.systems[part.system].enabled]
    return board(
        site,
        "overview",
        "All systems",
        system="",
        about=__doc__ or "",
        variables=WIDE,
        fleet=True,
        rows=[_everything(site, here), *(_row(site, part) for part in here)],
    )


def _everything(site: Site, here: list[Part]) -> Row:
    up = scraped.up(site, [part.system for part in here])
    firing = site.firing()
    return row(
        "Is anything wrong anywhere?",
        stat("Systems scraped", distinct(up, site.labels.system)),
        stat("Targets", count(up)),
        stat("Targets down", _down(up), limit=ANY),
        stat("Firing: critical", _number(firing, "critical"), limit=_alerts(ANY)),
        stat("Firing: warning", _number(firing, "warning")),
        stat("Firing: info", _number(firing, "info")),
        targets.alerts(site),
    )


def _row(site: Site, part: Part) -> Row:
    title = site.catalogue.systems[part.system].title
    name = title.removesuffix(" services")  # else all that one reads of the titles is the system
    up = site.system("prometheus", on=part.system)["up"]
    firing = site.firing(part.system)
    absent = f"Empty when no {title} is scraped: set `systems: {{{part.system}: {{enabled: false}}}}` in bundle.yaml where there is none."
    return row(
        title,
        stat(f"{name}: targets", count(up)).noting(absent),
        stat(f"{name}: down", _down(up), limit=ANY).noting(absent),
        stat(f"{name}: critical", _number(firing, "critical"), limit=_alerts(ANY)),
        stat(f"{name}: warnings", _number(firing, "warning")),
        _link(site, part, name, absent).wide(8, 4),
        table(f"{name}: deployments", part.signals(site), link=_open(site, part)).wide(24, 6).noting(absent),
    )


def _number(firing: Metric, severity: str) -> Query:
    found = count(firing.where(severity=severity)).as_unit("alerts")
    return found.or_zero().about(f"Firing alerts of the severity {severity}.")


def _alerts(limit: Limit) -> Limit:
    return Limit(limit.name, limit.value, "alerts", limit.why)


def _down(up: Metric | Query, by: tuple[str, ...] = ()) -> Query:
    return (count(up, by=by).as_unit("none") - total(up, by=by)).about("Targets whose last scrape failed.")


def _link(site: Site, part: Part, title: str, absent: str) -> Shown:
    """Say where to look next."""
    url = f"/d/{board_uid(site, part.first)}?var-datasource=${{datasource}}&${{__url_time_range}}"
    return text(f"{title}: where to look next", f"### [Open {title}]({url})\n\n{absent}")


def _open(site: Site, part: Part) -> dict[str, str]:
    """Return the link of a deployment's cell."""
    cells = [f'var-{name}=${{__data.fields["{label}"]}}' for name, label in zip(WIDE, site.identity, strict=True)]
    query = "&".join((*cells, "var-datasource=${datasource}", "${__url_time_range}"))
    return {site.labels.deployment: f"/d/{board_uid(site, part.first)}?{query}"}


def _targets(site: Site, system: str) -> list[Column]:
    up, by = site.system("prometheus", on=system)["up"], site.identity
    return [Column("Targets", count(up, by=by)), Column("Down", _down(up, by), limit=ANY)]


def _failed(http: Metric, by: tuple[str, ...]) -> Query:
    every = rate(http, by=by)
    return rate(http.matching(status="5.."), by=by).filled(every) / every


def _agent_server(site: Site) -> list[Column]:
    r, by, now = records(site), site.identity, levels(site, by=site.identity)
    window = site.timing.window
    return [
        Column("Targets", now["targets"]),
        Column("Down", now["targets"] - now["targets_up"], limit=Limit("any", 1, "instances", "Any.")),
        Column("Requests/s", flow(site, "http_availability", "total", by=by)),
        Column("Failed requests", error_share(site, "http_availability", window), limit=site.limit("http_error_ratio")),
        Column("API p95", recorded(r["latency_p95"], by=by)),
        Column("Failed runs", error_share(site, "run_success", window)),
        Column("Runs waiting", now["pending"]),
        Column("Free job slots", now["slots_free"]),
    ]


def _langsight(site: Site) -> list[Column]:
    ls, by = site.system("langsight"), site.identity
    http, checks = ls["http_requests_total"], ls["health_checks_total"]
    latency = quantile(0.99, ls["http_request_duration_seconds"].not_matching(path=WAITING), by=by)
    return [
        *_targets(site, "langsight"),
        Column("Requests/s", rate(http, by=by)),
        Column("Failed requests", _failed(http, by), limit=site.limit("langsight_error_ratio")),
        Column("p99", latency, limit=site.limit("langsight_latency_p99")),
        Column("Spans/s", rate(ls["spans_ingested_total"], by=by)),
        Column("Live clients", peak(ls["active_sse_connections"], by=by), limit=site.limit("langsight_feed_clients")),
        Column("Failed checks/s", rate(checks.where(status="down"), by=by).filled(rate(checks, by=by))),
    ]


def _agentgateway(site: Site) -> list[Column]:
    r, by = gateway_records(site), site.identity
    requests, llm = recorded(r["requests"], by=by), recorded(r["llm"], by=by)
    return [
        *_targets(site, "agentgateway"),
        Column("Requests/s", requests),
        Column("Failed requests", recorded(r["errors"], by=by) / requests, limit=site.limit("gateway_error_ratio")),
        Column("HTTP p99, slowest gateway", recorded(r["latency"], by=by), limit=site.limit("gateway_latency_p99")),
        Column("To models/s", llm),
        Column("Failed to models", recorded(r["llm_errors"], by=by) / llm, limit=site.limit("gateway_llm_error_ratio")),
        Column("To tools/s", recorded(r["mcp"], by=by)),
    ]


def _langsmith(site: Site) -> list[Column]:
    ls, by = site.system("langsmith", on="langsmith"), site.identity
    return [
        *_targets(site, "langsmith"),
        Column("Requests/s", rate(ls["langsmith_http_requests_total"], by=by)),
        Column("p99", quantile(0.99, ls["langsmith_http_requests_latency_seconds"], by=by)),
        Column("In progress", level(ls["langsmith_http_requests_in_progress"], by=by)),
        Column("Longest queue", peak(ls["langsmith_queue_pending"], by=by)),
    ]


#: In the order of the rows: from the servers that agents run on to what stands around them.
PARTS = (
    Part("agent_server", "agent_server_fleet", _agent_server),
    Part("langsight", "langsight_overview", _langsight),
    Part("agentgateway", "agentgateway_overview", _agentgateway),
    Part("langsmith", "langsmith_services", _langsmith),
)
