"""Alerts over the past: Prometheus' states, recorded series replaced, what is there at all, incidents, sweeps, the report."""

from __future__ import annotations

import json
import random
import re
from collections.abc import Sequence
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import promql_parser as pp
import pytest

from generator.backtest import Asked, Report, page
from generator.backtest import sweep as sweeps
from generator.backtest.figures import WEEK
from generator.backtest.incidents import Incident, outcomes, read
from generator.backtest.inline import Inliner
from generator.backtest.journal import Journal
from generator.backtest.needs import needed
from generator.backtest.plan import Cost, Sign, sign
from generator.backtest.report import NOISE, as_json, text
from generator.backtest.rules import Alert, Record
from generator.backtest.runs import Grid, Run, gathered, joined, without
from generator.backtest.server import slices
from generator.backtest.state import Episode, episodes
from generator.backtest.trial import Interval, Trial
from generator.backtest.widened import widened
from generator.cli.main import main
from generator.errors import GeneratorError, QueryError
from testbed.replay import firing

GRID = Grid(30.0, 15.0)


def states(
    true: Sequence[Run], hold: float, keep: float = 0.0, gaps: Sequence[Run] = ()
) -> list[tuple[bool, int, int | None]]:
    return [(e.firing, e.start, e.end) for e in episodes(true, GRID, hold, keep, 100, gaps)]


def test_an_alert_is_pending_for_its_hold_and_then_fires() -> None:
    assert states([(10, 20)], 120) == [(False, 10, 14), (True, 14, 21)]
    assert states([(10, 13)], 120) == [(False, 10, 14)]
    assert states([(10, 11), (13, 20)], 120) == [(False, 10, 12), (False, 13, 17), (True, 17, 21)]
    assert states([(10, 20)], 0) == [(True, 10, 21)]
    assert states([(10, 20)], 100) == [(False, 10, 14), (True, 14, 21)], "a hold that is no whole number of rounds"


def test_what_is_kept_firing_ends_that_much_later_and_a_gap_shorter_than_that_is_none() -> None:
    assert states([(10, 20)], 0, 60) == [(True, 10, 23)]
    assert states([(10, 20), (23, 30)], 0, 60) == [(True, 10, 33)]
    assert states([(10, 20), (24, 30)], 0, 60) == [(True, 10, 23), (True, 24, 33)]
    assert states([(95, 99)], 0, 60) == [(True, 95, None)]


def test_a_restart_forgets_what_is_pending_or_kept_and_restores_long_holds() -> None:
    """Ten minutes and more are restored, at the second round; less begins anew; after an hour nothing is left."""
    assert states([(10, 40)], 300, gaps=[(15, 17)]) == [(False, 10, 15), (False, 18, 28), (True, 28, 41)]
    assert states([(0, 60)], 900, gaps=[(20, 25)]) == [(False, 0, 20), (False, 26, 47), (True, 47, 61)]
    assert states([(0, 60)], 600, gaps=[(30, 35)])[-1] == (True, 38, 61), "it fired before: it does at once"
    assert states([(10, 12), (20, 30)], 0, 600, gaps=[(14, 16)]) == [(True, 10, 14), (True, 20, 51)]


@pytest.mark.long
def test_states_are_those_of_the_replay_which_was_written_apart() -> None:
    """Twenty thousand random courses, holds and keeps, with an outage in every second one."""
    chance = random.Random(7)  # noqa: S311 - a seeded workload
    for _ in range(20_000):
        length, hold = chance.choice((40, 101)), chance.choice((0, 30, 45, 60, 120, 300, 600))
        keep, turn = chance.choice((0, 0, 30, 60, 75, 300)), chance.choice((0.05, 0.2))
        on, now = [], chance.random() < 0.5
        for tick in range(length):
            now ^= chance.random() < turn
            on += [tick] if now else []
        begin = chance.randrange(5, length - 12)
        gaps = [(begin, begin + chance.randrange(8))] if hold < 600 and chance.random() < 0.5 else []
        ticks = [n for n in range(length) if not any(a <= n <= b for a, b in gaps)]
        back = {(b + 1) * 30.0 for _, b in gaps}
        expected = firing({n * 30.0 for n in on if n in set(ticks)}, [n * 30.0 for n in ticks], hold, keep, back)

        found = [e for e in episodes(gathered(on), Grid(30.0, 0.0), hold, keep, length - 1, gaps) if e.firing]

        assert _told(found, gaps) == [(a / 30, b if b is None else b / 30) for a, b in expected]


