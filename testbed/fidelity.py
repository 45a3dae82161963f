"""The fidelity matrix: every scenario of the reference server played through every rule, on a real Prometheus.

`python -m testbed.fidelity [ID ...]` prints, for each scenario, what had to fire and when it did, and what fired that must
not have. Virtual time: nothing waits. `--json` for machines. `--version agent_server=0.9.1` plays that version, through the
rules of an installation that says so.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, replace
from functools import cache, partial
from multiprocessing import get_context
from typing import Any

from generator import config
from generator.bundle import build
from generator.catalogue import Catalogue, Versions, load
from generator.config.completion import complete
from generator.config.settings import OBSERVABILITY
from generator.config.site import Site
from generator.config.versions import in_the_field
from generator.outputs import FORMATS
from reference_server.agent_server import versions
from reference_server.agent_server.scenario import DeploymentPlan
from reference_server.agent_server.workload import Topology
from reference_server.core.rates.scenario import ServicePlan
from reference_server.core.scenario import SEVERITIES, Plan, Scenario
from reference_server.scenarios import library as scenarios
from reference_server.scenarios.history import collect
from reference_server.scenarios.replay import before, play
from testbed.neighbours import beside
from testbed.replay import Firing, Replay, Restore, Server, restored
from testbed.rule_files import Rule
from testbed.rule_files import load as load_rules
from testbed.servers import Prometheus, find, missing
from testbed.servers.remote_write import History

#: Off by default, because they need an exporter, a label or a count that nobody has seen; the histories here have them.
WITH_EXPORTERS = (
    "AgentServerHealthCheckFailing", "AgentServerQueueStalledConfirmed", "LangSmithHttpErrors", "LangSightNotReady",
    "LangSightHealthCheckFailing", "LangSightHealthMetricMissing",
)  # fmt: skip


#: Deployments of scenarios that may have no process.
IDLE = ("nightly",)


#: Versions of systems that are not the usual ones, as `versions:` in bundle.yaml has them.
Fleet = tuple[tuple[str, str], ...]

#: Alerts that no version before can fire: its variable renames nothing, and its library knows no overflow.
FIRST = {"AgentServerMetricPrefixMismatch": "0.11.0", "AgentServerCardinalityOverflow": "0.11.0"}

#: One alert may end so many seconds before the next one begins: rounds of two groups are not at one moment.
ROUND = 60.0


#: By how much their processes give way to others: a virtual clock waits, and what plays beside them against the wall does not.
YIELDING = 3

#: Scenarios that one process plays before it asks for more.
AT_A_TIME = 5


@dataclass(frozen=True, slots=True)
class Verdict:
    """What one scenario showed.

    Attributes:
        scenario: Its id.
        title: What happens in it.
        fired: Alert to (first second at which it fired, severity).
        caught: Alerts that had to fire and did in time.
        missed: Alerts that had to fire and did not, or too late.
        false: Alerts that fired and had to be silent.
        told: For how many seconds of each trouble at least one of its alerts had fired by its end, without a break.
        lapsed: Seconds from and to which no alert told of a trouble that went on, after one had.

    """

    scenario: str
    title: str
    fired: dict[str, float]
    caught: tuple[str, ...]
    missed: tuple[str, ...]
    false: tuple[str, ...]
    told: tuple[float, ...] = ()
    lapsed: tuple[tuple[float, float], ...] = ()


def site(catalogue: Catalogue, fleet: Fleet = ()) -> Site:
    """Return the default installation with every system, and with the exporters that some alerts want.

    Raises:
        ValueError: The fleet has what is no version.

    """
    defaults = config.read(catalogue)
    systems = {name: replace(s, enabled=True, scale_to_zero=IDLE) for name, s in defaults.systems.items()}
    for name, text in fleet:
        if (known := in_the_field(catalogue.systems[name], text)) is None:
            raise ValueError(f"{text!r} is no version of {name}")
        systems[name] = replace(systems[name], eras=known[0], versions=known[1])
    return complete(Site(catalogue, replace(defaults, systems=systems, enabled=WITH_EXPORTERS)))


def of_version(scenario: Scenario, fleet: Fleet) -> Scenario:
    """Return the scenario with the processes of a fleet's versions, but for those of which it says the version itself."""
    version = dict(fleet).get(scenario.system, "")
    if not version:
        return scenario
    return replace(scenario, plans=tuple(_of_version(plan, version) for plan in scenario.plans))


