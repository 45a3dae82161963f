"""Rules that Grafana manages: the plain files' rules, in the types of Grafana's own SDK, within what its provisioning takes."""

from __future__ import annotations

import json
import re
import types
import typing
from collections.abc import Iterator, Mapping
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.cog.plugins import register_default_plugins
from grafana_foundation_sdk.models import alerting

from generator.bundle import Bundle
from generator.errors import ConfigError
from generator.outputs import FORMATS, documents, grafana_alerting
from generator.outputs.grafana_alerting.rules import interval, uid
from generator.outputs.grafana_alerting.templates import filled
from generator.units import seconds

from . import delivered
from .test_artefacts import CONFIGURATIONS

Json = dict[str, Any]

OWN = """\
dashboards: {uid_prefix: acme-, folder: "A $HOME for {{ agents }}"}
alerts:
  runbook_base_url: https://wiki.invalid/runbooks
  labels: {cost: "$5", team: agents}
  enable: [AgentServerHealthCheckFailing, LangSightNotReady]
  disable: [AgentServerNoWorkers]
alertmanager: {webhook_url: "https://hook.invalid/%24x", replica_labels: [replica]}
scrape: {cluster: eu, external_labels: {replica: a}}
formats: {grafana-alerting: {datasource_uid: prom, target_datasource_uid: mimir, default_contact_point: Ops}}
"""


TEXTS = {name: CONFIGURATIONS[name] for name in ("defaults", "mixed", "labels", "selectors")} | {"own words": OWN}


@pytest.fixture
def default() -> Bundle:
    return delivered.bundle()


@cache
def read(text: str = "") -> dict[str, Json]:
    """Read the files back by their stem."""
    return {path.stem: delivered.parsed(one) for path, one in delivered.files("grafana-alerting", text).items()}


def groups(text: str = "") -> list[Json]:
    return [group for one in read(text).values() for group in one.get("groups", ())]


def provisioned(text: str) -> str:
    """Return what Grafana makes of a field in which it puts variables of its environment; there are none."""
    return re.sub(r"\$\$|\$\w+|\$\{\w+\}", lambda m: "$" if m[0] == "$$" else "", text)


def back(rule: Json) -> Json:
    """Return a rule of Grafana's as the rule of Prometheus that it stands for."""
    (asked,) = [query["model"] for query in rule["data"] if query["refId"] == "A"]
    labels = {name: provisioned(value) for name, value in rule.get("labels", {}).items()}
    if "record" in rule:
        return {"record": rule["record"]["metric"], "expr": asked["expr"]} | ({"labels": labels} if labels else {})
    texts = {key: value for key, value in rule["annotations"].items() if not key.startswith("__")}
    assert [key for key, value in texts.items() if "$value " in value] == []
    made: Json = {"alert": rule["title"], "expr": asked["expr"]}
    if rule["for"] != "0s":
        made["for"] = rule["for"]
    if "keepFiringFor" in rule:
        made["keep_firing_for"] = rule["keepFiringFor"]
    return made | {
        "labels": labels,
        "annotations": {key: value.replace("$values.A.Value", "$value") for key, value in texts.items()},
    }


@pytest.mark.parametrize("text", TEXTS.values(), ids=TEXTS)
def test_rules_are_those_of_the_plain_files(text: str) -> None:
    """Expressions, holds, labels and texts, group by group; the interval is in steps that Grafana has."""
    bundle = delivered.bundle(text)
    plain = [group for document in documents.rules(bundle).values() for group in document["groups"]]

    made = groups(text)

    assert {group["name"]: [back(rule) for rule in group["rules"]] for group in made} == {
        group["name"]: group["rules"] for group in plain
    }
    assert {group["name"]: group["interval"] for group in made} == {
        group["name"]: group.get("interval", bundle.site.timing.evaluation) for group in plain
    }


@pytest.mark.parametrize("text", ["", OWN], ids=["defaults", "own words"])
def test_both_ways_into_grafana_hold_the_same(text: str) -> None:
    """What its converter is given, the groups of `ruler`, and what is provisioned: expressions, names, intervals, holds."""
    given = delivered.files("ruler", text)
    converted = [
        (group["name"], group["interval"], rule.get("alert") or rule["record"], rule["expr"], rule.get("for", "0s"))
        for path, one in given.items()
        if path.parent.name == "rules"
        for group in delivered.parsed(one)["groups"]
        for rule in group["rules"]
    ]

    provided = [
        (group["name"], group["interval"], one.get("alert") or one["record"], one["expr"], one.get("for", "0s"))
        for group in groups(text)
        for one in map(back, group["rules"])
    ]

    assert sorted(provided) == sorted(converted)
    assert provided


