"""What shows that a setting of bundle.yaml has an effect: an example of each, where it matters.

Keys come from the schema, so that a new one without an example is told; values and what has to stand beside them are here.
"""

from __future__ import annotations

import fnmatch
from collections.abc import Iterator, Mapping
from copy import deepcopy
from dataclasses import dataclass, field
from typing import Any

from generator.catalogue import Catalogue
from generator.config import schema

Path = tuple[str | int, ...]
Json = Any


@dataclass(frozen=True, slots=True)
class Example:
    """One setting where it matters.

    Attributes:
        value: What is set.
        other: What it is compared with: another value; the key is left out where there is none.
        around: What stands beside it below the same system, or in the whole file.

    """

    value: Json
    other: Json = None
    around: Mapping[str, Json] = field(default_factory=dict)


STATIC = {"scrape": {"static": [{"deployment": "a", "targets": ["a.invalid:80"]}]}}
DNS = {"scrape": {"dns": [{"deployment": "a", "names": ["a.invalid"]}]}}
PAGE = {
    "scrape": {
        "dns": [{"role": "queue-depth", "deployment": "a", "targets": ["http://b.invalid:1984/metrics/queue/default"]}]
    }
}
SPENT = {
    "attribution": ["team"],
    "budgets": [{"label": "team", "value": "a", "usd_per_day": 1}],
    "prices": [{"model": "m", "input": 1, "output": 2}],
}
TRACES = {
    "dashboards": {"traces": {"datasource": "tempo", "labels": {"cluster": "resource.c", "deployment": "resource.d"}}}
}
LOGS = {"dashboards": {"logs": {"datasource": "loki", "type": "loki", "labels": {"cluster": "c", "deployment": "d"}}}}
LOGIN = {"alertmanager": {"basic_auth": {"username": "a", "password_file": "/a"}}}
HOOK = {
    "alertmanager": {"webhook_url": "http://h.invalid/", "webhook_basic_auth": {"username": "a", "password_file": "/a"}}
}

#: Settings of a system, by their place below it.
OF_A_SYSTEM: Mapping[str, Example] = {
    "enabled": Example(value=False),
    "prefix": Example("acme_"),
    "match": Example({"job": "ours"}),
    "scale_to_zero": Example(["night"]),
    "scrape.discovery": Example(["kubernetes"]),
    "scrape.static.0.role": Example("queue", around=STATIC),
    "scrape.static.0.deployment": Example("a", "b", STATIC),
    "scrape.static.0.namespace": Example("n", around=STATIC),
    "scrape.static.0.cluster": Example("c", around=STATIC),
    "scrape.static.0.targets": Example(["a.invalid:1"], ["b.invalid:1"], STATIC),
    "scrape.dns.0.role": Example("queue", around=DNS),
    "scrape.dns.0.deployment": Example("a", "b", DNS),
    "scrape.dns.0.namespace": Example("n", around=DNS),
    "scrape.dns.0.cluster": Example("c", around=DNS),
    "scrape.dns.0.names": Example(["a.invalid"], ["b.invalid"], DNS),
    "scrape.dns.0.port": Example(7, around=DNS),
    "scrape.dns.0.targets": Example(
        ["http://b.invalid:1984/metrics/queue/default"], ["http://c.invalid:1984/metrics/queue/default"], PAGE
    ),
    "scrape.files": Example(["/t/*.yaml"]),
    "scrape.kubernetes.namespaces": Example(["n"]),
    "scrape.kubernetes.deployment_label": Example("team"),
    "scrape.kubernetes.release": Example("r"),
    "scrape.kubernetes.exporters": Example("e"),
    "scrape.kubernetes.fullname": Example("f"),
    "scrape.bearer_token_file": Example("/t"),
    "scrape.https": Example(value=True),
    "scrape.json_exporter": Example("j.invalid:7979"),
    "scrape.blackbox_exporter": Example("b.invalid:9115"),
    "scrape.blackbox_module": Example("ready", around={"scrape": {"blackbox_exporter": "b.invalid:9115"}}),
    "scrape.sample_limit": Example(1_000_000),
    "scrape.label_limit": Example(200),
    "roles": Example(["queue"]),
    "parts": Example(["smithdb"]),
    "attribution": Example(["team"]),
    "budgets.0.label": Example("team", "group", {**SPENT, "attribution": ["team", "group"]}),
    "budgets.0.value": Example("a", "b", SPENT),
    "budgets.0.usd_per_day": Example(1, 2, SPENT),
    "prices.0.model": Example("m", "n", SPENT),
    "prices.0.input": Example(1, 2, SPENT),
    "prices.0.output": Example(1, 2, SPENT),
    "versions": Example("mixed"),
    "exposure": Example("ui"),
    "tier": Example(1),
    "runtimes": Example(["inmem"]),
    "switches": Example([]),
}