def _of_version(plan: Plan, version: str) -> Plan:
    if isinstance(plan, DeploymentPlan):
        if plan.topology.version != Topology().version:
            return plan
        return replace(plan, topology=replace(plan.topology, version=version, era=versions.era(version)))
    assert isinstance(plan, ServicePlan)
    work = plan.workload
    return replace(plan, workload=replace(work, version=version)) if work.version == type(work)().version else plan


def within_reach(scenario: Scenario, fleet: Fleet, alerts: Iterable[str]) -> Scenario:
    """Return the scenario without the alerts that these versions cannot fire; what an installation leaves out is one."""
    known, version = set(alerts), dict(fleet).get(scenario.system, "")
    late = {name for name, first in FIRST.items() if version and not Versions(version, version).has(first)}
    return replace(scenario, fire=tuple(e for e in scenario.fire if e.alert in known - late))


def judge(scenario: Scenario, results: dict[str, list[Firing]], severities: Mapping[str, str]) -> Verdict:
    """Hold what fired against what the scenario expects."""
    fired = {name: min(f.start for f in found) for name, found in results.items() if found}
    expected = {e.alert: e for e in scenario.fire}
    caught = [n for n, e in expected.items() if n in fired and _first(results[n], e.since) <= e.since + e.within]
    silent = {s for s in scenario.silent if s in SEVERITIES}
    named = {s for s in scenario.silent if s not in SEVERITIES}
    tolerated = {*expected, *scenario.allow}
    false = [n for n in fired if n not in tolerated and (n in named or severities[n] in silent)]
    troubles = [_lasting(scenario, results, *trouble) for trouble in _troubles(scenario)]
    return Verdict(
        scenario.id, scenario.title, fired, tuple(caught), tuple(n for n in expected if n not in caught), tuple(false),
        tuple(told for told, _ in troubles if told), tuple(gap for _, gaps in troubles for gap in gaps),
    )  # fmt: skip


def _troubles(scenario: Scenario) -> Iterator[tuple[list[str], float, float, str]]:
    """Yield what goes wrong in a scenario: the alerts that must tell of it, from when and until when it lasts, and where."""
    found: dict[tuple[float, float, str], list[str]] = {}
    for e in scenario.fire:
        found.setdefault((e.since, e.until, e.deployment), []).append(e.alert)
    return ((names, *key) for key, names in found.items())


def _lasting(
    scenario: Scenario,
    results: Mapping[str, Sequence[Firing]],
    names: list[str],
    since: float,
    until: float,
    where: str,
) -> tuple[float, list[tuple[float, float]]]:
    """Return how long a trouble was told of, and the gaps in that: from its first alert on, and of all of them together."""
    spans = sorted(
        (f.start, scenario.duration if f.until is None else f.until)
        for name in names
        for f in results[name]
        if (f.until is None or f.until > since) and (not where or dict(f.labels).get("deployment") == where)
    )
    gaps, covered = [], until
    if spans and spans[0][0] < until:
        first = covered = spans[0][0]
        for begin, end in [*spans, (until, until)]:
            if min(begin, until) - covered > ROUND:
                gaps.append((covered, min(begin, until)))
            covered = max(covered, end)
        return until - first - sum(b - a for a, b in gaps), gaps
    return 0.0, gaps


def _first(found: Sequence[Firing], since: float) -> float:
    """Second of the first firing that lasts beyond `since`."""
    return min((f.start for f in found if f.until is None or f.until > since), default=float("inf"))


def run(
    wanted: Iterable[Scenario],
    server: Server,
    *,
    step: float = 30.0,
    thresholds: Mapping[str, float] | None = None,
    restore: Restore = restored,
    fleet: Fleet = (),
) -> Iterator[tuple[Verdict, float]]:
    """Yield each scenario's verdict and the seconds that it took. `thresholds` overrides limits of the rules."""
    rules, alerts = _rules(tuple((thresholds or {}).items()), fleet)
    severities = {name: severity for name, (severity, _) in alerts.items()}
    replay = Replay(server, rules, restore)
    for scenario in (within_reach(of_version(s, fleet), fleet, alerts) for s in wanted):
        begin = time.perf_counter()
        own = about(scenario, alerts)
        results = replay.run(
            played(scenario, own, step),
            scenario.duration,
            own,
            scrape=step,
            outages=outages(scenario),
            past=before(scenario.past),
        )
        yield judge(scenario, results, severities), time.perf_counter() - begin


