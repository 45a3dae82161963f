"""Scenarios: files that say what happens to a deployment and which alerts must fire. Reads, checks and lists them.

Every problem of a file is told at once, as `path:line: what; fix`. Plays nothing by itself but makes the deployments.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from generator.errors import Problem, nearest
from generator.source import Document, against, parse, shown
from reference_server.agent_server import AGENT_SERVER
from reference_server.agent_server import scenario as agent_server
from reference_server.core.rates import scenario as services
from reference_server.core.scenario import SEVERITIES, Expectation, Plan, Scenario, ScenarioError
from reference_server.core.timeline import duration
from reference_server.scenarios.systems import SYSTEMS, model

FOLDER = Path(__file__).parent

#: Fields that are durations, wherever they stand.
DURATIONS = frozenset({
    "after", "age", "at", "blocked_seconds", "cut_seconds", "down", "duration", "every", "from", "grace",
    "job_timeout", "kill_grace", "lasts", "overlap", "postgres_seconds", "publish_seconds", "seconds", "sleep_seconds", "slow_seconds",
    "startup", "stats_interval", "tick_spread", "until", "within",
})  # fmt: skip

#: First letters of the ids: faults of the Agent Server, LangSight, agentgateway, LangSmith; what must not page.
ORDER = "flgsb"

_NUMBERED = re.compile(r"[a-z]\d\d-")


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
    """Return the scenario of one file, whose stem is its id.

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
    """Return the scenario of a text; `path` is what problems call it.

    Raises:
        ScenarioError: It is wrong; carries every problem.

    """
    problems: list[Problem] = []
    document = parse(path, text, problems)
    system = document.data.get("system", AGENT_SERVER) if isinstance(document.data, Mapping) else AGENT_SERVER
    schema = agent_server.SCHEMA if system == AGENT_SERVER else services.SCHEMA
    if not problems:
        problems += [problem for _, problem in against(document, schema)]
    if not problems and system not in SYSTEMS:
        fix = nearest(system, SYSTEMS, otherwise=f"use one of {', '.join(SYSTEMS)}")
        problems.append(document.problem(("system",), f"there is no system {system!r}", fix))
    if not problems:
        special = (
            agent_server.contradictions(document)
            if system == AGENT_SERVER
            else services.contradictions(document, model(system))
        )
        problems += [*special, *_untimely(document)]
    if problems:
        raise ScenarioError(problems)
    data = _seconds(document.data)
    plans = agent_server.plans(data) if system == AGENT_SERVER else (services.plan(data, model(system)),)
    return _scenario(path, data, plans, system)


def _seconds(value: Any, key: str = "") -> Any:
    """Replace every duration by its seconds."""
    if isinstance(value, Mapping):
        return {k: _seconds(v, str(k)) for k, v in value.items()}
    if isinstance(value, list):
        return [_seconds(v) for v in value]
    return duration(value) if key in DURATIONS and isinstance(value, str) else value


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


def _scenario(path: str, data: Mapping[str, Any], plans: tuple[Plan, ...], system: str) -> Scenario:
    entries = [
        *data.get("timeline", ()),
        *(e for d in data.get("deployments", {}).values() for e in d.get("timeline", ())),
    ]
    first = min((entry["at"] for entry in entries), default=0.0)
    return Scenario(
        data["id"], data["title"], data["plays"], data["duration"], plans, **_expected(data, first), path=path, system=system
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
