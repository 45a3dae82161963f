"""What a Prometheus, or something that speaks its API, is asked. Answers become values; nothing is judged here."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from generator.validate.answer import Answer
from generator.validate.probe import Probe

#: Most names or values that are taken from one index: more than that is no closed set.
MOST_VALUES = 1_000


@dataclass(frozen=True, slots=True)
class Series:
    """One series of a result: its labels, its values in order of time (one for an instant query), and the last one's unix time."""

    labels: Mapping[str, str]
    values: tuple[float, ...]
    newest: float = 0.0


@dataclass(frozen=True, slots=True)
class ActiveTarget:
    """An active target as the server describes it.

    Attributes:
        labels: Its labels.
        url: What is scraped.
        pool: The job that found it.
        health: up, down or unknown.
        error: Why the last scrape failed.
        last_scrape: Unix seconds of the last scrape; 0 for never.

    """

    labels: Mapping[str, str]
    url: str
    pool: str
    health: str
    error: str
    last_scrape: float


@dataclass(frozen=True, slots=True)
class Rule:
    """A loaded rule; `kind` is alerting, recording or empty where a server does not say; times are in (unix) seconds.

    `keep_firing` is how long it keeps firing; None where the server does not know of such.
    """

    kind: str
    name: str
    query: str
    labels: Mapping[str, str]
    annotations: Mapping[str, str]
    duration: float
    keep_firing: float | None
    health: str
    error: str
    last_evaluation: float


@dataclass(frozen=True, slots=True)
class RuleGroup:
    """One loaded group: its name, file, interval in seconds, last evaluation in unix seconds, seconds that it took, and rules."""

    name: str
    file: str
    interval: float
    last_evaluation: float
    evaluation_seconds: float
    rules: tuple[Rule, ...]


@dataclass(frozen=True, slots=True)
class Alert:
    """An alert that is pending or firing."""

    labels: Mapping[str, str]
    state: str


class Prometheus:
    """The HTTP API of a Prometheus."""

    def __init__(self, probe: Probe) -> None:
        self.probe = probe

    def query(self, expr: str, at: float | None = None) -> list[Series]:
        """Return the series of an instant query; the value of a native histogram is NaN.

        Args:
            expr: PromQL.
            at: Unix seconds; None means now.

        Raises:
            ProbeError: It fails.

        """
        form = {"query": expr} | ({} if at is None else {"time": f"{at:.3f}"})
        return _series(self.data("query", form))

    def numbers(self, expr: str) -> list[Series]:
        """Return the series of an instant query for counts and the like: every value is a finite number.

        Raises:
            ProbeError: It fails, or gives something else.

        """
        found = self.query(expr)
        if not all(math.isfinite(v) for s in found for v in s.values):
            raise self.probe.odd("/api/v1/query", f"{expr} is no finite number")
        return found

    def query_range(self, expr: str, start: float, end: float, step: float) -> list[Series]:
        """Return the series of a range query; times are unix seconds, both ends included.

        Raises:
            ProbeError: It fails.

        """
        form = {"query": expr, "start": f"{start:.3f}", "end": f"{end:.3f}", "step": f"{step:.3f}"}
        return _series(self.data("query_range", form))

    def label_names(self, matches: Sequence[str], since: float) -> set[str]:
        """Return the names of all labels of the series that some selector matches.

        Raises:
            ProbeError: It fails.

        """
        return set(self._get("labels", {"match[]": list(matches), "start": f"{since:.3f}"}).texts())

    def label_values(self, label: str, matches: Sequence[str], since: float, until: float | None = None) -> list[str]:
        """Return the values that a label has on the series that some selector matches, sorted; without `until`, until now.

        Raises:
            ProbeError: It fails.

        """
        span = {"start": f"{since:.3f}"} | ({} if until is None else {"end": f"{until:.3f}"})
        found = self._get(f"label/{label}/values", {"match[]": list(matches), **span})
        return sorted(found.texts())

    def metadata(self) -> Mapping[str, frozenset[str]]:
        """Return the types that targets give to each metric family.

        Raises:
            ProbeError: It fails.

        """
        found = self._get("metadata")
        return {
            name: frozenset(e.get("type").text() for e in entries.items()) for name, entries in found.fields().items()
        }

    def targets(self) -> list[ActiveTarget]:
        """Return the active targets.

        Raises:
            ProbeError: It fails.

        """
        return [_target(t) for t in self._get("targets", {"state": "active"}).get("activeTargets").items()]

    def groups(self) -> list[RuleGroup]:
        """Return the loaded rule groups.

        Raises:
            ProbeError: It fails.

        """
        return [_group(g) for g in self._get("rules").get("groups").items()]

    def alertmanagers(self) -> list[str]:
        """Return the addresses of the Alertmanagers that it tells.

        Raises:
            ProbeError: It fails.

        """
        return [a.get("url").text() for a in self._get("alertmanagers").get("activeAlertmanagers").items()]

    def alerts(self) -> list[Alert]:
        """Return what is pending or firing.

        Raises:
            ProbeError: It fails.

        """
        found = self._get("alerts").get("alerts").items()
        return [Alert(a.get("labels").labels(), a.get("state").text()) for a in found]

    def started(self) -> float:
        """Return when it started or read its configuration last, in unix seconds.

        Raises:
            ProbeError: It fails.

        """
        found = self._get("status/runtimeinfo")
        times = [unix(found.get(k)) for k in ("startTime", "lastConfigTime")]
        if not any(times):
            raise found.wrong("without a time of the start")
        return max(times)

    def data(self, name: str, form: Mapping[str, str]) -> Answer:
        """Return the data of a POST, which has no limit of length."""
        return _data(self.probe.post(f"/api/v1/{name}", form=form))

    def _get(self, name: str, params: Any = None) -> Answer:
        return _data(self.probe.get(f"/api/v1/{name}", params))


