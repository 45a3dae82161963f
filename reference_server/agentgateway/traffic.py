"""A slice of traffic in one process: plain requests, models, MCP, guardrails. Records what the gateway would count.

Both eras know requests_total and request_duration_seconds; what else there is follows from the era.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from generator.catalogue import Versions, version_key
from reference_server.agentgateway.answers import ANSWERS, UNKNOWN, Answer
from reference_server.agentgateway.workload import CODE, Work
from reference_server.core.rates.draw import observe, part, times
from reference_server.core.rates.model import Process

#: The gateway as it is called on Kubernetes.
BIND, GATEWAY, LISTENER = "8443/agents/ai-gateway", "agents/ai-gateway", "https"
PLAIN = "8080/agents/ai-gateway"
RAW = "5432/agents/ai-gateway"
PLACE = {"bind": BIND, "gateway": GATEWAY, "listener": LISTENER}

#: What a client gets when it is not let in.
STATUS = {"Authorization": "403", "ExtAuth": "403", "DirectResponse": "403", "RateLimit": "429", "Guardrail": "403"}

#: USD for a million input tokens, and for a million output tokens.
PRICES = {
    "openai/gpt-4o": (2.5, 10.0), "openai/gpt-4o-mini": (0.15, 0.6), "anthropic/claude-sonnet-4-5": (3.0, 15.0),
}  # fmt: skip
DEFAULT_PRICE = (1.0, 4.0)

#: Shares of the verbs of plain requests, of the MCP methods, and of a server's tools.
VERBS = {"GET": 0.7, "POST": 0.3}
METHODS = (
    ("tools/call", "tool", 0.7), ("tools/list", UNKNOWN, 0.1), ("initialize", UNKNOWN, 0.02), ("resources/read", "resource", 0.08),
    ("prompts/get", "prompt", 0.02), ("server/discover", UNKNOWN, 0.02), ("resources/list", UNKNOWN, 0.02),
    ("resources/templates/list", UNKNOWN, 0.02), ("prompts/list", UNKNOWN, 0.02),
)  # fmt: skip
TOOLS = {"search": 0.5, "read": 0.3, "write": 0.2}

#: A model that never answers.
BROKEN = "openai/broken"

#: What is read or asked for by name, by the type of the resource.
NAMED = {"resource": "memo://handbook", "prompt": "greeting"}

#: Chunks of a streamed answer come with a few tokens each.
TOKENS_PER_CHUNK = 4

Labels = Mapping[str, str]


def routed(name: str) -> dict[str, str]:
    """Return the labels of a route."""
    return {**PLACE, "route": f"agents/{name}", "route_rule": "unknown"}


def age(process: Process, version: str) -> None:
    """Note which labels and which of their values the process's version is too old for."""
    known = Versions(version, version)
    labels = [label for metric in process.instruments.metrics for label in metric.labels.values()]
    process.state["absent"] = {label.name for label in labels if not known.has(label.since)}
    process.state["later"] = {
        (label.name, value) for label in labels for value, since in label.values_since.items() if not known.has(since)
    }


def played(process: Process, **labels: str) -> bool:
    """Say whether the version has these values. What an older one said instead nobody has seen, so it says nothing."""
    return not process.state["later"] & labels.items()


def answered(process: Process, work: Work, count: int, seconds: float, spread: float = 0.6, /, **told: str) -> None:
    """Record answers of the gateway, from whomever."""
    if not count or not played(process, **told):
        return
    own, labels = process.instruments, {n: value for n, value in told.items() if n not in process.state["absent"]}
    own.add("requests_total", count, **labels)
    observe(process, "request_duration_seconds", count, seconds, spread, **labels)
    size = process.chance.uniform(1_500, 4_000) * count
    if work.era == CODE:
        own.add("response_bytes_total", round(size), **labels)
    else:
        observe(process, "request_size_bytes", count, 900, 0.8)
        observe(process, "response_size_bytes", count, size / count, 0.8)


def plain(process: Process, work: Work, seconds: float, share: float) -> None:
    """Let plain requests pass, fail, and be refused."""
    for name, rate in work.http.items():
        where = {"backend": f"agents/{name}", "protocol": "http", **routed(name)}
        for verb, ratio in VERBS.items():
            left = count = times(process, rate * ratio, seconds, share)
            for status, reason, bad, lasts in _failing(work, name):
                failed = min(left, part(process.chance, count, bad))
                left -= failed
                answered(process, work, failed, lasts, **where, method=verb, status=status, reason=reason)
            answered(
                process, work, left, work.http_seconds, **where, method=verb, status="200", reason="Upstream"
            )  # fmt: skip
            if work.era == CODE:
                _handled(process, work, count, "Http", work.http_seconds, f"agents/{name}", routed(name))
    for reason, rate in {**work.refused, "DirectResponse": work.denied, "RateLimit": work.limited}.items():
        count = times(process, rate, seconds, share)
        where = {"backend": UNKNOWN, "protocol": "http", "method": "POST", **routed("shop")}  # none was chosen yet
        answered(process, work, count, 0.002, **where, status=STATUS.get(reason, "401"), reason=reason)
    for name, rate in work.answers.items():
        count = times(process, rate, seconds, share)
        if count:
            _other(process, work, count, ANSWERS[name])


