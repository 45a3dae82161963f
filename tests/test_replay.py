"""The replay itself: the alert's state machine, the order of rules, the notation of values, and mistakes in case files."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
import yaml

from generator.catalogue import Catalogue
from generator.units import seconds
from testbed.cases.case import Case, CaseError
from testbed.cases.notation import values
from testbed.cases.reading import load as load_cases
from testbed.cases.samples import le_text
from testbed.replay import Firing, Replay, firing
from testbed.rule_files import load, lookback, needed, reads
from testbed.servers import STALE, Prometheus, Series, find, missing
from testbed.servers.remote_write import History

TICKS = [float(t) for t in range(0, 1200, 30)]
#: Unix time of 2026-11-29 18:00.
FULL_HOUR = 1_795_975_200.0
RULES = """
groups:
- name: first
  rules:
  - {record: a:x:sum, expr: sum(x)}
  - {record: a:y:sum, expr: sum(y), labels: {slo: one}}
  - {record: a:y:sum, expr: sum(z), labels: {slo: two}}
- name: second
  interval: 5m
  rules:
  - {record: b:x:sum, expr: 'sum_over_time(a:x:sum[1h])'}
- name: third
  rules:
  - {alert: Deep, expr: 'b:x:sum offset 10m > 1', for: 1m, keep_firing_for: 1h30m}
  - {alert: One, expr: 'a:y:sum{slo="one"} > 1'}
