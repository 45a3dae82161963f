"""Who spends more than its budget, and labels of attribution that have more values than was said."""

from __future__ import annotations

from generator.config.site import Site
from generator.promql import add_label, distinct
from generator.promql.query import Query
from generator.rules.rule import SAMPLED, Alert
from generator.systems.agentgateway import spending
from generator.systems.agentgateway.records import NEW

#: Neither is about one deployment: a team spends wherever it works.
ABOUT = {"about": "spending"}


def alerts(site: Site) -> list[Alert]:
    """Return the alerts, most urgent subject first."""
    return [
        Alert(
            name="AgentgatewayBudgetSpent",
            query=spending.use(site).above(site.limit("gateway_budget_use")),
            hold="15m",
            severity="warning",
            labels=ABOUT,
            summary="{{ $labels.attribution }} {{ $labels.value }} has spent {{ $value | humanizePercentage }} of its budget of a day.",
            description="The cost of the last 24 hours over all gateways, against the budget in bundle.yaml. Where the gateway tells no cost it is estimated by the prices there.",
            action="see which model and agent; talk to its owner before you cap the key.",
            keep=SAMPLED,
            board="agentgateway_spend",
        ),
        Alert(
            name="AgentgatewayAttributionValues",
            query=_values(site),
            hold="15m",
            keep=SAMPLED,
            severity="warning",
            labels=ABOUT,
            summary="{{ $labels.attribution }} has {{ $value | humanize }} values, more than were expected.",
            description="A label that has a value for each request or user multiplies every series of the gateway, until Prometheus has no memory left.",
            action="look at the expression of the field in the gateway's configuration; name the value only where it is one of a list.",
            board="agentgateway_spend",
        ),
    ]


def _values(site: Site) -> Query:
    """Return the number of values of each label that has more than the configuration allows."""
    usage = site.system(spending.SYSTEM)["gen_ai_client_token_usage"].matching(**NEW)
    found = spending.config(site).attribution
    if not found:
        return spending.untold(distinct(usage, "gateway"))
    over = [add_label(distinct(usage, one.label).above(one.values), "attribution", one.label) for one in found]
    joined = over[0]
    for other in over[1:]:
        joined = joined.otherwise(other)
    return joined