def _told(found: Sequence[Episode], gaps: Sequence[Run]) -> list[tuple[float, float | None]]:
    """As the replay tells it: what an outage ends is over at the first round after it, and goes on when it fires there."""
    out: list[tuple[float, float | None]] = []
    for e in found:
        end = next((b + 1 for a, b in gaps if e.end == a), e.end)
        if out and out[-1][1] == e.start:
            out[-1] = (out[-1][0], end)
        else:
            out.append((e.start, end))
    return out


def test_stretches_of_rounds_are_put_together_and_taken_apart() -> None:
    assert gathered([1, 2, 3, 7, 8]) == [(1, 3), (7, 8)]
    assert gathered([0, 10, 20, 50], 10) == [(0, 20), (50, 50)]
    assert joined([(5, 9), (1, 3), (4, 6)]) == [(1, 9)]
    assert without([(0, 100)], [(0, 10), (50, 60)]) == [(11, 49), (61, 100)]


def test_slices_are_within_what_a_server_takes_and_leave_nothing_out() -> None:
    found = list(slices(GRID, (3, 40_003), 7, 3 * 86_400))

    assert [n for a, b in found for n in range(a, b + 1, 7)] == list(range(3, 40_004, 7))
    assert all((b - a) // 7 < 11_000 and (b - a) * 30 <= 3 * 86_400 for a, b in found)


RECORDS = {
    "a:x:sum": [Record("a:x:sum", "sum by (deployment) (x)", {}, 30.0)],
    "a:slow:sum": [Record("a:slow:sum", "sum by (deployment) (x)", {}, 300.0)],
    "a:y:sum": [
        Record("a:y:sum", "sum by (deployment) (y)", {"slo": "one"}, 30.0),
        Record("a:y:sum", "sum by (deployment) (z)", {"slo": "two"}, 30.0),
    ],
    "b:x:sum": [Record("b:x:sum", "sum_over_time(a:x:sum[1h])", {}, 30.0)],
}


@pytest.mark.parametrize(
    ("expr", "expected"),
    [
        ("a:x:sum > 1", "(sum by (deployment) (x)) > 1"),
        ("max_over_time(a:x:sum[10m])", "max_over_time((sum by (deployment) (x))[600s:30s])"),
        ("a:x:sum offset 1d", "last_over_time((sum by (deployment) (x))[30s:30s] offset 86400s)"),
        ("a:slow:sum", "last_over_time((sum by (deployment) (x))[5m:5m])"),
        ('a:x:sum{deployment="d"}', '(sum by (deployment) (x{deployment="d"}))'),
        ('a:y:sum{slo="two"}', 'label_replace((sum by (deployment) (z)), "slo", "two", "", "")'),
        ("b:x:sum", "(sum_over_time((sum by (deployment) (x))[3600s:30s]))"),
        ("up", "up"),
    ],
)  # fmt: skip
def test_a_recorded_series_becomes_what_it_is_recorded_from(expr: str, expected: str) -> None:
    """At a moment, over a range, at an offset, with matchers, by the rule's own labels, and in one another."""
    written = Inliner(RECORDS, lambda name, asked: True, 30.0).text(pp.parse(expr))  # noqa: ARG005 - all of them

    pp.parse(written)
    assert written == expected


def test_what_cannot_be_inlined_is_told_by_name() -> None:
    """A label that the aggregation drops cannot be asked for any more, and a rule with other labels is none."""
    inliner = Inliner(RECORDS, lambda name, asked: True, 30.0)  # noqa: ARG005 - all of them

    with pytest.raises(QueryError, match="a:x:sum is asked for pod, which its expression does not hand down"):
        inliner.text(pp.parse('a:x:sum{pod="p"}'))
    with pytest.raises(QueryError, match="no rule records a:y:sum with these labels"):
        inliner.text(pp.parse('a:y:sum{slo="three"}'))


def test_what_an_expression_needs_is_its_data_and_not_its_events() -> None:
    """A status that never came is no lack of data; what only takes away or stands in is not needed."""
    expr = 'sum(rate(x{system="s", status="500"}[5m])) / sum(rate(x{system="s"}[5m])) > 1 unless y'
    need = needed(pp.parse(expr), {"system"})

    assert [n.selector for n in need.selectors()] == ['x{system="s"}']
    assert needed(pp.parse("absent(x)"), ()).met({}, 0)
    either = needed(pp.parse("x or y"), ())
    assert [either.met({"x": x, "y": y}, 1) for x, y in (({1}, {2}), ({2}, {1}), ({2}, {2}))] == [True, True, False]


def test_the_cheapest_sign_without_which_there_is_nothing_is_asked_first() -> None:
    """Only parts that `and` joins, that can be without a result, and that are far cheaper than the whole; or a wider condition."""
    costs = {"a > 1": 1.0, "b > 2": 50.0, "max_over_time(b[15m]) > 2.0": 3.0}

    def cost(node: Any, step: int) -> float:
        return costs.get(str(Inliner({}, lambda n, a: False, 30.0).text(node)), 60.0) / step  # noqa: ARG005 - none is recorded

    def first(expr: str, step: int = 40, *, wide: bool = True) -> Sign | None:
        return sign(pp.parse(expr), step, 30.0, cost, wide=wide)

    assert first("(b > 2) and (a > 1)") == Sign("a > 1", 40)
    assert first("a > 1 or b > 2") is None
    assert first("b > 2 and a") is None
    assert first("b > 2 and a", 1) == Sign("max_over_time(b[15m]) > 2.0", 20, wide=True)
    assert first("b > 2 and a", 1, wide=False) is None


@pytest.mark.parametrize(
    ("expr", "wide"),
    [
        ("x > 5", "max_over_time(x[15m]) > 5.0"),
        ("min by (a) (x offset 1h < 5)", "min_over_time(x[15m] offset 3600s) < 5.0"),
        ("sum by (a) (changes(x[1h])) > 3", "sum by (a) (changes(x[70m])) > 3.0"),
        ("sum(increase(x[1h]) and rate(x[1h]) > 0) > 9", "sum (3.2 * increase(x[70m])) > 9.0"),
        ("avg(x) >= 5", "max_over_time(x[15m]) >= 4.999999995"),
        ("(x > 5) unless absent(y)", "max_over_time(x[15m]) > 5.0"),
        ("x > 5 or y > 6", "(max_over_time(x[15m]) > 5.0) or (max_over_time(y[15m]) > 6.0)"),
        ("x > 5 and y", "max_over_time(x[15m]) > 5.0"),
        ("x / y > 5", ""),  # nothing bounds a quotient
        ("x == 5", ""),
        ("x > bool 5", ""),
        ("5 < x", ""),
        ("sum(x) > 5", "max_over_time(x[15m]) > 0.0"),
        ("sum(x) > -5", ""),  # what is below 0 may be gone at another time
        ("sum(delta(x[1h])) > 5", ""),
        ("increase(x[1h]) >= 0", ""),
        ("x > 5 or vector(1)", ""),
        ("absent(x)", ""),
        ("max_over_time((x)[1h:1m]) > 5", ""),
        ("x @ 100 > 5", ""),
        ('{a="b"} > 5', ""),  # two names, and one set of labels
    ],
)
def test_a_wider_condition_bounds_what_is_compared_or_there_is_none(expr: str, wide: str) -> None:
    assert widened(pp.parse(expr), 600) == wide


def alert(name: str = "Slow", severity: str = "critical", hold: float = 300.0) -> Alert:
    return Alert(name, "x > 1", hold, 0.0, 30.0, {"severity": severity}, "group", "stem")


def trial(*spans: tuple[float, float], name: str = "Slow", state: str = "fired", why: str = "") -> Trial:
    labels = (("deployment", "<agents>"), ("severity", "critical"))
    return Trial(alert(name), state, why, tuple(Interval(labels, True, a, b, False, False) for a, b in spans), 1.0)


WRONG = """\
- {start: 2026-01-31T10:00:00Z, end: 2026-01-31T09:00:00Z}
- {start: yesterday, end: 2026-01-31T09:00:00, nme: x}
- text
- {end: 2026-01-31T09:00:00Z, labels: [a]}
"""


def test_every_mistake_in_a_list_of_incidents_is_told_with_its_line(tmp_path: Path) -> None:
    path = tmp_path / "incidents.yaml"
    path.write_text(WRONG, encoding="utf-8")

    with pytest.raises(GeneratorError) as caught:
        read(path)

    mistakes = [(p.line, p.what.partition(";")[0]) for p in caught.value.problems]
    assert mistakes == [
        (1, "it ends before it starts"),
        (2, "end is 2026-01-31 09:00:00: it does not say its offset from UTC"),
        (2, "start is 'yesterday': no time"),
        (2, "unknown 'nme'"),
        (3, "'text' is no incident"),
        (4, "labels is ['a']"),
        (4, "start is missing"),
    ]


def test_incidents_are_read_from_csv_as_from_yaml(tmp_path: Path) -> None:
    rows = (
        "start,end,name,labels\n2026-01-31T10:00:00Z,2026-01-31T12:00:00+01:00,one,deployment=agents;namespace=team\n"
    )
    (tmp_path / "i.csv").write_text(rows, encoding="utf-8")
    item = "{start: 2026-01-31T10:00:00Z, end: '2026-01-31T12:00:00+01:00', name: one, labels: {deployment: agents, namespace: team}}"
    (tmp_path / "i.yaml").write_text(f"incidents:\n- {item}\n", encoding="utf-8")

    (one,) = read(tmp_path / "i.csv")

    assert read(tmp_path / "i.yaml") == [one]
    assert (one.name, one.end - one.start, one.labels) == ("one", 3600.0, {"deployment": "agents", "namespace": "team"})


def test_an_incident_is_caught_late_or_missed() -> None:
    """By the first alert that fires while it lasts, if its labels are none of others."""
    found = [trial((1000, 1100), (5900, 6500))]
    incidents = [
        Incident("caught", 900, 1200), Incident("late", 5000, 6000), Incident("missed", 2000, 3000),
        Incident("already", 6000, 6200), Incident("elsewhere", 900, 1200, {"deployment": "other"}),
    ]  # fmt: skip

    states = {o.incident.name: (o.state, o.late) for o in outcomes(incidents, found)}

    assert states == {
        "caught": ("caught", 100), "late": ("late", 900), "missed": ("missed", None), "already": ("caught", -100),
        "elsewhere": ("missed", None),
    }  # fmt: skip


def steps(*counts: tuple[float, int], incidents: Sequence[dict[str, int]] = ()) -> list[sweeps.Step]:
    several = incidents or [{}] * len(counts)
    return [sweeps.Step(v, {"Slow": n}, 60.0 * n, i, True) for (v, n), i in zip(counts, several, strict=True)]


def test_a_sweep_advises_the_most_sensitive_value_that_is_quiet_enough() -> None:
    week = WEEK
    found = sweeps.sweep("pool", "ratio", 0.9, 2 * week, steps((0.7, 9), (0.8, 2), (0.9, 1), (0.95, 0)))

    assert (found.advised, found.line) == (0.8, "thresholds: {pool: 0.8}")
    assert sweeps.sweep("pool", "ratio", 0.9, week, steps((0.7, 9), (0.8, 7))).advised is None
    assert sweeps.sweep("pool", "ratio", 0.9, week, steps((0.7, 0), (0.8, 0))).advised == 0.8


def test_a_sweep_with_incidents_advises_the_quietest_value_that_tells_of_most() -> None:
    seen = [
        {"caught": 2, "late": 0, "missed": 0},
        {"caught": 1, "late": 1, "missed": 0},
        {"caught": 0, "late": 1, "missed": 1},
    ]
    found = sweeps.sweep("pool", "ratio", 0.9, WEEK, steps((0.7, 90), (0.8, 9), (0.9, 2), incidents=seen))

    assert found.advised == 0.7
    assert "2 of 2 incidents" in found.why


def test_without_data_nothing_is_advised() -> None:
    nothing = [sweeps.step(0.8, [trial(state="no data", why="x")], [])]

    assert sweeps.sweep("pool", "ratio", 0.9, WEEK, nothing).advised is None


def test_a_run_that_was_ended_goes_on_where_it_was(tmp_path: Path) -> None:
    """A cut last line is dropped, another run's answers are, and a run that ended leaves nothing."""
    path = tmp_path / "deep" / "state.jsonl"
    first = Journal(path, {"prometheus": "a"})
    first.begin(1000.0)
    first.put([1], "one")
    first.put([2], "two")
    first.close()
    path.write_text(path.read_text(encoding="utf-8")[:-4], encoding="utf-8")

    second = Journal(path, {"prometheus": "a"})
    second.begin(second.end or 0.0)
    second.put([3], "three")
    second.close()
    third = Journal(path, {"prometheus": "a"})

    assert (third.end, third.get("one"), third.get("two"), third.get("three")) == (1000.0, [1], None, [3])
    assert Journal(path, {"prometheus": "b"}).get("one") is None
    third.close(forget=True)
    assert not path.exists()


DAY = 86_400.0
REPORT = Report(
    "http://prometheus:9090", Asked(10 * DAY, 17 * DAY), Cost(10, 1000), ("Calm",),
    (
        trial((11 * DAY, 11 * DAY + 600), (12 * DAY, 12 * DAY + 60)), trial(name="Calm", state="quiet"),
        trial(name="Blind", state="no data", why="never there in this time: <x>"),
    ), away=((13 * DAY, 13 * DAY + 3600),), queries=12, samples=900,
)  # fmt: skip


def test_the_report_says_what_is_known_and_what_is_not() -> None:
    report = text(REPORT)

    assert re.search(r"Slow +critical +2 +2\.00 +5m 30s +10m +11m +100% +deployment=<agents> \(2\)", report)
    assert "1 quiet: there was data" in report
    assert "1 no data: what they read was never there, so nothing is known\n  Blind  never there" in report
    assert "Prometheus itself was away from 1970-01-14 00:00:00Z to 1970-01-14 01:00:00Z" in report
    assert NOISE in report
    values = json.loads(as_json(REPORT))
    assert [a["state"] for a in values["alerts"]] == ["fired", "quiet", "no data"]
    assert values["alerts"][0]["intervals"][1]["start"] == "1970-01-13 00:00:00Z"
    assert values["tells_missed_incidents"] is False


class _Page(HTMLParser):
    """What stands in a page: tags that are open, lanes by alert with their bars, addresses."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.lanes: dict[str, list[tuple[str, float, float]]] = {}
        self.addresses: list[str] = []
        self.titles: list[str] = []
        self._lane = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        own = {k: v or "" for k, v in attrs}
        self.addresses += [v for k, v in own.items() if k in ("src", "href")]
        if tag == "div" and "lane" in own.get("class", ""):
            self._lane = own.get("data-alert", "")
            self.lanes[self._lane] = []
        if tag == "rect":
            self.lanes[self._lane].append((own["class"], float(own["x"]), float(own["width"])))
        if tag not in ("meta", "rect/"):
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        while self.open and self.open.pop() != tag:
            pass


def test_the_page_has_a_lane_for_each_alert_and_asks_nobody() -> None:
    made = page(REPORT)
    found = _Page()
    found.feed(made)

    bars = [bar for bar in found.lanes["Slow"] if bar[0] == "critical"]
    assert [round(x) for _, x, _ in bars] == [round(2000 / 7), round(2000 * 2 / 7)]
    assert all(width >= 3 for _, _, width in bars), "what is short is seen too"
    assert {"Slow", "Calm", "Blind"} <= found.lanes.keys()
    assert [kind for kind, _, _ in found.lanes["Calm"]] == ["away"]
    assert not found.addresses
    assert "<script" not in made
    assert "<agents>" not in made
    assert "default-src &#x27;none&#x27;" in made or "default-src 'none'" in made


def test_options_that_cannot_be_are_told_at_once(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Before anybody is asked."""
    arguments = ["--since", "99999999d", "--until", "2027-02-30T00:00:00Z", "--sweep", "pg_pool_used=0.8,nan,inf,x"]

    assert main(["backtest", *arguments, "--incidents", str(tmp_path / "none.yaml")]) == 1
    assert capsys.readouterr().err.splitlines() == [
        "--since:1: 99999999d is longer than samples are kept; use at most 3650d",
        "--sweep:1: 'inf' is no number; write pg_pool_used=1,2,3",
        "--sweep:1: 'nan' is no number; write pg_pool_used=1,2,3",
        "--sweep:1: 'x' is no number; write pg_pool_used=1,2,3",
        "--until:1: '2027-02-30T00:00:00Z': no time; write 2026-01-31T10:00:00Z",
        f"{tmp_path}/none.yaml:1: cannot be read: No such file or directory; name a readable text file",
    ]