def _other(process: Process, work: Work, count: int, kind: Answer) -> None:
    """Record answers of one kind."""
    where = dict(routed(kind.route))
    if kind.route == UNKNOWN:
        where["route"] = UNKNOWN
    elif kind.route == "tcp":
        where |= {"bind": RAW, "listener": "raw"}
    backend = f"agents/{kind.route}" if kind.chosen else UNKNOWN
    labels = {
        "backend": backend, "protocol": kind.protocol, "method": kind.method, "status": kind.status, "reason": kind.reason,
        **where,
    }  # fmt: skip
    if not played(process, **labels):
        return
    own, told = process.instruments, {n: value for n, value in labels.items() if n not in process.state["absent"]}
    if not kind.timed:
        own.add("requests_total", count, **told)
    observe(process, "request_duration_seconds", count, kind.seconds, 0.6, **told)
    if not kind.empty:
        own.add("response_bytes_total", round(process.chance.uniform(100, 400) * count), **told)
    if kind.retried:
        own.add("retries_total", count, **told)
    if kind.chosen and kind.route in ("web", "a2a") and kind.reason in ("Upstream", "Timeout"):
        _handled(process, work, count, "Http", kind.seconds, backend, routed(kind.route))
    if kind.route == "llm" and kind.reason == "Upstream":
        _unanswered(process, BROKEN, count, "Missing")
    if kind.mirrored:
        observe(process, "upstream_call_duration_seconds", count, 0.05, 0.6, kind="Mirror", subtype="Http")


def _failing(work: Work, name: str) -> Iterator[tuple[str, str, float, float]]:
    """Yield status, reason, share and time of a route's failures."""
    yield "503", "NoHealthyBackend", work.gone.get(name, 0.0), 0.001
    yield "503", "UpstreamFailure", work.unreached.get(name, 0.0), 0.05
    yield "500", "Upstream", work.http_errors.get(name, 0.0), work.http_seconds


def _handled(process: Process, work: Work, count: int, subtype: str, lasts: float, backend: str, where: Labels) -> None:
    """Record what the gateway itself did for requests: its own time, the call of the backend, and a policy's."""
    own = {"backend": backend, **where}
    observe(process, "request_processing_seconds", count, work.overhead_seconds, 0.5, **own)
    observe(process, "response_processing_seconds", count, 0.00015, 0.5, **own)
    observe(process, "upstream_call_duration_seconds", count, lasts, 0.6, kind="Primary", subtype=subtype)
    observe(
        process, "upstream_call_duration_seconds", count, work.policy_seconds, 0.5, kind="Policy", subtype="ExtAuthz"
    )
    opened = part(process.chance, count, 0.05)
    observe(
        process,
        "upstream_connect_duration_seconds",
        opened,
        0.004,
        0.7,
        transport="tls" if subtype == "Llm" else "plaintext",
    )


def models(process: Process, work: Work, seconds: float, share: float) -> None:
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
                _unanswered(process, name, failed, _price(work, name))
        lasts = work.first_token_seconds + work.output_tokens * work.token_seconds
        answered(process, work, left, lasts, 0.5, **where, status="200", reason="Upstream")
        if left and work.era == CODE:
            streamed = part(process.chance, left, work.streamed)
            _generated(process, work, left, streamed, name, lasts)
            again = part(process.chance, left, work.retried)
            if again:
                told = {**where, "status": "200", "reason": "Upstream"}
                told = {n: value for n, value in told.items() if n not in process.state["absent"]}
                process.instruments.add("retries_total", again, **told)
            _handled(process, work, count, "Llm", lasts, f"agents/{provider}", routed(provider))
            _checked(process, work, {"Request": left, "Response": left - streamed})
        elif left:
            observe(process, "llm_request_duration_seconds", left, lasts, 0.5)
            process.instruments.add("llm_tokens_total", round(left * (work.input_tokens + work.output_tokens)))
        if work.era != CODE:
            process.instruments.add("llm_requests_total", count)

    if work.era == CODE:
        _clients_at_fault(process, work, seconds, share)


