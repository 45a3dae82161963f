"""LangSight's live feed and MCP servers: who is connected, who loses events, and which server fails its health checks?

For the on-call who answers a page about an MCP server, or sees a live dashboard that lags.
"""

from __future__ import annotations

from generator.boards.layout import Board, Row, board, row
from generator.boards.panels import bars, lines, stat
from generator.boards.tables import Column, table
from generator.config.site import Site
from generator.promql import distinct, increase, peak, present, rate, total

#: Why the panels of health checks are empty, which is the usual state.
BLIND = "Empty with every known version, which defines the metric and counts nothing. GET /api/health/servers has the results."


def dashboard(site: Site) -> Board:
    """Build the board."""
    return board(
        site,
        "langsight_feed",
        "LangSight / Live feed and MCP servers",
        system="langsight",
        about=__doc__ or "",
        rows=[_now(site), _servers(site), _clients(site)],
    )


def _now(site: Site) -> Row:
    ls = site.system("langsight")
    checks, limit = ls["health_checks_total"], site.limit("langsight_feed_clients")
    return row(
        "Status",
        stat(
            "Failed checks",
            increase(checks.where(status="down")).over(site.timing.window),
            limit=site.limit("langsight_failed_checks"),
        ).with_note(BLIND).normal("0.", "Open health check failures."),
        stat("Servers checked", distinct(checks, "server")).with_note(BLIND).normal("As many as are configured."),
        stat("Health checks", rate(checks)).with_note(BLIND).normal("As often as is configured."),
        stat("SSE clients", total(ls["active_sse_connections"])).normal("As many as open dashboards."),
        stat("Max SSE clients", peak(ls["active_sse_connections"]), limit=limit).with_note(
            "The cap is per process: LANGSIGHT_SSE_MAX_CLIENTS, 1,000 unless set; 200 by documentation."
        ).normal("Below 80 % of LANGSIGHT_SSE_MAX_CLIENTS.", "Add processes.", alert="LangSightSSENearCapacity"),
        stat("Dropped events", rate(ls["sse_events_dropped_total"]), limit=site.limit("langsight_feed_drops")).normal("0.", "A reader is too slow, or the network to it.", alert="LangSightSSEDrops"),
    )  # fmt: skip


def _servers(site: Site) -> Row:
    checks, by = site.system("langsight")["health_checks_total"], ("server",)
    every = rate(checks, by=by)
    failed = rate(checks.where(status="down"), by=by).filled(every)
    return row(
        "MCP servers: health checks",
        lines("Health check rate", every).with_note(BLIND).normal("As often as is configured."),
        lines("Health check failures", rate(checks.where(status="down"), by=by))
        .with_note(BLIND)
        .normal("No line.", "Read the log of that MCP server."),
        lines("Health checks by result", rate(checks, by=("status",)), stack=True).with_note(BLIND).normal("up alone."),
        lines("Health check failure ratio by server", failed / every, limit=site.limit("langsight_failed_ratio"))
        .with_note(BLIND)
        .normal("0 %.", "Read the log of that MCP server."),
        table(
            "MCP servers",
            [
                Column("Checks/s", every),
                Column("Down/s", failed),
                Column("Degraded/s", rate(checks.where(status="degraded"), by=by).filled(every)),
                Column("Failed share", failed / every, limit=site.limit("langsight_failed_ratio")),
                Column("Results seen", present(checks, by=by)),
            ],
            sort="Failed share",
        )
        .with_note(BLIND)
        .normal("No failures.", "Read the log of the server on top."),
    )


def _clients(site: Site) -> Row:
    ls, each = site.system("langsight"), (site.labels.instance,)
    limit = site.limit("langsight_feed_clients")
    return row(
        "Live feed",
        bars("SSE clients by process", peak(ls["active_sse_connections"], by=each), limit=limit).normal(
            "Even over the processes.", "Add processes.", alert="LangSightSSENearCapacity"
        ),
        lines("SSE clients over time", peak(ls["active_sse_connections"], by=each), limit=limit)
        .wide(16)
        .normal(
            "Follows the hours of work.", "Add processes before it reaches the cap.", alert="LangSightSSENearCapacity"
        ),
        lines("Dropped events by process", rate(ls["sse_events_dropped_total"], by=each))
        .with_note(
            "The oldest event of a client goes whose buffer is full: it is slow, or a batch has more spans than the buffer holds. Events lost between processes are counted nowhere."
        )
        .normal("No line.", "A reader is too slow, or the network to it.", alert="LangSightSSEDrops"),
        lines("Streams opened", rate(ls["http_requests_total"].where(path="/api/live/events"), by=("status",)))
        .with_note("Many more than clients: they connect again and again. A client above the cap is answered 200 too.")
        .normal("Close to the clients that come.", "Many more: a proxy cuts the connections, or the cap refuses them."),
    )
