"""The row of Agent Server on *All systems*."""

from __future__ import annotations

from generator.boards.tables import Column
from generator.catalogue import Limit
from generator.config.site import Site
from generator.rules.rule import recorded
from generator.systems.agent_server.records import error_share, flow, levels, records

#: The board that one opens first.
FIRST = "fleet"


def columns(site: Site) -> list[Column]:
    """Return the golden signals of each deployment."""
    r, by, now = records(site), site.identity, levels(site, by=site.identity)
    window = site.timing.window
    return [
        Column("Targets", now["targets"]),
        Column(
            "Down",
            now["targets"] - now["targets_up"],
            limit=Limit("any", 1, "instances", "Any."),
            alert="AgentServerTargetDown",
        ),
        Column("Requests/s", flow(site, "http_availability", "total", by=by)),
        Column("Failed requests", error_share(site, "http_availability", window), limit=site.limit("http_error_ratio")),
        Column("API p95", recorded(r["latency_p95"], by=by)),
        Column("Failed runs", error_share(site, "run_success", window)),
        Column("Runs waiting", now["pending"]),
        Column("Free job slots", now["slots_free"]),
    ]
