"""A slice of traffic in one process: plain requests and MCP. Records what the gateway would count.

Both eras know requests_total and request_duration_seconds; what else there is follows from the era.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from generator.catalogue import Versions, version_key
from reference_server.agentgateway.answers import ANSWERS, UNKNOWN, Answer
from reference_server.agentgateway.workload import CODE, GatewayWorkload
from reference_server.core.rates.draw import observe, part, times
from reference_server.core.rates.model import ServiceProcess

#: The gateway as it is called on Kubernetes.
BIND, GATEWAY, LISTENER = "8443/agents/ai-gateway", "agents/ai-gateway", "https"
PLAIN = "8080/agents/ai-gateway"
RAW = "5432/agents/ai-gateway"
PLACE = {"bind": BIND, "gateway": GATEWAY, "listener": LISTENER}

#: What a client gets when it is not let in.
STATUS = {"Authorization": "403", "ExtAuth": "403", "DirectResponse": "403", "RateLimit": "429", "Guardrail": "403"}

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

#: The first versions that say of a request to a model that it failed, and of a body that it cannot be read.
ERROR_TYPE = INVALID_REQUEST = (1, 5)

Labels = Mapping[str, str]


def routed(name: str) -> dict[str, str]:
    """Return the labels of a route."""
    return {**PLACE, "route": f"agents/{name}", "route_rule": "unknown"}


def age(process: ServiceProcess, version: str) -> None:
    """Note which labels and which of their values the process's version is too old for."""
    known = Versions(version, version)
    labels = [label for metric in process.instruments.metrics for label in metric.labels.values()]
    process.state["absent"] = {label.name for label in labels if not known.has(label.since)}
    process.state["later"] = {
        (label.name, value) for label in labels for value, since in label.values_since.items() if not known.has(since)
    }


def played(process: ServiceProcess, **labels: str) -> bool:
    """Say whether the version has these values. What an older one said instead nobody has seen, so it says nothing."""
    return not process.state["later"] & labels.items()


def answered(
    process: ServiceProcess, work: GatewayWorkload, count: int, seconds: float, spread: float = 0.6, /, **outcome: str
) -> None:
    """Record answers of the gateway, from whomever."""
    if not count or not played(process, **outcome):
        return
    own, labels = process.instruments, {n: value for n, value in outcome.items() if n not in process.state["absent"]}
    own.add("requests_total", count, **labels)
    observe(process, "request_duration_seconds", count, seconds, spread, **labels)
    size = process.chance.uniform(1_500, 4_000) * count
    if work.era == CODE:
        own.add("response_bytes_total", round(size), **labels)
    else:
        observe(process, "request_size_bytes", count, 900, 0.8)
        observe(process, "response_size_bytes", count, size / count, 0.8)


def plain(process: ServiceProcess, work: GatewayWorkload, seconds: float, share: float) -> None:
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
                handled(process, work, count, "Http", work.http_seconds, f"agents/{name}", routed(name))
    for reason, rate in {**work.refused, "DirectResponse": work.denied, "RateLimit": work.limited}.items():
        count = times(process, rate, seconds, share)
        where = {"backend": UNKNOWN, "protocol": "http", "method": "POST", **routed("shop")}  # none was chosen yet
        answered(process, work, count, 0.002, **where, status=STATUS.get(reason, "401"), reason=reason)
    for name, rate in work.answers.items():
        count = times(process, rate, seconds, share)
        if count:
            _other(process, work, count, ANSWERS[name])


def _other(process: ServiceProcess, work: GatewayWorkload, count: int, kind: Answer) -> None:
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
    own, shown_labels = (
        process.instruments,
        {n: value for n, value in labels.items() if n not in process.state["absent"]},
    )
    if not kind.timed:
        own.add("requests_total", count, **shown_labels)
    observe(process, "request_duration_seconds", count, kind.seconds, 0.6, **shown_labels)
    if not kind.empty:
        own.add("response_bytes_total", round(process.chance.uniform(100, 400) * count), **shown_labels)
    if kind.retried:
        own.add("retries_total", count, **shown_labels)
    if kind.chosen and kind.route in ("web", "a2a") and kind.reason in ("Upstream", "Timeout"):
        handled(process, work, count, "Http", kind.seconds, backend, routed(kind.route))
    if kind.route == "llm" and kind.reason == "Upstream":
        unanswered(process, BROKEN, count, "Missing")
    if kind.mirrored:
        observe(process, "upstream_call_duration_seconds", count, 0.05, 0.6, kind="Mirror", subtype="Http")


def _failing(work: GatewayWorkload, name: str) -> Iterator[tuple[str, str, float, float]]:
    """Yield status, reason, share and time of a route's failures."""
    yield "503", "NoHealthyBackend", work.gone.get(name, 0.0), 0.001
    yield "503", "UpstreamFailure", work.unreached.get(name, 0.0), 0.05
    yield "500", "Upstream", work.http_errors.get(name, 0.0), work.http_seconds


def handled(
    process: ServiceProcess, work: GatewayWorkload, count: int, subtype: str, lasts: float, backend: str, where: Labels
) -> None:
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


def mcp(process: ServiceProcess, work: GatewayWorkload, seconds: float, share: float) -> None:
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
            handled(process, work, count, "Mcp", 0.15, f"agents/{server}", routed("mcp"))
    first = next(iter(work.mcp), "")
    ended = times(process, work.mcp_streams, seconds, share) if first else 0
    where = {"backend": f"agents/{first}", "protocol": "mcp", **routed("mcp")}
    answered(process, work, ended, work.stream_seconds, 0.3, **where, method="GET", status="200", reason="Upstream")
    if ended:
        nowhere = {"resource_type": "unknown", "server": "unknown", "resource": "unknown"}
        process.instruments.add("mcp_requests_total", ended, method="initialize", **nowhere, **routed("mcp"))


def _called(process: ServiceProcess, count: int, server: str) -> None:
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


def unanswered(process: ServiceProcess, name: str, count: int, price: str) -> None:
    """Record requests that no model answered: their time is observed, their price looked up, and no token counted."""
    if count:
        labels = model_labels(*name.split("/", 1)) | {"gen_ai_response_model": "unknown"}
        error = {"error_type": "_OTHER"} if version_key(process.state["version"]) >= ERROR_TYPE else {}
        observe(process, "gen_ai_server_request_duration", count, 0.4, 0.5, **labels, **error)
        process.instruments.add("cost_catalog_lookups_total", count, **labels, status=price)
        if price == "Exact":
            process.instruments.add("gen_ai_client_cost_usd_total", 0, **labels)


def model_labels(provider: str, model: str) -> dict[str, str]:
    """Return the labels of an answered request to a model."""
    return {
        "gen_ai_operation_name": "chat", "gen_ai_system": provider, "gen_ai_request_model": model,
        "gen_ai_response_model": model, **routed(provider),
    }  # fmt: skip
