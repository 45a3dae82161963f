"""A backtest held against the ALERTS that Prometheus wrote: its own rule manager ran over the same history.

The manager is Prometheus' code (`rulemanager/main.go`), which evaluates groups at times of the past and writes into the
database of a server that is stopped meanwhile. What a backtest then says of that server has to be what stands there.
"""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

import yaml

from generator.backtest.journal import Journal
from generator.backtest.prepared import Options
from generator.backtest.rules import Labels, Record, Rules, read
from generator.backtest.run import Backtest
from generator.backtest.server import History as Past
from generator.backtest.trial import Trial
from generator.validate.access import Access
from generator.validate.probe import Probe
from generator.validate.prometheus import Prometheus as Client
from reference_server.core.scenario import Scenario
from reference_server.scenarios.replay import before
from testbed import fidelity, replay
from testbed.rule_files import load, lookback, needed
from testbed.servers import Prometheus
from testbed.servers.api import call
from testbed.servers.golang import program

#: The rule manager's sources.
SOURCES = Path(__file__).parent / "rulemanager"

#: Labels that targets are told apart by, in the histories.
TARGETS = frozenset({"system", "cluster", "namespace", "deployment", "role", "instance", "job"})

#: Seconds between two scrapes, and two evaluations of a group that does not say.
STEP = 30.0

#: A server for histories that lie months apart: all of them stay in memory, and none is too old beside the newest.
#: The rule manager opens the same database with the same length.
FLAGS = (
    "--storage.tsdb.min-block-duration=10000d",
    "--storage.tsdb.max-block-duration=10000d",
    "--storage.tsdb.retention.time=100y",
)

#: Rounds after a restart in which the manager writes no ALERTS: it restores their state first.
SILENT = 2

#: Alert labels and state; the unix seconds at which it is in it.
Written = dict[tuple[Labels, str], list[float]]


@dataclass(slots=True)
class Played:
    """One scenario in the database of a server: its span in unix seconds, its rules, when each group is evaluated."""

    scenario: Scenario
    start: float
    documents: Mapping[str, Any]
    alerts: set[str]
    phases: Mapping[str, float]
    outages: Sequence[tuple[float, float]] = field(default_factory=tuple)

    @property
    def end(self) -> float:
        """When it is over."""
        return self.start + self.scenario.duration

    @property
    def rules(self) -> Rules:
        """Its rules, as a backtest takes them."""
        return read(self.documents, f"{STEP:g}s")


def manager() -> Path | str:
    """Return the rule manager's program, or why there is none."""
    found = program(SOURCES, "rulemanager")
    return found.path or found.reason


