"""Targets of LangSight: is it watched, by one process each, with a bounded number of series?

Differences from the vendor's draft: nothing is grouped by `job`; what is held against a limit keeps the labels that name
a deployment.
"""

from __future__ import annotations

from generator.boards.processes import shared_addresses
from generator.config.site import Site
from generator.promql import distinct, lowest, total
from generator.rules import presence
from generator.rules.rule import CRASHING, Alert

SUBJECT = presence.Subject(
    system="langsight",
    board="langsight_telemetry",
    outage="SDKs cannot deliver their spans, and every other alert of it is blind. A wrong token is answered with 401, and without LANGSIGHT_METRICS_TOKEN there is no page at all (404).",
    look="fetch the page with the token: curl -H 'Authorization: Bearer …' says whether it is down or refuses.",
)


def alerts(site: Site) -> list[Alert]:
    """Return the alerts, most urgent subject first."""
    ls, by, labels = site.system("langsight"), site.identity, site.labels
    up = site.system("prometheus", on="langsight")["up"]
    name = f"{{{{ $labels.{labels.deployment} }}}}"
    instance = f"{{{{ $labels.{labels.instance} }}}}"
    return [
        *presence.alerts(site, SUBJECT),
        Alert(
            name="LangSightNotReady",
            query=lowest(site.system("exporters", on="langsight")["probe_success"], by=by)
            .equals(0)
            .both(total(up, by=by).above(0)),
            hold="3m",
            keep=CRASHING,
            severity="critical",
            summary=f"{name}: LangSight answers, and says that it is not ready.",
            description="The only probe that sees Postgres and ClickHouse from outside: their failures are not counted. Inserts that fail while ClickHouse answers queries are not seen by it.",
            action="read the body of /api/readiness; it names the storage that does not answer.",
            board="langsight_telemetry",
            off=""
            if site.config.systems["langsight"].discovery.blackbox_exporter
            else "it needs a blackbox_exporter that probes /api/readiness",
        ),
        Alert(
            name="LangSightMultiWorkerScrape",
            query=shared_addresses(site, "langsight"),
            over="15m",
            hold="0s",
            severity="warning",
            summary=f"{name}: {instance} is several processes in turn.",
            description="LANGSIGHT_WORKERS is above 1, or scrapes go through a load balancer: each meets another process, so counters jump and gauges show a part.",
            action="run one worker per container, and scrape the containers.",
            board="langsight_telemetry",
        ),
        Alert(
            name="LangSightPathCardinality",
            query=distinct(ls["http_requests_total"], "path", by=by).above(site.limit("langsight_paths")),
            hold="30m",
            severity="warning",
            summary=f"{name}: {{{{ $value }}}} different paths in langsight_http_requests_total.",
            description="The label has raw URL paths; only hex identifiers are collapsed, so slugs, names and scanners' URLs add a dozen series each.",
            action="drop or rewrite `path` by metric_relabel_configs; keep scanners out at the ingress.",
            board="langsight_telemetry",
        ),
    ]