def unix(given: Answer) -> float:
    """Return the unix seconds of an RFC 3339 time; 0 for a time that never was, and where there is none.

    Raises:
        ProbeError: It is no time.

    """
    text = given.text()
    if not text:
        return 0.0
    try:
        # Nanoseconds, as Go writes them, are more than Python 3.11 keeps, and cut.
        at = datetime.fromisoformat(text)
        return max(0.0, at.timestamp()) if at.tzinfo and at.year > 1 else 0.0
    except (ValueError, OverflowError, OSError):
        raise given.wrong("no time", "a time") from None


def _data(answer: Answer) -> Answer:
    status = answer.get("status")
    if status.text() != "success":
        raise status.wrong("no success")
    return answer.get("data")


def _series(data: Answer) -> list[Series]:
    kind, result = data.get("resultType"), data.get("result")
    match kind.text():
        case "scalar":
            return [Series({}, (result.one(1).sample(),), result.one(0).number())]
        case "vector":
            return [_of(r, [r.get("value")], [r.get("histogram")]) for r in result.items()]
        case "matrix":
            return [_of(r, r.get("values").items(), r.get("histograms").items()) for r in result.items()]
    raise kind.wrong("no kind of result", "vector or matrix")


def _of(series: Answer, pairs: Sequence[Answer], histograms: Sequence[Answer]) -> Series:
    """Return a series of pairs of time and value. A native histogram is no number."""
    labels, native = series.get("metric").labels(), [h for h in histograms if h]
    if native:
        return Series(labels, (math.nan,), native[-1].one(0).number())
    return Series(labels, tuple(p.one(1).sample() for p in pairs), pairs[-1].one(0).number() if pairs else 0.0)


def _target(answer: Answer) -> ActiveTarget:
    labels = answer.get("labels").labels()
    return ActiveTarget(
        labels, answer.get("scrapeUrl").text(), answer.get("scrapePool").text() or labels.get("job", ""),
        answer.get("health").text(), answer.get("lastError").text(), unix(answer.get("lastScrape")),
    )  # fmt: skip


def _group(answer: Answer) -> RuleGroup:
    return RuleGroup(
        answer.get("name").text(), answer.get("file").text(), answer.get("interval").number(), unix(answer.get("lastEvaluation")),
        answer.get("evaluationTime").number(), tuple(_rule(r) for r in answer.get("rules").items()),
    )  # fmt: skip


def _rule(answer: Answer) -> Rule:
    keep_firing = answer.get("keepFiringFor") or answer.get("keep_firing_for")
    return Rule(
        answer.get("type").text(), answer.get("name").text(), answer.get("query").text(), answer.get("labels").labels(),
        answer.get("annotations").labels(), answer.get("duration").number(), keep_firing.number() if keep_firing else None,
        answer.get("health").text(), answer.get("lastError").text(), unix(answer.get("lastEvaluation")),
    )  # fmt: skip
