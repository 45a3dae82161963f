"""What a Prometheus, or something that speaks its API, is asked. Answers become values; nothing is judged here."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from generator.validate.probe import Probe, SilentError

#: Most names or values that are taken from one index: more than that is no closed set.
MOST_VALUES = 1_000


@dataclass(frozen=True, slots=True)
class Series:
    """One series of a result: its labels, and its values in order of time (one for an instant query)."""

    labels: Mapping[str, str]
    values: tuple[float, ...]


class Prometheus:
    """The HTTP API of a Prometheus."""

    def __init__(self, probe: Probe) -> None:
        self.probe = probe

    def query(self, expr: str, at: float | None = None) -> list[Series]:
        """Run an instant query.

        Args:
            expr: PromQL.
            at: Unix seconds; None means now.

        Raises:
            ProbeError: It fails.

        """
        form = {"query": expr} | ({} if at is None else {"time": f"{at:.3f}"})
        return _series(self.data("query", form), self.probe)

    def query_range(self, expr: str, start: float, end: float, step: float) -> list[Series]:
        """Run a range query; times are unix seconds, both ends included.

        Raises:
            ProbeError: It fails.

        """
        form = {"query": expr, "start": f"{start:.3f}", "end": f"{end:.3f}", "step": f"{step:.3f}"}
        return _series(self.data("query_range", form), self.probe)

    def label_names(self, matches: Sequence[str], since: float) -> set[str]:
        """Return the names of all labels of the series that some selector matches.

        Raises:
            ProbeError: It fails.

        """
        return set(_texts(self._get("labels", {"match[]": list(matches), "start": f"{since:.3f}"}), self.probe))

    def label_values(self, label: str, matches: Sequence[str], since: float) -> list[str]:
        """Return the values that a label has on the series that some selector matches, sorted.

        Raises:
            ProbeError: It fails.

        """
        found = self._get(f"label/{label}/values", {"match[]": list(matches), "start": f"{since:.3f}"})
        return sorted(_texts(found, self.probe))

    def metadata(self) -> Mapping[str, frozenset[str]]:
        """Return the types that targets give to each metric family.

        Raises:
            ProbeError: It fails.

        """
        found = self._get("metadata")
        if not isinstance(found, dict):
            raise _odd(self.probe, "metadata")
        return {
            str(name): frozenset(str(e.get("type", "")) for e in entries if isinstance(e, dict))
            for name, entries in found.items()
            if isinstance(entries, list)
        }

    def targets(self) -> list[Mapping[str, Any]]:
        """Return the active targets as Prometheus describes them.

        Raises:
            ProbeError: It fails.

        """
        return _list(self._get("targets", {"state": "active"}), "activeTargets", self.probe)

    def groups(self) -> list[Mapping[str, Any]]:
        """Return the loaded rule groups as Prometheus describes them.

        Raises:
            ProbeError: It fails.

        """
        return _list(self._get("rules"), "groups", self.probe)

    def alertmanagers(self) -> list[Mapping[str, Any]]:
        """Return the Alertmanagers that it tells.

        Raises:
            ProbeError: It fails.

        """
        return _list(self._get("alertmanagers"), "activeAlertmanagers", self.probe)

    def alerts(self) -> list[Mapping[str, Any]]:
        """Return what is pending or firing.

        Raises:
            ProbeError: It fails.

        """
        return _list(self._get("alerts"), "alerts", self.probe)

    def started(self) -> float:
        """Return when it started or read its configuration last, in unix seconds.

        Raises:
            ProbeError: It fails.

        """
        found = self._get("status/runtimeinfo")
        times = [unix(found.get(k, "")) for k in ("startTime", "lastConfigTime")] if isinstance(found, dict) else []
        if not any(times):
            raise _odd(self.probe, "status/runtimeinfo")
        return max(times)

    def data(self, name: str, form: Mapping[str, str]) -> Any:
        """Return the data of a POST, which has no limit of length."""
        return self._data(name, self.probe.post(f"/api/v1/{name}", form=form))

    def _get(self, name: str, params: Any = None) -> Any:
        return self._data(name, self.probe.get(f"/api/v1/{name}", params))

    def _data(self, name: str, answer: Any) -> Any:
        if not isinstance(answer, dict) or answer.get("status") != "success":
            raise _odd(self.probe, name)
        # VictoriaMetrics leaves out what is empty.
        return answer.get("data") if answer.get("data") is not None else {}


def unix(text: object) -> float:
    """Return the unix seconds of an RFC 3339 time; 0 for a time that never was, and for what is no time."""
    if not isinstance(text, str):
        return 0.0
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        return 0.0
    return max(0.0, at.timestamp()) if at.tzinfo and at.year > 1 else 0.0


def value(text: object) -> float:
    """Return a sample's value; NaN for what is none."""
    try:
        return float(text)  # type: ignore[arg-type]  # whatever cannot be read is NaN
    except (TypeError, ValueError):
        return math.nan


def _series(data: Any, probe: Probe) -> list[Series]:
    kind, result = (data.get("resultType"), data.get("result")) if isinstance(data, dict) else (None, None)
    try:
        if kind == "scalar" and result is not None:
            return [Series({}, (value(result[1]),))]
        if kind == "vector":
            return [Series(dict(one.get("metric", {})), (value(one["value"][1]),)) for one in result or ()]
        if kind == "matrix":
            return [
                Series(dict(one.get("metric", {})), tuple(value(v) for _, v in one["values"])) for one in result or ()
            ]
    except (AttributeError, KeyError, IndexError, TypeError, ValueError):
        pass
    raise _odd(probe, "query")


def _texts(data: Any, probe: Probe) -> list[str]:
    if not isinstance(data, list):
        if data == {}:
            return []
        raise _odd(probe, "labels")
    return [str(text) for text in data]


def _list(data: Any, key: str, probe: Probe) -> list[Mapping[str, Any]]:
    found = data.get(key) if isinstance(data, dict) else None
    if not isinstance(found or [], list) or not isinstance(data, dict):
        raise _odd(probe, key)
    return [one for one in found or [] if isinstance(one, dict)]


def _odd(probe: Probe, name: str) -> SilentError:
    return SilentError(
        f"{probe.name} at {probe.url} answers {name} with another shape than Prometheus' API has",
        "see whether the address is the one of a Prometheus API",
    )
