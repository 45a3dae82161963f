"""promtool's files: one test file per file of cases, the rule files beside them, and how to run them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

from testbed.cases.case import Case
from testbed.cases.proving import off_groups
from testbed.promtool.notation import written
from testbed.promtool.outcome import EVALUATION, MAJOR, Check
from testbed.rule_files import Rule, load, needed
from testbed.servers.cache import REPOSITORY

#: The rule file of alerts that are off by default and have cases.
OFF = "off_by_default.rules.yaml"
OFF_RECORDS = "off_by_default.records.rules.yaml"

#: Columns after which YAML breaks a line: never.
_WIDTH = 1_000_000

_DUMPER: Any = getattr(yaml, "CSafeDumper", yaml.SafeDumper)

#: Returns the checks of a case, or why it is left out.
Find = Callable[[Case], tuple[Check, ...] | str]

_README = """\
# Unit tests for promtool

The cases of `tests/rules` in the format of [promtool's unit tests](https://prometheus.io/docs/prometheus/latest/configuration/unit_testing_rules/),
with the rule files that they are about. Written by `make promtool-tests`; edit the cases, not these files.

Run them where promtool of Prometheus 3 is installed:

    promtool test rules *.test.yaml

A test is one history: its series, and at some times which alerts fire, with labels and annotations. The name begins with
file and line of its case. What an alert must do in between is in the case alone.

{count} cases are here. {left}
"""


def rule_files() -> dict[str, dict[str, Any]]:
    """Return every rule file as data, by name, in the order in which rules see each other's results."""
    paths = sorted((REPOSITORY / "alerts").glob("*.rules.yaml"))
    files = {path.name: yaml.safe_load(path.read_text(encoding="utf-8")) for path in paths}
    off: dict[str, list[dict[str, Any]]] = {}
    for group in off_groups():
        off.setdefault(OFF if "alert" in group["rules"][0] else OFF_RECORDS, []).append(group)
    files |= {name: {"groups": groups} for name, groups in off.items()}
    return dict(sorted(files.items(), key=lambda item: ".records." not in item[0]))


def rules_of(files: Mapping[str, Any]) -> list[Rule]:
    """Return the rules of files in the order of evaluation."""
    return load(_text(data) for data in files.values())


def annotations_of(files: Mapping[str, Any]) -> dict[str, Mapping[str, str]]:
    """Return the annotations of every alert, templates as they are."""
    rules = [rule for data in files.values() for group in data["groups"] for rule in group["rules"]]
    return {rule["alert"]: rule.get("annotations", {}) for rule in rules if "alert" in rule}


def export(cases: Sequence[Case], find: Find, files: Mapping[str, Any]) -> dict[str, str]:
    """Return every file's text by its name.

    Args:
        cases: All that there are.
        find: What is checked of a case, or why it is left out.
        files: The rule files, as `rule_files` returns them.

    """
    found = [(name, case, find(case)) for name, case in named(cases)]
    exported = [(name, case, checks) for name, case, checks in found if not isinstance(checks, str)]
    out = {name: _text(data) for name, data in files.items()}
    rules = rules_of(files)
    for stem in dict.fromkeys(Path(case.path).stem for _, case, _ in exported):
        own = [one for one in exported if Path(one[1].path).stem == stem]
        out[f"{stem}.test.yaml"] = _text(_tests(own, files, rules))
    out["README.md"] = _readme([(name, why) for name, _, why in found if isinstance(why, str)], len(exported))
    return out


def named(cases: Sequence[Case]) -> list[tuple[str, Case]]:
    """Return the cases with what their tests are called; those that are one entry with other parameters are numbered."""
    seen: dict[str, int] = {}
    out = []
    for case in cases:
        name = f"{case.path}:{case.line}: {case.name}"
        seen[name] = seen.get(name, 0) + 1
        out.append((name if seen[name] == 1 else f"{name} ({seen[name]})", case))
    return out


def _tests(
    own: Sequence[tuple[str, Case, Sequence[Check]]], files: Mapping[str, Any], rules: Sequence[Rule]
) -> dict[str, Any]:
    names = _read(files, rules, {alert for _, case, _ in own for alert in case.alerts})
    return {
        "rule_files": names,
        "evaluation_interval": f"{EVALUATION:g}s",
        "group_eval_order": [group["name"] for name in names for group in files[name]["groups"]],
        "tests": [_test(*one) for one in own],
    }


def _read(files: Mapping[str, Any], rules: Sequence[Rule], alerts: set[str]) -> list[str]:
    """Return the files that have these alerts, or what they read."""
    names = {rule.name for rule in needed(rules, alerts)}
    return [
        name
        for name, data in files.items()
        if any((rule.get("alert") or rule["record"]) in names for group in data["groups"] for rule in group["rules"])
    ]


def _test(name: str, case: Case, checks: Sequence[Check]) -> dict[str, Any]:
    offsets = [n * case.scrape for n in range(int(case.duration // case.scrape) + 1)]
    return {
        "name": name,
        "interval": f"{case.scrape:g}s",
        "input_series": [
            {"series": _series(labels), "values": written(values)}
            for labels, values in case.history(0.0, offsets, MAJOR)
            if any(value is not None for value in values)
        ],
        "alert_rule_test": [
            {
                "eval_time": f"{check.time:g}s",
                "alertname": check.alert,
                "exp_alerts": [
                    {"exp_labels": dict(labels), "exp_annotations": dict(notes)} for labels, notes in check.expected
                ],
            }
            for check in checks
        ],
    }


def _text(data: Any) -> str:
    return str(yaml.dump(data, Dumper=_DUMPER, sort_keys=False, width=_WIDTH, allow_unicode=True))


def _series(labels: Mapping[str, str]) -> str:
    pairs = ((name, value.replace("\\", "\\\\").replace('"', '\\"')) for name, value in labels.items())
    inside = ", ".join(f'{name}="{value}"' for name, value in pairs if name != "__name__")
    return f"{labels['__name__']}{{{inside}}}"


def _readme(left: Sequence[tuple[str, str]], count: int) -> str:
    if not left:
        return _README.format(count=count, left="None is left out.")
    lines = "".join(f"- {name}\n  {why}\n" for name, why in left)
    return _README.format(count=count, left=f"{len(left)} are left out, and why:\n\n{lines}".rstrip())