def _clients_at_fault(process: Process, work: Work, seconds: float, share: float) -> None:
    """Record requests that no model can answer: bodies that cannot be read, names that nobody has."""
    first = next(iter(work.llm), "openai/gpt-4o").partition("/")[0]
    where = {"backend": f"agents/{first}", "protocol": "llm", "method": "POST", **routed(first)}
    count = times(process, work.malformed, seconds, share)
    newer = version_key(process.state["version"]) >= INVALID_REQUEST
    told = {"status": "400", "reason": "InvalidRequest"} if newer else {"status": "503", "reason": "Internal"}
    answered(process, work, count, 0.002, **where, **told)
    for name, rate in work.invented.items():
        provider = name.partition("/")[0]
        count = times(process, rate, seconds, share)
        where = {"backend": f"agents/{provider}", "protocol": "llm", "method": "POST", **routed(provider)}
        answered(process, work, count, 0.2, **where, status="404", reason="Upstream")
        _unanswered(process, name, count, "Missing")


#: The first versions that say of a request to a model that it failed, and of a body that it cannot be read.
ERROR_TYPE = INVALID_REQUEST = (1, 5)


def _unanswered(process: Process, name: str, count: int, price: str) -> None:
    """Record requests that no model answered: their time is observed, their price looked up, and no token counted."""
    if count:
        labels = _model(*name.split("/", 1)) | {"gen_ai_response_model": "unknown"}
        told = {"error_type": "_OTHER"} if version_key(process.state["version"]) >= ERROR_TYPE else {}
        observe(process, "gen_ai_server_request_duration", count, 0.4, 0.5, **labels, **told)
        process.instruments.add("cost_catalog_lookups_total", count, **labels, status=price)
        if price == "Exact":
            process.instruments.add("gen_ai_client_cost_usd_total", 0, **labels)


def _price(work: Work, name: str) -> str:
    return "Missing" if name in work.unpriced else "Unpriced" if name in work.listed else "Exact"


def _model(provider: str, model: str) -> dict[str, str]:
    return {
        "gen_ai_operation_name": "chat", "gen_ai_system": provider, "gen_ai_request_model": model,
        "gen_ai_response_model": model, **routed(provider),
    }  # fmt: skip


def _generated(process: Process, work: Work, count: int, streamed: int, name: str, lasts: float) -> None:
    """Record answers of a model: tokens, times, price."""
    own = process.instruments
    labels = _model(*name.split("/", 1))
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


def _checked(process: Process, work: Work, passed: Mapping[str, int]) -> None:
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


def mcp(process: Process, work: Work, seconds: float, share: float) -> None:
    """Let MCP messages pass or fail, and streams end."""
    for server, rate in work.mcp.items():
        where = {"backend": f"agents/{server}", "protocol": "mcp", **routed("mcp")}
        count = times(process, rate, seconds, share)
        failed = part(process.chance, count, work.mcp_errors.get(server, 0.0))
        refused = min(count - failed, part(process.chance, count, work.mcp_forbidden.get(server, 0.0)))
        well = count - failed - refused
        answered(process, work, failed, 0.05, **where, method="POST", status="500", reason="MCP")
        answered(process, work, refused, 0.002, **where, method="POST", status="400", reason="MCP")
        answered(process, work, well, 0.15, **where, method="POST", status="200", reason="Upstream")
        _called(process, count, server)
        if work.era == CODE:
            _handled(process, work, count, "Mcp", 0.15, f"agents/{server}", routed("mcp"))
    first = next(iter(work.mcp), "")
    ended = times(process, work.mcp_streams, seconds, share) if first else 0
    where = {"backend": f"agents/{first}", "protocol": "mcp", **routed("mcp")}
    answered(process, work, ended, work.stream_seconds, 0.3, **where, method="GET", status="200", reason="Upstream")
    if ended:
        nowhere = {"resource_type": "unknown", "server": "unknown", "resource": "unknown"}
        process.instruments.add("mcp_requests_total", ended, method="initialize", **nowhere, **routed("mcp"))


def _called(process: Process, count: int, server: str) -> None:
    left = count
    for method, kind, ratio in METHODS:
        asked = min(left, part(process.chance, count, ratio))
        left -= asked
        # What asks for a list goes to every server.
        named = {"server": UNKNOWN if kind == UNKNOWN else server, "resource_type": kind}
        labels = {"method": method, **named, **routed("mcp")}
        if method == "tools/call":
            rest = asked
            for tool, portion in TOOLS.items():
                used = min(rest, part(process.chance, asked, portion))
                rest -= used
                if used:
                    process.instruments.add("mcp_requests_total", used, **labels, resource=tool)
        elif asked:
            process.instruments.add("mcp_requests_total", asked, **labels, resource=NAMED.get(kind, UNKNOWN))
