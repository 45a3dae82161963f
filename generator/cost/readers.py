"""What reads a metric: boards, recorded series and alerts of a bundle."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from generator.bundle import Bundle
from generator.catalogue import Metric


@dataclass(frozen=True, slots=True)
class Reader:
    """Titles of boards, names of recorded series, names of alerts."""

    boards: tuple[str, ...] = ()
    records: tuple[str, ...] = ()
    alerts: tuple[str, ...] = ()

    @property
    def read(self) -> bool:
        """Whether anything does."""
        return bool(self.boards or self.records or self.alerts)

    def __str__(self) -> str:
        """Say how many of each there are."""
        kinds = (("board", self.boards), ("record", self.records), ("alert", self.alerts))
        found = [f"{len(names)} {kind}{'' if len(names) == 1 else 's'}" for kind, names in kinds if names]
        return f"read by {', '.join(found)}" if found else "read by nothing"


def readers(bundle: Bundle) -> Mapping[tuple[str, str], Reader]:
    """Return what reads a metric, by its system and name."""
    found: dict[tuple[str, str], Reader] = {}

    def note(metrics: tuple[Metric, ...], kind: str, name: str) -> None:
        for metric in metrics:
            one = found.get((metric.system, metric.name), Reader())
            if name not in getattr(one, kind):
                found[metric.system, metric.name] = replace(one, **{kind: (*getattr(one, kind), name)})

    for board in bundle.boards.values():
        note(tuple(board.metrics), "boards", board.title)
    for group in (group for groups in bundle.rules.values() for group in groups):
        for record in group.records:
            note(record.query.metrics, "records", record.name)
        for alert in group.alerts:
            note(alert.query.metrics, "alerts", alert.name)
    return found
