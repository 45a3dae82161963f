"""Rules as Grafana manages them: the expression of Prometheus as an instant query, and what turns its result into a state.

An alert's expression gives a series for each thing that is wrong, whatever its value, and nothing when all is well. So a
rule has three steps: `A` asks, `B` is 1 for each series that has any value, also 0 or NaN, and `C` fires above 0.

| setting | value | why |
| --- | --- | --- |
| `noDataState` | `OK` | an empty answer means that nothing is wrong; that targets are gone is what alerts of their own ask for |
| | `NoData` | for an expression that reads no series (`vector(1)`): without an answer something is broken |
| `execErrState` | `KeepLast` | as in Prometheus, a query that fails neither fires nor resolves |
| | `Error` | for an expression that reads no series: one alert tells that the data source cannot be asked, not all of them |
| `missing_series_evals_to_resolve` | 1, or as many more as `keepFiringFor` lasts | a series that is gone is resolved after as many rounds; `keepFiringFor` is for series that are still there |
"""

from __future__ import annotations

import hashlib
import math
import re
from collections.abc import Iterable, Mapping
from typing import Any

from generator.bundle import Bundle
from generator.outputs.grafana_alerting.templates import QUERY, filled, literal
from generator.outputs.selectors import selectors
from generator.rules.rule import board_uid
from generator.units import period, seconds

Json = dict[str, Any]

#: Grafana's scheduler looks for rules to evaluate every ten seconds.
STEP = 10

#: The longest uid of a rule.
LONGEST = 40

#: How far the range of a query goes back, in seconds. An instant query is at its end; nothing reads the rest.
_RANGE = {"from": 600, "to": 0}

#: The data source of expressions on results.
_EXPRESSION = "__expr__"


def document(bundle: Bundle, groups: Iterable[Json], panels: Mapping[str, int]) -> Json:
    """Return the provisioning file of some groups; `panels` has the panel of an alert by its name."""
    site = bundle.site
    made = [
        {
            "orgId": 1,
            "name": group["name"],
            "folder": literal(site.config.folder),
            "interval": interval(group.get("interval", site.timing.evaluation)),
            "rules": [_rule(bundle, group, rule, panels) for rule in group["rules"]],
        }
        for group in groups
    ]
    return {"apiVersion": 1, "groups": made}


def interval(wanted: str) -> str:
    """Return a duration in whole steps of Grafana's scheduler, and not shorter."""
    length = seconds(wanted)
    return wanted if length % STEP == 0 else period(math.ceil(length / STEP) * STEP)


def shown(bundle: Bundle) -> Mapping[str, int]:
    """Return the id of the panel that shows what an alert is about, on the alert's own board, by the alert's name."""
    ids = {stem: _ids(board.dashboard.to_json_data()["panels"]) for stem, board in bundle.boards.items()}
    return {
        alert.name: ids[alert.board][panel.title]
        for alert in bundle.alerts
        if alert.board in ids
        for panel in reversed(bundle.boards[alert.board].panels)  # of several, the first on the board
        if alert.name in panel.alerts
    }


def _ids(panels: Iterable[Json]) -> dict[str, int]:
    out: dict[str, int] = {}
    for panel in panels:
        out |= _ids(panel.get("panels", ()))
        if panel["type"] != "row":
            out[panel["title"]] = panel["id"]
    return out


def uid(prefix: str, title: str) -> str:
    """Return the uid of a rule: the title in small letters; with a hash of it where letters were lost."""
    words = re.sub(r"[^a-z0-9]+", "-", title.lower()).strip("-")
    name = prefix + words
    if words == title.lower() and len(name) <= LONGEST:
        return name
    digest = hashlib.sha256(title.encode()).hexdigest()[:8]
    return f"{name[: LONGEST - 9].rstrip('-')}-{digest}"


def _rule(bundle: Bundle, group: Json, rule: Json, panels: Mapping[str, int]) -> Json:
    return _alert(bundle, group, rule, panels) if "alert" in rule else _record(bundle, rule)


def _record(bundle: Bundle, rule: Json) -> Json:
    """Return a recording rule; its title has the labels that tell it from others of the same name."""
    config, labels = bundle.site.config, rule.get("labels", {})
    title = " ".join([rule["record"], *(f"{name}={value}" for name, value in labels.items())])
    options = config.formats.grafana_alerting
    made: Json = {
        "uid": uid(config.uid_prefix, title),
        "title": literal(title),
        "data": [_query(options.datasource_uid, rule["expr"])],
        "record": {
            "metric": rule["record"],
            "from": QUERY,
            "targetDatasourceUid": options.target_datasource_uid or options.datasource_uid,
        },
    }
    return made | ({"labels": {name: literal(value) for name, value in labels.items()}} if labels else {})


def _alert(bundle: Bundle, group: Json, rule: Json, panels: Mapping[str, int]) -> Json:
    config, name = bundle.site.config, rule["alert"]
    constant = not selectors(rule["expr"])
    every = seconds(interval(group.get("interval", bundle.site.timing.evaluation)))
    keep = rule.get("keep_firing_for", "0s")
    annotations = {key: filled(value) for key, value in rule["annotations"].items()}
    made: Json = {
        "uid": uid(config.uid_prefix, name),
        "title": name,
        "condition": "C",
        "data": [
            _query(config.formats.grafana_alerting.datasource_uid, rule["expr"]),
            _step("B", "math", f"is_number(${QUERY}) || is_nan(${QUERY}) || is_inf(${QUERY})"),
            _step("C", "threshold", "B", conditions=[{"evaluator": {"type": "gt", "params": [0]}}]),
        ],
        "noDataState": "NoData" if constant else "OK",
        "execErrState": "Error" if constant else "KeepLast",
        "for": rule.get("for", "0s"),
    }
    if "keep_firing_for" in rule:
        made["keepFiringFor"] = keep
    made["missing_series_evals_to_resolve"] = 1 + math.ceil(seconds(keep) / every)
    if name in panels:
        board, panel = _board(bundle, name), panels[name]
        annotations |= {"__dashboardUid__": board, "__panelId__": str(panel)}
        made |= {"dashboardUid": board, "panelId": panel}
    labels = {key: literal(value) for key, value in rule["labels"].items()}
    return made | {"annotations": annotations, "labels": labels}


def _board(bundle: Bundle, name: str) -> str:
    return board_uid(bundle.site, next(alert.board for alert in bundle.alerts if alert.name == name))


def _query(source: str, expr: str) -> Json:
    model = {
        "refId": QUERY,
        "datasource": {"type": "prometheus", "uid": source},
        "expr": expr,
        "instant": True,
        "range": False,
        "editorMode": "code",
    }
    return {"refId": QUERY, "datasourceUid": source, "relativeTimeRange": dict(_RANGE), "model": model}


def _step(ref: str, kind: str, expression: str, **more: Any) -> Json:
    model = {
        "refId": ref,
        "datasource": {"type": _EXPRESSION, "uid": _EXPRESSION},
        "type": kind,
        "expression": expression,
        **more,
    }
    return {"refId": ref, "datasourceUid": _EXPRESSION, "relativeTimeRange": {"from": 0, "to": 0}, "model": model}