@pytest.mark.parametrize("text", TEXTS.values(), ids=TEXTS)
def test_names_are_ones_that_grafana_takes(text: str) -> None:
    """Uids unique and of at most forty characters, titles unique in the folder, a panel only beside its board."""
    bundle = delivered.bundle(text)
    rules = [rule for group in groups(text) for rule in group["rules"]]
    boards = {board.uid: board.dashboard.to_json_data() for board in bundle.boards.values()}

    assert [rule["uid"] for rule in rules if not re.fullmatch(r"[a-z0-9][a-z0-9-]{0,39}", rule["uid"])] == []
    for key in ("uid", "title"):
        assert len({rule[key] for rule in rules}) == len(rules), key
    assert max(len(rule["title"]) for rule in rules) <= 190
    assert {provisioned(group["folder"]) for group in groups(text)} == {bundle.site.config.folder}
    linked = [rule for rule in rules if "panelId" in rule]
    for rule in linked:
        assert rule["annotations"]["__dashboardUid__"] == rule["dashboardUid"]
        assert rule["annotations"]["__panelId__"] == str(rule["panelId"])
        text = json.dumps(_panel(boards[rule["dashboardUid"]]["panels"], rule["panelId"])["description"])
        assert rule["title"] in text
    assert len(linked) > len(rules) / 2
    assert all("dashboardUid" not in rule for rule in rules if rule not in linked)


def _panel(panels: list[Json], wanted: int) -> Json:
    every: list[Json] = [inner for panel in panels for inner in (panel, *panel.get("panels", ()))]
    return next(panel for panel in every if panel["id"] == wanted)


def test_a_long_name_has_a_hash_and_a_short_one_none() -> None:
    assert uid("acme-", "ShopDown") == "acme-shopdown"
    long = uid("acme-", "a:b" + "x" * 60)
    assert len(long) == 40
    assert long != uid("acme-", "a-b" + "x" * 60)
    assert uid("", "a:b") != uid("", "a-b")


def test_states_have_their_reasons() -> None:
    """Empty means well, a query that fails changes nothing; the watchdog alone tells that nothing can be asked."""
    rules = [rule for group in groups() for rule in group["rules"] if "condition" in rule]

    assert [r["title"] for r in rules if (r["noDataState"], r["execErrState"]) != ("OK", "KeepLast")] == [
        "ObservabilityWatchdog"
    ]
    (watchdog,) = [rule for rule in rules if rule["title"] == "ObservabilityWatchdog"]
    assert (watchdog["noDataState"], watchdog["execErrState"]) == ("NoData", "Error")


def test_what_is_kept_firing_is_kept_when_its_series_is_gone() -> None:
    """Rounds without the series add up to `keepFiringFor`, and one resolves where nothing is kept."""
    for group in groups():
        for rule in (rule for rule in group["rules"] if "condition" in rule):
            rounds = rule["missing_series_evals_to_resolve"] - 1
            assert rounds * seconds(group["interval"]) == seconds(rule.get("keepFiringFor", "0s")), rule["title"]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("{{ $value }} runs, {{ $labels.x }}", "{{ $values.A.Value }} runs, {{ $labels.x }}"),
        ('{{ printf "%.0f" $value }}', '{{ printf "%.0f" $values.A.Value }}'),
        ("{{ $value | humanize }} of $value", "{{ $values.A.Value | humanize }} of $value"),
        ("{{ $values.A.Value }} {{ $valued }}", "{{ $values.A.Value }} {{ $valued }}"),
    ],
)
def test_the_value_has_another_name(text: str, expected: str) -> None:
    assert filled(text) == expected


