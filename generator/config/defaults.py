"""What holds where bundle.yaml says nothing."""

from __future__ import annotations

from collections.abc import Mapping

from generator.settings import Discovery, Kubernetes, Objective

#: Objectives by name: per cent, and milliseconds where one is about a wait.
SLO: Mapping[str, Objective] = {
    "http_availability": Objective(99.9),
    "run_success": Objective(99.0),
    "queue_wait": Objective(95.0, 5000),
}

#: How each system is found once something is named: what no operator has to repeat, and no target.
DISCOVERY: Mapping[str, Discovery] = {
    "agent_server": Discovery(files=("/etc/prometheus/targets/agent_server*.yaml",)),
    "langsight": Discovery(
        files=("/etc/prometheus/targets/langsight*.yaml",),
        bearer_token_file="/etc/prometheus/secrets/langsight-token",  # noqa: S106 - a path, not a token
    ),
    "agentgateway": Discovery(files=("/etc/prometheus/targets/agentgateway*.yaml",)),
    "langsmith": Discovery(
        files=("/etc/prometheus/targets/langsmith*.yaml",),
        kubernetes=Kubernetes(namespaces=("langsmith",), release="langsmith", exporters="langsmith-observability"),
        json_exporter="langsmith-json-exporter:7979",
    ),
}
#: What `discovery` calls each kind, in the order of the documentation, and the key that has what it finds by.
KINDS: Mapping[str, str] = {"static": "static", "dns": "dns", "file": "files", "kubernetes": "kubernetes"}
#: Systems that have boards and rules of their own so far.
ENABLED = frozenset({"agent_server", "langsight", "agentgateway", "langsmith"})
