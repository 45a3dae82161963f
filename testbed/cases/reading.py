"""Cases: YAML to samples. Every name is held against the catalogue and the alerts; all problems are told at once.

A file has `cases`, and `shapes`: series that recur, under one name, with parameters written `$ok`. A case has

    name        a sentence: what is true, and what follows
    duration    how long the history is
    targets     `[CLUSTER/]WHO-NUMBER`: what the target exposes; see below. WHO is a role of the Agent Server, another
                system, a role of one (`SYSTEM:ROLE`), or `prometheus`, `vmalert`, `alertmanager`
    fires       alert: earliest..latest time at which it starts to fire
    clears      alert: earliest..latest time at which it stops, or `never`; without an entry it may go on
    quiet       alerts that never fire
    where       labels that everything which fires has
    each        a list of parameters: the case is repeated with each, `$name` or `$(name)` replaced everywhere
    scrape      time between two scrapes, 30s unless told
    prometheus_down   ranges without scrapes and without evaluations
    copies      a label and its values: every series arrives once with each (two Prometheus servers, one store)
    known_wrong why the rule fails this case today; the test then expects the failure

A target exposes `up` (1) and, where its page has it, `process_start_time_seconds` (a day ago); further series by their name
without prefix, with values in the notation of `testbed.cases.notation`. A histogram maps an upper edge, or `inf`, to the
notation of how many observations fall just below it; where nobody knows the edges, any will do. A summary maps `sum` and
`count`. `[1..600]` in a series stands for as many series, one per number. A counter that is born at its first event has no
sample while it is 0.
Further keys: a shape with its parameters, and

    labels      labels of all its series; those of the Agent Server's own pages only on these
    found       range in which discovery knows the target, such as 20m..
    down        ranges in which its scrapes fail: `up` is 0 and every other series ends
    restarts    times at which its process starts again: counters begin anew
    prefix      METRIC_PREFIX of the server
    le          2 or 3: how the Prometheus of this major version writes `le`; the one under test unless told
"""

from __future__ import annotations

import math
import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from generator.catalogue import Catalogue, Kind, Metric, System
from generator.config.completion import EXAMPLE
from generator.errors import Problem, nearest
from generator.source import Document, Place, parse, shown, violations
from generator.units import seconds
from testbed.cases.case import Case, CaseError
from testbed.cases.notation import values
from testbed.cases.samples import Series, Target
from testbed.cases.schema import SCHEMA
from testbed.replay import Range

FOLDER = Path(__file__).parents[2] / "tests" / "rules"

#: What a deployment is called unless a case says otherwise.
HOME = {"cluster": "main", "namespace": "agents", "deployment": "shop"}
TARGET_LABELS = (*HOME, "role", "instance", "system")

#: Servers of rules and notifications, which are no system of ours and are told apart by their jobs.
SERVERS = ("prometheus", "vmalert", "alertmanager")

#: Labels that the catalogue does not have, because no series carries them unless something is wrong.
UNCATALOGUED = ("otel_metric_overflow",)

#: A label that an operator's configuration of a server adds, as the rules under test have it.
ADDED = (EXAMPLE.label,)

#: Labels on every series of a system's own pages.
SCOPE_LABELS = {"agent_server": {"otel_scope_name": "lsd_langgraph_api"}}
_RANGE = re.compile(r"\[(\d+)\.\.(\d+)\]")
_PARAMETER = re.compile(r"\$(?:(\w+)|\((\w+)\))")
SETTINGS = ("labels", "found", "down", "restarts", "prefix", "le")


def load(catalogue: Catalogue, alerts: Collection[str], folder: Path = FOLDER) -> list[Case]:
    """Return the cases of every `*.yaml` of a folder, in the order of file names.

    Raises:
        CaseError: Something is wrong in some file.

    """
    problems: list[Problem] = []
    out: list[Case] = []
    for path in sorted(folder.glob("*.yaml")):
        reader = _Reader(parse(shown(path), path.read_text(encoding="utf-8"), problems), catalogue, alerts, problems)
        out += reader.cases()
    if problems:
        raise CaseError("\n".join(map(str, sorted(set(problems)))))
    return out


