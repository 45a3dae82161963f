"""Scenarios: files that say what happens to a deployment and which alerts must fire. Reads, checks and lists them.

Every problem of a file is told at once, as `path:line: what; fix`. Plays nothing by itself but makes the deployments.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from generator.catalogue import Metric
from generator.errors import GeneratorError, Problem, nearest
from generator.source import Document, against, parse, shown
from reference_server import systems
from reference_server.agent_server import workload as values
from reference_server.agent_server.changes import Change
from reference_server.agent_server.simulation import Deployment
from reference_server.agent_server.workload import Topology, Workload
from reference_server.agent_server.world import same
from reference_server.core.rates import Service
from reference_server.core.rates import scenario as services

FOLDER = Path(__file__).parent
SCHEMA = Path(__file__).parent / "scenario.schema.json"

#: Severities that `silent` may name instead of alerts.
SEVERITIES = ("critical", "warning", "info")

#: Fields that are durations, wherever they stand.
DURATIONS = frozenset({
    "after", "age", "at", "blocked_seconds", "cut_seconds", "down", "duration", "every", "from", "grace",
    "job_timeout", "kill_grace", "lasts", "overlap", "postgres_seconds", "publish_seconds", "seconds", "sleep_seconds", "slow_seconds",
    "startup", "stats_interval", "tick_spread", "until", "within",
})  # fmt: skip

#: First letters of the ids: faults of the Agent Server, LangSight, agentgateway, LangSmith; what must not page.
ORDER = "flgsb"

_NUMBERED = re.compile(r"[a-z]\d\d-")
_UNITS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86_400.0}
_PART = re.compile(r"(\d+)(ms|[smhd])")

#: When a scenario begins unless somebody says otherwise, in seconds since 1970; a Tuesday evening, UTC.
START = 1_700_000_000.0


class ScenarioError(GeneratorError):
    """A scenario file is wrong, or there is none of that name. Carries every problem."""


@dataclass(frozen=True, slots=True)
class Expectation:
    """An alert that must fire.

    Attributes:
        alert: Its name.
        within: Seconds after `since` by which it fires at the latest.
        since: Seconds after the scenario's start: by default the first change.
        until: When the trouble is over, in seconds after the scenario's start: by default its end.
        deployment: For which deployment; empty when the scenario has one.

    """

    alert: str
    within: float
    since: float
    until: float
    deployment: str = ""


@dataclass(frozen=True, slots=True)
class Part:
    """One deployment of a scenario."""

    name: str
    topology: Topology
    workload: Workload
    timeline: tuple[Change, ...]


#: A deployment of any system in virtual time.
Played = Deployment | Service


@dataclass(frozen=True, slots=True)
class Scenario:
    """What a file says.

    Attributes:
        id: F01 and so on, or a word.
        title: What happens, in one line.
        plays: What the simulation does, and what an operator would see.
        duration: Virtual seconds.
        parts: The deployments of the Agent Server; one unless the file says otherwise.
        fire: Alerts that must fire.
        allow: Alerts that may fire.
        silent: Severities and alerts that must stay silent, `fire` and `allow` apart.
        path: The file.
        system: Which system it is about.
        service: Its deployment, where the system is another one than the Agent Server.

    """

    id: str
    title: str
    plays: str
    duration: float
    parts: tuple[Part, ...]
    fire: tuple[Expectation, ...] = ()
    allow: tuple[str, ...] = ()
    silent: tuple[str, ...] = field(default=SEVERITIES)
    path: str = ""
    system: str = systems.AGENT_SERVER
    service: services.Part | None = None

    @property
    def past(self) -> float:
        """Seconds before the start for which there are scrapes too, coarser ones."""
        return self.service.past if self.service else 0.0

    @property
    def deployment_names(self) -> tuple[str, ...]:
        """Values of the target label `deployment`, in the order of `deployments`."""
        return (self.service.name,) if self.service else tuple(part.name for part in self.parts)

    def as_json(self) -> dict[str, Any]:
        """Return what it is and what it expects as a JSON object; times in virtual seconds after its start."""
        return {
            "id": self.id, "title": self.title, "plays": self.plays, "duration": self.duration,
            "system": self.system, "past": self.past, "deployments": list(self.deployment_names),
            "fire": [{"alert": e.alert, "since": e.since, "until": e.until, "within": e.within, "deployment": e.deployment} for e in self.fire],
            "allow": list(self.allow), "silent": list(self.silent),
        }  # fmt: skip

    def deployments(
        self,
        *,
        seed: int = 1,
        start: float = START,
        metrics: Iterable[Metric] | None = None,
        live: bool = False,
        wall: Callable[[float], float] = same,
    ) -> list[Played]:
        """Make the deployments as they are `past` seconds before `start`; nothing has happened yet.

        Args:
            seed: Of every random number.
            start: Virtual time at which the scenario begins.
            metrics: Metrics of the catalogue; those of other systems are left aside. By default they are loaded.
            live: There is no past.
            wall: As for a deployment.

        """
        known = tuple(m for m in metrics if m.system == self.system) if metrics is not None else None
        if self.service:
            part = self.service.without_past() if live else self.service
            return [part.deployment(seed=seed, start=start - part.past, metrics=known, wall=wall)]
        return [
            Deployment(p.workload, topology=p.topology, seed=seed + n, start=start, name=p.name,
                       timeline=p.timeline, metrics=known, wall=wall)
            for n, p in enumerate(self.parts)
        ]  # fmt: skip


def names() -> list[str]:
    """Return the names of the shipped scenarios: calm and busy, the faults system by system, then what must not page."""
    stems = sorted(p.stem for p in FOLDER.glob("*.yaml"))
    first = ("calm", "busy")
    return sorted(
        stems,
        key=lambda s: (
            first.index(s) if s in first else len(first),
            ORDER.find(s[:1]) if _NUMBERED.match(s) else -1,
            s,
        ),
    )


def shipped(system: str = "") -> Iterator[Scenario]:
    """Yield every shipped scenario, of one system or of all, in the order of `names`."""
    return (s for s in map(load, (FOLDER / f"{name}.yaml" for name in names())) if system in ("", s.system))


def named(word: str) -> Scenario:
    """Return the shipped scenario of that id or name, whatever files this machine has.

    Raises:
        ScenarioError: There is none.

    """
    for name in names():
        if word.lower() in {name, name.partition("-")[0]}:
            return load(FOLDER / f"{name}.yaml")
    fix = nearest(word.lower(), names(), otherwise="`agent-reference-server scenarios` lists them")
    raise ScenarioError([Problem(word, 1, "no such scenario", fix)])


def find(word: str) -> Scenario:
    """Return the scenario of that id, name or file.

    Raises:
        ScenarioError: There is none, or its file is wrong.

    """
    try:
        return named(word)
    except ScenarioError as error:
        path = Path(word)
        if path.suffix in {".yaml", ".yml"} or os.path.isfile(word):  # noqa: PTH113 - says no to a name that is too long
            return load(path)
        problem = error.problems[0]
        raise ScenarioError([replace(problem, what="no such scenario, and no such file")]) from None


def load(path: Path) -> Scenario:
    """Read one file.

    Raises:
        ScenarioError: It cannot be read or is wrong; carries every problem.

    """
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ScenarioError(
            [Problem(str(path), 1, f"cannot be read: {error}", "name a readable UTF-8 file")]
        ) from error
    return read(shown(path), text)


def read(path: str, text: str) -> Scenario:
    """Read a scenario's text; `path` is what problems call it.

    Raises:
        ScenarioError: It is wrong; carries every problem.

    """
    problems: list[Problem] = []
    document = parse(path, text, problems)
    other = isinstance(document.data, Mapping) and "system" in document.data
    if not problems:
        problems += [problem for _, problem in against(document, services.SCHEMA if other else SCHEMA)]
    if not problems:
        problems += services.senseless(document, duration) if other else _senseless(document)
        problems += _untimely(document)
    if problems:
        raise ScenarioError(problems)
    data = _seconds(document.data)
    return _of_service(path, data) if other else _scenario(path, data)


def duration(text: str) -> float:
    """Turn `1h30m` into seconds."""
    return sum(int(number) * _UNITS[unit] for number, unit in _PART.findall(text))


def _seconds(value: Any, key: str = "") -> Any:
    """Replace every duration by its seconds."""
    if isinstance(value, Mapping):
        return {k: _seconds(v, str(k)) for k, v in value.items()}
    if isinstance(value, list):
        return [_seconds(v) for v in value]
    return duration(value) if key in DURATIONS and isinstance(value, str) else value


def _senseless(document: Document) -> Iterator[Problem]:
    """Yield what the schema cannot say: names and times that must fit each other."""
    data = document.data
    end = duration(data["duration"])
    parts = data.get("deployments", {})
    places: list[tuple[tuple[str | int, ...], Any]] = [(("timeline",), data)]
    places += [(("deployments", name, "timeline"), part) for name, part in parts.items()]
    for place, part in places:
        roles = _processes({**data.get("topology", {}), **part.get("topology", {})})
        for number, entry in enumerate(part.get("timeline", ())):
            if duration(entry["at"]) > end:
                what = f"this happens at {entry['at']}, but the scenario ends at {data['duration']}"
                yield document.problem((*place, number, "at"), what, "let it happen earlier, or last longer")
            for verb in ("faults", "restart", "crash"):
                for item, name in enumerate(entry.get(verb, {}).get("only", ())):
                    if name not in roles:
                        fix = nearest(name, roles, otherwise=f"use one of {', '.join(roles)}")
                        where = (*place, number, verb, "only", item)
                        yield document.problem(where, f"there is no process and no role {name!r}", fix)
    for number, entry in enumerate(data.get("expect", {}).get("fire", ())):
        wanted = entry.get("deployment", "")
        if (wanted or parts) and wanted not in parts:
            fix = nearest(wanted, list(parts), otherwise=f"use one of {', '.join(parts)}" if parts else "remove it")
            yield document.problem(("expect", "fire", number), f"deployment {wanted!r} is not in the scenario", fix)


def _untimely(document: Document) -> Iterator[Problem]:
    """Yield troubles that end before they begin, or after the scenario does."""
    for number, entry in enumerate(document.data.get("expect", {}).get("fire", ())):
        if "until" not in entry:
            continue
        place, until = ("expect", "fire", number, "until"), duration(entry["until"])
        if until > duration(document.data["duration"]):
            what = f"this lasts until {entry['until']}, but the scenario ends at {document.data['duration']}"
            yield document.problem(place, what, "leave it out for what lasts to the end")
        elif until <= duration(entry.get("from", "0s")):
            what = (
                f"this is over at {entry['until']}, and begins at {entry['from']}"
                if "from" in entry
                else "this lasts for no time"
            )
            yield document.problem(place, what, "name the time at which the trouble is over")


def _processes(topology: Mapping[str, Any]) -> list[str]:
    counts = {role: topology.get(role, getattr(Topology(), role)) for role in ("combined", "api", "queue")}
    return [*counts, *(f"{role}-{n}" for role, count in counts.items() for n in range(count))]


def _scenario(path: str, data: Mapping[str, Any]) -> Scenario:
    base = values.topology(data.get("topology", {})), values.workload(data.get("workload", {}))
    common = data.get("timeline", [])
    parts = []
    for name, part in (data.get("deployments") or {"demo": {}}).items():
        timeline = tuple(
            Change(entry["at"], {k: v for k, v in entry.items() if k != "at"})
            for entry in sorted([*common, *part.get("timeline", [])], key=lambda e: e["at"])
        )
        parts.append(
            Part(
                name,
                values.topology(part.get("topology", {}), base[0]),
                values.workload(part.get("workload", {}), base[1]),
                timeline,
            )
        )
    first = min((c.at for p in parts for c in p.timeline), default=0.0)
    return Scenario(
        data["id"], data["title"], data["plays"], data["duration"], tuple(parts), **_expected(data, first), path=path
    )


def _of_service(path: str, data: Mapping[str, Any]) -> Scenario:
    own = services.part(data)
    first = min((entry["at"] for entry in data.get("timeline", ())), default=0.0)
    return Scenario(
        data["id"], data["title"], data["plays"], data["duration"], (), **_expected(data, first), path=path,
        system=data["system"], service=own,
    )  # fmt: skip


def _expected(data: Mapping[str, Any], first: float) -> dict[str, Any]:
    """Return the fields of a scenario that say what fires; `first` is when its first change happens."""
    expect = data.get("expect", {})
    fire = tuple(
        Expectation(
            e["alert"], e["within"], e.get("from", first), e.get("until", data["duration"]), e.get("deployment", "")
        )
        for e in expect.get("fire", ())
    )
    return {"fire": fire, "allow": tuple(expect.get("allow", ())), "silent": tuple(expect.get("silent", SEVERITIES))}
