"""What LangSight watches and whom it tells: health checks of MCP servers, clients of the live feed.

`LangSightHealthCheckFailing` has the vendor's name. The vendor fires when one check within five minutes failed; here two
must have, and at least half of all, so a lost probe is no page, and a server that is back is not told of. No known version
counts health checks, so it is off, and so is `LangSightHealthMetricMissing`, which says that it is blind.
"""

from __future__ import annotations

from generator.config.site import Site
from generator.promql import occurrences, peak, present, rate, total
from generator.rules.rule import SAMPLED, Alert


def alerts(site: Site) -> list[Alert]:
    """Return the alerts, most urgent subject first."""
    ls, by, labels = site.system("langsight"), site.identity, site.labels
    name = f"{{{{ $labels.{labels.deployment} }}}}"
    checks, of_server = ls["health_checks_total"], (*by, "server")
    failed = occurrences(checks.where(status="down"), by=of_server)
    up = site.system("prometheus", on="langsight")["up"]
    return [
        Alert(
            name="LangSightHealthCheckFailing",
            query=failed.at_least(site.limit("langsight_failed_checks")).both(
                (failed / occurrences(checks, by=of_server)).at_least(site.limit("langsight_failed_ratio"))
            ),
            hold="3m",
            severity="critical",
            summary=f"{name}: the MCP server {{{{ $labels.server }}}} failed {{{{ $value | humanize }}}} health checks within {site.timing.window_words()}.",
            description="At least half of its checks failed: agents that use its tools fail too.",
            action="ask the MCP server itself; GET /api/health/servers has the last error.",
            board="langsight_feed",
            off="no known version counts health checks; enable it where your page has samples of langsight_health_checks_total",
        ),
        Alert(
            name="LangSightHealthMetricMissing",
            query=total(up, by=by).above(0).without(present(checks, by=by).above(0)),
            hold="1h",
            severity="info",
            summary=f"{name}: health checks of MCP servers are not counted.",
            description="LangSightHealthCheckFailing is blind: the page has no sample of langsight_health_checks_total. Also true where no MCP server is registered.",
            action="watch GET /api/health/servers through a JSON exporter.",
            board="langsight_feed",
            off="it is always true of every known version; enable it together with LangSightHealthCheckFailing",
        ),
        Alert(
            name="LangSightSSENearCapacity",
            query=peak(ls["active_sse_connections"], by=(*by, labels.instance)).above(
                site.limit("langsight_feed_clients")
            ),
            hold="5m",
            keep=SAMPLED,
            severity="warning",
            summary=f"{name}: {{{{ $labels.{labels.instance} }}}} has {{{{ $value }}}} clients on its live feed.",
            description="At the cap the next client gets an event `error` with status 200, so nothing else shows the refusal. The cap is per process, and a setting of it: the threshold langsight_feed_clients follows it.",
            action="look for clients that connect again and again; raise LANGSIGHT_SSE_MAX_CLIENTS.",
            board="langsight_feed",
        ),
        Alert(
            name="LangSightSSEDrops",
            query=rate(ls["sse_events_dropped_total"], by=by).above(site.limit("langsight_feed_drops")),
            over="10m",
            hold="10m",
            severity="info",
            summary=f"{name}: {{{{ $value | humanize }}}} live events a second are dropped.",
            description="A batch of more spans than the buffer holds makes every client lose the rest, however fast it reads; else some client reads more slowly than events come. Only live dashboards suffer: what is stored is complete.",
            action="compare the spans of a batch with LANGSIGHT_SSE_CLIENT_BUFFER, 200 unless set; then look for background tabs and slow proxies.",
            board="langsight_feed",
        ),
    ]
