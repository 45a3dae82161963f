"""bundle.yaml: what an operator's installation looks like. Reads and checks it; decides nothing."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from generator.catalogue import Catalogue, Endpoint
from generator.errors import ConfigError, Problem, nearest
from generator.limits import LIMITS_BY_NAME
from generator.settings import Config, Discovery, Kubernetes, Labels, Objective, Suppression, SystemConfig
from generator.source import Document, parse, shown, violations
from generator.units import number, seconds

SCHEMA = Path(__file__).parent / "config.schema.json"


_SLO = {"http_availability": Objective(99.9), "run_success": Objective(99.0), "queue_wait": Objective(95.0, 5000)}

#: JSON pages with the depths of LangSmith's queues.
_QUEUES = (
    "http://langsmith-platform-backend:1986/metrics?format=json",
    "http://langsmith-backend:1984/metrics/queue/default",
)

_DISCOVERY: Mapping[str, Discovery] = {
    "agent_server": Discovery(
        kinds=("static", "dns"),
        static=(
            {"role": "api", "deployment": "demo", "targets": ["agent-api:8000"]},
            {"role": "combined", "deployment": "demo-combined", "targets": ["agent-combined:8000"]},
        ),
        dns=({"role": "queue", "deployment": "demo", "names": ["agent-queue"], "port": 8000},),
        files=("/etc/prometheus/targets/agent_server*.yaml",),
    ),
    "langsight": Discovery(
        kinds=("dns",),
        static=({"deployment": "demo", "targets": ["langsight-api:8000"]},),
        dns=({"deployment": "demo", "names": ["langsight-api"], "port": 8000},),
        files=("/etc/prometheus/targets/langsight*.yaml",),
        bearer_token_file="/etc/prometheus/secrets/langsight-token",  # noqa: S106 - a path, not a token
    ),
    "agentgateway": Discovery(
        kinds=("dns",),
        static=({"deployment": "demo", "targets": ["agentgateway:15020"]},),
        dns=({"deployment": "demo", "names": ["agentgateway"], "port": 15020},),
        files=("/etc/prometheus/targets/agentgateway*.yaml",),
        kubernetes=Kubernetes(deployment_label="gateway.networking.k8s.io/gateway-name"),
    ),
    "langsmith": Discovery(
        kinds=("dns",),
        static=({"role": "queue-depth", "deployment": "demo", "targets": list(_QUEUES)},),
        dns=(
            {"role": "backend", "deployment": "demo", "names": ["langsmith-backend"]},
            {"role": "platform-backend", "deployment": "demo", "names": ["langsmith-platform-backend"]},
            {"role": "playground", "deployment": "demo", "names": ["langsmith-playground"]},
            {"role": "clickhouse", "deployment": "demo", "names": ["langsmith-clickhouse"]},
            {"role": "frontend-nginx", "deployment": "demo", "names": ["langsmith-nginx-exporter"]},
            {"role": "postgres", "deployment": "demo", "names": ["langsmith-postgres-exporter"]},
            {"role": "redis", "deployment": "demo", "names": ["langsmith-redis-exporter"]},
            {"role": "queue-depth", "deployment": "demo", "targets": list(_QUEUES)},
        ),
        files=("/etc/prometheus/targets/langsmith*.yaml",),
        kubernetes=Kubernetes(namespaces=("langsmith",), release="langsmith", exporters="langsmith-observability"),
        json_exporter="langsmith-json-exporter:7979",
    ),
}
#: Systems that have boards and rules of their own so far.
_ENABLED = frozenset({"agent_server", "langsight", "agentgateway", "langsmith"})
_VERSIONS = {
    "new": ("new",),
    "old": ("old",),
    "mixed": ("new", "old"),
    "code": ("code",),
    "documented": ("documented",),
}


def read(catalogue: Catalogue, path: Path | None = None) -> Config:
    """Read `path`, or return the defaults.

    Raises:
        ConfigError: The file cannot be read or is wrong; carries every problem.

    """
    if path is None:
        return _config({}, catalogue, None)
    from jsonschema import Draft202012Validator

    problems: list[Problem] = []
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError([Problem(str(path), 1, f"cannot be read: {error}", "name a readable UTF-8 file")]) from error
    document = parse(shown(path), text, problems)
    if document.data is not None:
        validator = Draft202012Validator(json.loads(SCHEMA.read_text(encoding="utf-8")))
        found = list(violations(document, validator))
        problems += [problem for _, problem in found]
        broken = {place[0] for place, _ in found if place}
        if isinstance(document.data, dict):
            sound = {key: value for key, value in document.data.items() if key not in broken}
            problems += _senseless(replace(document, data=sound), catalogue)
    if problems:
        raise ConfigError(problems)
    return _config(document.data or {}, catalogue, document)


def _senseless(document: Document, catalogue: Catalogue) -> list[Problem]:
    """Return what the schema cannot say: names that must exist, numbers that must fit each other."""
    data: Mapping[str, Any] = document.data or {}
    out = [
        p for name, value in data.get("thresholds", {}).items() for p in _threshold(document, catalogue, name, value)
    ]
    within = data.get("slo", {}).get("queue_wait", {}).get("within")
    if within is not None:
        out += _edge(
            document, catalogue, ("slo", "queue_wait", "within"), within, "agent_server/run_queue_wait_time_1st_attempt"
        )
    for name, system in data.get("systems", {}).items():
        known = list(catalogue.systems[name].roles)
        for place, role in enumerate(system.get("roles", ())):
            if role not in known:
                fix = nearest(
                    role,
                    known,
                    otherwise=f"use one of {', '.join(known)}" if known else "the system has no roles: remove it",
                )
                out.append(document.problem(("systems", name, "roles", place), f"role {role!r} is unknown", fix))
        out += _unfindable(document, catalogue.systems[name].endpoint, name, system)
    labels = Labels(**data.get("labels", {})).every
    out += [
        document.problem(("labels", key), f"label {value!r} is used twice", "give each target label a name of its own")
        for key, value in data.get("labels", {}).items()
        if labels.count(value) > 1
    ]
    return out + _durations(document, data)


def _unfindable(document: Document, endpoint: Endpoint, name: str, system: Mapping[str, Any]) -> Iterator[Problem]:
    """Yield groups that DNS cannot find: those of JSON pages have the pages' addresses, all others have names."""
    for place, group in enumerate(system.get("scrape", {}).get("dns", ())):
        role, where = group.get("role", ""), ("systems", name, "scrape", "dns", place)
        if not (endpoint.prober and role == endpoint.prober):
            if "targets" in group or "names" not in group:
                yield document.problem(where, "the group has no DNS names to look up", "write names: [NAME]")
            continue
        if "names" in group or "port" in group or "targets" not in group:
            what = f"of the role {role!r} it is the json_exporter's name that is looked up, for addresses of JSON pages"
            fix = "leave out names and port, and list the pages: targets: [http://host:port/path]; the exporter is json_exporter"
            yield document.problem(where, what, fix)
        for nth, address in enumerate(group.get("targets", ())):
            if endpoint.page_at(address) is None:
                known = ", ".join(page.path for page in endpoint.json)
                yield document.problem(
                    (*where, "targets", nth), f"{address!r} is no known JSON page", f"end it with one of {known}"
                )


