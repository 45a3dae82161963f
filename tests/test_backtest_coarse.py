"""Nothing is missed that is shorter than the steps in which a backtest looks first: held against every round, on a real Prometheus."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence

import promql_parser as pp
import pytest

from generator.backtest.course import course
from generator.backtest.journal import Journal
from generator.backtest.plan import WIDE, Sign, parts
from generator.backtest.prepared import Options
from generator.backtest.rules import Alert, Labels, read
from generator.backtest.run import Backtest
from generator.backtest.runs import Grid
from generator.backtest.server import History as Past
from generator.backtest.widened import widened
from generator.outputs.timescale.expressions import Printer
from generator.validate.access import Access
from generator.validate.probe import Probe
from generator.validate.prometheus import Prometheus as Client
from testbed import backtested
from testbed.cases.case import Case
from testbed.cases.proving import CASES, rules
from testbed.replay import FIRST, SKEW, Replay, firing
from testbed.rule_files import Rule
from testbed.servers import STALE, Prometheus, Value, find, missing
from testbed.servers.remote_write import History

pytestmark = pytest.mark.real

STEP, ROUNDS = 30.0, 2_400

#: Rounds at the start in which nothing is, and the first one that is asked for.
CALM, FIRST_ROUND = 80, 45

#: Seconds after a scrape at which rules are evaluated.
PHASE = 10.0

#: What operators write, and whether one question may stand for many rounds of it.
SHAPES = {
    "g > 0.5": True,
    "(g > 0.2) < 0.8": True,
    "g == 1": False,
    "max by (deployment) (g) >= 2": True,
    "avg by (deployment) (g) > 0.5": True,
    "count by (deployment) (g > 0.5) > 0": True,
    "g > 0.5 and on (deployment) m == 1": True,
    "g > 0.5 unless on (deployment) m": True,
    "m unless on (deployment) (g < 0.5)": False,
    "g > 1 or on (deployment) m > 1": True,
    'absent(m{deployment="d0"})': False,
    "absent_over_time(m[2m])": False,
    "sum by (deployment) (increase(c_total[5m])) > 3": True,
    "sum by (deployment) (increase(c_total[5m]) and rate(c_total[5m]) > 0) > 12": True,
    "sum by (deployment, instance) (increase(c_total[1m])) > 7": True,  # of two samples, no further apart than 5
    "sum by (deployment) (rate(c_total[2m])) > 0": True,
    "c_total > 0 unless c_total offset 10m": True,
    "sum by (deployment) (changes(g[10m])) > 3": True,
    "resets(c_total[5m]) > 0": True,
    "delta(g[2m]) > 0.4": False,
    "max_over_time(g[5m] offset 5m) >= 2": True,
    "avg_over_time(g[3m]) > 0.3": True,
    "min_over_time(g[3m]) > 0.3": True,
    "histogram_quantile(0.9, sum by (le, deployment) (rate(h_bucket[5m]))) > 1": False,
    "(sum by (deployment) (rate(c_total[5m])) / sum by (deployment) (rate(h_count[5m]))) > 0.5 and sum by (deployment) (increase(h_count[5m])) >= 4": True,
    "max_over_time((sum by (deployment) (g))[5m:30s]) > 1": False,
}  # fmt: skip

#: `for` and `keep_firing_for`.
TIMES = (("0s", "0s"), ("0s", "5m"), ("100s", "70s"), ("5m", "0s"), ("10m", "10m"))


@pytest.fixture(scope="module")
def server() -> Iterator[Prometheus]:
    """The newest Prometheus, taking any past."""
    found = find("prometheus", "newest")
    if not found.path:
        missing(found.reason)
    assert found.path
    with Prometheus(found.path, flags=backtested.FLAGS) as running:
        yield running


@pytest.fixture(scope="module")
def past(server: Prometheus) -> Iterator[Past]:
    """The same as a backtest sees it."""
    probe = Probe("Prometheus", f"http://{server.address}", Access(), timeout=60)
    yield Past(Client(probe), Journal(None, {}))
    probe.close()


def bursts(chance: random.Random) -> list[bool]:
    """Something from one round to half an hour, now and then, wherever that falls between two questions; calm at first."""
    out = [False] * CALM
    while len(out) < ROUNDS:
        out += [False] * (int(chance.expovariate(1 / 300)) + 1) + [True] * chance.choice(
            (1, 1, 2, 3, 4, 11, 12, 21, 22, 60)
        )
    return out[:ROUNDS]


def counted(chance: random.Random, on: Sequence[bool]) -> list[Value]:
    """A counter that is born with its first event, grows in bursts alone, and now and then begins anew or is away."""
    value, out = 0.0, list[Value]()
    for n, is_on in enumerate(on):
        begins = is_on and not on[n - 1]
        if begins and chance.random() < 0.2:
            value = 0.0
        value += chance.randrange(6) if is_on else 0
        out.append(value or (STALE if out and out[-1] not in (None, STALE) else None))
    return out


def _number(value: Value) -> float:
    return value if isinstance(value, float) else 0.0


def made(chance: random.Random) -> Iterator[History]:
    """Two deployments of two processes each."""
    for deployment in ("d0", "d1"):
        gaps = bursts(chance)
        steady: list[Value] = [(STALE if n and not gaps[n - 1] else None) if gaps[n] else 1.0 for n in range(ROUNDS)]
        yield {"__name__": "m", "deployment": deployment}, steady
        for instance in ("a", "b"):
            labels = {"deployment": deployment, "instance": instance}
            height = {n: chance.choice((0.3, 0.6, 1.0, 2.0)) for n in range(ROUNDS)}
            on = bursts(chance)
            yield {"__name__": "g", **labels}, [height[n] if x else 0.0 for n, x in enumerate(on)]
            yield {"__name__": "c_total", **labels}, counted(chance, bursts(chance))
            fast, slow = counted(chance, bursts(chance)), counted(chance, bursts(chance))
            total = [_number(a) + _number(b) for a, b in zip(fast, slow, strict=True)]
            for le, values in (
                ("1", [_number(a) for a in fast]),
                ("2", total),
                ("+Inf", total),
            ):
                yield {"__name__": "h_bucket", "le": le, **labels}, list(values)
            yield {"__name__": "h_count", **labels}, list(total)


def test_what_is_shorter_than_the_steps_of_the_first_look_is_found(server: Prometheus, past: Past) -> None:
    """Operators' alerts of every shape, hold and keep: each firing as the state machine has it that is asked at every round."""
    chance = random.Random(15)  # noqa: S311 - a seeded workload
    start = float(FIRST) - 40 * 86_400
    server.push(made(chance), [start + n * STEP for n in range(ROUNDS)])
    own = [
        {"alert": f"{expr} for {hold} keep {keep}", "expr": expr, "for": hold, "keep_firing_for": keep}
        for expr in SHAPES
        for hold, keep in TIMES
    ]
    found = read({"spikes": {"groups": [{"name": "spikes", "rules": own}]}}, f"{STEP:g}s")
    options = Options(start + FIRST_ROUND * STEP, start + (ROUNDS - 1) * STEP + PHASE + 1, phases={"spikes": PHASE})
    test = Backtest(past, found, options)
    prepared = test.prepare(lambda _: None)

    trials, broken = test.run(prepared, lambda _: None)

    assert broken == ""
    wide = {r.alert.expr for r in prepared.ready if widened(pp.parse(r.expr), WIDE * STEP)}
    assert wide == {expr for expr, is_wide in SHAPES.items() if is_wide}
    assert sum(bool(r.sign and r.sign.wide) for r in prepared.ready) > len(SHAPES)
    ticks = [PHASE + n * STEP for n in range(ROUNDS)]
    naive = {expr: _truth(server, expr, start) for expr in SHAPES}
    fired = 0
    for trial in trials:
        truth = naive[trial.alert.expr]
        expected = {
            labels: times
            for labels, active in truth.items()
            if (times := firing(active, ticks, trial.alert.hold, trial.alert.keep))
        }
        firings: dict[Labels, list[tuple[float, float | None]]] = {}
        for i in trial.intervals:
            if i.firing:
                firings.setdefault(i.labels, []).append((i.start - start, None if i.after else i.end - start))
        assert firings == expected, trial.alert.name
        fired += sum(map(len, firings.values()))
    assert fired > 500


