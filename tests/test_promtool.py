"""The cases as promtool's unit tests: all of them, exact to the last sample, and what promtool cannot say is named."""

from __future__ import annotations

import math
import re
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from testbed.cases.case import Case
from testbed.cases.proving import CASES
from testbed.promtool.export import OFF, annotations_of, export, named, rule_files, rules_of
from testbed.promtool.notation import written
from testbed.promtool.outcome import EVALUATION, MAJOR, Check, Outcomes, impossible
from testbed.promtool.template import expanded
from testbed.servers import STALE, Prometheus, Value, find, missing, wait_until

_LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_NUMBER = r"[+-]?(?:\d+(?:\.\d+)?|NaN|Inf)"
_ITEM = re.compile(rf"(?P<first>{_NUMBER})(?P<step>[+-]\d+(?:\.\d+)?)?(?:x(?P<times>\d+))?")

#: What promtool knows of a test; it refuses any other key.
KEYS = {
    "file": {"rule_files", "evaluation_interval", "group_eval_order", "tests"},
    "test": {"name", "interval", "input_series", "alert_rule_test"},
    "check": {"eval_time", "alertname", "exp_alerts"},
}


def expand(text: str) -> list[Value]:
    """Read promtool's notation as its documentation has it: `axn` is n + 1 values, `_xn` are n."""
    out: list[Value] = []
    for item in text.split():
        if item == "stale":
            out.append(STALE)
        elif item == "_" or item.startswith("_x"):
            out += [None] * int(item[2:] or 1)
        else:
            found = _ITEM.fullmatch(item)
            assert found, item
            value, step = float(found["first"]), float(found["step"] or 0)
            for _ in range(int(found["times"] or 0) + 1):
                out.append(value)
                value += step
    return out


def alike(left: list[Value], right: list[Value]) -> bool:
    """Compare values; NaN is NaN."""
    return list(map(repr, left)) == list(map(repr, right))


@cache
def exported() -> dict[str, Any]:
    """Every file of all cases, with one check each, as data; the README as text."""

    def found(case: Case) -> tuple[Check, ...] | str:
        return impossible(case) or (Check(EVALUATION, case.alerts[0], ()),)

    made = export(CASES, found, rule_files())
    return {name: text if name == "README.md" else _read(text) for name, text in made.items()}


def _read(text: str) -> Any:
    return yaml.load(text, _LOADER)  # noqa: S506 - a safe one


def every_test() -> list[tuple[str, dict[str, Any]]]:
    return [(name, test) for name, data in exported().items() if name.endswith(".test.yaml") for test in data["tests"]]


numbers = st.one_of(st.integers(-(10**9), 10**9).map(float), st.floats(allow_infinity=False), st.just(0.1))
runs = st.builds(lambda value, step, n: [value + step * k for k in range(n)], numbers, numbers, st.integers(1, 9))
pieces = st.one_of(runs, st.lists(st.sampled_from([None, STALE, math.nan]), max_size=5))


@given(st.lists(pieces, max_size=6))
def test_the_notation_says_every_value_exactly(parts: list[list[Value]]) -> None:
    """Whatever is written comes back, bit by bit, also where steps of a tenth add up to something else."""
    values = [float(v) if isinstance(v, float) else v for part in parts for v in part]

    assert alike(expand(written(values)), values)


@pytest.mark.parametrize(
    ("values", "text"),
    [
        ([1.0, 3.0, 5.0, 7.0], "1+2x3"),
        ([5.0, 4.0, 3.0], "5-1x2"),
        ([0.0] * 4, "0x3"),
        ([None] * 5, "_x5"),
        ([None, 1.0, STALE, None], "_ 1 stale _"),
        ([0.1, 0.2, 0.3], "0.1 0.2 0.3"),
        ([1e22, math.nan, -86400.0], "10000000000000000000000 NaN -86400"),
    ],
)
def test_runs_are_short_and_exponents_are_not_there(values: list[Value], text: str) -> None:
    """As a person would write it; three tenths are not a run, since they do not add up."""
    assert written(values) == text


@pytest.mark.long
def test_every_case_is_exported_or_left_out_by_name() -> None:
    """Nothing is lost on the way: a case is a test, or stands in the README with the reason."""
    names = [test["name"] for _, test in every_test()]
    left = {name: why for name, case in named(CASES) if (why := impossible(case))}

    assert sorted([*names, *left]) == sorted(name for name, _ in named(CASES))
    assert len(names) > len(CASES) * 0.75
    for name, why in left.items():
        assert f"- {name}\n  {why}\n" in exported()["README.md"] + "\n"


