"""The rules that are tried: alerts and recording rules of rule documents, as far as trying them needs it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from generator.units import seconds

#: Labels of one series without its name, in order.
Labels = tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True, eq=False)
class Alert:
    """An alerting rule, equal to itself alone: `hold`, `keep` and `interval` are `for`, `keep_firing_for` and the evaluation interval in seconds."""

    name: str
    expr: str
    hold: float
    keep: float
    interval: float
    labels: Mapping[str, str]
    group: str
    stem: str

    @property
    def severity(self) -> str:
        """Its label `severity`; empty where it has none."""
        return self.labels.get("severity", "")


@dataclass(frozen=True, slots=True)
class Record:
    """A recording rule, evaluated every `interval` seconds."""

    name: str
    expr: str
    labels: Mapping[str, str]
    interval: float


@dataclass(frozen=True, slots=True)
class Rules:
    """The rules of a bundle, in the order of its files."""

    alerts: tuple[Alert, ...]
    records: tuple[Record, ...]


def read(documents: Mapping[str, Mapping[str, Any]], interval: str) -> Rules:
    """Return the rules of documents by stem; `interval` is that of groups without their own."""
    alerts: list[Alert] = []
    records: list[Record] = []
    for stem, group, rule in _each(documents):
        every = seconds(group.get("interval", interval))
        labels = rule.get("labels", {})
        if "record" in rule:
            records.append(Record(rule["record"], rule["expr"], labels, every))
        else:
            hold, keep = seconds(rule.get("for", "0s")), seconds(rule.get("keep_firing_for", "0s"))
            alerts.append(Alert(rule["alert"], rule["expr"], hold, keep, every, labels, group["name"], stem))
    return Rules(tuple(alerts), tuple(records))


def _each(
    documents: Mapping[str, Mapping[str, Any]],
) -> Iterator[tuple[str, Mapping[str, Any], Mapping[str, Any]]]:
    for stem, document in documents.items():
        groups: Sequence[Mapping[str, Any]] = document["groups"]
        for group in groups:
            for rule in group["rules"]:
                yield stem, group, rule