def _durations(document: Document, data: Mapping[str, Any]) -> list[Problem]:
    interval = data.get("scrape", {}).get("interval", Config.__dataclass_fields__["scrape_interval"].default)
    timeout = data.get("scrape", {}).get("timeout", Config.__dataclass_fields__["scrape_timeout"].default)
    window = data.get("evaluation", {}).get("window", Config.__dataclass_fields__["window"].default)
    out = []
    if seconds(timeout) > seconds(interval):
        what = f"scrape timeout {timeout} is longer than the interval {interval}"
        out.append(document.problem(("scrape", "timeout"), what, f"use at most {interval}"))
    if seconds(window) < 4 * seconds(interval):
        what = f"window {window} is shorter than four scrape intervals of {interval}"
        out.append(document.problem(("evaluation", "window"), what, f"use at least {4 * int(seconds(interval))}s"))
    return out + _retention(document, data, window)


def _retention(document: Document, data: Mapping[str, Any], window: str) -> list[Problem]:
    """Return what looks further back than Prometheus keeps samples, at the key that the file has."""
    kept = data.get("evaluation", {}).get("retention", Config.__dataclass_fields__["retention"].default)
    period = data.get("slo_period", Config.__dataclass_fields__["slo_period"].default)
    return [
        document.problem(
            place if place in document.lines else ("evaluation", "retention"),
            f"{place[-1]} {given} is longer than the {kept} for which Prometheus keeps samples",
            f"use at most {kept}, or set evaluation.retention to its --storage.tsdb.retention.time",
        )
        for place, given in ((("slo_period",), period), (("evaluation", "window"), window))
        if seconds(given) > seconds(kept)
    ]