"""


def between(start: float, end: float) -> set[float]:
    return {t for t in TICKS if start <= t < end}


def test_an_alert_fires_after_its_hold_and_ends_at_once() -> None:
    assert firing(between(60, 300), TICKS, hold=90) == [(150, 300)]


def test_an_alert_that_is_true_for_less_than_its_hold_stays_silent() -> None:
    assert firing(between(60, 150), TICKS, hold=90) == []


def test_an_interruption_of_one_evaluation_begins_the_hold_anew() -> None:
    assert firing(between(60, 120) | between(150, 300), TICKS, hold=90) == [(240, 300)]


def test_an_alert_goes_on_for_as_long_as_it_is_kept() -> None:
    """Gone at 120: it ends at the first evaluation that is 90 s later; an interruption shorter than that is not seen."""
    assert firing(between(0, 120), TICKS, hold=0, keep=90) == [(0, 210)]
    assert firing(between(0, 120) | between(180, 240), TICKS, hold=0, keep=90) == [(0, 330)]


def test_what_still_fires_at_the_end_has_no_end() -> None:
    assert firing(between(600, 2000), TICKS, hold=30) == [(630, None)]


def test_a_restart_of_prometheus_forgets_short_holds() -> None:
    ticks = [t for t in TICKS if not 300 <= t < 900]

    assert firing(set(ticks), ticks, hold=60, back={900.0}) == [(60, 900), (960, None)]


@pytest.mark.parametrize(
    ("hold", "begins"),
    [
        (900.0, [(1500.0, None)]),  # 270 s were spent and 630 s are left: the time without Prometheus is not counted
        (600.0, [(1500.0, None)]),  # less than ten minutes are left: ten minutes from the start
    ],
)
def test_a_restart_of_prometheus_restores_long_holds(hold: float, begins: list[tuple[float, None]]) -> None:
    ticks = [float(t) for t in range(0, 3000, 30) if not 300 <= t < 900]

    found = firing(set(ticks), ticks, hold=hold, back={900.0})

    assert [(math.floor(a / 100), b) for a, b in found] == [(a // 100, b) for a, b in begins]


@pytest.mark.parametrize(("text", "expected"), [("90s", 90), ("1h30m", 5400), ("2d", 172800), ("500ms", 0.5)])
def test_durations_are_those_of_prometheus(text: str, expected: float) -> None:
    assert seconds(text) == expected


def test_what_is_no_duration_is_refused() -> None:
    with pytest.raises(ValueError, match="'5 minutes' is not a duration such as 90s, 5m or 1h30m"):
        seconds("5 minutes")


def test_only_what_an_alert_reads_is_evaluated_in_the_order_of_the_files() -> None:
    rules = load([RULES])

    assert [r.name for r in needed(rules, ["Deep"])] == ["a:x:sum", "b:x:sum", "Deep"]
    assert [(r.name, dict(r.labels)) for r in needed(rules, ["One"])] == [("a:y:sum", {"slo": "one"}), ("One", {})]
    assert lookback(needed(rules, ["Deep"])) == 3600
    assert [(r.hold, r.keep, r.interval) for r in rules if r.name == "Deep"] == [(60, 5400, 30)]


@pytest.mark.parametrize(
    ("labels", "expected"),
    [
        ({"__name__": "one", "system": "other"}, True),
        ({"__name__": "one_bucket"}, False),
        ({"__name__": "two_total", "overflow": "true"}, True),
        ({"__name__": "two_total", "overflow": "true", "system": "other"}, True),
        ({"__name__": "two_total"}, False),
        ({"__name__": "own_two_total", "overflow": "true"}, False),
    ],
)
def test_what_rules_read_is_known_by_its_name_and_its_page(labels: dict[str, str], *, expected: bool) -> None:
    """Whose series it is does not count: that strangers are left alone is for the server to show."""
    nameless = '{system="ours", overflow="true", __name__=~".*two_total", __name__!~"own_.*"}'
    rules = [{"alert": "One", "expr": 'rate(one{system="ours"}[5m]) > 0'}, {"alert": "Two", "expr": nameless}]

    read = reads(load([yaml.safe_dump({"groups": [{"name": "some", "rules": rules}]})]))

    assert read(labels) is expected


def test_a_history_begins_at_the_full_hour_that_leaves_its_rules_an_hour_and_what_they_look_back() -> None:
    """The rules of `Deep` look back an hour."""
    written: list[float] = []

    class Mute:
        def push(self, _: Iterable[History], times: Sequence[float]) -> None:
            written.extend(times)

        def query_range(self, *_: object) -> list[Series]:
            return []

    replay = Replay(Mute(), load([RULES]), first=FULL_HOUR + 1)
    replay.run(lambda _, __: [], 60, ["Deep"], scrape=30)

    assert replay.start == FULL_HOUR + 3 * 3600
    assert written[:3] == [replay.start, replay.start + 30, replay.start + 60]


def test_an_unknown_alert_is_refused() -> None:
    with pytest.raises(KeyError, match="no alert Other"):
        needed(load([RULES]), ["Other", "One"])


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("25", [25, 25, 25, 25, 25]),
        ("0+6/m", [0, 0, 6, 6, 12]),
        ("5+2/30s", [5, 7, 9, 11, 13]),
        ("9-3/m", [9, 9, 6, 6, 3]),
        ("1 for 30s then +4/30s for 1m then same", [1, 1, 5, 9, 9]),
        ("none for 1m then 1", [None, None, 1, 1, 1]),
        ("3 for 1m then stale", [3, 3, STALE, None, None]),
        ("1|0", [1, 0, 1, 0, 1]),
        ("start-1h for 1m then start+1m", [-3600, -3600, 60, 60, 60]),
    ],
)
def test_values_read_as_they_are_written(text: str, expected: list[object]) -> None:
    assert values(text, 0, [0, 30, 60, 90, 120]) == expected


def test_not_a_number_is_a_value() -> None:
    (value,) = values("nan", 0, [0])

    assert isinstance(value, float)
    assert math.isnan(value)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("5 for 10m", "'5 for 10m' needs a length, and only the last segment has none"),
        ("5 then 6", "'5' needs a length, and only the last segment has none"),
        ("+6/m", "'+6/m' goes on from no value; write 0+6/m"),
        ("same", "'same' has no value before it; write a number"),
        ("many", "'many' is no value; write a number, 0+6/m, same, nan, none, stale or start-1h"),
    ],
)
def test_values_that_mean_nothing_are_refused(text: str, message: str) -> None:
    with pytest.raises(ValueError, match=r".*") as error:
        values(text, 0, [0])

    assert str(error.value).startswith(message)


@pytest.mark.parametrize(
    ("edge", "two", "three"),
    [(10, "10.0", "10.0"), (500, "500.0", "500.0"), (1000, "1000", "1000.0"), (600000, "600000", "600000.0"),
     (1800000, "1800000", "1.8e+06"), (0.5, "0.5", "0.5"), (math.inf, "+Inf", "+Inf")],
)  # fmt: skip
def test_edges_are_spelt_as_each_prometheus_keeps_them(edge: float, two: str, three: str) -> None:
    """Source: a page of Agent Server 0.16.7, and what Prometheus 3 makes of it."""
    assert (le_text(edge, 2), le_text(edge, 3)) == (two, three)


def read(folder: Path, catalogue: Catalogue, targets: Mapping[str, Any], **case: Any) -> list[Case]:
    content = {"cases": [{"name": "it is so", "duration": "2m", "targets": targets, "quiet": ["Quiet"], **case}]}
    (folder / "topic.yaml").write_text(yaml.safe_dump(content, sort_keys=False), encoding="utf-8")
    return load_cases(catalogue, ["Quiet", "Loud"], folder)


def samples(case: Case, name: str, major: int = 2) -> list[list[object]]:
    offsets = [n * 30.0 for n in range(5)]
    return [list(made) for labels, made in case.history(0, offsets, major) if labels["__name__"] == name]


def test_a_failed_scrape_ends_every_series_but_up(tmp_path: Path, catalogue: Catalogue) -> None:
    (case,) = read(tmp_path, catalogue, {"api-1": {"num_pending_runs": 3, "down": "30s..60s"}})

    assert samples(case, "up") == [[1, 0, 1, 1, 1]]
    assert samples(case, "lg_api_num_pending_runs") == [[3, STALE, 3, 3, 3]]


def test_a_counter_is_born_at_its_first_event_and_again_after_a_restart(tmp_path: Path, catalogue: Catalogue) -> None:
    targets = {"queue-1": {"run_success_counter_total": "0+1/30s", "restarts": "60s"}}

    (case,) = read(tmp_path, catalogue, targets)

    assert samples(case, "lg_api_run_success_counter_total") == [[None, 1, 1, 2, 3]]
    assert samples(case, "process_start_time_seconds") == [[-86400, -86400, 60, 60, 60]]


def test_a_histogram_has_every_bucket_from_its_first_observation_on(tmp_path: Path, catalogue: Catalogue) -> None:
    waits = {"run_queue_wait_time_1st_attempt": {100: "0 for 1m then 1+1/30s", "inf": "0 for 1m then 2"}}

    (case,) = read(tmp_path, catalogue, {"queue-1": waits})

    name = "lg_api_run_queue_wait_time_1st_attempt"
    assert samples(case, f"{name}_count") == [[None, None, 3, 4, 5]]
    buckets = samples(case, f"{name}_bucket")
    assert len(buckets) == 14
    assert buckets[0] == [None, None, 0, 0, 0]
    assert buckets[1] == buckets[12] == [None, None, 1, 2, 3]
    assert buckets[13] == [None, None, 3, 4, 5]


def test_a_range_stands_for_as_many_series(tmp_path: Path, catalogue: Catalogue) -> None:
    targets = {"langsight-1": {'http_requests_total{method="GET",path="/scan[1..3]",status="404"}': 1}}

    (case,) = read(tmp_path, catalogue, targets)

    paths = [ls["path"] for ls, _ in case.history(0, [0], 2) if ls["__name__"] == "langsight_http_requests_total"]
    assert paths == ["/scan1", "/scan2", "/scan3"]


def test_a_target_of_another_system_has_its_labels_and_its_pages(tmp_path: Path, catalogue: Catalogue) -> None:
    (case,) = read(tmp_path, catalogue, {"langsight-1": {"spans_ingested_total": 1, "process_open_fds": 9}})

    found = {ls["__name__"]: ls for ls, _ in case.history(0, [0], 2)}
    assert found["langsight_spans_ingested_total"]["system"] == "langsight"
    assert "role" not in found["up"]
    assert found.keys() == {"up", "process_start_time_seconds", "langsight_spans_ingested_total", "process_open_fds"}


def test_a_case_is_repeated_with_each_parameter(tmp_path: Path, catalogue: Catalogue) -> None:
    found = read(
        tmp_path, catalogue, {"api-1": {"$series": "$value"}}, name="a value of $value",
        each=[{"series": "num_pending_runs", "value": 1}, {"series": "num_running_runs", "value": 2}],
    )  # fmt: skip

    assert [case.name for case in found] == ["a value of 1", "a value of 2"]
    assert samples(found[1], "lg_api_num_running_runs") == [[2] * 5]


def test_mistakes_in_a_case_are_told_with_their_lines(
    tmp_path: Path, catalogue: Catalogue, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    text = """\