def about(scenario: Scenario, alerts: Mapping[str, tuple[str, str]]) -> set[str]:
    """Return the alerts that may be about a scenario, given each one's severity and system."""
    return {
        name
        for name, (_, system) in alerts.items()
        if system in ("", scenario.system) and not name.startswith(OBSERVABILITY)
    }


def played(
    scenario: Scenario, own: set[str], step: float = 30.0
) -> Callable[[float, Sequence[float]], Iterator[History]]:
    """Return what makes the samples of a scenario, beside neighbours that `own` alerts must not read."""

    def history(start: float, offsets: Sequence[float]) -> Iterator[History]:
        rounds = play(scenario, start=start, interval=step, metrics=_catalogue())
        whole = collect(rounds, [start + offset for offset in offsets])
        found = ((dict(labels), values) for labels, values in whole.series.items())
        yield from beside(found, start, offsets, own)  # type: ignore[arg-type]  # STALE is the same word in both

    return history


@cache
def _catalogue() -> Catalogue:
    return load()


@cache
def _rules(thresholds: tuple[tuple[str, float], ...], fleet: Fleet) -> tuple[list[Rule], dict[str, tuple[str, str]]]:
    """Return all rules, and each alert's severity and system."""
    texts, alerts = _made(thresholds, fleet)
    return load_rules(texts.values()), alerts


def rule_texts() -> tuple[Mapping[str, str], Mapping[str, tuple[str, str]]]:
    """Return the rule files of the installation by stem, and each alert's severity and system."""
    return _made((), ())


@cache
def _made(
    thresholds: tuple[tuple[str, float], ...], fleet: Fleet
) -> tuple[Mapping[str, str], dict[str, tuple[str, str]]]:
    here = site(_catalogue(), fleet)
    bundle = build(replace(here, config=replace(here.config, thresholds=dict(thresholds))))
    end = ".rules.yaml"
    texts = {p.name.removesuffix(end): t for p, t in FORMATS["files"].render(bundle).items() if p.name.endswith(end)}
    alerts = {
        a.name: (str(a.severity), bundle.site.system_of(name))
        for name, gs in bundle.rules.items()
        for g in gs
        for a in g.alerts
    }
    return texts, alerts


@contextmanager
def newest() -> Iterator[tuple[Server, Restore]]:
    """Give the newest Prometheus, taking any past."""
    found = find("prometheus", "newest")
    if not found.path:
        missing(found.reason)
    assert found.path
    with Prometheus(found.path, history=True) as server:
        yield server, restored


def spread(
    wanted: Iterable[Scenario],
    serve: Callable[[], AbstractContextManager[tuple[Server, Restore]]] = newest,
    hours: Mapping[str, float] | None = None,
    fleet: Fleet = (),
) -> Iterator[tuple[Verdict, float]]:
    """Yield what `run` does, in the same order: each processor plays some scenarios at a time, on servers of its own.

    Args:
        wanted: Shipped scenarios.
        serve: Gives a server and what a restart of its rules does; a function of a module, so that it can be sent away.
        hours: How much longer some are played, by id.
        fleet: Versions in the field.

    """
    ids = [scenario.id for scenario in wanted]
    parts = [ids[n : n + AT_A_TIME] for n in range(0, len(ids), AT_A_TIME)]
    count = min(os.cpu_count() or 1, len(parts))
    with ProcessPoolExecutor(count, get_context("spawn"), initializer=os.nice, initargs=(YIELDING,)) as pool:
        for found in pool.map(partial(_part, serve, hours or {}, fleet), parts):
            yield from found


def longer(scenario: Scenario, seconds: float) -> Scenario:
    """Return the scenario with a later end, until which goes on what lasts to its end."""
    end = scenario.duration + seconds
    fire = [replace(e, until=end) if e.until >= scenario.duration else e for e in scenario.fire]
    return replace(scenario, duration=end, fire=tuple(fire))


def _part(
    serve: Callable[[], AbstractContextManager[tuple[Server, Restore]]],
    hours: Mapping[str, float],
    fleet: Fleet,
    ids: Sequence[str],
) -> list[tuple[Verdict, float]]:
    known = {scenario.id: longer(scenario, hours.get(scenario.id, 0.0) * 3600) for scenario in scenarios.shipped()}
    with serve() as (server, restore):
        return list(run([known[name] for name in ids], server, restore=restore, fleet=fleet))


