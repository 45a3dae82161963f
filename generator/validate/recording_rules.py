"""The recording rules of the bundle: which of them a selector reads, what they evaluate, and when they did so last."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from generator.lint.expression import Matcher
from generator.rules.rule import Record
from generator.validate.selectors import text

#: When the rule of a recorded series was evaluated last, in unix seconds (0 for never), and its interval; None if unknown.
Evaluated = Callable[[str], tuple[float, float] | None]


class RecordingRules:
    """Recording rules, each with its expression as it stands in the rule file."""

    def __init__(self, records: Sequence[tuple[Record, str]], evaluated: Evaluated) -> None:
        self._evaluated = evaluated
        self._expressions = {(r.name, tuple(r.labels.items())): expr for r, expr in records}
        self._records: dict[str, list[Record]] = {}
        for record, _ in records:
            self._records.setdefault(record.name, []).append(record)

    def read_by(self, name: str, matchers: Sequence[Matcher]) -> Sequence[Record]:
        """Return the rules of one name whose own labels a selector asks for; all of them where it asks for none that is known."""
        records = self._records.get(name, [])
        wanted = {m.label: m.value for m in matchers if m.op == "Equal"}
        return [r for r in records if all(wanted.get(k, v) == v for k, v in r.labels.items())] or records

    def expression(self, record: Record) -> str:
        """Return what a rule evaluates."""
        return self._expressions[record.name, tuple(record.labels.items())]

    def evaluation(self, record: Record) -> tuple[float, float] | None:
        """Return when a rule was evaluated last, in unix seconds (0 for never), and its interval; None if unknown."""
        return self._evaluated(record.name)

    def moment(self, record: Record, at: float | None) -> float | None:
        """Return when a rule was evaluated last, where that is known and before the time that is asked about; else that time."""
        known = self._evaluated(record.name)
        return known[0] if known and known[0] and (at is None or known[0] <= at) else at


def own(record: Record) -> str:
    """Return the selector of what one rule records."""
    return text(record.name, [Matcher(k, "Equal", v) for k, v in record.labels.items()])