def push(server: Prometheus, wanted: Iterable[Scenario]) -> list[Played]:
    """Write the histories of scenarios into a server, one after another in time, and return where each is."""
    texts, alerts = fidelity.rule_texts()
    out: list[Played] = []
    free = float(replay.FIRST)
    for scenario in wanted:
        own = fidelity.about(scenario, alerts)
        documents = reduced(texts, own)
        past = before(scenario.past)
        ago = max(*(-p for p in past[:1]), lookback(load(texts.values())), 0.0)
        start = -(-(free + ago + 3600) // 3600) * 3600
        offsets = [*past, *(n * STEP for n in range(int(scenario.duration // STEP) + 1))]
        outages = fidelity.outages(scenario)
        lost = [n for n, offset in enumerate(offsets) if replay.within(offset, outages)]
        made = fidelity.played(scenario, own)(start, offsets)
        server.push(((labels, replay.without(values, lost)) for labels, values in made), [start + o for o in offsets])
        groups = [group for document in documents.values() for group in document["groups"]]
        phases = {g["name"]: float(replay.SKEW + n) for n, g in enumerate(groups)}
        out.append(Played(scenario, start, documents, own, phases, [(start + a, start + b) for a, b in outages]))
        free = start + scenario.duration
    return out


def reduced(texts: Mapping[str, str], own: set[str]) -> dict[str, Any]:
    """Return the documents with these alerts, and every recording rule that they read."""
    rules = load(texts.values())
    chosen = {(r.group, r.alert, r.name) for r in needed(rules, own)}
    out: dict[str, Any] = {}
    number = 0
    for stem, text in texts.items():
        groups = []
        for group in yaml.safe_load(text)["groups"]:
            left = [r for r in group["rules"] if (number, "alert" in r, r.get("alert") or r["record"]) in chosen]
            number += 1
            if left:
                # Annotations are no part of ALERTS, and some ask for functions of a whole server.
                groups.append({**group, "rules": [{k: v for k, v in r.items() if k != "annotations"} for r in left]})
        if groups:
            out[stem] = {"groups": groups}
    return out


def evaluate(binary: Path, server: Prometheus, played: Sequence[Played]) -> None:
    """Stop the server, let the rule manager evaluate everything in its database, and start it again.

    Raises:
        RuntimeError: A rule ends in an error.

    """
    server.stop()
    plays = []
    for number, one in enumerate(played):
        files = []
        for stem, document in one.documents.items():
            path = server.folder / f"evaluated/{number}-{stem}.yaml"
            path.parent.mkdir(exist_ok=True)
            path.write_text(yaml.safe_dump(document, sort_keys=False), encoding="utf-8")
            files.append(str(path))
        plays.append({
            "files": files, "start": one.start, "end": one.end, "skew": replay.SKEW, "interval": STEP,
            "outages": one.outages,
        })  # fmt: skip
    plan = json.dumps({"folder": str(server.folder / "data"), "plays": plays})
    done = subprocess.run([binary], input=plan, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(done.stderr.strip()[-2000:])
    server.start()


def written(server: Prometheus, one: Played) -> Written:
    """Return the ALERTS that stand in the database, sample by sample."""
    return alerts(server, one.start, one.end)


def alerts(server: Prometheus, start: float, end: float) -> Written:
    """Return the ALERTS of a time, in unix seconds, sample by sample."""
    data = call(server.port, "POST", "query", query=f"ALERTS[{int(end - start) + 1}s]", time=end)
    out: Written = {}
    for series in data["result"]:
        labels = {k: v for k, v in series["metric"].items() if k not in ("__name__", "alertstate")}
        key = tuple(sorted(labels.items())), series["metric"]["alertstate"]
        out[key] = [float(at) for at, _ in series["values"]]
    return out


def backtested(server: Prometheus, one: Played, *, full: bool = True, inline: bool = False) -> list[Trial]:
    """Return what a backtest says of a scenario."""
    probe = Probe("Prometheus", f"http://{server.address}", Access(), timeout=60)
    try:
        past = Past(Client(probe), Journal(None, {}))
        options = Options(one.start, one.end, TARGETS, STEP, full=full, inline=inline, phases=one.phases)
        test = Backtest(past, one.rules, options)
        found, broken = test.run(test.prepare(_nobody), _nobody)
    finally:
        probe.close()
    if broken:
        raise RuntimeError(broken)
    return found


def _nobody(_line: str) -> None:
    """Be told, and tell nobody."""


class Span(Protocol):
    """When something was evaluated: from when, in unix seconds, and when not."""

    @property
    def start(self) -> float:
        """Return since when."""

    @property
    def outages(self) -> Sequence[tuple[float, float]]:
        """Return from and until when not."""


def disagreements(
    one: Span,
    real: Written,
    found: Sequence[Trial],
    *,
    pending: bool = True,
    apart: float = 0.0,
    records: Sequence[Record] = (),
) -> list[str]:
    """Return where a backtest differs from the ALERTS by more than one evaluation, a sentence each.

    Args:
        one: What was evaluated.
        real: The ALERTS.
        found: What the backtest says; what failed to be tried differs.
        pending: Compare what is pending as well.
        apart: Seconds that are let pass where they are more than an evaluation.
        records: Recording rules: where one of a slower group was inlined, an evaluation is one of that group.

    """
    out = [f"{t.alert.name}: {t.why}" for t in found if t.state == "failed"]
    intervals = {t.alert.name: t.alert.interval for t in found}
    slow = {t.alert.name: max((r.interval for r in records if r.name in t.inlined), default=0.0) for t in found}
    expected = _told(found)
    for key in sorted(real.keys() | expected.keys()):
        if key[1] == "pending" and not pending:
            continue
        every = intervals.get(dict(key[0])["alertname"], STEP)
        near = max(every, apart, slow.get(dict(key[0])["alertname"], 0.0))
        mask = [(b, b + (SILENT + 1) * every) for _, b in one.outages]
        there = _stretches(real.get(key, []), every)
        own = expected.get(key, [])
        for name, those, others in (("only in ALERTS", there, own), ("only told", own, there)):
            for a, b in those:
                missing = _beyond((a, b), others, near, mask)
                if missing:
                    label = f"{dict(key[0])['alertname']} {key[1]} {dict(key[0]).get('deployment', '')}"
                    out.append(f"{label}: {name} for {missing:g} s from {a - one.start:g} to {b - one.start:g}")
    return out


def _told(found: Sequence[Trial]) -> dict[tuple[Labels, str], list[tuple[float, float]]]:
    """Return what a backtest tells, as ALERTS have it: labels with the alert's name, and state."""
    out: dict[tuple[Labels, str], list[tuple[float, float]]] = {}
    for trial in found:
        for i in trial.intervals:
            labels = tuple(sorted({**dict(i.labels), "alertname": trial.alert.name}.items()))
            out.setdefault((labels, "firing" if i.firing else "pending"), []).append((i.start, i.end))
    return out


def _stretches(times: Sequence[float], every: float) -> list[tuple[float, float]]:
    out: list[tuple[float, float]] = []
    for at in times:
        if out and at - out[-1][1] < every / 2:
            out[-1] = (out[-1][0], at + every)
        else:
            out.append((at, at + every))
    return out


def _beyond(
    one: tuple[float, float], others: Sequence[tuple[float, float]], every: float, mask: Sequence[tuple[float, float]]
) -> float:
    """Return the seconds of a stretch that none of the others has, an evaluation at each of its ends left aside."""
    covers = sorted([(a - every, b + every) for a, b in others] + list(mask))
    left, here = 0.0, one[0]
    for a, b in covers:
        if b <= here:
            continue
        if a >= one[1]:
            break
        left += max(0.0, a - here)
        here = max(here, b)
    return round(left + max(0.0, one[1] - here), 3)


def exact(real: Written, found: Sequence[Trial]) -> Iterator[bool]:
    """Yield for each sample of ALERTS whether the backtest says the same of that very evaluation."""
    expected = _told(found)
    for key, times in real.items():
        for at in times:
            yield any(a - 0.001 <= at < b - 0.001 for a, b in expected.get(key, []))
