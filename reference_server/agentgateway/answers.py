"""Answers beside those of a model, a server or a backend that works: who gave them, and how the gateway counts them.

Seen on the real 1.4.1. What is refused before a backend is chosen is plain `http` without a backend, on routes of models and MCP
servers as well.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

#: What a label says of what did not happen.
UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Answer:
    """How one kind of answer is counted.

    Attributes:
        method, status, reason: As on the page.
        route: The kind of route that it is on: web, llm, mcp, or a2a; `unknown` when none was found, tcp for a whole session.
        chosen: A backend was chosen.
        seconds: How long it takes, in the middle.
        empty: It has no body, so that no bytes are counted.
        retried: The gateway tried more than once.
        mirrored: A copy of the request went to another backend.
        timed: It is timed and not counted: a session of a TCP listener.

    """

    method: str
    status: str
    reason: str
    route: str = "web"
    chosen: bool = True
    seconds: float = 0.002
    empty: bool = False
    retried: bool = False
    mirrored: bool = False
    timed: bool = False

    @property
    def protocol(self) -> str:
        """What the request was by the time of its answer."""
        return self.route if self.chosen and self.route in ("llm", "mcp", "a2a", "tcp") else "http"


def _refusals() -> Iterator[tuple[str, Answer]]:
    """Yield refusals before a backend is chosen, of each kind of route."""
    refused = {
        "jwt": ("401", "JwtAuth"),
        "basic": ("401", "BasicAuth"),
        "key": ("401", "APIKeyAuth"),
        "oidc": ("302", "Oidc"),
        "forbidden": ("403", "Authorization"),
        "denied": ("403", "DirectResponse"),
        "denial-fails": ("403", "ExtAuth"),
        "limited": ("429", "RateLimit"),
        "limited-remotely": ("429", "DirectResponse"),
    }
    for route, method in (("web", "GET"), ("llm", "POST"), ("mcp", "POST")):
        for name, (status, reason) in refused.items():
            yield f"{route}-{name}", Answer(method, status, reason, route, chosen=False, empty=name == "denied")


#: Every kind that `answers` of a workload may name.
ANSWERS: Mapping[str, Answer] = {
    **dict(_refusals()),
    "web-ok": Answer("GET", "200", "Upstream", seconds=0.06),
    "web-created": Answer("POST", "200", "Upstream", seconds=0.06),
    "web-missing": Answer("GET", "404", "Upstream", seconds=0.06),
    "web-broken": Answer("GET", "500", "Upstream", seconds=0.06),
    "web-no-route": Answer("GET", "404", "NotFound", UNKNOWN, chosen=False),
    "web-no-endpoint": Answer("GET", "503", "NoHealthyBackend"),
    "web-no-backend": Answer("GET", "500", "NoHealthyBackend", chosen=False),
    "web-unreachable": Answer("GET", "503", "UpstreamFailure", seconds=0.05),
    "web-timeout": Answer("GET", "504", "Timeout", seconds=10.0),
    "web-direct": Answer("GET", "200", "DirectResponse", chosen=False),
    "web-redirect": Answer("GET", "302", "DirectResponse", chosen=False, empty=True),
    "web-csrf": Answer("POST", "403", "DirectResponse", chosen=False),
    "web-gone": Answer("GET", UNKNOWN, UNKNOWN, seconds=1.0, empty=True),
    "web-retried": Answer("GET", "200", "Upstream", seconds=0.1, retried=True),
    "web-retried-in-vain": Answer("GET", "503", "Upstream", seconds=0.1, retried=True),
    "web-mirrored": Answer("GET", "200", "Upstream", seconds=0.06, mirrored=True),
    "a2a-ok": Answer("POST", "200", "Upstream", "a2a", seconds=0.2),
    "llm-broken": Answer("POST", "500", "Upstream", "llm", seconds=0.2),
    "llm-guarded": Answer("POST", "403", "Guardrail", "llm"),
    "llm-guard-refuses": Answer("POST", "400", "Guardrail", "llm"),
    "llm-unreachable": Answer("POST", "503", "UpstreamFailure", "llm", seconds=0.05),
    "mcp-no-session": Answer("GET", "400", "MCP", "mcp"),
    "mcp-no-method": Answer("POST", "404", "MCP", "mcp"),
    "mcp-gone": Answer("POST", UNKNOWN, UNKNOWN, "mcp", seconds=1.0, empty=True),
    "tcp-session": Answer(UNKNOWN, UNKNOWN, UNKNOWN, "tcp", seconds=5.0, empty=True, timed=True),
}
