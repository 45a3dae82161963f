"""Real incidents, as the operator knows them: read from a file, and held against what the alerts did."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from pathlib import Path
from typing import Any

from generator.backtest.trial import Interval, Trial
from generator.errors import GeneratorError, Problem, nearest
from generator.source import parse, short

#: What an incident has.
_KEYS = ("start", "end", "name", "labels")

#: How long after its start an incident may be told of and still counts as caught, in seconds.
SOON_SECONDS = 300.0


@dataclass(frozen=True, slots=True)
class Incident:
    """One incident: unix seconds, and the labels that an alert about it has."""

    name: str
    start: float
    end: float
    labels: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of an incident.

    Attributes:
        state: `caught` (told of soon after its start, or before), `late`, or `missed`.
        late: Seconds from its start to the first alert; below 0 for one that fired already; None when missed.
        alerts: The alerts that fired while it lasted, the earliest first.

    """

    incident: Incident
    state: str
    late: float | None
    alerts: tuple[str, ...]


def read(path: Path) -> list[Incident]:
    """Return the incidents of a YAML or CSV file in order of time.

    Raises:
        GeneratorError: It cannot be read, or some incident is wrong: every problem at its line.

    """
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        problem = Problem(
            str(path),
            1,
            f"cannot be read: {error.strerror if isinstance(error, OSError) else 'it is not UTF-8'}",
            "name a readable text file",
        )
        raise GeneratorError([problem]) from error
    problems: list[Problem] = []
    rows = _csv(str(path), text, problems) if path.suffix.lower() == ".csv" else _yaml(str(path), text, problems)
    found = [one for line, row in rows if (one := _incident(str(path), line, row, problems))]
    if not rows and not problems:
        problems.append(
            Problem(str(path), 1, "there is no incident", "write a list: - {start: 2026-01-31T10:00:00Z, end: …}")
        )
    if problems:
        raise GeneratorError(problems)
    return sorted(found, key=lambda i: (i.start, i.name))


def _yaml(path: str, text: str, problems: list[Problem]) -> Sequence[tuple[int, Mapping[str, Any]]]:
    document = parse(path, text, problems)
    data, place = document.data, ()
    if isinstance(data, dict) and set(data) == {"incidents"}:
        data, place = data["incidents"], ("incidents",)  # type: ignore[assignment]  # a place of one step
    if data is None:
        return []
    if not isinstance(data, list):
        problems.append(document.problem(place, "this is no list of incidents", "begin each with `- start:`"))
        return []
    out = []
    for number, row in enumerate(data):
        if isinstance(row, dict):
            out.append((document.line(*place, number), row))
        else:
            problems.append(document.problem((*place, number), f"{short(row)} is no incident", "write start: and end:"))
    return out


def _csv(path: str, text: str, problems: list[Problem]) -> Sequence[tuple[int, Mapping[str, Any]]]:
    reader = csv.DictReader(io.StringIO(text), skipinitialspace=True)
    try:
        out = []
        for row in reader:
            if None in row:
                problems.append(
                    Problem(path, reader.line_num, "more values than columns", "put texts with commas in quotes")
                )
                continue
            own: dict[str, Any] = {k: v for k, v in row.items() if v}
            if "labels" in own:
                own["labels"] = dict(
                    pair.strip().partition("=")[::2] for pair in own["labels"].split(";") if pair.strip()
                )
            out.append((reader.line_num, own))
    except csv.Error as error:
        problems.append(Problem(path, reader.line_num or 1, f"not CSV: {error}", "save it as text with commas"))
    return out


def _incident(path: str, line: int, row: Mapping[str, Any], problems: list[Problem]) -> Incident | None:
    before = len(problems)

    def wrong(what: str, fix: str) -> None:
        problems.append(Problem(path, line, what, fix))

    for key in row:
        if key not in _KEYS:
            wrong(f"unknown {short(key)}", nearest(str(key), _KEYS, otherwise=f"use {', '.join(_KEYS)}"))
    times = {}
    for key in ("start", "end"):
        if row.get(key) is None:
            wrong(f"{key} is missing", f"write {key}: 2026-01-31T10:00:00Z")
            continue
        try:
            times[key] = moment(row[key])
        except ValueError as error:
            wrong(f"{key} is {short(row[key])}: {error}", "write 2026-01-31T10:00:00Z, or with an offset: +02:00")
    if len(times) == 2 and times["end"] <= times["start"]:  # noqa: PLR2004 - both are there
        wrong("it ends before it starts", "swap start and end")
    labels = row.get("labels", {})
    if not isinstance(labels, dict) or not all(isinstance(v, str) and v for v in labels.values()):
        wrong(
            f"labels is {short(labels)}",
            "write names and texts: {deployment: agents}; in CSV deployment=agents;namespace=team",
        )
    if len(problems) > before:
        return None
    return Incident(str(row.get("name") or f"line {line}"), times["start"], times["end"], labels)


def moment(value: Any) -> float:
    """Return the unix seconds of an ISO 8601 time with an offset.

    Raises:
        ValueError: It is none, or does not say its offset.

    """
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        raise ValueError("a number is no time")  # noqa: TRY004 - the caller tells of all that is wrong in one way
    if isinstance(value, date) and not isinstance(value, datetime):
        raise ValueError("a day has no time of day")  # noqa: TRY004 - as above
    found = value if isinstance(value, datetime) else _parsed(str(value))
    if found.tzinfo is None:
        raise ValueError("it does not say its offset from UTC")
    return found.timestamp()


def _parsed(text: str) -> datetime:
    try:
        return datetime.fromisoformat(text.strip())
    except ValueError:
        raise ValueError("no time") from None


def outcomes(incidents: Sequence[Incident], trials: Sequence[Trial], severities: Sequence[str] = ()) -> list[Outcome]:
    """Return what became of each incident: which alerts of some severities told of it, and how soon."""
    out = []
    for incident in incidents:
        found: dict[str, float] = {}
        for trial in trials:
            if severities and trial.alert.severity not in severities:
                continue
            starts = [i.start for i in trial.intervals if i.firing and about(i, incident)]
            if starts:
                found[trial.alert.name] = min(starts)
        alerts = tuple(sorted(found, key=lambda name: (found[name], name)))
        late = min(found.values()) - incident.start if found else None
        state = "missed" if late is None else "caught" if late <= SOON_SECONDS else "late"
        out.append(Outcome(incident, state, late, alerts))
    return out


def about(interval: Interval, incident: Incident) -> bool:
    """Say whether an alert is active while an incident lasts, and about the same labels as far as it has them."""
    if interval.end <= incident.start or interval.start >= incident.end:
        return False
    own = dict(interval.labels)
    return all(own.get(label, value) == value for label, value in incident.labels.items())