def _truth(server: Prometheus, expr: str, start: float) -> dict[Labels, set[float]]:
    """Asked at every round: seconds since the start at which each label set has a result."""
    end = start + PHASE + (ROUNDS - 1) * STEP
    out: dict[Labels, set[float]] = {}
    for series in server.query_range(expr, start + PHASE, end, STEP):
        key = tuple(sorted((k, v) for k, v in series.labels.items() if k != "__name__"))
        out[key] = {round(at - start, 3) for at in series.values}
    return out


@pytest.mark.matrix
@pytest.mark.parametrize("part", range(4))
def test_every_alert_of_the_bundle_is_found_in_its_hard_histories(server: Prometheus, past: Past, part: int) -> None:
    """Each case of the alert tests, by each sign that the alert has: as it fires when it is asked at every round."""
    replay = Replay(server, rules(), first=float(FIRST) + part * 400 * 86_400)
    by_name = {rule.name: rule for rule in rules() if rule.alert}
    compared = 0
    for case in (c for c in CASES[part::4] if not c.outages):
        replay.run(lambda start, offsets, case=case: case.history(start, offsets, 3), case.duration, case.alerts, scrape=case.scrape, outages=case.outages)  # type: ignore[misc]  # fmt: skip
        for name in case.alerts:
            expected = _fired(replay, by_name[name], case)
            for sign in (None, *_signs(by_name[name])):
                assert _found(past, replay, by_name[name], case, sign) == expected, f"{case.name}: {name} by {sign}"
                compared += bool(sign and expected)
    assert compared > 20


