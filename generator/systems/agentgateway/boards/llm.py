"""agentgateway and language models: does a provider fail, is a model slow, who uses the tokens, what do they cost?

For the on-call who answers an alert about models, and for those who pay. By provider (`gen_ai_system`) first, then by model.
"""

from __future__ import annotations

from generator.boards.layout import Board, Row, board, row
from generator.boards.panels import heat, lines, over_range, stat
from generator.boards.tables import Column, table, words
from generator.catalogue import Metric
from generator.config.site import Site
from generator.promql import buckets, increase, mean, observations, quantile, rate, volume
from generator.promql.query import Query
from generator.systems.agentgateway import spending
from generator.systems.agentgateway.records import INPUT, NEW, OUTPUT, answered, llm_failed

PROVIDER, MODEL = ("gen_ai_system",), ("gen_ai_system", "gen_ai_request_model")


#: What plain answers do not tell.
STREAMED = "Streamed answers only."


def dashboard(site: Site) -> Board:
    """Build the board."""
    return board(
        site,
        "agentgateway_llm",
        "agentgateway / Language models",
        system="agentgateway",
        about=__doc__ or "",
        rows=[_now(site), _requests(site), _speed(site), _tokens(site), _cost(site), *_attributed(site), _models(site)],
        filters=spending.filters(site),
    )


def _now(site: Site) -> Row:
    gw = site.system("agentgateway")
    http, usage = gw["requests_total"].where(protocol="llm"), gw["gen_ai_client_token_usage"]
    every = rate(http)
    answers = observations(answered(gw["gen_ai_server_request_duration"]), unit="requests")
    first = gw["gen_ai_server_time_to_first_token"]
    return row(
        "Status",
        stat("LLM requests", every).normal("In proportion to agents."),
        stat(
            "LLM error ratio",
            rate(llm_failed(gw["requests_total"])).filled(every) / every,
            limit=site.limit("gateway_llm_error_ratio"),
        ).normal("Below 1 %.", "429 is a quota, 5xx the provider: its status page.", alert="AgentgatewayLlmErrors"),
        stat("LLM answers", answers.otherwise(rate(gw["llm_requests_total"]))).with_note(
            "Requests with an answer of a model that the gateway could read."
        ).normal("Close to the requests."),
        stat("First token p95", quantile(0.95, first), limit=site.limit("gateway_first_token_p95")).with_note(
            STREAMED
        ).normal("Below two seconds.", "Open first token p95 by model.", alert="AgentgatewayLlmSlowFirstToken"),
        stat("Token rate", volume(usage.matching(**NEW)).otherwise(rate(gw["llm_tokens_total"]))).normal("In proportion to requests.", "An agent in a loop.", alert="AgentgatewayLlmTokenSpike"),
        stat("Cost per hour", _hourly(gw["gen_ai_client_cost_usd_total"]),
             limit=site.limit("gateway_cost_per_hour")).normal("Within your budget.", "Open cost by model.", alert="AgentgatewayLlmCostBudget"),
    )  # fmt: skip


def _requests(site: Site) -> Row:
    gw = site.system("agentgateway")
    http, duration = gw["requests_total"].where(protocol="llm"), gw["gen_ai_server_request_duration"]
    well, failed = answered(duration), llm_failed(gw["requests_total"])
    return row(
        "Requests and errors",
        lines("LLM requests by backend", rate(http, by=("gateway", "backend"))).normal("A steady mix."),
        lines("LLM requests by status", rate(http, by=("status",)), stack=True).normal(
            "2xx above all; no 429.", "429 is a quota: raise it, or spread the load.", alert="AgentgatewayLlmErrors"
        ),
        lines("LLM errors by backend", rate(failed, by=("backend", "status"))).normal(
            "No line.", "The provider's status page, then the key.", alert="AgentgatewayLlmErrors"
        ),
        lines("LLM answers by provider", observations(well, by=PROVIDER, unit="requests")).normal("A steady mix."),
        lines("LLM answers by model", observations(well, by=MODEL, unit="requests")).normal("A steady mix."),
        lines(
            "LLM errors by model",
            observations(duration.where(gen_ai_response_model="unknown"), by=MODEL, unit="requests"),
        )
        .with_note("Requests that reached a provider and have no answer of a model.")
        .normal("No line.", "One model alone: its name, quota or region.", alert="AgentgatewayLlmErrors"),
    )


def _speed(site: Site) -> Row:
    gw = site.system("agentgateway")
    duration, first = answered(gw["gen_ai_server_request_duration"]), gw["gen_ai_server_time_to_first_token"]
    token, chunk = gw["gen_ai_server_time_per_output_token"], gw["gen_ai_server_inter_chunk_latency"]
    documented = gw["llm_request_duration_seconds"]
    limit = site.limit("gateway_first_token_p95")
    return row(
        "Latency",
        lines("Time to first token quantiles", *(quantile(q, first) for q in (0.5, 0.95, 0.99)), limit=limit).normal(
            "p95 below two seconds.", "Open first token p95 by model.", alert="AgentgatewayLlmSlowFirstToken"
        ),
        lines("First token p95 by model", quantile(0.95, first, by=MODEL), limit=limit)
        .with_note(STREAMED)
        .normal("Each in a band of its own.", "Another region or model.", alert="AgentgatewayLlmSlowFirstToken"),
        lines(
            "Answer time quantiles",
            mean(duration).otherwise(mean(documented)).named("mean"),
            *(quantile(q, duration).otherwise(quantile(q, documented)) for q in (0.5, 0.95, 0.99)),
        ).normal("As long as answers are."),
        lines("Answer time p95 by model", quantile(0.95, duration, by=MODEL)).normal("Each in a band of its own."),
        lines("Time per output token, p50 by model", quantile(0.5, token, by=MODEL))
        .with_note(f"0.02 s are 50 tokens a second. {STREAMED}")
        .normal("Each in a band of its own.", "A model that became slow: its provider."),
        lines("Time between chunks, p95 by model", quantile(0.95, chunk, by=MODEL))
        .with_note(STREAMED)
        .normal("Each in a band of its own."),
        heat("Time to first token distribution", buckets(first))
        .wide(24)
        .normal("One band low in the picture.", "A second band above is one model."),
    )


