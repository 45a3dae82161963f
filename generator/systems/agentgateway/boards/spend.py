"""agentgateway, who spends: which team, agent or key uses the tokens and the money, and who is over its budget?

For those who pay, and for the on-call when a budget is spent. The labels are those that your gateway's configuration adds.
"""

from __future__ import annotations

from dataclasses import replace

from generator.boards.layout import Board, Row, board, row
from generator.boards.panel import Panel
from generator.boards.panels import bars, lines, over_range, stat
from generator.boards.tables import Column, table, words
from generator.config.site import Site
from generator.promql import distinct, observations, share_of, top, volume
from generator.promql.query import Query
from generator.systems.agentgateway import spending
from generator.systems.agentgateway.records import INPUT, NEW, OUTPUT, answered
from generator.systems.agentgateway.spending import cost

#: Values of a label of the gateway that nobody set.
NOBODY = "unknown|"

#: How many values a bar chart shows.
SHOWN = 15

BUDGET = "AgentgatewayBudgetSpent"


def dashboard(site: Site) -> Board:
    """Build the board."""
    labels = spending.labels(site)
    rows = [_now(site), *(_by(site, label) for label in labels), _budgets(site), *([_models(site)] if labels else [])]
    return board(
        site,
        "agentgateway_spend",
        "agentgateway / Who spends",
        system="agentgateway",
        about=__doc__ or "",
        rows=rows,
        filters=spending.filters(site),
    )


def _now(site: Site) -> Row:
    usage = site.system("agentgateway")["gen_ai_client_token_usage"].matching(**NEW)
    panels = [
        stat("Cost per hour", _hourly(cost(site))).normal("Within your budget.", alert=BUDGET),
        stat("Cost in range", over_range(cost(site, within=True))).normal("In proportion to the range."),
        stat("Token rate", volume(usage)).normal("In proportion to requests."),
    ]
    labels = spending.labels(site)
    for label in labels:
        nobody = share_of(cost(site, part={label: NOBODY}), cost(site)).about(
            f"Share of the cost without a {words(label)}."
        )
        panels += [
            stat(f"Values of {words(label)}", distinct(usage, label)).normal(
                "As many as you have.",
                "A value for each request: see what sets it.",
                alert="AgentgatewayAttributionValues",
            ),
            stat(f"Cost without {words(label)}", nobody).normal("0 %.", f"Find who sends no {words(label)}."),
        ]
    shown = panels if labels else [_untold(panel) for panel in panels]
    return row("Status", *shown)


def _untold(panel: Panel) -> Panel:
    return replace(panel, queries=tuple(spending.untold(query) for query in panel.queries))


def _hourly(query: Query) -> Query:
    return (query * 3600).as_unit("USD")


def _by(site: Site, label: str) -> Row:
    gw, by = site.system("agentgateway"), (label,)
    usage = gw["gen_ai_client_token_usage"]
    answers = observations(answered(gw["gen_ai_server_request_duration"]), by=by, unit="requests")
    spending = over_range(cost(site, by, within=True))
    part = share_of(spending, over_range(cost(site, within=True))).about(f"Share of the cost by {words(label)}.")
    return row(
        f"By {words(label)}",
        lines(f"Cost by {words(label)}", _hourly(cost(site, by)), stack=True)
        .with_note("USD an hour, at the current rate.")
        .normal("A steady mix.", f"The {words(label)} on top, and what changed there.", alert=BUDGET),
        lines(f"Tokens by {words(label)}", volume(usage.matching(**NEW), by=by), stack=True).normal(
            "A steady mix.", "Grows alone: an agent in a loop, or a leaked key."
        ),
        bars(f"Share of cost by {words(label)}", top(part, SHOWN)).wide(7, 10).normal("As you planned it."),
        table(
            f"Spending by {words(label)}",
            [
                Column("USD in range", spending),
                Column("Share", part),
                Column("Answers/s", answers),
                Column("Input tokens/s", volume(usage.where(**INPUT), by=by)),
                Column("Output tokens/s", volume(usage.where(**OUTPUT), by=by)),
            ],
            sort="USD in range",
        )
        .wide(17, 10)
        .normal("No surprise on top.", "Open its models below."),
    )


def _budgets(site: Site) -> Row:
    used = spending.use(site)
    limit = site.limit("gateway_budget_use")
    return row(
        "Budgets",
        lines("Budget use", used, limit=limit)
        .with_note("Of the last 24 hours, over all gateways, whatever is chosen above.")
        .normal("Below 100 %.", "Who is on top of the rows above, and which model.", alert=BUDGET),
        bars("Budget use now", used, limit=limit).wide(12, 9).normal("Below 100 %.", alert=BUDGET),
    )


def _models(site: Site) -> Row:
    by = (*spending.labels(site), spending.MODEL)
    usage = site.system("agentgateway")["gen_ai_client_token_usage"]
    return row(
        "By model",
        table(
            "Spending by model",
            [
                Column("USD in range", over_range(cost(site, by, within=True))),
                Column("Input tokens/s", volume(usage.where(**INPUT), by=by)),
                Column("Output tokens/s", volume(usage.where(**OUTPUT), by=by)),
            ],
            sort="USD in range",
        )
        .wide(24, 12)
        .normal("A dear model for dear tasks alone.", "The same task on a cheaper model."),
        collapsed=True,
    )