def outages(scenario: Scenario) -> list[tuple[float, float]]:
    """Return when the scenario has Prometheus itself down, in seconds since its start."""
    out: list[tuple[float, float]] = []
    for part in scenario.plans:
        changes = [
            (c.at - scenario.past, c.verbs["monitoring"].get("running"))
            for c in part.timeline
            if "monitoring" in c.verbs
        ]
        downs = [at for at, running in changes if running is False]
        ups = [at for at, running in changes if running is True]
        out += zip(downs, [*ups, *[scenario.duration] * (len(downs) - len(ups))], strict=True)
    return out


#: Head of `--markdown`.
HEAD = """\
# Fidelity

Every fault and every benign situation that the reference server can play, through every rule, on a real Prometheus and a
virtual clock. Made by `make fidelity`; `tests/test_fidelity.py` holds it. Minutes count from the start of a scenario; most
faults begin at minute 20. Allowed alerts are the slower siblings of those that must fire, and tickets that a situation
may open. An alert that ends before its trouble does is taken for the end of it: the last column says for how many minutes
each trouble goes on after its first alert, and whether one that had to fire goes on firing for as long.

| scenario | what happens | had to fire, and did | allowed, and fired | told of to its end |
| --- | --- | --- | --- | --- |
"""


def main(argv: Sequence[str] | None = None) -> int:
    """Print the matrix; exit 1 when something was missed or fired without reason."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("ids", nargs="*", help="scenarios; all without")
    parser.add_argument("--json", action="store_true", help="for machines")
    parser.add_argument(
        "--hours", type=float, default=0.0, help="play on for so long after the end: what lasts to the end goes on"
    )
    parser.add_argument("--markdown", action="store_true", help="the table of docs/fidelity.md")
    parser.add_argument("--version", action="append", default=[], metavar="SYSTEM=VERSION", help="which one to play")
    args = parser.parse_args(argv)
    fleet = tuple((name, version) for name, _, version in (text.partition("=") for text in args.version))
    wanted = [s for s in sorted(scenarios.shipped(), key=lambda s: s.id) if not args.ids or s.id in args.ids]
    rows: list[dict[str, Any]] = []
    wrong = 0
    for verdict, taken in spread(wanted, hours={scenario.id: args.hours for scenario in wanted}, fleet=fleet):
        wrong += bool(verdict.missed or verdict.false or verdict.lapsed)
        rows.append({name: getattr(verdict, name) for name in Verdict.__slots__} | {"seconds": round(taken, 2)})
        if args.markdown:
            print(("" if len(rows) > 1 else HEAD) + _row(verdict), flush=True)
        elif not args.json:
            print(_line(verdict, taken), flush=True)
    if args.markdown:
        print(f"\n{len(rows)} scenarios, {wrong} with something missed, false or lapsed.")
    elif args.json:
        print(json.dumps(rows, indent=1))
    else:
        print(f"{len(rows)} scenarios, {wrong} with something missed, false or lapsed")
    return 1 if wrong else 0


def _row(verdict: Verdict) -> str:
    """One row of the table: alerts that had to fire with the virtual minute at which they did, and the others."""
    had = [f"{n} ({verdict.fired[n] / 60:.0f} min)" for n in verdict.caught] + [
        f"**missed: {n}**" for n in verdict.missed
    ]
    also = [n for n in verdict.fired if n not in verdict.caught and n not in verdict.false]
    wrong = [f"**false: {n}**" for n in verdict.false]
    told = ", ".join(
        [f"{seconds / 60:.0f} min" for seconds in verdict.told] + [f"**not {_gap(gap)}**" for gap in verdict.lapsed]
    )
    return (
        f"| {verdict.scenario} | {verdict.title} | {', '.join(had)} | {', '.join((*wrong, *sorted(also)))} | {told} |"
    )


def _gap(gap: tuple[float, float]) -> str:
    return f"{gap[0] / 60:.0f}-{gap[1] / 60:.0f} min"


def _line(verdict: Verdict, taken: float) -> str:
    parts = [f"{n}@{verdict.fired[n] / 60:.0f}m" for n in verdict.caught]
    parts += [f"MISSED {n}" + (f"@{verdict.fired[n] / 60:.0f}m" if n in verdict.fired else "") for n in verdict.missed]
    parts += [f"FALSE {n}@{verdict.fired[n] / 60:.0f}m" for n in verdict.false]
    parts += [f"LAPSED {_gap(gap)}" for gap in verdict.lapsed]
    return (
        f"{verdict.scenario} {taken:4.1f}s {verdict.title}: {', '.join(parts).replace('AgentServer', '') or 'silent'}"
    )


if __name__ == "__main__":
    sys.exit(main())
