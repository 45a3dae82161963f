"""Checks of rule files: shape, names, annotations, templates, timing."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from generator.config.settings import OBSERVABILITY
from generator.config.site import Site
from generator.lint import expression
from generator.lint.finding import Files, Finding, rules
from generator.lint.queries import result_labels, texts
from generator.rules.rule import GROUP_PREFIX, RECORD_PREFIX
from generator.source import Document, Place
from generator.units import seconds

#: What Prometheus 2.42 accepts; an unknown field makes a whole file fail.
_GROUP = frozenset({"name", "interval", "limit", "rules"})
_ALERT = frozenset({"alert", "expr", "for", "keep_firing_for", "labels", "annotations"})
_RECORD = frozenset({"record", "expr", "labels"})
_ANNOTATIONS = ("summary", "description", "runbook_url", "dashboard")
_SEVERITIES = ("critical", "warning", "info")
_DURATION = re.compile(r"(\d+(ms|[smhdwy]))+")
_USED = re.compile(r"\$labels\.(\w+)")


def _at(document: Document, place: Place, check: str, what: str, fix: str) -> Finding:
    return Finding(document.path, document.line(*place), check, what, fix)


def schema(files: Files, _: Site) -> Iterator[Finding]:
    """A rule file has only fields that Prometheus 2.42 knows, and durations it can read."""
    for document in files.rules:
        for number, group in enumerate(document.data.get("groups", ())):
            for key in group.keys() - _GROUP:
                yield _at(
                    document,
                    ("groups", number, key),
                    "rule/schema",
                    f"group field {key!r}",
                    f"use {', '.join(sorted(_GROUP))}",
                )
        for place, _group, rule in rules(document):
            known = _ALERT if "alert" in rule else _RECORD
            for key in rule.keys() - known:
                yield _at(
                    document, (*place, key), "rule/schema", f"rule field {key!r}", f"use {', '.join(sorted(known))}"
                )
            for key in ("for", "keep_firing_for"):
                if key in rule and not _DURATION.fullmatch(str(rule[key])):
                    yield _at(
                        document,
                        (*place, key),
                        "rule/schema",
                        f"{key!r} is {rule[key]!r}, no duration",
                        "write one such as 5m",
                    )


def duplicates(files: Files, _: Site) -> Iterator[Finding]:
    """No two alerts have one name, no two recording rules one name and labels, no two groups one name."""
    seen: dict[object, str] = {}
    for document in files.rules:
        for number, group in enumerate(document.data.get("groups", ())):
            yield from _again(
                seen, ("group", group.get("name")), document, ("groups", number), f"group {group.get('name')!r}"
            )
        for place, _group, rule in rules(document):
            name = rule.get("alert") or rule.get("record")
            key = (name, *(sorted(rule.get("labels", {}).items()) if "record" in rule else ()))
            yield from _again(seen, key, document, place, f"rule {name!r}")


def _again(seen: dict[object, str], key: object, document: Document, place: Place, what: str) -> Iterator[Finding]:
    here = f"{document.path}:{document.line(*place)}"
    if key in seen:
        yield _at(document, place, "rule/duplicates", f"{what} is already at {seen[key]}", "keep one of the two")
    seen.setdefault(key, here)


def _alerts(files: Files) -> Iterator[tuple[Document, Place, Mapping[str, Any]]]:
    for document in files.rules:
        for place, _, rule in rules(document):
            if "alert" in rule:
                yield document, place, rule


def annotated(files: Files, _: Site) -> Iterator[Finding]:
    """Every alert has a summary, a description, a runbook and a board."""
    for document, place, rule in _alerts(files):
        for key in _ANNOTATIONS:
            if not rule.get("annotations", {}).get(key):
                yield _at(
                    document,
                    (*place, "annotations"),
                    "alert/annotated",
                    f"{rule['alert']} has no {key}",
                    f"add {key!r}",
                )


def severity(files: Files, _: Site) -> Iterator[Finding]:
    """Every alert has a severity that routes know: critical, warning, info."""
    for document, place, rule in _alerts(files):
        found = rule.get("labels", {}).get("severity")
        if found not in _SEVERITIES:
            yield _at(
                document,
                (*place, "labels"),
                "alert/severity",
                f"{rule['alert']} has the severity {found!r}",
                f"use one of {', '.join(_SEVERITIES)}",
            )


def templates(files: Files, _: Site) -> Iterator[Finding]:
    """Labels that a text reads survive the expression, and no label carries a value."""
    for document, place, rule in _alerts(files):
        labels_left = result_labels(str(rule.get("expr", "")))
        own = set(rule.get("labels", {}))
        for key, text in rule.get("annotations", {}).items():
            for name in sorted(set(_USED.findall(str(text))) - own):
                if labels_left is not None and name not in labels_left:
                    yield _at(
                        document,
                        (*place, "annotations", key),
                        "alert/templates",
                        f"{key} of {rule['alert']} reads the label {name!r}, which the expression drops",
                        f"it keeps {', '.join(sorted(labels_left)) or 'none'}",
                    )
        for key, text in rule.get("labels", {}).items():
            if re.search(r"\{\{[^}]*\$value", str(text)):
                yield _at(
                    document,
                    (*place, "labels", key),
                    "alert/templates",
                    f"label {key!r} of {rule['alert']} carries the value",
                    "put the value into an annotation: each new value is a new alert",
                )


def comparison(files: Files, _: Site) -> Iterator[Finding]:
    """An alert's expression has a condition; else it fires whenever the series exists."""
    for document, place, rule in _alerts(files):
        try:
            conditional = expression.has_condition(expression.parsed(str(rule.get("expr", ""))))
        except ValueError:
            continue
        if not conditional and rule.get("labels", {}).get("severity") != "info":
            yield _at(
                document,
                (*place, "expr"),
                "alert/comparison",
                f"{rule['alert']} has no condition",
                "compare with a limit",
            )