cases:
  - name: everything is wrong
    duration: 10m
    fires: {Lout: 1m..2m}
    quiet: [Loud]
    targets:
      api-1:
        num_pending_run: 3
        workers_max: 10
        http_requests_total{state="500"}: 0
        num_running_runs: many
        down: 5m
      queue-1:
        run_failed_after_retry_counter_total{status="late"}: 1
        run_queue_wait_time_1st_attempt: {7: 1}
        stream_publish_latency: 5
      other-1: {}
"""
    (tmp_path / "topic.yaml").write_text(text, encoding="utf-8")

    with pytest.raises(CaseError) as error:
        load_cases(catalogue, ["Quiet", "Loud"], tmp_path)

    assert str(error.value).splitlines() == [
        "topic.yaml:4: no alert 'Lout'; did you mean 'Loud'?",
        "topic.yaml:8: no series 'num_pending_run' in the catalogue; did you mean 'num_pending_runs'?",
        "topic.yaml:9: no api process exposes workers_max; put it on combined or queue",
        "topic.yaml:10: http_requests_total has no label 'state'; did you mean 'status'?",
        "topic.yaml:11: values of num_running_runs: 'many' is no value; "
        "write a number, 0+6/m, same, nan, none, stale or start-1h",
        "topic.yaml:12: '5m' is not a range; write 10m..20m, or 10m.. to the end",
        "topic.yaml:14: status of run_failed_after_retry_counter_total is never 'late'; use one of error, timeout",
        "topic.yaml:15: run_queue_wait_time_1st_attempt has no edge 7; use one of "
        "10, 100, 500, 1000, 5000, 15000, 30000, 60000, 120000, 300000, 600000, 1800000, 3600000, inf",
        "topic.yaml:16: stream_publish_latency is a histogram; map edges to values for a histogram, and only for one",
        "topic.yaml:17: target 'other-1' has no role; call it combined-1 or api-1 or queue-1 or langsight-1 or prometheus-1 or vmalert-1 or alertmanager-1",
    ]


@pytest.mark.parametrize(
    ("case", "message"),
    [
        ({"on": {}}, "unknown field 'on'"),
        ({"quiet": []}, "'it is so' expects nothing; add `fires` or `quiet`"),
        ({"fires": {"Quiet": "1m..2m"}}, "'Quiet' must fire and be quiet; keep one of the two"),
        ({"fires": {"Loud": "1m..5m"}}, "range 1m..5m is empty or ends after the history; correct its bounds"),
        ({"clears": {"Loud": "1m..2m"}}, "'Loud' clears but does not fire; say when it fires"),
        ({"duration": "soon"}, "'soon' is not a duration such as 90s, 5m or 1h30m; write a duration"),
    ],
)
def test_a_case_that_expects_nothing_sensible_is_refused(
    tmp_path: Path, catalogue: Catalogue, case: Mapping[str, Any], message: str
) -> None:
    with pytest.raises(CaseError) as error:
        read(tmp_path, catalogue, {}, **case)

    assert message in str(error.value)


@pytest.mark.real
@pytest.mark.parametrize("age", ["oldest", "newest"])
def test_recorded_series_end_with_what_they_are_made_of(age: str) -> None:
    """A recorded sum is gone at once when its last part is: an alert on it does not live on for five minutes."""
    found = find("prometheus", age)
    if not found.path:
        missing(found.reason)
    assert found.path
    rules = load(
        ["groups: [{name: g, rules: [{record: 'a:x:sum', expr: sum(x)}, {alert: X, expr: 'a:x:sum > 1', for: 1m}]}]"]
    )
    with Prometheus(found.path, history=True) as server:
        replay = Replay(server, rules)

        def history(_: float, offsets: object) -> list[tuple[dict[str, str], list[Any]]]:
            del offsets
            return [({"__name__": "x"}, [5.0] * 10 + [STALE] + [None] * 10)]

        first = replay.run(history, 600, ["X"])
        second = replay.run(lambda *_: [], 600, ["X"])

    assert first == {"X": [Firing(65, 305)]}
    assert second == {"X": []}
