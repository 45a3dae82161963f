"""What passes through the gateway, and what goes wrong with it: the fields that a scenario's `workload` may set."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

#: The names of the metrics: those of the code, or those of the documentation.
CODE, DOCUMENTED = "code", "documented"

#: The first version that has everything in the catalogue; the vendor's sources call it the next one.
NEWEST = "1.5.0"


@dataclass(frozen=True, slots=True)
class GatewayWorkload:
    """One workload, of all processes together. Rates are per second, times are seconds, shares are 0 to 1.

    Attributes:
        era: Which names the page has: `code` or `documented`.
        version: Which version it is; the page lacks what came later.
        http: Plain requests a second, by route; each has a backend of its own.
        http_errors: Share of a route's requests that the backend answers with 500.
        gone: Share of a route's requests that find no healthy backend.
        unreached: Share of a route's requests that do not get through to the backend.
        http_seconds: Median time of a plain request.
        overhead_seconds: Median time of the gateway itself before it calls the backend.
        policy_seconds: Median time of one call of a policy.
        refused: Requests a second that are not let in, by reason.
        denied: Requests a second that an external authorization service refuses; the gateway answers them directly.
        limited: Requests a second that a rate limit refuses.
        answers: Answers a second of further kinds, by their names in `answers.py`: refusals on routes of models and MCP
            servers, timeouts, redirects, clients that go away, sessions of TCP listeners.
        shed_requests, shed_connections: What the limits of the gateway turn away a second.
        llm: Requests a second by `provider/model`.
        llm_errors: Share of a provider's requests that end in 503.
        llm_limited: Share of a provider's requests that end in 429.
        malformed: Requests to models a second whose body the gateway cannot read.
        invented: Requests a second by `provider/model` for models that the provider does not have.
        retried: Share of the requests to models that succeed at a second try.
        streamed: Share of the answers that are streamed: the others have no time to the first token, and none of a token.
        first_token_seconds: Median time to the first token.
        token_seconds: Median time of an output token.
        input_tokens, output_tokens: Median tokens of a request.
        unpriced: Models that the price list does not have, as `provider/model`.
        listed: Models that it has without a price.
        mcp: MCP requests a second by server.
        mcp_errors: Share of a server's messages that end in 500, because the server is gone.
        mcp_forbidden: Share of a server's messages that the gateway refuses: tools that the client may not use.
        mcp_streams: Streams of server-sent events that end, a second; each lasts `stream_seconds`.
        stream_seconds: Median length of a stream.
        guards: Guards that each prompt passes, and each answer that is not streamed; each is a check of its own.
        guardrail_open, guardrail_masked, guardrail_rejected: Shares of the checks.
        connections: New connections a second.
        tls_seconds: Median time of a TLS handshake.
        config_current: The last reload of the configuration file worked.
        xds_errors: Connections to the control plane that break a second; each also reconnects.
        xds_reconnects: Connections that the control plane ends by itself, a second: nothing is wrong.
        xds_messages: Messages of the control plane a second.
        substrate: Requests a second that a Substrate actor serves.
        attribution: Labels that the gateway's configuration adds to all that has a route, each with the shares of its
            values; they are independent of each other. The text `unknown` is what the gateway says where there is none.

    """

    era: str = CODE
    version: str = NEWEST
    http: Mapping[str, float] = field(default_factory=lambda: {"shop": 12.0, "search": 6.0, "docs": 2.0})
    http_errors: Mapping[str, float] = field(default_factory=dict)
    gone: Mapping[str, float] = field(default_factory=dict)
    unreached: Mapping[str, float] = field(default_factory=dict)
    http_seconds: float = 0.06
    overhead_seconds: float = 0.0004
    policy_seconds: float = 0.002
    refused: Mapping[str, float] = field(default_factory=lambda: {"JwtAuth": 0.05, "Authorization": 0.02})
    denied: float = 0.02
    limited: float = 0.05
    answers: Mapping[str, float] = field(default_factory=dict)
    shed_requests: float = 0.0
    shed_connections: float = 0.0
    llm: Mapping[str, float] = field(
        default_factory=lambda: {"openai/gpt-4o": 0.5, "openai/gpt-4o-mini": 3.0, "anthropic/claude-sonnet-4-5": 0.5}
    )
    llm_errors: Mapping[str, float] = field(default_factory=dict)
    llm_limited: Mapping[str, float] = field(default_factory=lambda: {"openai": 0.005})
    malformed: float = 0.0
    invented: Mapping[str, float] = field(default_factory=dict)
    retried: float = 0.01
    streamed: float = 0.8
    first_token_seconds: float = 0.6
    token_seconds: float = 0.018
    input_tokens: float = 1200.0
    output_tokens: float = 350.0
    unpriced: tuple[str, ...] = ()
    listed: tuple[str, ...] = ()
    mcp: Mapping[str, float] = field(default_factory=lambda: {"github": 3.0, "files": 2.0, "web": 1.0})
    mcp_errors: Mapping[str, float] = field(default_factory=dict)
    mcp_forbidden: Mapping[str, float] = field(default_factory=dict)
    mcp_streams: float = 0.02
    stream_seconds: float = 40.0
    guards: int = 1
    guardrail_open: float = 0.0
    guardrail_masked: float = 0.02
    guardrail_rejected: float = 0.005
    connections: float = 8.0
    tls_seconds: float = 0.012
    config_current: bool = True
    xds_errors: float = 0.0
    xds_messages: float = 0.05
    xds_reconnects: float = 0.001
    substrate: float = 0.2
    attribution: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