def _threshold(document: Document, catalogue: Catalogue, name: str, value: Any) -> list[Problem]:
    place = ("thresholds", name)
    if name not in LIMITS_BY_NAME:
        fix = nearest(name, list(LIMITS_BY_NAME), otherwise=f"use one of {', '.join(LIMITS_BY_NAME)}")
        return [document.problem(place, f"unknown threshold {name!r}", fix)]
    limit = LIMITS_BY_NAME[name]
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return [
            document.problem(place, f"threshold {name!r} is {value!r}, not a number", f"write a number in {limit.unit}")
        ]
    share = limit.unit == "ratio" and limit.value <= 1  # else a multiple
    if value < 0 or (share and value > 1):
        bound = "between 0 and 1" if share else "of at least 0"
        return [document.problem(place, f"threshold {name!r} is {value!r}", f"write a number {bound}, in {limit.unit}")]
    return _edge(document, catalogue, place, value, limit.histogram) if limit.histogram else []


def _edge(
    document: Document, catalogue: Catalogue, place: tuple[str, ...], value: float, histogram: str
) -> list[Problem]:
    system, _, name = histogram.partition("/")
    metric = next(m for m in catalogue.systems[system].metrics if m.name == name)
    usable = metric.buckets[:-1]
    if value in usable:
        return []
    what = f"{place[-1]!r} is {number(value)}, which is no bucket edge of {metric.documented_name} below its last one"
    return [document.problem(place, what, f"use one of {', '.join(map(number, usable))}")]


def _config(data: Mapping[str, Any], catalogue: Catalogue, document: Document | None) -> Config:
    scrape, evaluation = data.get("scrape", {}), data.get("evaluation", {})
    boards, alerts = data.get("dashboards", {}), data.get("alerts", {})
    flat = {
        "scrape_interval": scrape.get("interval"), "scrape_timeout": scrape.get("timeout"),
        "external_labels": scrape.get("external_labels"), "cluster": scrape.get("cluster"), "evaluation_interval": evaluation.get("interval"),
        "window": evaluation.get("window"), "retention": evaluation.get("retention"), "slo_period": data.get("slo_period"), "selectors": data.get("selectors"),
        "thresholds": data.get("thresholds"), "tags": boards.get("tags"), "folder": boards.get("folder"),
        "refresh": boards.get("refresh"), "time_from": boards.get("time_from"), "uid_prefix": boards.get("uid_prefix"),
        "runbook_base_url": alerts.get("runbook_base_url"), "grafana_url": alerts.get("grafana_url"),
        "alert_labels": alerts.get("labels"), "disabled": alerts.get("disable"), "enabled": alerts.get("enable"),
        "alertmanagers": data.get("alertmanager", {}).get("targets"), "webhook_url": data.get("alertmanager", {}).get("webhook_url"),
        "rule_files": data.get("rule_files"),
    }  # fmt: skip
    given: dict[str, Any] = {k: tuple(v) if isinstance(v, list) else v for k, v in flat.items() if v is not None}
    slo = {
        k: Objective(**{"objective": o.objective, "within": o.within, **data.get("slo", {}).get(k, {})})
        for k, o in _SLO.items()
    }
    return Config(
        systems={
            name: _system(name, catalogue, data.get("systems", {}).get(name, {}))
            for name in _DISCOVERY
            if name in catalogue.systems
        },
        labels=Labels(**data.get("labels", {})),
        slo=slo,
        suppressions=tuple(Suppression(**s) for s in data.get("lint", {}).get("suppress", ())),
        document=document,
        **given,
    )


def _system(name: str, catalogue: Catalogue, raw: Mapping[str, Any]) -> SystemConfig:
    system = catalogue.systems[name]
    return SystemConfig(
        enabled=raw.get("enabled", name in _ENABLED),
        prefix=raw.get("prefix", system.prefix),
        eras=_VERSIONS[raw["versions"]]
        if "versions" in raw
        else ("code",)
        if "code" in system.eras
        else tuple(system.eras)[:1],
        exposure=raw.get("exposure", "internal"),
        tier=raw.get("tier", 4),
        runtimes=tuple(raw.get("runtimes", system.runtimes)),
        roles=tuple(raw.get("roles", system.roles)),
        switches=tuple(raw.get("switches", system.switches)),
        discovery=_discovery(_DISCOVERY[name], raw.get("scrape", {})),
    )


def _discovery(default: Discovery, raw: Mapping[str, Any]) -> Discovery:
    given: dict[str, Any] = {k: tuple(v) if isinstance(v, list) else v for k, v in raw.items()}
    if "discovery" in given:
        given["kinds"] = given.pop("discovery")
    if "kubernetes" in given:
        own: dict[str, Any] = {k: tuple(v) if isinstance(v, list) else v for k, v in raw["kubernetes"].items()}
        given["kubernetes"] = replace(default.kubernetes, **own)
    values: dict[str, Any] = {name: getattr(default, name) for name in Discovery.__slots__}
    return Discovery(**(values | given))