def test_texts_use_only_functions_that_grafana_has() -> None:
    """Source: "Alert rule template reference" of Grafana's documentation, and what Go's templates have themselves."""
    known = {"humanize", "humanize1024", "humanizeDuration", "humanizePercentage", "humanizeTimestamp", "title", "toUpper",
             "toLower", "match", "reReplaceAll", "graphLink", "tableLink", "args", "externalURL", "pathPrefix",
             "printf", "urlquery", "index", "len", "if", "else", "end", "and", "or", "not", "eq", "ne", "lt", "gt"}  # fmt: skip
    texts = [t for group in groups() for rule in group["rules"] for t in rule.get("annotations", {}).values()]
    actions = " ".join(re.findall(r"\{\{(.*?)\}\}", " ".join(texts)))
    words = set(re.findall(r"(?<![\w.$\"])[a-zA-Z]\w*", re.sub(r'"[^"]*"', "", actions)))

    assert words - known == set()
    assert "humanize" in words


def test_intervals_are_steps_of_ten_seconds() -> None:
    assert [interval(text) for text in ("15s", "30s", "1m", "95s", "1s")] == ["20s", "30s", "1m", "100s", "10s"]
    text = "scrape: {interval: 15s}\nevaluation: {interval: 15s}\n"
    bundle = delivered.bundle(text)

    reasons = {one.what for one in grafana_alerting.left_out(bundle)}

    assert "the interval 15s of agentobs.observability" in reasons
    assert {group["interval"] for group in groups(text) if "records" not in group["name"]} == {"20s"}


def test_a_fast_clock_is_refused(default: Bundle) -> None:
    with pytest.raises(ConfigError) as caught:
        FORMATS["grafana-alerting"].render(replace(default, time_scale=10))

    assert [str(problem) for problem in caught.value.problems] == [
        "--time-scale:1: Grafana evaluates every ten seconds at most, which is too seldom for a clock that runs faster; "
        "leave it out, or write another format"
    ]


def test_who_is_told_is_who_alertmanager_tells() -> None:
    """Routes with their matchers and times, below a root that is the organisation's; the silent ones are muted."""
    bundle = delivered.bundle(OWN)
    plain = documents.alertmanager_yml(bundle)["route"]
    files = read(OWN)

    (root,) = files["agentobs-policies"]["policies"]
    (branch,) = root["routes"]
    points = {one["name"]: one["receivers"][0] for one in files["agentobs-contact-points"]["contactPoints"]}
    (muted,) = files["agentobs-mute-timings"]["muteTimes"]

    assert (root["receiver"], branch["object_matchers"]) == (
        "Ops",
        [["grafana_folder", "=", bundle.site.config.folder]],
    )
    assert branch["group_by"] == plain["group_by"]
    for made, wanted in zip((branch, *branch["routes"]), (plain, *plain["routes"]), strict=True):
        silent = wanted["receiver"] == "nobody"
        assert made["receiver"] == "agentobs-" + ("tickets" if silent else wanted["receiver"])
        assert made.get("mute_time_intervals") == ([muted["name"]] if silent else None)
        assert made["receiver"] in points
        if made is not branch:
            assert ["".join((name, op, f'"{value}"')) for name, op, value in made["object_matchers"]] == wanted[
                "matchers"
            ]
        for key in ("group_wait", "group_interval", "repeat_interval"):
            assert made.get(key) == wanted.get(key)
    assert {(one["type"], one["settings"]["url"]) for one in points.values()} == {
        ("webhook", "https://hook.invalid/%24x")
    }


def test_what_is_left_out_is_named(default: Bundle) -> None:
    explained = [alert.name for alert in default.alerts if alert.explained_by]
    inhibition, nobody = grafana_alerting.left_out(default)

    assert inhibition.what == f"inhibition of {', '.join(explained)}"
    assert nobody.what == "contact points and notification policies"
    assert {"agentobs-policies", "agentobs-contact-points"} & set(read()) == set()
    hook = "alertmanager: {webhook_url: https://h.invalid/, webhook_bearer_token_file: /x}\n"
    left_out = grafana_alerting.left_out(delivered.bundle(hook))
    assert [one.what for one in left_out[1:]] == ["credentials of the webhook"]


# Types of Grafana's foundation SDK. Its objects take any value, so values are held against the annotations here.


def conforms(value: Any, hint: Any, where: str) -> Iterator[str]:
    """Yield where a value of the SDK's is not of the type that the SDK says it has."""
    origin, inner = typing.get_origin(hint), typing.get_args(hint)
    if origin in {typing.Union, types.UnionType}:
        found = [list(conforms(value, one, where)) for one in inner]
        yield from min(found, key=len)
    elif origin is typing.Literal:
        yield from [] if value in inner else [f"{where} is {value!r}, not one of {inner}"]
    elif origin in {list, dict}:
        yield from _each(value, origin, inner[-1], where)
    elif isinstance(hint, type):
        yield from _single(value, hint, where)