def _signs(rule: Rule) -> Iterator[Sign]:
    """Everything that may be asked first."""
    grid = Grid(rule.interval, 0.0)
    tree = pp.parse(rule.expr)
    for part in parts(tree):
        yield Sign(Printer(1).text(part), grid.rounds(rule.hold) + 1)
    if text := widened(tree, WIDE * rule.interval):
        yield Sign(text, WIDE, wide=True)


def _fired(replay: Replay, rule: Rule, case: Case) -> dict[Labels, list[tuple[float, float | None]]]:
    """What fires by the results of every round, in seconds since the start."""
    ticks = _ticks(rule, case)
    return {
        labels: found
        for labels, values in replay.results[rule.name].items()
        if (found := firing(values.keys(), ticks, rule.hold, rule.keep))
    }


def _found(
    past: Past, replay: Replay, rule: Rule, case: Case, sign: Sign | None
) -> dict[Labels, list[tuple[float, float | None]]]:
    """The same as a backtest finds it by a sign."""
    ticks = _ticks(rule, case)
    grid = Grid(rule.interval, ticks[0] % rule.interval)
    alert = Alert(rule.name, rule.expr, rule.hold, rule.keep, rule.interval, rule.labels, "", "")
    span = grid.first(replay.start + ticks[0]), grid.last(replay.start + ticks[-1])
    episodes = course(past, alert, rule.expr, grid, span, sign=sign).episodes
    return {
        labels: firings
        for labels, several in episodes.items()
        if (firings := [
            (grid.at(e.start) - replay.start, None if e.end is None else grid.at(e.end) - replay.start)
            for e in several if e.firing
        ])
    }  # fmt: skip


def _ticks(rule: Rule, case: Case) -> list[float]:
    skew = SKEW + rule.group
    return [n * rule.interval + skew for n in range(int((case.duration - skew) // rule.interval) + 1)]
