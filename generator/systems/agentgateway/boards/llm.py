"""agentgateway and language models: does a provider fail, is a model slow, who uses the tokens, what do they cost?

For whoever answers an alert about models, and for whoever pays. By provider (`gen_ai_system`) first, then by model.
"""

from __future__ import annotations

from generator.boards.layout import Board, Row, board, row
from generator.boards.panels import Column, heat, lines, stat, table, whole
from generator.catalogue import Metric
from generator.config.site import Site
from generator.promql import buckets, increase, mean, observations, quantile, rate, volume
from generator.promql.query import Query
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
        rows=[_now(site), _requests(site), _speed(site), _tokens(site), _cost(site), _models(site)],
    )


def _now(site: Site) -> Row:
    gw = site.system("agentgateway")
    http, usage = gw["requests_total"].where(protocol="llm"), gw["gen_ai_client_token_usage"]
    every = rate(http)
    answers = observations(answered(gw["gen_ai_server_request_duration"]), unit="requests")
    first = gw["gen_ai_server_time_to_first_token"]
    return row(
        "Is it bad?",
        stat("Requests", every),
        stat(
            "Failed share",
            rate(llm_failed(gw["requests_total"])).filled(every) / every,
            limit=site.limit("gateway_llm_error_ratio"),
        ),
        stat("Answered requests", answers.otherwise(rate(gw["llm_requests_total"]))).noting(
            "Requests with an answer of a model that the gateway could read."
        ),
        stat("First token p95", quantile(0.95, first), limit=site.limit("gateway_first_token_p95")).noting(
            STREAMED
        ),
        stat("Tokens", volume(usage.matching(**NEW)).otherwise(rate(gw["llm_tokens_total"]))),
        stat("Cost, an hour at this pace", _hourly(gw["gen_ai_client_cost_usd_total"]),
             limit=site.limit("gateway_cost_per_hour")),
    )  # fmt: skip


def _requests(site: Site) -> Row:
    gw = site.system("agentgateway")
    http, duration = gw["requests_total"].where(protocol="llm"), gw["gen_ai_server_request_duration"]
    well, failed = answered(duration), llm_failed(gw["requests_total"])
    return row(
        "Do providers answer?",
        lines("Requests by backend", rate(http, by=("gateway", "backend"))),
        lines("Requests by status", rate(http, by=("status",)), stack=True),
        lines("Failed requests by backend", rate(failed, by=("backend", "status"))),
        lines("Answered requests by provider", observations(well, by=PROVIDER, unit="requests")),
        lines("Answered requests by model", observations(well, by=MODEL, unit="requests")),
        lines(
            "Failed operations by model",
            observations(duration.where(gen_ai_response_model="unknown"), by=MODEL, unit="requests"),
        ).noting("Requests that reached a provider and have no answer of a model."),
    )


def _speed(site: Site) -> Row:
    gw = site.system("agentgateway")
    duration, first = answered(gw["gen_ai_server_request_duration"]), gw["gen_ai_server_time_to_first_token"]
    token, chunk = gw["gen_ai_server_time_per_output_token"], gw["gen_ai_server_inter_chunk_latency"]
    documented = gw["llm_request_duration_seconds"]
    limit = site.limit("gateway_first_token_p95")
    return row(
        "Are models slow?",
        lines("Time to first token", *(quantile(q, first) for q in (0.5, 0.95, 0.99)), limit=limit),
        lines("First token p95 by model", quantile(0.95, first, by=MODEL), limit=limit).noting(STREAMED),
        lines(
            "Whole answers",
            mean(duration).otherwise(mean(documented)).named("mean"),
            *(quantile(q, duration).otherwise(quantile(q, documented)) for q in (0.5, 0.95, 0.99)),
        ),
        lines("Whole answers p95 by model", quantile(0.95, duration, by=MODEL)),
        lines("Time per output token, p50 by model", quantile(0.5, token, by=MODEL)).noting(
            f"0.02 s are 50 tokens a second. {STREAMED}"
        ),
        lines("Time between chunks, p95 by model", quantile(0.95, chunk, by=MODEL)).noting(STREAMED),
        heat("Spread of the time to first token", buckets(first)).wide(24),
    )


def _tokens(site: Site) -> Row:
    gw = site.system("agentgateway")
    usage = gw["gen_ai_client_token_usage"]
    return row(
        "Who uses the tokens?",
        lines("Tokens by kind", volume(usage, by=("gen_ai_token_type",))).noting(
            "Whether cached input is part of input differs by provider: do not add them up."
        ),
        lines("Tokens by provider", volume(usage.matching(**NEW), by=PROVIDER)),
        lines("Tokens by model", volume(usage.matching(**NEW), by=MODEL)),
        lines("Tokens by route", volume(usage.matching(**NEW), by=("gateway", "route"))),
        lines("Input of a request, mean by model", mean(usage.where(**INPUT), by=MODEL)),
        lines("Output of a request, mean by model", mean(usage.where(**OUTPUT), by=MODEL)),
    )


def _cost(site: Site) -> Row:
    gw = site.system("agentgateway")
    cost, lookups = gw["gen_ai_client_cost_usd_total"], gw["cost_catalog_lookups_total"]
    note = "USD an hour, at the pace of the moment. Models without a price cost nothing here."
    return row(
        "What does it cost?",
        lines("Cost by provider", _hourly(cost, PROVIDER)).noting(note),
        lines("Cost by model", _hourly(cost, MODEL)).noting(note),
        lines("Cost by route", _hourly(cost, ("gateway", "route"))).noting(note),
        lines("Prices that were looked up", rate(lookups, by=("status",))).noting(
            "Exact is a price. NoCatalog: no list of prices is configured; Missing and Unpriced: the list lacks the model."
        ),
        lines("Models without a price", rate(lookups.matching(status="Unpriced|Missing"), by=MODEL)).wide(24),
    )


def _models(site: Site) -> Row:
    gw, by = site.system("agentgateway"), (*MODEL, "gen_ai_response_model")
    duration, usage = answered(gw["gen_ai_server_request_duration"]), gw["gen_ai_client_token_usage"]
    return row(
        "Every model",
        table(
            "Models",
            [
                Column("Answers/s", observations(duration, by=by, unit="requests")),
                Column("p95", quantile(0.95, duration, by=by)),
                Column("First token p95", quantile(0.95, gw["gen_ai_server_time_to_first_token"], by=by),
                       limit=site.limit("gateway_first_token_p95")),
                Column("Input tokens/s", volume(usage.where(**INPUT), by=by)),
                Column("Output tokens/s", volume(usage.where(**OUTPUT), by=by)),
                Column("USD in range", whole(increase(gw["gen_ai_client_cost_usd_total"], by=by))),
            ],
            sort="Answers/s",
        ).wide(24, 12),
        collapsed=True,
    )  # fmt: skip


def _hourly(cost: Metric, by: tuple[str, ...] = ()) -> Query:
    return (rate(cost, by=by) * 3600).as_unit("USD")
