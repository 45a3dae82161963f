"""Rules: does the server have exactly ours, healthy, evaluated in time, and is every recorded series there?"""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from generator.rules.rule import Record
from generator.units import seconds
from generator.validate.context import Context
from generator.validate.explain import Explainer
from generator.validate.panels import explainer
from generator.validate.pool import spread
from generator.validate.probe import AbsentError, GoneError, ProbeError
from generator.validate.prometheus import Prometheus, Rule, RuleGroup
from generator.validate.syntax import same
from generator.validate.verdict import Finding, State, Verdict, empty, ok, pending, warning, wrong

#: A group is late when its last evaluation is so many intervals ago.
LATE_INTERVALS = 2

#: Seconds that a clock may differ, and an answer may take.
GRACE = 2.0

RELOAD = "load the files that `agentobs generate` writes, and reload"


class Evaluations:
    """Tells when rules were evaluated last. Safe to use from several threads."""

    #: Seconds for which an answer holds.
    FRESH = 1.0

    def __init__(self, ruler: Prometheus, delay: float = 0.0) -> None:
        """Prepare; `delay` is how many seconds before an evaluation the time lies that it is for."""
        self._ruler, self._delay = ruler, delay
        self._lock = threading.Lock()
        self._last_request = 0.0
        self._times: dict[str, tuple[float, float]] = {}

    def of(self, name: str) -> tuple[float, float] | None:
        """Return when the rule of a recorded series was evaluated last (0 for never) and its interval; None if unknown.

        Raises:
            ProbeError: The server does not answer.

        """
        with self._lock:
            if time.monotonic() - self._last_request > self.FRESH:
                with contextlib.suppress(AbsentError):
                    self._times = {
                        r.name: (max(0.0, g.last_evaluation - self._delay), g.interval)
                        for g in self._ruler.groups()
                        for r in g.rules
                        if r.kind == "recording"
                    }
                self._last_request = time.monotonic()
            return self._times.get(name)


def rules(context: Context) -> Iterator[Verdict]:
    """Every rule is loaded as generated, healthy, and evaluated within its interval."""
    name = context.ruler.probe.name
    try:
        groups = context.ruler.groups()
    except AbsentError as error:
        yield empty(f"{error.what}; rules are not judged: name who evaluates them with --rules-url").of(
            "rules", "/api/v1/rules"
        )
        return
    if not groups and not context.started and context.ruler is context.prometheus:
        yield warning(
            f"{name} lists no rules at all; rules are not judged", "name vmalert or the ruler with --rules-url"
        ).of("rules", "/api/v1/rules")
        return
    for stem, listed in context.rule_files().items():
        for wanted in listed:
            found = [g for g in groups if g.name == wanted["name"]]
            verdicts = _group(context, wanted, found)
            if context.bundle.site.system_of(stem) in (*context.systems, ""):
                yield from verdicts
            else:
                yield _healthy(verdicts, found).of("rules", str(wanted["name"]))


def _healthy(verdicts: Iterator[Verdict], found: Sequence[RuleGroup]) -> Finding:
    """Say of a group of a system that is not judged whether it is loaded and evaluated without an error."""
    of_group = next(verdicts)
    if of_group.state in (State.WRONG, State.PENDING):
        return Finding(of_group.state, of_group.why, of_group.fix)
    failing = next((r for g in found for r in g.rules if r.health == "err" or r.error), None)
    return _failing(failing) if failing else ok("loaded and healthy; its system is not judged")


def _group(context: Context, wanted: Mapping[str, Any], found: Sequence[RuleGroup]) -> Iterator[Verdict]:
    name = str(wanted["name"])
    if not found:
        yield wrong("the group is not loaded", RELOAD).of("rules", name)
        for rule in wanted["rules"]:
            yield wrong("it is not loaded, like the whole group", RELOAD).of("rules", f"{name} / {_title(rule)}")
        return
    if len(found) > 1:
        files = ", ".join(g.file for g in found)
        yield wrong(f"the group is loaded {len(found)} times: {files}", "keep one of the files").of("rules", name)
    else:
        yield _timely(context, wanted, found[0]).of("rules", name)
    group = found[0]
    left = list(group.rules)
    for rule in wanted["rules"]:
        match = next((r for r in left if _is(r, rule)), None) or next((r for r in left if _named(r, rule)), None)
        if match is not None:
            left.remove(match)
        yield _rule(context, rule, match, group).of("rules", f"{name} / {_title(rule)}")
    for rule in left:
        yield warning(
            "it is loaded, and the bundle does not make it", "move rules of your own to a group of your own"
        ).of("rules", f"{name} / {rule.name}")