def names(files: Files, site: Site) -> Iterator[Finding]:
    """Alerts are CamelCase and begin with their system; records are `agentobs_<level>:<metric>:<operation>_<window>`."""
    for document in files.rules:
        for number, group in enumerate(document.data.get("groups", ())):
            if not str(group.get("name")).startswith(GROUP_PREFIX):
                what, fix = f"group {group.get('name')!r}", f"begin it with {GROUP_PREFIX}: failures are told by group"
                yield _at(document, ("groups", number, "name"), "rule/names", what, fix)
        system = site.system_of(Path(document.path).name)
        first = site.catalogue.systems[system].alerts if system else OBSERVABILITY
        for place, _group, rule in rules(document):
            if "alert" in rule and not re.fullmatch(rf"{first}[A-Z][A-Za-z0-9]+", str(rule["alert"])):
                fix = f"use CamelCase after {first}: boards find their alerts by it"
                yield _at(document, place, "rule/names", f"alert {rule['alert']!r}", fix)
            if "record" in rule:
                yield from _record_name(document, place, str(rule["record"]), str(rule.get("expr", "")))


def _record_name(document: Document, place: Place, name: str, text: str) -> Iterator[Finding]:
    """A record has our prefix, and the window that its expression looks back for and no other; in characters of Prometheus 2."""
    if not re.fullmatch(rf"{RECORD_PREFIX}[a-z_]+:[a-zA-Z0-9_]+:[a-z0-9_]+", name):
        fix = f"call it {RECORD_PREFIX}<level>:<metric>:<operation>_<window>: others record series too"
        yield _at(document, place, "rule/names", f"record {name!r}", fix)
        return
    back = max((s.back for s in _selectors(text)), default=0.0)
    window = re.search(r"_((?:\d+[smhdwy])+)$", name)
    if (seconds(window[1]) if window else 0.0) != back:
        what = f"record {name!r} looks back for {back:g} s" if back else f"record {name!r} looks at this moment only"
        fix = "end its name in that window, such as _5m" if back else "leave the window out of its name"
        yield _at(document, place, "rule/names", what, fix)


def used(files: Files, _: Site) -> Iterator[Finding]:
    """Every recorded series is read by a board, an alert or another rule."""
    read = {s.name for text in texts(files) for s in _selectors(text.text)}
    for document in files.rules:
        for place, _group, rule in rules(document):
            if "record" in rule and rule["record"] not in read:
                yield _at(
                    document, place, "rule/used", f"nobody reads {rule['record']}", "show it, alert on it, or drop it"
                )


def _selectors(text: str) -> tuple[expression.Selector, ...]:
    try:
        return expression.selectors(expression.parsed(text))
    except ValueError:
        return ()


def order(files: Files, _: Site) -> Iterator[Finding]:
    """Within a group, a rule reads only what an earlier rule of it recorded: else it sees the value of the last round."""
    for document in files.rules:
        for number, group in enumerate(document.data.get("groups", ())):
            listed = [str(r.get("record", "")) for r in group.get("rules", ())]
            for inner, rule in enumerate(group.get("rules", ())):
                later = {s.name for s in _selectors(str(rule.get("expr", "")))} & set(listed[inner:]) - set(
                    listed[:inner]
                )
                for name in sorted(later):
                    yield _at(
                        document,
                        ("groups", number, "rules", inner),
                        "rule/order",
                        f"reads {name}, which a later rule records",
                        "move that rule up",
                    )


def boards(files: Files, site: Site) -> Iterator[Finding]:
    """The board that an alert links to exists."""
    known = {b.data.get("uid") for b in files.boards}
    for document, place, rule in _alerts(files):
        for uid in re.findall(r"/d/([\w-]+)", str(rule.get("annotations", {}).get("dashboard", ""))):
            if uid not in known:
                yield _at(
                    document,
                    (*place, "annotations"),
                    "alert/boards",
                    f"{rule['alert']} links to the board {uid!r}, which is not there",
                    f"use one of {', '.join(sorted(map(str, known)))}",
                )
    del site


def identity(files: Files, site: Site) -> Iterator[Finding]:
    """An alert keeps the labels that name a deployment; one about the monitoring itself says so: `about: monitoring`."""
    for document, place, rule in _alerts(files):
        if rule.get("labels", {}).get("about") in ("monitoring", "spending"):
            continue
        labels_left = result_labels(str(rule.get("expr", "")))
        absent = [label for label in site.identity if labels_left is not None and label not in labels_left]
        if absent:
            yield _at(
                document, (*place, "expr"), "alert/kept", f"{rule['alert']} drops {', '.join(absent)}", "group by them"
            )
