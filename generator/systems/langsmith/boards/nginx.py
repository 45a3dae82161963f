"""LangSmith's frontend: does its nginx answer, how many come, and does it drop connections?

For the on-call who answers an alert on the frontend. The status page knows neither status codes nor latency: these are on the
board of the services.
"""

from __future__ import annotations

from generator.boards import processes as targets
from generator.boards.layout import Board, Row, board, row
from generator.boards.panels import lines, stat, state
from generator.config.site import Site
from generator.promql import level, rate, total


def dashboard(site: Site) -> Board:
    """Build the board."""
    return board(
        site,
        "langsmith_nginx",
        "LangSmith / Frontend nginx",
        system="langsmith",
        about=__doc__ or "",
        rows=[_now(site), _traffic(site)],
    )


def _now(site: Site) -> Row:
    ls, by = site.system("langsmith", on="langsmith"), (site.labels.instance,)
    accepted, handled = ls["nginx_connections_accepted"], ls["nginx_connections_handled"]
    return row(
        "Status",
        stat("nginx up", level(ls["nginx_up"]), limit=targets.THERE, bad="below")
        .with_note(
            "Later exporters say 1 even when the page answers with an error: then the other figures are missing."
        )
        .normal("1.", alert="LangSmithNginxDown"),
        stat("Request rate", rate(ls["nginx_http_requests_total"])).normal(
            "The shape of your days.", alert="LangSmithNginxTrafficZero"
        ),
        stat("Connections", total(ls["nginx_connections_active"])).normal("In proportion to users."),
        stat("Dropped connections", rate(accepted) - rate(handled), limit=site.limit("nginx_dropped")).normal(
            "0.", "Raise worker_connections.", alert="LangSmithNginxDroppingConnections"
        ),
        state("Uptime of nginx", level(ls["nginx_up"], by=by), targets.UP).normal(
            "Up throughout.", alert="LangSmithNginxDown"
        ),
    )


def _traffic(site: Site) -> Row:
    ls, by = site.system("langsmith", on="langsmith"), (site.labels.instance,)
    accepted, handled = ls["nginx_connections_accepted"], ls["nginx_connections_handled"]
    requests = ls["nginx_http_requests_total"]
    return row(
        "Requests and connections",
        lines(
            "Request rate, and a week ago",
            rate(requests).named("now"),
            rate(requests, ago="7d").named("a week ago"),
        )
        .with_note("The exporter's own reads are counted: one per scrape.")
        .normal("The shape of the week before.", "The ingress before it, or DNS.", alert="LangSmithNginxTrafficZero"),
        lines("Request rate by process", rate(requests, by=by)).normal("Even over the processes."),
        lines("New connections", rate(accepted).named("accepted"), rate(handled).named("handled")).normal(
            "Accepted and handled on each other.", alert="LangSmithNginxDroppingConnections"
        ),
        lines(
            "Open connections by state",
            total(ls["nginx_connections_reading"]).named("reading"),
            total(ls["nginx_connections_writing"]).named("writing"),
            total(ls["nginx_connections_waiting"]).named("idle"),
            stack=True,
        ).normal("Mostly waiting."),
        lines(
            "Dropped connections by process",
            rate(accepted, by=by) - rate(handled, by=by),
            limit=site.limit("nginx_dropped"),
        ).normal("No line.", "Raise worker_connections.", alert="LangSmithNginxDroppingConnections"),
    )