def _timely(context: Context, wanted: Mapping[str, Any], group: RuleGroup) -> Finding:
    interval = seconds(wanted["interval"]) if "interval" in wanted else 0.0
    if interval and abs(group.interval - interval) > interval / 100:
        return wrong(f"its interval is {group.interval:g} s, and {interval:g} s is generated", RELOAD)
    if not group.last_evaluation:
        return _unevaluated(context, group)
    late = context.now - group.last_evaluation
    if late > LATE_INTERVALS * group.interval + GRACE:
        return wrong(
            f"its last evaluation is {late:.0f} s ago, and it has to be evaluated every {group.interval:g} s",
            "see the log and the load of the server",
        )
    if group.evaluation_seconds > group.interval:
        return wrong(
            f"an evaluation takes {group.evaluation_seconds:.1f} s, longer than its interval of {group.interval:g} s",
            "give the server more, or evaluate less often",
        )
    if not interval and group.interval > context.evaluation_seconds * 1.01:
        return warning(
            f"it is evaluated every {group.interval:g} s, and the configuration says {context.evaluation_seconds:g} s",
            "set evaluation_interval of the server, or evaluation.interval in bundle.yaml",
        )
    return ok(f"every {group.interval:g} s")


def _rule(  # noqa: PLR0911 - one per reason
    context: Context, wanted: Mapping[str, Any], found: Rule | None, group: RuleGroup
) -> Finding:
    if found is None:
        return wrong("it is not loaded", RELOAD)
    if not same(found.query, wanted["expr"]):
        return wrong(f"its expression differs from the generated one: {_shown(found.query)}", RELOAD)
    for what, here, there in _differences(wanted, found):
        if here != there:
            return wrong(f"its {what} is {display(there)}, and {display(here)} is generated", RELOAD)
    if found.health == "err" or found.error:
        return _failing(found)
    if not (found.last_evaluation or group.last_evaluation) or found.health == "unknown":
        return _unevaluated(context, group)
    notes = found.annotations
    if "alert" in wanted and notes != wanted["annotations"]:
        changed = sorted(k for k in {*notes, *wanted["annotations"]} if notes.get(k) != wanted["annotations"].get(k))
        return warning(f"its annotations differ: {', '.join(changed)}", RELOAD)
    return ok()


def _unevaluated(context: Context, group: RuleGroup) -> Finding:
    """Say whether it is too early for a first evaluation."""
    age = context.now - context.started
    if context.started and age < LATE_INTERVALS * group.interval + GRACE:
        return pending(
            f"not evaluated yet: its interval is {group.interval:g} s, and the rules were loaded {age:.0f} s ago"
        )
    return wrong("it was never evaluated", "see the log of the server")


def _failing(rule: Rule) -> Finding:
    return wrong(f"it fails: {_shown(rule.error or 'no reason is told')}", "see the log of the server")


def _differences(wanted: Mapping[str, Any], found: Rule) -> Iterator[tuple[str, Any, Any]]:
    """Yield what can differ beside the expression: its name, as generated, as loaded."""
    here = _labels(wanted)
    for name in sorted({*found.labels, *here}):
        yield f"label {name}", here.get(name), found.labels.get(name)
    if "alert" in wanted:
        yield "for", _length(wanted.get("for")), found.duration
        if found.keep_firing is not None:
            yield "keep_firing_for", _length(wanted.get("keep_firing_for")), found.keep_firing


def _labels(wanted: Mapping[str, Any]) -> dict[str, str]:
    return {str(k): str(v) for k, v in (wanted.get("labels") or {}).items()}


def _named(found: Rule, wanted: Mapping[str, Any]) -> bool:
    kind = "alerting" if "alert" in wanted else "recording"
    return found.kind in (kind, "") and found.name == (wanted.get("alert") or wanted.get("record"))


def _is(found: Rule, wanted: Mapping[str, Any]) -> bool:
    """Tell rules of one name apart by their labels."""
    return _named(found, wanted) and found.labels == _labels(wanted)


def _title(rule: Mapping[str, Any]) -> str:
    if "alert" in rule:
        return str(rule["alert"])
    labels = ", ".join(f"{k}={v}" for k, v in (rule.get("labels") or {}).items())
    return str(rule["record"]) + (f"{{{labels}}}" if labels else "")


def records(context: Context) -> Iterator[Verdict]:
    """Every recorded series is there, or its rule has nothing to record for a reason."""
    says = explainer(context)
    yield from spread(lambda r: _record(context, says, r), context.records())


def _record(context: Context, says: Explainer, record: Record) -> Verdict:
    labels = ", ".join(f"{k}={v}" for k, v in record.labels.items())
    item = record.name + (f"{{{labels}}}" if labels else "")
    matchers = ", ".join(f'{k}="{v}"' for k, v in record.labels.items())
    try:
        found = context.prometheus.query(f"count({record.name}{{{matchers}}})")
        if found:
            return ok(f"{found[0].values[0]:g} series").of("records", item)
        if lately := says.lately(record):
            return ok(f"{lately[0]:g} series; recorded every {lately[1]:g} s").of("records", item)
        return says.unrecorded(record).of("records", item)
    except GoneError:
        raise
    except ProbeError as error:
        return wrong(str(error)).of("records", item)


def display(setting: object) -> str:
    """Return a setting as a verdict shows it; a number is a length in seconds."""
    if isinstance(setting, (int, float)):
        return f"{setting:g} s" if setting else "not set"
    return ", ".join(map(str, setting)) if isinstance(setting, list) else str(setting or "nothing")


def _length(duration: object) -> float:
    return seconds(str(duration)) if duration else 0.0


def _shown(text: str) -> str:
    flat = " ".join(text.split())
    return flat if len(flat) <= 160 else flat[:157] + "..."  # noqa: PLR2004 - fits a line or two
