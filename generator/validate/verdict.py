"""What validation says of one item: a verdict. Values only."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from enum import StrEnum

#: Families of checks, in the order in which they are judged and shown.
CATEGORIES = ("targets", "metrics", "variables", "panels", "rules", "records", "alertmanager", "grafana", "scenarios", "annotations")  # fmt: skip


class State(StrEnum):
    """How an item is: `empty` shows nothing for a reason that is named, `pending` needs more time, only `wrong` is an error."""

    OK = "ok"
    EMPTY = "empty"
    PENDING = "pending"
    WARNING = "warning"
    WRONG = "wrong"


@dataclass(frozen=True, slots=True)
class Verdict:
    """What is said of one item.

    Attributes:
        category: One of CATEGORIES.
        item: What was looked at.
        state: How it is.
        why: The reason, one sentence without a full stop; empty for most that are ok.
        fix: What to do about it; empty where nothing is to be done.

    """

    category: str
    item: str
    state: State
    why: str = ""
    fix: str = ""

    def changed(self, change: Callable[[str], str]) -> Verdict:
        """Return the verdict with every text changed."""
        return Verdict(self.category, change(self.item), self.state, change(self.why), change(self.fix))

    def as_json(self) -> dict[str, str]:
        """Return the verdict as a JSON object."""
        return {"category": self.category, "item": self.item, "verdict": str(self.state), "why": self.why, "fix": self.fix}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Finding:
    """Why something is as it is, before it is known of which item it is said."""

    state: State
    why: str
    fix: str = ""

    def of(self, category: str, item: str) -> Verdict:
        """Return the verdict on an item."""
        return Verdict(category, item, self.state, self.why, self.fix)


def ok(why: str = "") -> Finding:
    """Nothing is wrong with it."""
    return Finding(State.OK, why)


def empty(why: str) -> Finding:
    """It shows nothing, and that is right."""
    return Finding(State.EMPTY, why)


def pending(why: str) -> Finding:
    """It shows nothing yet: its turn to be evaluated, or its first tick, has not come."""
    return Finding(State.PENDING, why)


def warning(why: str, fix: str = "") -> Finding:
    """It works, but not as one would want."""
    return Finding(State.WARNING, why, fix)


def wrong(why: str, fix: str = "") -> Finding:
    """It is broken."""
    return Finding(State.WRONG, why, fix)


def failed(verdicts: Iterable[Verdict], *, pending: bool = False) -> bool:
    """Say whether something is wrong; with `pending`, also whether something has not come yet."""
    return any(v.state is State.WRONG or (pending and v.state is State.PENDING) for v in verdicts)