#: Those that need another example for one system.
OF_ONE: Mapping[str, Example] = {
    "systems.agentgateway.versions": Example("documented"),
    "systems.langsmith.roles": Example(["backend"]),
    "systems.langsmith.scrape.static.0.role": Example("backend", around=STATIC),
    "systems.langsmith.scrape.dns.0.role": Example("backend", around=DNS),
}

#: All others, by their place.
GENERAL: Mapping[str, Example] = {
    **{
        f"labels.{name}": Example(f"our_{name}")
        for name in ("cluster", "namespace", "deployment", "role", "instance", "system")
    },
    "selectors": Example({"env": "prod"}),
    "scrape.interval": Example("15s"),
    "scrape.timeout": Example("5s"),
    "scrape.external_labels": Example({"site": "a"}),
    "scrape.cluster": Example("eu"),
    "scrape.prometheus": Example(["p.invalid:9090"]),
    "evaluation.interval": Example("1m"),
    "evaluation.window": Example("10m"),
    "evaluation.retention": Example("2d", "20d", {"slo_period": "2d", "systems": {"agentgateway": {"enabled": True}}}),
    **{f"slo.{name}.objective": Example(98) for name in ("http_availability", "run_success", "queue_wait")},
    "slo.queue_wait.within": Example(1000),
    "slo_period": Example("14d"),
    "dashboards.tags": Example(["ours"]),
    "dashboards.folder": Example("Ours"),
    "dashboards.refresh": Example("5m"),
    "dashboards.time_from": Example("now-1h"),
    "dashboards.uid_prefix": Example("a-"),
    "dashboards.traces.datasource": Example("a", "b", TRACES),
    **{
        f"dashboards.traces.labels.{name}": Example("resource.x", around=TRACES)
        for name in ("cluster", "namespace", "deployment", "role", "instance")
    },
    "dashboards.logs.datasource": Example("a", "b", LOGS),
    "dashboards.logs.type": Example("loki", "victorialogs", LOGS),
    **{
        f"dashboards.logs.labels.{name}": Example("x", around=LOGS)
        for name in ("cluster", "namespace", "deployment", "role", "instance")
    },
    "docs_url": Example("https://d.invalid"),
    "alerts.runbook_base_url": Example("https://r.invalid"),
    "alerts.grafana_url": Example("https://g.invalid"),
    "alerts.labels": Example({"team": "a"}),
    "alerts.disable": Example(["AgentServerRunTimeouts"]),
    "alerts.enable": Example(["AgentServerHttp5xxRatio"]),
    "alertmanager.targets": Example(["a.invalid:9093"]),
    "alertmanager.replica_labels": Example(["twin"]),
    "alertmanager.https": Example(value=True),
    "alertmanager.path_prefix": Example("/am"),
    "alertmanager.basic_auth.username": Example("a", "b", LOGIN),
    "alertmanager.basic_auth.password_file": Example("/a", "/b", LOGIN),
    "alertmanager.bearer_token_file": Example("/t"),
    "alertmanager.webhook_basic_auth.username": Example("a", "b", HOOK),
    "alertmanager.webhook_basic_auth.password_file": Example("/a", "/b", HOOK),
    "alertmanager.webhook_bearer_token_file": Example(
        "/t", around={"alertmanager": {"webhook_url": "http://h.invalid/"}}
    ),
    "alertmanager.webhook_url": Example("http://h.invalid/"),
    "alertmanager.match": Example({"job": "am"}),
    "rule_files": Example(["/r/*.yaml"]),
    "formats.collector.exporter": Example("otlp_http"),
    "formats.collector.endpoint": Example("http://c.invalid/"),
    "formats.grafana-v2.layout": Example("tabs"),
    "formats.grafana-alerting.datasource_uid": Example("a"),
    "formats.grafana-alerting.target_datasource_uid": Example("a"),
    "formats.grafana-alerting.default_contact_point": Example(
        "a", around={"alertmanager": {"webhook_url": "http://h.invalid/"}}
    ),
    "formats.perses.project": Example("a"),
    "formats.perses.prometheus": Example("http://p.invalid"),
    "formats.kubernetes.namespace": Example("n"),
    "formats.kubernetes.labels": Example({"release": "a"}),
    "formats.kubernetes.dashboards": Example("operator"),
    "formats.kubernetes.dashboard_labels": Example({"a": "b"}),
    "formats.kubernetes.folder_annotation": Example("a"),
    "formats.kubernetes.instance_selector": Example(
        {"a": "b"}, around={"formats": {"kubernetes": {"dashboards": "operator"}}}
    ),
    "formats.kubernetes.service_monitors": Example(["langsight"], around={"systems": {"langsight": {"enabled": True}}}),
}