def _each(value: Any, kind: type[list[Any] | dict[Any, Any]], hint: Any, where: str) -> Iterator[str]:
    if not isinstance(value, kind):
        yield f"{where} is {value!r}, no {kind.__name__}"
        return
    items: dict[Any, Any] = value if isinstance(value, dict) else dict(enumerate(value))
    for key, one in items.items():
        yield from conforms(one, hint, f"{where}.{key}")


def _single(value: Any, hint: type, where: str) -> Iterator[str]:
    if not isinstance(value, hint) or (isinstance(value, bool) and hint is int):
        yield f"{where} is {value!r}, no {hint.__name__}"
    elif hint.__module__.startswith("grafana_foundation_sdk.models"):
        for name, one in typing.get_type_hints(hint).items():
            yield from conforms(getattr(value, name), one, f"{where}.{name}")


def through(kind: Any, document: Json, where: str) -> list[str]:
    """Return what the SDK loses of a document, and what is not of its type."""
    made = kind.from_json(document)
    again = json.loads(json.dumps(made, cls=JSONEncoder))
    lost = [f"{where}: {key} is lost or changed" for key in document if again.get(key) != document[key]]
    return [*lost, *conforms(made, kind, where)]


def over_the_api(group: Json, rule: Json) -> Json:
    """Return a rule as the provisioning API takes it, whose names of some fields are others than in files."""
    renamed = {"keepFiringFor": "keep_firing_for", "missing_series_evals_to_resolve": "missingSeriesEvalsToResolve"}
    made = {renamed.get(k, k): v for k, v in rule.items() if k not in {"dashboardUid", "panelId", "record"}}
    if "record" in rule:
        made["record"] = {
            "target_datasource_uid" if key == "targetDatasourceUid" else key: value
            for key, value in rule["record"].items()
        }
    return made | {"orgID": group["orgId"], "folderUID": "f", "ruleGroup": group["name"]}


@pytest.mark.parametrize("text", ["", OWN], ids=["defaults", "own words"])
def test_rules_and_policies_are_of_the_types_of_grafana_s_sdk(text: str) -> None:
    """No field is unknown to it, and every value is of the type that it names."""
    register_default_plugins()
    files = read(text)

    wrong = [
        problem
        for group in groups(text)
        for rule in group["rules"]
        for problem in through(alerting.Rule, over_the_api(group, rule), rule["title"])
    ]
    for point in files.get("agentobs-contact-points", {}).get("contactPoints", ()):
        for receiver in point["receivers"]:
            wrong += through(alerting.ContactPoint, receiver | {"name": point["name"]}, point["name"])
    for policy in files.get("agentobs-policies", {}).get("policies", ()):
        wrong += through(alerting.NotificationPolicy, {k: v for k, v in policy.items() if k != "orgId"}, "policy")
    # Not the mute timing: the SDK calls the ends of a time `from` and `to`, Grafana's documentation `start_time` and `end_time`.

    assert wrong == []


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"noDataState": "Fine"}, "noDataState"),
        ({"execErrState": "KeepState"}, "exec_err_state"),
        ({"keepFiring": "5m"}, "keepFiring is lost"),
        ({"labels": {"a": 1}}, "labels.a is 1"),
        ({"for": 5}, "for_val is 5"),
    ],
)
def test_a_mistake_is_one_to_the_sdk(change: Mapping[str, Any], message: str) -> None:
    """The comparison with its types can fail."""
    register_default_plugins()
    group = groups()[-1]
    rule = over_the_api(group, group["rules"][0])

    assert through(alerting.Rule, rule, "x") == []
    assert message.lower().replace("_", "") in " ".join(
        through(alerting.Rule, {**rule, **change}, "x")
    ).lower().replace("_", "")


def test_the_page_names_what_it_speaks_of(default: Bundle) -> None:
    text = (Path(__file__).parents[1] / "docs/formats/grafana-alerting.md").read_text(encoding="utf-8")

    assert f"{sum(1 for alert in default.alerts if alert.explained_by)} alerts" in " ".join(text.split())
