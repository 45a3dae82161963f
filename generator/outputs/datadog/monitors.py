"""Alerts as monitors: what Datadog's API takes for each, the composite ones with their parts by name."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from generator.bundle import Bundle
from generator.outputs.datadog import naming
from generator.outputs.datadog.condition import Asked, Condition, Single, asked, composed
from generator.outputs.datadog.tags import Tags
from generator.outputs.datadog.translation import Translator
from generator.outputs.datadog.value import UntranslatableError
from generator.outputs.datadog.values import Recorded, Values
from generator.rules.rule import Alert
from generator.units import seconds

Json = dict[str, Any]

#: How urgent a monitor is, from 1 on.
_PRIORITIES: Mapping[str, int] = {"critical": 1, "warning": 3, "info": 5}

#: Most monitors that a composite one may join.
MOST_PARTS = 10

#: Longest window of a monitor of metrics.
LONGEST = "1w"

_TEMPLATE = re.compile(r"\{\{ *\$(?:labels\.(?P<label>\w+)|(?P<value>value))[^}]*\}\}")


@dataclass(frozen=True, slots=True)
class Translated:
    """An alert that Datadog can tell.

    Attributes:
        alert: The alert.
        system: The system that it is about.
        condition: What is asked.
        tags: What its labels are called there.

    """

    alert: Alert
    system: str
    condition: Condition
    tags: Mapping[str, str]

    @property
    def queries(self) -> Sequence[Single]:
        """What is asked, each query once."""
        return tuple(dict.fromkeys(asked(self.condition)))

    @property
    def names(self) -> Sequence[str]:
        """The metrics that it reads."""
        return tuple(dict.fromkeys(name for query in self.queries for name in query.names))


def translated(bundle: Bundle) -> tuple[Sequence[Translated], Mapping[str, str]]:
    """Return the alerts that have a counterpart, and of the others the reason by name."""
    known = naming.known(bundle.site)
    found: list[Translated] = []
    refused: dict[str, str] = {}
    for stem, groups in bundle.rules.items():
        system = bundle.site.system_of(stem)
        for alert in (alert for group in groups for alert in group.alerts):
            if not system:
                refused[alert.name] = "it is about Prometheus and Alertmanager"
                continue
            try:
                found.append(_translated(bundle, known, system, alert))
            except UntranslatableError as error:
                refused[alert.name] = str(error)
    return found, refused


def values(bundle: Bundle, known: Mapping[str, naming.Series], system: str, *, push: bool, scope: str = "") -> Values:
    """Return what translates the expressions of one system; `push` where some of what they read is pushed."""
    equalities = [(m.label, m.value) for m in bundle.site.target_matchers(system) if m.op == "="]
    own = (system, *bundle.site.catalogue.systems[system].pages)
    known = {name: one for name, one in known.items() if one.metric.system in own}
    called = naming.tags(bundle.site, push=push)
    return Values(known, system, Tags(called, bundle.site.labels.instance, equalities, scope), recorded(bundle, system))


def recorded(bundle: Bundle, system: str) -> Mapping[Recorded, tuple[str, float]]:
    """Return what the recorded series of a system record, and how often, by name and own labels."""
    scope = bundle.site
    return {
        (record.name, frozenset(record.labels.items())): (
            record.to_rule(scope)["expr"],
            seconds(group.interval or scope.config.timing.evaluation),
        )
        for stem, groups in bundle.rules.items()
        if scope.system_of(stem) == system
        for group in groups
        for record in group.records
    }


def _translated(bundle: Bundle, known: Mapping[str, naming.Series], system: str, alert: Alert) -> Translated:
    rule = alert.to_rule(bundle.site)
    push = any(naming.pushed(metric) for metric in alert.query.metrics)
    by = values(bundle, known, system, push=push)
    asks = Translator(by).condition(rule["expr"], rule.get("for", "0s"))
    one = Translated(alert, system, asks, by.tags.names)
    windows = [seconds(query.window) for query in one.queries if isinstance(query, Asked)]
    if any(window > seconds(LONGEST) or window % 60 for window in windows):
        raise UntranslatableError(f"a monitor's window is whole minutes, up to {LONGEST}")
    if len(one.queries) > MOST_PARTS:
        raise UntranslatableError(f"a composite monitor joins at most {MOST_PARTS}")
    return one


def documents(bundle: Bundle, one: Translated) -> Iterator[tuple[str, Json]]:
    """Yield the monitors of an alert by file stem, those first that a composite one joins.

    A composite monitor's query names its parts, `{{Alert.1}} && {{Alert.2}}`, in place of the numbers that Datadog gives them.
    """
    queries = one.queries
    if one.condition == queries[0]:
        yield one.alert.name, _monitor(bundle, one, one.alert.name, queries[0])
        return
    names = [f"{one.alert.name}.{n}" for n in range(1, len(queries) + 1)]
    for number, (name, query) in enumerate(zip(names, queries, strict=True), 1):
        part = _monitor(bundle, one, f"{one.alert.name}, condition {number} of {len(queries)}", query)
        note = f"A part of the composite monitor {one.alert.name}, which notifies; this one does not."
        part["tags"] = [tag for tag in part["tags"] if not tag.startswith("severity:")] + ["part:condition"]
        yield name, part | {"message": note, "priority": None}
    text = composed(one.condition, [f"{{{{{name}}}}}" for name in names], queries)
    body = _monitor(bundle, one, one.alert.name, queries[0]) | {"type": "composite", "query": text[1:-1]}
    body["message"] = body["message"].replace("{{value}}", "{{a.value}}")
    body["options"] = {"include_tags": True, "notify_no_data": False}
    yield one.alert.name, body


def _monitor(bundle: Bundle, one: Translated, name: str, query: Single) -> Json:
    alert = one.alert
    rule = alert.to_rule(bundle.site)
    own = [f"{key}:{value}" for key, value in rule["labels"].items() if key != "severity" and "{{" not in str(value)]
    annotations = rule["annotations"]
    lines = [annotations["summary"], annotations["description"], f"Runbook: {annotations['runbook_url']}"]
    return {
        "name": name,
        "type": "query alert" if isinstance(query, Asked) else "service check",
        "query": str(query),
        "message": _worded("\n\n".join(lines), one.tags),
        "tags": [
            *bundle.site.config.tags,
            f"alert:{alert.name}",
            f"system:{one.system}",
            f"severity:{alert.severity}",
            *own,
        ],
        "priority": _PRIORITIES[alert.severity],
        "options": _options(query),
    }


def _options(query: Single) -> Json:
    common: Json = {"include_tags": True, "notify_no_data": False}
    if not isinstance(query, Asked):
        return {"thresholds": {"critical": query.limit, "warning": query.limit, "ok": 1}, **common}
    # Events are sent only when there are any; a gauge has to hold for the whole window.
    return {"thresholds": {"critical": query.limit}, **common, "require_full_window": query.over != "sum"}


def _worded(text: str, tags: Mapping[str, str]) -> str:
    """Return a text of an alert with Datadog's variables in place of Prometheus'."""

    def variable(found: re.Match[str]) -> str:
        if found["value"]:
            return "{{value}}"
        name = tags.get(found["label"], found["label"])
        return f"{{{{{name}.name}}}}" if name else ""

    return _TEMPLATE.sub(variable, text)