@dataclass(frozen=True, slots=True)
class _Reader:
    """One file; what is wrong goes to `problems`."""

    document: Document
    catalogue: Catalogue
    alerts: Collection[str]
    problems: list[Problem]

    def cases(self) -> list[Case]:
        found = [problem for _, problem in violations(self.document, SCHEMA)] if self.document.data is not None else []
        self.problems.extend(found)
        if found or self.document.data is None:
            return []
        return [
            self.case(_filled(raw, given), ("cases", number))
            for number, raw in enumerate(self.document.data["cases"])
            for given in raw.get("each", [{}])
        ]

    def case(self, raw: Mapping[str, Any], place: Place) -> Case:
        duration = self.time(raw["duration"], (*place, "duration"))
        for key in ("fires", "clears", "quiet"):
            for alert in raw.get(key, ()):
                if alert not in self.alerts:
                    fix = nearest(alert, list(self.alerts), otherwise="name an alert of alerts/*.rules.yaml")
                    self.wrong((*place, key, alert), f"no alert {alert!r}", fix)
        if both := set(raw.get("fires", ())) & set(raw.get("quiet", ())):
            self.wrong((*place, "quiet"), f"{min(both)!r} must fire and be quiet", "keep one of the two")
        if not raw.get("fires") and not raw.get("quiet"):
            self.wrong(place, f"{raw['name']!r} expects nothing", "add `fires` or `quiet`")
        for alert in set(raw.get("clears", ())) - set(raw.get("fires", ())):
            self.wrong((*place, "clears", alert), f"{alert!r} clears but does not fire", "say when it fires")
        return Case(
            path=self.document.path,
            line=self.document.line(*place),
            name=raw["name"],
            duration=duration,
            scrape=self.time(raw.get("scrape", "30s"), (*place, "scrape")),
            targets=tuple(self.target(name, t, (*place, "targets", name)) for name, t in raw["targets"].items()),
            fires={a: self.range(text, duration, (*place, "fires", a)) for a, text in raw.get("fires", {}).items()},
            clears={
                a: (math.inf, math.inf) if text == "never" else self.range(text, duration, (*place, "clears", a))
                for a, text in raw.get("clears", {}).items()
            },
            quiet=tuple(raw.get("quiet", ())),
            where={k: str(v) for k, v in raw.get("where", {}).items()},
            outages=tuple(self.range(r, duration, (*place, "prometheus_down")) for r in raw.get("prometheus_down", ())),
            copies=raw.get("copies", {}),
            known_wrong=raw.get("known_wrong", ""),
        )

    def system_and_role(self, word: str) -> tuple[System | None, str]:
        """Return the system and the role of a target called `word`; no system when there is none of that name."""
        first = self.catalogue.systems["agent_server"]
        if word in first.roles:
            return first, word
        if word in SERVERS:
            return self.catalogue.systems["prometheus"], ""
        name, _, role = word.partition(":")
        system = self.catalogue.systems.get(name)
        known = system is not None and system is not first and (role in system.roles or not role)
        return (system if known else None), role

    def target(self, name: str, raw: Mapping[str, Any], place: Place) -> Target:
        cluster, _, short = name.rpartition("/")
        found, role = self.system_and_role(short.rpartition("-")[0])
        if found is None:
            known = [*self.catalogue.systems["agent_server"].roles, "langsight", *SERVERS]
            self.wrong(place, f"target {name!r} has no role", f"call it {' or '.join(f'{r}-1' for r in known)}")
        system = found or self.catalogue.systems["agent_server"]
        labels = {"instance": short, **HOME} | ({"cluster": cluster} if cluster else {})
        labels |= {"system": system.name} | ({"role": role} if role else {})
        if system.name == "prometheus":
            labels = {"instance": short, "job": short.rpartition("-")[0]}
        given = {k: str(v) for k, v in raw.get("labels", {}).items()}
        if unknown := set(given) - {*TARGET_LABELS, *system.constant_labels}:
            fix = nearest(min(unknown), (*TARGET_LABELS, *system.constant_labels), otherwise="use a target label")
            self.wrong((*place, "labels"), f"no process has a label {min(unknown)!r}", fix)
        entries = [(k, v, (*place, k)) for k, v in raw.items() if k not in SETTINGS]
        series = tuple(s for key, value, at in entries for s in self.entry(key, value, (system, role), at))
        down, restarts = raw.get("down", ()), raw.get("restarts", ())
        return Target(
            labels=labels | {k: v for k, v in given.items() if k in TARGET_LABELS},
            series=series,
            own=SCOPE_LABELS.get(system.name, {}) | {k: v for k, v in given.items() if k not in TARGET_LABELS},
            found=self.range(raw["found"], math.inf, (*place, "found")) if "found" in raw else (0.0, math.inf),
            down=tuple(self.range(r, math.inf, (*place, "down")) for r in ([down] if isinstance(down, str) else down)),
            restarts=tuple(
                self.time(r, (*place, "restarts")) for r in ([restarts] if isinstance(restarts, str) else restarts)
            ),
            prefix=raw.get("prefix", system.prefix),
            le=raw.get("le", 0),
            clock="process" in system.pages,
        )

    def entry(self, key: str, value: Any, who: tuple[System, str], place: Place) -> Iterator[Series]:
        """Yield the series of one entry of a target: its own, or those of a shape or of a range."""
        if found := _RANGE.search(key):
            numbers = range(int(found[1]), int(found[2]) + 1)
            keys = (f"{key[: found.start()]}{number}{key[found.end() :]}" for number in numbers)
            return (s for one in keys for s in self.entry(one, value, who, place))
        shape = (self.document.data.get("shapes") or {}).get(key)
        if shape is None:
            own = self.series(key, value, who, place)
            return iter((own,) if own else ())
        given = {} if value is None else value
        filled = _filled(shape, given)
        if left := sorted({a or b for a, b in _PARAMETER.findall(str(filled))}):
            self.wrong(place, f"shape {key!r} lacks {', '.join(left)}", f"write {key}: {{{left[0]}: …}}")
            return iter(())
        return (s for name, one in filled.items() for s in self.entry(name, one, who, place))

    def series(self, key: str, value: Any, who: tuple[System, str], place: Place) -> Series | None:
        name, _, rest = key.partition("{")
        metric = self.metric(name, who, place)
        if metric is None:
            return None
        if metric.kind is Kind.HISTOGRAM and not metric.buckets and isinstance(value, Mapping):
            metric = replace(metric, buckets=tuple(sorted(float(edge) for edge in value if edge != "inf")))
        labels = dict(re.findall(r'(\w+)="([^"]*)"', rest))
        for label, one in labels.items():
            known = metric.labels.get(label)
            if known is None and label not in {*metric.constant_labels, *UNCATALOGUED, *ADDED}:
                fix = nearest(label, list(metric.labels), otherwise=f"it has {', '.join(metric.labels) or 'none'}")
                self.wrong(place, f"{name} has no label {label!r}", fix)
            elif known is not None and known.values and one not in known.values:
                self.wrong(place, f"{label} of {name} is never {one!r}", f"use one of {', '.join(known.values)}")
        self.check(metric, name, value, place)
        return Series(metric, name, labels, value)

    def metric(self, name: str, who: tuple[System, str], place: Place) -> Metric | None:
        system, role = who
        pages = {system.name: None, **dict.fromkeys(system.pages), "prometheus": None, "exporters": None}
        known = {m.base: m for page in pages for m in self.catalogue.systems[page].metrics}
        metric = known.get(name)
        if metric is None:
            fix = nearest(name, list(known), otherwise="use a series of the catalogue, without its prefix")
            self.wrong(place, f"no series {name!r} in the catalogue", fix)
            return None
        roles = {r for e in metric.emission.values() for given in e.roles.values() for r in given}
        if metric.system == system.name and role and not roles & {role, "any"}:
            self.wrong(place, f"no {role} process exposes {name}", f"put it on {' or '.join(sorted(roles))}")
        return metric

    def check(self, metric: Metric, name: str, value: Any, place: Place) -> None:
        """Read every text of values once, so that a mistake is told with its place."""
        if metric.kind is Kind.SUMMARY and (not isinstance(value, Mapping) or set(value) != {"sum", "count"}):
            self.wrong(place, f"{name} is a summary", "map sum and count to values")
            return
        if (metric.kind in {Kind.HISTOGRAM, Kind.SUMMARY}) != isinstance(value, Mapping):
            self.wrong(place, f"{name} is a {metric.kind}", "map edges to values for a histogram, and only for one")
            return
        for edge, text in value.items() if isinstance(value, Mapping) else (("", value),):
            if metric.kind is Kind.HISTOGRAM and str(edge) not in {"inf", *(f"{b:.10g}" for b in metric.buckets)}:
                edges = ", ".join(f"{b:.10g}" for b in metric.buckets)
                self.wrong(place, f"{name} has no edge {edge}", f"use one of {edges}, inf")
            try:
                values(text, 0, [0])
            except ValueError as error:
                self.wrong(place, f"values of {name}: {str(error).partition('; ')[0]}", _fix(error))

    def time(self, text: str, place: Place) -> float:
        try:
            return seconds(str(text))
        except ValueError as error:
            self.wrong(place, str(error), "write a duration")
            return 1.0

    def range(self, text: str, end: float, place: Place) -> Range:
        """Read `10m..20m`, or `10m..` for what lasts to the end."""
        first, dots, last = str(text).partition("..")
        if not dots:
            self.wrong(place, f"{text!r} is not a range", "write 10m..20m, or 10m.. to the end")
            return 0.0, end
        found = (self.time(first, place) if first else 0.0), (self.time(last, place) if last else end)
        if not found[0] < found[1] <= end:
            self.wrong(place, f"range {text} is empty or ends after the history", "correct its bounds")
        return found

    def wrong(self, place: Place, what: str, fix: str) -> None:
        self.problems.append(self.document.problem(place, what, fix))


def _fix(error: ValueError) -> str:
    return str(error).partition("; ")[2] or "see testbed/cases/notation.py"


def _filled(raw: Any, given: Mapping[str, Any]) -> Any:
    """Replace `$name` in every key and text; a text that is nothing else becomes the value itself."""
    if isinstance(raw, dict):
        return {_filled(k, given): _filled(v, given) for k, v in raw.items() if k != "each"}
    if isinstance(raw, list):
        return [_filled(one, given) for one in raw]
    if not isinstance(raw, str):
        return raw
    if raw.startswith("$") and raw[1:] in given:
        return given[raw[1:]]
    return _PARAMETER.sub(lambda m: str(given.get(m[1] or m[2], m[0])), raw)