def _tokens(site: Site) -> Row:
    gw = site.system("agentgateway")
    usage = gw["gen_ai_client_token_usage"]
    return row(
        "Tokens",
        lines("Tokens by kind", volume(usage, by=("gen_ai_token_type",)))
        .with_note("Whether cached input is part of input differs by provider: do not add them up.")
        .normal("A steady mix of input and output."),
        lines("Tokens by provider", volume(usage.matching(**NEW), by=PROVIDER)).normal("A steady mix."),
        lines("Tokens by model", volume(usage.matching(**NEW), by=MODEL)).normal(
            "A steady mix.", alert="AgentgatewayLlmTokenSpike"
        ),
        lines("Tokens by route", volume(usage.matching(**NEW), by=("gateway", "route"))).normal(
            "A steady mix.", "The route on top is the agent to look at.", alert="AgentgatewayLlmTokenSpike"
        ),
        lines("Mean input tokens by model", mean(usage.where(**INPUT), by=MODEL)).normal(
            "Steady.", "Grows: prompts that carry their history along."
        ),
        lines("Mean output tokens by model", mean(usage.where(**OUTPUT), by=MODEL)).normal(
            "Steady.", "Grows: a prompt without a limit on its answer."
        ),
    )


def _cost(site: Site) -> Row:
    gw = site.system("agentgateway")
    cost, lookups = gw["gen_ai_client_cost_usd_total"], gw["cost_catalog_lookups_total"]
    note = "USD an hour, at the current rate. Models without a price cost nothing here."
    return row(
        "Cost",
        lines("Cost by provider", _hourly(cost, PROVIDER))
        .with_note(note)
        .normal("Within your budget.", alert="AgentgatewayLlmCostBudget"),
        lines("Cost by model", _hourly(cost, MODEL))
        .with_note(note)
        .normal("Within your budget.", "A cheaper model for the same task.", alert="AgentgatewayLlmCostBudget"),
        lines("Cost by route", _hourly(cost, ("gateway", "route")))
        .with_note(note)
        .normal("Within your budget.", "The route on top is the agent to look at.", alert="AgentgatewayLlmCostBudget"),
        lines("Price look-ups by result", rate(lookups, by=("status",)))
        .with_note(
            "Exact is a price. NoCatalog: no list of prices is configured; Missing and Unpriced: the list lacks the model."
        )
        .normal("Exact alone.", "Add the model to the price catalogue.", alert="AgentgatewayUnpricedModels"),
        lines("Models without a price", rate(lookups.matching(status="Unpriced|Missing"), by=MODEL))
        .wide(24)
        .normal("No line.", "Add the model to the price catalogue.", alert="AgentgatewayUnpricedModels"),
    )


def _attributed(site: Site) -> list[Row]:
    """Return a row by the labels that the gateway's configuration adds; none where it adds none."""
    usage = site.system("agentgateway")["gen_ai_client_token_usage"].matching(**NEW)
    panels = [
        panel
        for label in spending.labels(site)
        for panel in (
            lines(f"Tokens by {words(label)}", volume(usage, by=(label,))).normal("A steady mix."),
            lines(f"Cost by {words(label)}", (spending.cost(site, (label,)) * 3600).as_unit("USD"))
            .with_note("USD an hour, at the current rate.")
            .normal("Within its budget.", "Open the board Who spends.", alert="AgentgatewayBudgetSpent"),
        )
    ]
    return [row("Attribution", *panels)] if panels else []


def _models(site: Site) -> Row:
    gw, by = site.system("agentgateway"), (*MODEL, "gen_ai_response_model")
    duration, usage = answered(gw["gen_ai_server_request_duration"]), gw["gen_ai_client_token_usage"]
    return row(
        "Requests by model",
        table(
            "Models",
            [
                Column("Answers/s", observations(duration, by=by, unit="requests")),
                Column("p95", quantile(0.95, duration, by=by)),
                Column("First token p95", quantile(0.95, gw["gen_ai_server_time_to_first_token"], by=by),
                       limit=site.limit("gateway_first_token_p95")),
                Column("Input tokens/s", volume(usage.where(**INPUT), by=by)),
                Column("Output tokens/s", volume(usage.where(**OUTPUT), by=by)),
                Column("USD in range", over_range(increase(gw["gen_ai_client_cost_usd_total"], by=by))),
            ],
            sort="Answers/s",
            headers={"gen_ai_system": "Provider", "gen_ai_request_model": "Model asked", "gen_ai_response_model": "Model that answered"},
        ).wide(24, 12).normal("No model far from its usual time.", "Sort by cost or time."),
        collapsed=True,
    )  # fmt: skip


def _hourly(cost: Metric, by: tuple[str, ...] = ()) -> Query:
    return (rate(cost, by=by) * 3600).as_unit("USD")
