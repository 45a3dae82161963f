"""Recorded series of agentgateway: per deployment and gateway what routes, backends and models multiply.

A gateway has as many series as backend x route x status x reason x method; these have one each, so the overview stays fast
over many gateways. Rates are per second.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from functools import lru_cache

from generator.promql import count, quantile, rate, total, volume
from generator.rules import Group, Record, record
from generator.site import Site

#: What a client of a language model sees as a failure: the provider is out, or a quota is used up.
LLM_FAILED = "5..|429"

#: Kinds of token; cached ones are left out of the sum, because providers differ in whether input has them already.
INPUT, OUTPUT, NEW = ({"gen_ai_token_type": kind} for kind in ("input", "output", "input|output"))


@lru_cache(maxsize=1)  # boards of one site ask for the same
def records(site: Site) -> Mapping[str, Record]:
    """Return every recorded series by a short name of our own, in the order of evaluation."""
    gw, by = site.system("agentgateway"), (*site.identity, "gateway")
    up = site.system("prometheus", on="agentgateway")["up"]
    http, window = gw["requests_total"], site.config.window
    prefix = http.prefix
    requests, llm = rate(http, by=by), rate(http.where(protocol="llm"), by=by)
    plain = gw["request_duration_seconds"].where(protocol="http")

    def name(rest: str) -> str:
        return f"deployment_gateway:{prefix}{rest}"

    return {
        "targets": record(
            site, f"deployment:{prefix}up:count", count(up, by=site.identity).about("Processes that are scraped.")
        ),
        "targets_up": record(
            site,
            f"deployment:{prefix}up:sum",
            replace(total(up, by=site.identity), unit="instances").about("Processes that answered the last scrape."),
        ),
        "requests": record(site, name(f"requests:rate{window}"), requests),
        "errors": record(
            site,
            name(f"requests_errors:rate{window}"),
            rate(http.matching(status="5.."), by=by)
            .filled(requests)
            .about("Requests of any protocol that ended in a 5xx status."),
        ),
        "latency": record(
            site,
            name("request_duration_seconds:p99"),
            quantile(0.99, plain, by=by).about("99th percentile of the time of plain HTTP requests, slowest gateway."),
            aggregate="max",
        ),
        "overhead": record(
            site,
            name("request_processing_seconds:p99"),
            quantile(0.99, gw["request_processing_seconds"], by=by).about(
                "99th percentile of the gateway's own time before the backend is called, slowest gateway."
            ),
            aggregate="max",
        ),
        "llm": record(
            site, name(f"requests_llm:rate{window}"), llm.about("Requests to language models, failed ones included.")
        ),
        "llm_errors": record(
            site,
            name(f"requests_llm_errors:rate{window}"),
            rate(http.where(protocol="llm").matching(status=LLM_FAILED), by=by)
            .filled(llm)
            .about("Requests to language models that ended in a 5xx status or in 429."),
        ),
        "tokens": record(
            site,
            name(f"gen_ai_client_token_usage:rate{window}"),
            volume(gw["gen_ai_client_token_usage"].matching(**NEW), by=by).about(
                "Tokens of language models, input and output."
            ),
        ),
        "cost": record(
            site, name(f"gen_ai_client_cost_usd:rate{window}"), rate(gw["gen_ai_client_cost_usd_total"], by=by)
        ),
        "mcp": record(site, name(f"mcp_requests:rate{window}"), rate(gw["mcp_requests_total"], by=by)),
    }


def groups(site: Site) -> list[Group]:
    """Return the rule group."""
    return [Group("agentgateway.records", tuple(records(site).values()), interval=site.config.evaluation_interval)]
