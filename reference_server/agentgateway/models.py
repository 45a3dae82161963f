"""A slice of traffic to language models in one process: requests, tokens, prices, guardrails."""

from __future__ import annotations

from collections.abc import Mapping

from generator.catalogue import version_key
from reference_server.agentgateway.traffic import (
    INVALID_REQUEST,
    answered,
    handled,
    model_labels,
    played,
    routed,
    unanswered,
)
from reference_server.agentgateway.workload import CODE, GatewayWorkload
from reference_server.core.rates.draw import observe, part, times
from reference_server.core.rates.model import ServiceProcess

#: USD for a million input tokens, and for a million output tokens.
PRICES = {
    "openai/gpt-4o": (2.5, 10.0), "openai/gpt-4o-mini": (0.15, 0.6), "anthropic/claude-sonnet-4-5": (3.0, 15.0),
}  # fmt: skip
DEFAULT_PRICE = (1.0, 4.0)

#: Chunks of a streamed answer come with a few tokens each.
TOKENS_PER_CHUNK = 4


def models(process: ServiceProcess, work: GatewayWorkload, seconds: float, share: float) -> None:
    """Let requests to language models pass or fail."""
    for name, rate in work.llm.items():
        provider = name.partition("/")[0]
        where = {"backend": f"agents/{provider}", "protocol": "llm", "method": "POST", **routed(provider)}
        left = count = times(process, rate, seconds, share)
        for status, bad in (
            ("503", work.llm_errors.get(provider, 0.0)),
            ("429", work.llm_limited.get(provider, 0.0)),
        ):
            failed = min(left, part(process.chance, count, bad))
            left -= failed
            answered(process, work, failed, 0.4, **where, status=status, reason="Upstream")
            if work.era == CODE:
                unanswered(process, name, failed, _price(work, name))
        lasts = work.first_token_seconds + work.output_tokens * work.token_seconds
        answered(process, work, left, lasts, 0.5, **where, status="200", reason="Upstream")
        if left and work.era == CODE:
            streamed = part(process.chance, left, work.streamed)
            _generated(process, work, left, streamed, name, lasts)
            again = part(process.chance, left, work.retried)
            if again:
                labels = {**where, "status": "200", "reason": "Upstream"}
                labels = {n: value for n, value in labels.items() if n not in process.state["absent"]}
                process.instruments.add("retries_total", again, **labels)
            handled(process, work, count, "Llm", lasts, f"agents/{provider}", routed(provider))
            _checked(process, work, {"Request": left, "Response": left - streamed})
        elif left:
            observe(process, "llm_request_duration_seconds", left, lasts, 0.5)
            process.instruments.add("llm_tokens_total", round(left * (work.input_tokens + work.output_tokens)))
        if work.era != CODE:
            process.instruments.add("llm_requests_total", count)

    if work.era == CODE:
        _clients_at_fault(process, work, seconds, share)


def _clients_at_fault(process: ServiceProcess, work: GatewayWorkload, seconds: float, share: float) -> None:
    """Record requests that no model can answer: bodies that cannot be read, names that nobody has."""
    first = next(iter(work.llm), "openai/gpt-4o").partition("/")[0]
    where = {"backend": f"agents/{first}", "protocol": "llm", "method": "POST", **routed(first)}
    count = times(process, work.malformed, seconds, share)
    newer = version_key(process.state["version"]) >= INVALID_REQUEST
    labels = {"status": "400", "reason": "InvalidRequest"} if newer else {"status": "503", "reason": "Internal"}
    answered(process, work, count, 0.002, **where, **labels)
    for name, rate in work.invented.items():
        provider = name.partition("/")[0]
        count = times(process, rate, seconds, share)
        where = {"backend": f"agents/{provider}", "protocol": "llm", "method": "POST", **routed(provider)}
        answered(process, work, count, 0.2, **where, status="404", reason="Upstream")
        unanswered(process, name, count, "Missing")


def _price(work: GatewayWorkload, name: str) -> str:
    return "Missing" if name in work.unpriced else "Unpriced" if name in work.listed else "Exact"


def _generated(
    process: ServiceProcess, work: GatewayWorkload, count: int, streamed: int, name: str, lasts: float
) -> None:
    """Record answers of a model: tokens, times, price."""
    own = process.instruments
    labels = model_labels(*name.split("/", 1))
    observe(process, "gen_ai_server_request_duration", count, lasts, 0.5, **labels)
    observe(process, "gen_ai_server_time_to_first_token", streamed, work.first_token_seconds, 0.5, **labels)
    observe(process, "gen_ai_server_time_per_output_token", streamed, work.token_seconds, 0.3, **labels)
    observe(
        process,
        "gen_ai_server_inter_chunk_latency",
        streamed * 10,
        work.token_seconds * TOKENS_PER_CHUNK,
        0.4,
        **labels,
    )
    kinds = {
        "input": work.input_tokens, "output": work.output_tokens, "input_cache_read": work.input_tokens * 0.3,
        "input_cache_write": work.input_tokens * 0.05,
    }  # fmt: skip
    for kind, tokens in kinds.items():
        observe(process, "gen_ai_client_token_usage", count, tokens, 0.5, **labels, gen_ai_token_type=kind)
    price = _price(work, name)
    own.add("cost_catalog_lookups_total", count, **labels, status=price)
    if price == "Exact":
        input_price, output_price = PRICES.get(name, DEFAULT_PRICE)
        each = (work.input_tokens * input_price + work.output_tokens * output_price) / 1e6
        own.add("gen_ai_client_cost_usd_total", count * each, **labels)


def _checked(process: ServiceProcess, work: GatewayWorkload, passed: Mapping[str, int]) -> None:
    """Record the guardrails' checks of prompts and of answers: each guard's, of as many as passed in each phase."""
    for phase, number in passed.items():
        left = count = number * work.guards
        for action, share in (
            ("FailOpen", work.guardrail_open),
            ("Mask", work.guardrail_masked),
            ("Reject", work.guardrail_rejected),
        ):
            found = min(left, part(process.chance, count, share)) if played(process, action=action) else 0
            left -= found
            if found:
                process.instruments.add("guardrail_checks_total", found, phase=phase, action=action)
        if left:
            process.instruments.add("guardrail_checks_total", left, phase=phase, action="Allow")
    calls = sum(passed.values()) * work.guards
    observe(process, "upstream_call_duration_seconds", calls, 0.08, 0.4, kind="Policy", subtype="Guardrail")