#: Settings that no output tells, and why: patterns of their places.
WITHOUT_OUTPUT: Mapping[str, str] = {
    "lint.suppress.0.*": "they say what `agentobs lint` leaves out, and to whoever reads the file why",
    "systems.langsight.scrape.*.0.role": "the system has no roles, so that each is refused",
    "systems.agentgateway.scrape.*.0.role": "the system has no roles, so that each is refused",
    "systems.*.cardinality.*": "`agentobs cost` counts by them",
    "thresholds": "their names are the limits of the catalogue, each of which an alert or a board draws on",
}


def places(catalogue: Catalogue) -> list[str]:
    """Return every setting that has a value of its own, a text, a number or a list of them, as `systems.x.scrape.static.0.role`."""
    return [".".join(map(str, place)) for place, _ in _leaves(schema(catalogue), ())]


def _leaves(part: Mapping[str, Any], place: Path) -> Iterator[tuple[Path, Mapping[str, Any]]]:
    if properties := part.get("properties"):
        for name, inner in properties.items():
            yield from _leaves(inner, (*place, name))
    elif part.get("type") == "array" and "properties" in part.get("items", {}):
        yield from _leaves(part["items"], (*place, 0))
    elif not (part.get("type") == "object" and "additionalProperties" in part and not part["additionalProperties"]):
        yield place, part


def reason(place: str) -> str:
    """Return why no output tells a setting; empty where one does."""
    return next((why for pattern, why in WITHOUT_OUTPUT.items() if fnmatch.fnmatchcase(place, pattern)), "")


def examples(catalogue: Catalogue) -> dict[str, Example]:
    """Return an example of every setting that has one, by its place."""
    out = dict(GENERAL)
    for place in places(catalogue):
        first, *rest = place.split(".")
        if first == "systems":
            name, inner = rest[0], ".".join(rest[1:])
            if reason(place):
                continue
            if found := OF_ONE.get(place) or OF_A_SYSTEM.get(inner):
                out[place] = Example(found.value, found.other, {"systems": {name: dict(found.around)}})
    return out


def documents(place: str, example: Example, systems: tuple[str, ...]) -> tuple[Json, Json]:
    """Return the configuration with a setting, and the same one without it or with another value.

    Only the system that it is about is on, or the first one.
    """
    steps: Path = tuple(int(step) if step.isdigit() else step for step in place.split("."))
    about = str(steps[1]) if steps[0] == "systems" else systems[0]
    other = systems[-1] if steps[-1] == "enabled" and about != systems[-1] else systems[0]
    both: list[Json] = []
    for value in (example.value, example.other):
        data: Json = _merged(
            {
                "systems": {
                    name: {"enabled": name == about or (steps[-1] == "enabled" and name == other)} for name in systems
                }
            },
            example.around,
        )
        if value is not None:
            _put(data, steps, value)
        else:
            _drop(data, steps)
        both.append(data)
    return both[0], both[1]


def _merged(data: Json, more: Mapping[str, Json]) -> Json:
    out = dict(data)
    for key, value in more.items():
        known = out.get(key)
        out[key] = _merged(known, value) if isinstance(known, dict) and isinstance(value, Mapping) else deepcopy(value)
    return out


def _put(data: Json, steps: Path, value: Json) -> None:
    for step in steps[:-1]:
        data = data[step] if isinstance(step, int) else data.setdefault(step, {})
    data[steps[-1]] = value


def _drop(data: Json, steps: Path) -> None:
    for step in steps[:-1]:
        if isinstance(data, dict) and step not in data:
            return
        data = data[step]
    data.pop(steps[-1], None)
