"""A backtest as text for a person and as JSON for a program. Says what was seen, and what this cannot say."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from generator.backtest.asking import Report
from generator.backtest.figures import WEEK, figures, firings, lasting
from generator.backtest.incidents import Outcome, about
from generator.backtest.sweep import Sweep
from generator.backtest.trial import Interval, Trial
from generator.units import number

#: What the figures cannot say without a list of real incidents.
NOISE = "This shows noise, not missed incidents: give the times of real ones with --incidents FILE."

#: What they never say.
LIMITS = "Counts are of label sets that begin to fire, before Alertmanager groups, mutes and inhibits."

#: What is different there.
VICTORIA = (
    "This is VictoriaMetrics: it evaluates MetricsQL, whose rates and look-back are not Prometheus' own. Alerts may begin and "
    "end some evaluations apart from those of a Prometheus or of vmalert, and one at the edge of its limit may differ."
)

#: States in the order in which they are told, and what each means.
STATES: Mapping[str, str] = {
    "fired": "fired",
    "pending": "pending only, never for as long as their `for`",
    "quiet": "quiet: there was data, and nothing to tell",
    "unseen": "unseen: what they read comes with an event, and never came",
    "no data": "no data: what they read was never there, so nothing is known",
    "failed": "failed: could not be tried",
}


def stamp(at: float) -> str:
    """Return a unix time as text, in UTC."""
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%d %H:%M:%SZ")


def text(report: Report) -> str:
    """Return the report for a person."""
    return "\n".join(_lines(report)) + "\n"


def _lines(report: Report) -> Iterator[str]:
    asked = report.asked
    yield f"{report.url}, {stamp(asked.start)} to {stamp(asked.end)} ({lasting(asked.seconds)})"
    if asked.plan:
        yield f"plan: {report.cost.queries:,} queries, about {report.cost.samples:,.0f} samples at most; nothing was tried"
        yield from _throughout(report)
        return
    yield f"{report.queries:,} queries, {report.samples:,} samples read"
    for a, b in report.away:
        yield f"Prometheus itself was away from {stamp(a)} to {stamp(b)}: nothing was evaluated then"
    for state, meaning in STATES.items():
        found = [t for t in report.trials if t.state == state]
        if found:
            yield ""
            yield f"{len(found)} {meaning}"
            yield from (_table(found, asked.seconds) if state == "fired" else _listed(found))
    yield from _notes(report.trials)
    if report.outcomes:
        yield ""
        yield from _incidents(report.outcomes, report.trials)
    if report.sweep:
        yield ""
        yield from _sweep(report.sweep)
    yield ""
    yield from _limits(report)


def _throughout(report: Report) -> Iterator[str]:
    """Yield which alerts cost most."""
    if report.throughout and report.asked.full:
        yield "asked at every evaluation: all of them, for --pending"
    elif report.throughout:
        yield f"asked at every evaluation, having neither a `for` nor a sign of when to look: {', '.join(report.throughout)}"


def _limits(report: Report) -> Iterator[str]:
    """Yield what the figures cannot say."""
    yield LIMITS
    if not report.asked.incidents:
        yield NOISE
    if any(not t.full for t in report.trials):
        yield "What was pending for less than its `for` was not looked for: --pending does."
    if report.victoria:
        yield VICTORIA
    if report.broken:
        yield f"NOT WHOLE: {report.broken}"


def _table(found: Sequence[Trial], span: float) -> Iterator[str]:
    rows = [("alert", "severity", "fired", "a week", "median", "longest", "in all", "data", "where, most often first")]
    for trial in sorted(found, key=lambda t: (-len(firings(t)), t.alert.name)):
        f = figures(trial, span)
        where = ", ".join(f"{name}={value} ({times})" for name, value, times in f.telling) or "-"
        rows.append((
            trial.alert.name, trial.alert.severity, str(f.fired), f"{f.weekly:.2f}", lasting(f.median), lasting(f.longest),
            lasting(f.seconds), f"{trial.covered:.0%}", where,
        ))  # fmt: skip
    widths = [max(len(row[n]) for row in rows) for n in range(len(rows[0]))]
    for row in rows:
        yield "  " + "  ".join(f"{cell:{width}}" for cell, width in zip(row, widths, strict=True)).rstrip()


def _listed(found: Sequence[Trial]) -> Iterator[str]:
    width = max(len(t.alert.name) for t in found)
    for trial in found:
        reason = trial.why or f"data for {trial.covered:.0%} of the time"
        yield f"  {trial.alert.name:{width}}  {reason}"


def _notes(trials: Sequence[Trial]) -> Iterator[str]:
    inlined = sorted({name for t in trials for name in t.inlined})
    if inlined:
        yield ""
        yield f"Recorded series that this history lacks, read from what they are recorded from: {', '.join(inlined)}"
    for trial in trials:
        if trial.failed:
            yield f"{trial.alert.name}: {trial.failed} evaluations ended in an error; its alerts stayed as they were"


def _incidents(outcomes: Sequence[Outcome], trials: Sequence[Trial]) -> Iterator[str]:
    states = [o.state for o in outcomes]
    counted = ", ".join(f"{states.count(state)} {state}" for state in ("caught", "late", "missed"))
    yield f"{len(outcomes)} incidents: {counted}"
    for o in outcomes:
        name = f"  {stamp(o.incident.start)}  {o.incident.name}: {o.state}"
        if o.late is None:
            yield name
            continue
        when = f"{lasting(o.late)} after its start" if o.late > 0 else "fired already" if o.late < 0 else "at once"
        more = f" and {len(o.alerts) - 3} more" if len(o.alerts) > 3 else ""  # noqa: PLR2004 - as many as fit
        yield f"{name}, {when}: {', '.join(o.alerts[:3])}{more}"
    alone = aside(outcomes, trials)
    yield f"  {alone} of {sum(len(firings(t)) for t in trials)} firings were during none of them"


def aside(outcomes: Sequence[Outcome], trials: Sequence[Trial]) -> int:
    """Return how many firings belong to none of the incidents."""
    return sum(_during(i, outcomes) == 0 for t in trials for i in firings(t))


def _during(interval: Interval, outcomes: Sequence[Outcome]) -> int:
    return sum(about(interval, o.incident) for o in outcomes)


def _sweep(found: Sweep) -> Iterator[str]:
    yield f"threshold {found.threshold} ({found.unit}); it is {number(found.present)} here"
    weeks = found.span / WEEK
    for step in found.steps:
        each = ", ".join(f"{name} {count}" for name, count in step.alerts.items())
        line = f"  {number(step.value):>12}  {step.count / weeks:8.2f} a week, {lasting(step.seconds)} in all  ({each})"
        if step.incidents:
            line += "; incidents: " + ", ".join(f"{n} {state}" for state, n in step.incidents.items())
        yield line + ("" if step.known else "; some have no data")
    if found.advised is None:
        yield f"no advice: {found.why}"
    else:
        yield f"take {number(found.advised)}: {found.why}"
        yield f"bundle.yaml:  {found.line}"


def as_json(report: Report) -> str:
    """Return the report for a program."""
    asked = report.asked
    document: dict[str, Any] = {
        "prometheus": report.url,
        "start": stamp(asked.start),
        "end": stamp(asked.end),
        "plan": {
            "queries": report.cost.queries,
            "samples": round(report.cost.samples),
            "throughout": list(report.throughout),
        },
        "queries": report.queries,
        "samples": report.samples,
        "broken": report.broken,
        "victoria_metrics": report.victoria,
        "away": [{"from": stamp(a), "to": stamp(b)} for a, b in report.away],
        "alerts": [_alert(t, asked.seconds) for t in report.trials],
        "tells_missed_incidents": bool(asked.incidents),
    }
    if report.outcomes:
        document["incidents"] = [
            {"name": o.incident.name, "start": stamp(o.incident.start), "end": stamp(o.incident.end), "state": o.state,
             "late_seconds": o.late, "alerts": list(o.alerts)}
            for o in report.outcomes
        ]  # fmt: skip
        document["firings_without_incident"] = aside(report.outcomes, report.trials)
    if report.sweep:
        s = report.sweep
        document["sweep"] = {
            "threshold": s.threshold, "unit": s.unit, "present": s.present, "advised": s.advised, "why": s.why,
            "line": s.line,
            "steps": [
                {"value": one.value, "a_week": one.count / (s.span / WEEK), "alerts": dict(one.alerts),
                 "seconds": one.seconds, "incidents": dict(one.incidents), "known": one.known}
                for one in s.steps
            ],
        }  # fmt: skip
    return json.dumps(document, indent=2) + "\n"


def _alert(trial: Trial, span: float) -> dict[str, Any]:
    f = figures(trial, span)
    return {
        "alert": trial.alert.name, "severity": trial.alert.severity, "state": trial.state, "why": trial.why,
        "covered": round(trial.covered, 4), "fired": f.fired, "a_week": round(f.weekly, 4), "seconds": f.seconds,
        "median_seconds": f.median, "longest_seconds": f.longest, "pending_only": f.pending,
        "label_sets": f.labelsets, "inlined": list(trial.inlined), "failed_evaluations": trial.failed, "first_look_seconds": trial.look,
        "intervals": [
            {"state": "firing" if i.firing else "pending", "start": stamp(i.start), "end": stamp(i.end),
             "labels": dict(i.labels), "began_before": i.before, "goes_on": i.after}
            for i in trial.intervals
        ],
    }  # fmt: skip


FORMATS: Mapping[str, Callable[[Report], str]] = {"text": text, "json": as_json}