@pytest.mark.long
def test_every_series_of_every_case_is_the_cases_own() -> None:
    """Labels and values are those that a server is given in the proof of the alerts."""
    known = dict(named(CASES))
    for _, test in every_test():
        case = known[test["name"]]
        offsets = [n * case.scrape for n in range(int(case.duration // case.scrape) + 1)]
        wanted = {
            tuple(sorted(labels.items())): list(values)
            for labels, values in case.history(0.0, offsets, MAJOR)
            if any(value is not None for value in values)
        }
        got = {_labels(one["series"]): expand(str(one["values"])) for one in test["input_series"]}
        assert test["interval"] == f"{case.scrape:g}s"
        assert got.keys() == wanted.keys(), test["name"]
        assert all(alike(got[labels], values) for labels, values in wanted.items()), test["name"]


def _labels(series: str) -> tuple[tuple[str, str], ...]:
    found = re.fullmatch(r'([a-zA-Z_:][\w:]*)\{((?:\w+="(?:[^"\\]|\\.)*"(?:, )?)*)\}', series)
    assert found, series
    pairs = re.findall(r'(\w+)="((?:[^"\\]|\\.)*)"', found[2])
    return tuple(sorted([("__name__", found[1]), *((n, re.sub(r"\\(.)", r"\1", v)) for n, v in pairs)]))


def test_every_file_has_what_promtool_knows_and_the_rules_that_it_names() -> None:
    """An unknown key is an error to promtool; every rule that an alert reads is loaded, recording rules first."""
    files = exported()
    for name, data in files.items():
        if name.endswith(".test.yaml"):
            assert data.keys() == KEYS["file"]
            assert data["evaluation_interval"] == "30s"
            groups = [group["name"] for rules in data["rule_files"] for group in files[rules]["groups"]]
            assert data["group_eval_order"] == groups
            assert len(set(groups)) == len(groups)
            loaded = [r for rules in data["rule_files"] for g in files[rules]["groups"] for r in g["rules"]]
            records = [n for n, rule in enumerate(loaded) if "record" in rule]
            assert records == list(range(len(records)))
            for test in data["tests"]:
                assert test.keys() == KEYS["test"]
                for check in test["alert_rule_test"]:
                    assert check.keys() == KEYS["check"]
                    assert check["alertname"] in {rule.get("alert") for rule in loaded}
    assert {name for name in files if name.endswith(".rules.yaml")} == {*rule_files()}
    assert OFF in files


@pytest.mark.real
def test_what_fires_has_the_labels_and_texts_that_a_real_prometheus_gives() -> None:
    """One file of cases: before, while and after an alert fires; quiet ones are looked at four times."""
    files = rule_files()
    cases = [case for case in CASES if Path(case.path).stem == "agent_server_queue"]
    with Prometheus(_newest(), history=True) as server:
        outcomes = Outcomes(server, rules_of(files), annotations_of(files))
        found = {case.name: outcomes.of(case) for case in cases}
    wedged = found["a wedged loop is restarted and the queue drains"]
    assert not isinstance(wedged, str)
    stalled = [check for check in wedged if check.alert == "AgentServerQueueStalled"]
    assert [(check.time < 29 * 60, check.time > 62 * 60, len(check.expected)) for check in stalled] == [
        (True, False, 0), (False, False, 1), (False, True, 0),
    ]  # fmt: skip
    ((labels, notes),) = stalled[1].expected
    assert labels == {"cluster": "main", "namespace": "agents", "deployment": "shop", "severity": "warning"}
    assert re.fullmatch(r"shop: \d+ runs wait, slots are free, .*", notes["summary"])
    assert notes["dashboard"] == "/d/agent-server-queue?var-cluster=main&var-namespace=agents&var-deployment=shop"
    assert all(
        check.time % EVALUATION == 0 for checks in found.values() if isinstance(checks, tuple) for check in checks
    )
    quiet = [
        c for c in found["a hundred runs are scheduled two hours ahead, and the workers idle"] if isinstance(c, Check)
    ]
    assert len([c for c in quiet if c.alert == "AgentServerNoWorkers"]) == 4


#: Numbers where the functions of the templates change what they write.
VALUES = (
    "0", "1", "-1", "0.5", "0.000123456", "12.3456", "999.96", "1000", "1234567", "1e18", "123456789012", "59.99", "60",
    "3661", "90061.7", "-75", "0.1 + 0.2", "100", "1e-7",
)  # fmt: skip
TEXT = "{{ $value }} {{ $value | humanize }} {{ $value | humanizePercentage }} {{ $value | humanizeDuration }}"


@pytest.mark.real
def test_templates_are_expanded_as_a_real_prometheus_does() -> None:
    """Every function that our annotations use, on numbers large, small, negative and odd; and a label, escaped."""
    where = "{{ $labels.place }} {{ $labels.place | urlquery }} {{ $labels.nowhere }}"
    rules = [
        {
            "alert": f"A{number}",
            "expr": f'label_replace(vector({value}), "place", "a b/c&d~é", "", "")',
            "annotations": {"text": f"{TEXT} {where}"},
        }
        for number, value in enumerate(VALUES)
    ]
    text = yaml.safe_dump({"groups": [{"name": "templates", "interval": "1s", "rules": rules}]})
    with Prometheus(_newest(), "global: {scrape_interval: 1h}\n", rules=[text]) as server:
        fired = wait_until(lambda: _alerts(server), what="alerts", limit_seconds=60)
    for one in fired:
        labels = {"place": one["labels"]["place"]}
        assert one["annotations"]["text"] == expanded(f"{TEXT} {where}", labels, float(one["value"])), one["value"]
    assert len(fired) == len(VALUES)


def _alerts(server: Prometheus) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = server.get("/api/v1/alerts")["alerts"]
    return found if len(found) == len(VALUES) else []


def _newest() -> Path:
    found = find("prometheus", "newest")
    if not found.path:
        missing(found.reason)
    return Path(str(found.path))


def test_an_unknown_template_is_not_guessed() -> None:
    """It is an error, with where to add it."""
    with pytest.raises(ValueError, match=r"no template \{\{ \$value \| humanize1024 \}\}; add it to testbed/promtool"):
        expanded("{{ $value | humanize1024 }}", {}, 1.0)
