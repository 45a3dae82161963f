"""What is wrong between processes and a Prometheus: names and buckets that change on the way, processes that are seen twice or in turns."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

from generator.catalogue import Kind
from generator.doctor.gathering import Gathered, Target
from generator.doctor.naming import Trouble, listed
from generator.doctor.page import full_name
from generator.doctor.traits import some
from generator.validate.forms import DROPPED, NATIVE
from generator.validate.prometheus import Prometheus

#: How far back falls of counters and start times are looked for, in seconds.
LATELY = 900

#: So often a counter may fall in that time by restarts.
_RESTARTS = 2

#: Counters whose falls are looked for.
_COUNTERS = 5

#: Targets that are looked at one by one.
_MOST = 20


def troubles(prometheus: Prometheus, gathered: Gathered) -> Iterator[Trouble]:
    """Yield what is wrong on the way.

    Raises:
        ProbeError: Prometheus does not answer.

    """
    yield from _renamed(gathered)
    yield from _histograms(gathered)
    yield from _down(gathered)
    started = _started(prometheus, gathered.targets)
    yield from _double(gathered, started)
    yield from _balanced(prometheus, gathered, started)
    for target in gathered.doubtful:
        text = f"{target.name} is an exporter as {target.profile.variants.system.title} have one, and stands in no namespace of theirs"
        yield Trouble("doubtful", text, "if it is one of them, give it their labels; else nothing is to be done")


def _renamed(gathered: Gathered) -> Iterator[Trouble]:
    changes: dict[str, list[str]] = defaultdict(list)
    for profile in {t.profile.system: t.profile for t in gathered.targets}.values():
        possible = frozenset().union(*(profile.variants.predicted[variant].possible for variant in profile.fits))
        for metric in (m for m in profile.variants.system.metrics if m.full_name in possible):
            here = replace(metric, prefix=profile.prefix if metric.prefix else "")
            there = {*gathered.forms.names.get(profile.system, ())}
            if here.full_name in there or any(name in there for name in here.series):
                continue
            found = gathered.forms.of(here, profile.system)
            if found and found.why.startswith("it is here as "):
                other, _, change = found.why.removeprefix("it is here as ").partition(": ")
                changes[change].append(f"{here.full_name} as {other}")
    for change, names in sorted(changes.items()):
        many = f"{len(names)} metrics have other names, such as" if len(names) > 1 else "another name:"
        text = f"{many} {some(names)}: {change}"
        yield Trouble(
            "names", text, "switch that off where it is done (an OpenTelemetry Collector: add_metric_suffixes: false)"
        )


def _histograms(gathered: Gathered) -> Iterator[Trouble]:
    dropped: dict[str, list[Target]] = defaultdict(list)
    native: dict[str, list[Target]] = defaultdict(list)
    for target in gathered.targets:
        profile = target.profile
        for metric in profile.variants.system.metrics:
            name = full_name(metric, profile.prefix)
            if metric.kind is not Kind.HISTOGRAM or f"{name}_bucket" in profile.page.series:
                continue
            if f"{name}_count" in profile.page.series:
                dropped[name].append(target)
            elif name in profile.page.series:
                native[name].append(target)
    for found, kind, what, fix in (
        (dropped, "buckets", "without buckets, which something on the way drops", DROPPED),
        (native, "native", "stored as native histograms, without the buckets that boards and rules read", NATIVE),
    ):
        if found:
            targets = list({t.name: t for those in found.values() for t in those}.values())
            yield Trouble(
                kind, f"{some(sorted(found))} of {listed(targets)} {'is' if len(found) == 1 else 'are'} {what}", fix
            )


def _down(gathered: Gathered) -> Iterator[Trouble]:
    jobs = {t.labels.get("job", "") for t in gathered.targets}
    for labels, up in gathered.ups:
        if not up and labels.get("job", "") in jobs:
            text = f"{labels.get('instance', '')} (job {labels['job']}) does not answer"
            yield Trouble("down", text, "see the targets page of Prometheus for its error")


def _started(prometheus: Prometheus, targets: Sequence[Target]) -> Mapping[tuple[str, str], float]:
    """Return when processes started, in unix seconds, by job and instance; nothing of those that do not say so."""
    ours = {_address(t.labels) for t in targets}
    found = prometheus.query("process_start_time_seconds") if targets else []
    return {_address(s.labels): s.values[0] for s in found if _address(s.labels) in ours}


def _address(labels: Mapping[str, str]) -> tuple[str, str]:
    return labels.get("job", ""), labels.get("instance", "")


def _double(gathered: Gathered, started: Mapping[tuple[str, str], float]) -> Iterator[Trouble]:
    fix = "find it in one way only: sums count it more than once"
    by_instance: dict[tuple[str, str], dict[str, Target]] = defaultdict(dict)
    by_start: dict[tuple[str, float], dict[tuple[str, str], Target]] = defaultdict(dict)
    for target in gathered.targets:
        by_instance[target.profile.system, target.labels.get("instance", "")][target.labels.get("job", "")] = target
        if (start := started.get(_address(target.labels))) is not None:
            by_start[target.profile.system, start][_address(target.labels)] = target
    for (_, instance), jobs in by_instance.items():
        if instance and len(jobs) > 1:
            yield Trouble("double", f"{instance} is scraped by {' and by '.join(sorted(jobs))}", fix)
    for (_, start), those in by_start.items():
        if len({instance for _, instance in those}) > 1 and start != int(start):
            text = (
                f"{listed(list(those.values()))} seem to be one process: both started at the same hundredth of a second"
            )
            yield Trouble("double", text, fix)


def _balanced(
    prometheus: Prometheus, gathered: Gathered, started: Mapping[tuple[str, str], float]
) -> Iterator[Trouble]:
    targets = {_address(t.labels): t for t in gathered.targets}
    fix = "scrape each process at its own address: discover pods or name all of them, not the service in front"
    falls = prometheus.query(f"resets(process_start_time_seconds[{LATELY}s]) > 0") if targets else []
    for address in [a for s in falls if (a := _address(s.labels)) in targets][:_MOST]:
        target = targets[address]
        past = prometheus.query(f"process_start_time_seconds{{{target.matchers}}}[{LATELY}s]")
        count = len({value for s in past for value in s.values})
        text = f"{target.name} is {count} processes in turns, as its start time goes to and fro: a load balancer stands before them"
        yield Trouble("balanced", f"{text}, and {count - 1} of them have no target of their own", fix)
    silent = [t for a, t in targets.items() if a not in started]
    counters = {
        full_name(m, t.profile.prefix)
        for t in silent
        for m in t.profile.variants.system.metrics
        if m.kind is Kind.COUNTER
    }
    most: dict[tuple[str, str], float] = {}
    # Name by name: without names, series of several would be one and the same.
    for name in sorted(counters, key=lambda name: ("requests" not in name, len(name), name))[:_COUNTERS]:
        for series in prometheus.query(f"max by (job, instance) (resets({name}[{LATELY}s])) > {_RESTARTS}"):
            address = _address(series.labels)
            most[address] = max(most.get(address, 0.0), series.values[0])
    for address, fallen in most.items():
        if address in targets and address not in started:
            text = f"counters of {targets[address].name} fell {fallen:.0f} times in {LATELY // 60} minutes"
            yield Trouble(
                "balanced", f"{text}: several processes stand behind one address, or one restarts again and again", fix
            )
