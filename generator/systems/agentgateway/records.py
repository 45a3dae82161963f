"""Recorded series of agentgateway: per deployment and gateway what routes, backends and models multiply.

A gateway has as many series as backend x route x status x reason x method; these have one each, so the overview stays fast
over many gateways. Rates are per second.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import lru_cache

from generator.catalogue import Metric
from generator.config.site import Site
from generator.promql import quantile, rate, total, volume
from generator.promql.query import Query
from generator.rules import presence
from generator.rules.rule import Group, Record, record

#: What a client of a language model sees as a failure: the provider is out, or a quota is used up.
LLM_FAILED = "5..|429"

#: Reasons that a client was not let in by what the gateway itself checks.
REFUSED = "JwtAuth|APIKeyAuth|BasicAuth|Oidc|ExtAuth|Authorization"

#: Reasons that a backend could not be reached or did not answer.
UNREACHED = "UpstreamFailure|Timeout"

#: Kinds of token; cached ones are left out of the sum, because providers differ in whether input has them already.
INPUT, OUTPUT, NEW = ({"gen_ai_token_type": kind} for kind in ("input", "output", "input|output"))


def refused(make: Callable[[Metric], Query], http: Metric) -> Query:
    """Return what `make` gives for requests refused for their credentials.

    The verdict of an external authorization service, and of the check against forged forms, is a direct answer of the
    gateway: its reason says no more than that, its status does.
    """
    return make(http.matching(reason=REFUSED)).plus(
        make(http.where(reason="DirectResponse").matching(status="401|403"))
    )


def limited(make: Callable[[Metric], Query], http: Metric) -> Query:
    """Return what `make` gives for requests refused by a rate limit: the gateway's own, or a service's, which is a direct answer."""
    return make(http.where(reason="RateLimit")).plus(make(http.where(reason="DirectResponse", status="429")))


def unreached(make: Callable[[Metric], Query], http: Metric) -> Query:
    """Return what `make` gives for requests whose backend was not reached; of a dead MCP server the reason is MCP."""
    return make(http.matching(reason=UNREACHED)).plus(make(http.where(reason="MCP").matching(status="5..")))


def mcp_failed(make: Callable[[Metric], Query], posts: Metric) -> Query:
    """Return what `make` gives for MCP messages that failed.

    401 and 403 are logins, 404 and 405 sessions that ended and streams that a server does not offer: part of the protocol. Other
    refusals of the gateway itself are tools that do not exist or that an agent may not use.
    """
    refusals = posts.matching(status="4..").not_matching(status="40[1345]")
    return make(posts.matching(status="5..")).plus(make(refusals.where_not(reason="MCP")))


def answered(duration: Metric) -> Metric:
    """Return the requests that a model answered; failed ones have a time too, and no model that answered."""
    return duration.where_not(gen_ai_response_model="unknown")


def llm_failed(http: Metric) -> Metric:
    """Return the requests to language models that failed; what the gateway could not read came malformed from its client."""
    return http.where(protocol="llm").matching(status=LLM_FAILED).where_not(reason="Internal")


@lru_cache(maxsize=1)  # boards of one site ask for the same
def records(site: Site) -> Mapping[str, Record]:
    """Return every recorded series by a short name of our own, in the order of evaluation."""
    gw, by = site.system("agentgateway"), (*site.record_labels, "gateway")
    up = site.system("prometheus", on="agentgateway")["up"]
    http = gw["requests_total"]
    prefix = http.prefix
    requests, llm = rate(http, by=by), rate(http.where(protocol="llm"), by=by)
    plain = gw["request_duration_seconds"].where(protocol="http")

    def name(rest: str) -> str:
        return f"deployment_gateway:{prefix}{rest}"

    return {
        "targets": presence.processes(site, "agentgateway"),
        "targets_up": record(
            site,
            f"deployment:{prefix}up:sum",
            replace(total(up, by=site.record_labels), unit="instances").about(
                "Processes that answered the last scrape."
            ),
        ),
        "requests": record(site, name("requests:rate"), requests),
        "errors": record(
            site,
            name("requests_errors:rate"),
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
        "llm": record(site, name("requests_llm:rate"), llm.about("Requests to language models, failed ones included.")),
        "llm_errors": record(
            site,
            name("requests_llm_errors:rate"),
            rate(llm_failed(http), by=by)
            .filled(llm)
            .about("Requests to language models that ended in a 5xx status or in 429."),
        ),
        "tokens": record(
            site,
            name("gen_ai_client_token_usage:rate"),
            volume(gw["gen_ai_client_token_usage"].matching(**NEW), by=by).about(
                "Tokens of language models, input and output."
            ),
        ),
        "cost": record(site, name("gen_ai_client_cost_usd:rate"), rate(gw["gen_ai_client_cost_usd_total"], by=by)),
        "mcp": record(site, name("mcp_requests:rate"), rate(gw["mcp_requests_total"], by=by)),
    }


def groups(site: Site) -> list[Group]:
    """Return the rule groups."""
    from generator.systems.agentgateway import spending  # which reads tokens as they are read here

    own = Group("agentgateway.records", tuple(records(site).values()), interval=site.timing.evaluation)
    return [own, *spending.groups(site)]
