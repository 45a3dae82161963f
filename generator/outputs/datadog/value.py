"""A value over time in Datadog's query language, and arithmetic with it."""

from __future__ import annotations

from dataclasses import dataclass, replace

from generator.units import number


class UntranslatableError(Exception):
    """An expression has no counterpart in Datadog. The text is the reason."""


@dataclass(frozen=True, slots=True)
class Value:
    """A value over time.

    Attributes:
        text: The query.
        window: Seconds over which events are summed; 0 for a gauge and for a number.
        per: What the sum is divided by, in seconds: the window of a rate, else 1.
        names: Metrics that it reads.
        constant: It is a number.

    """

    text: str
    window: float = 0
    per: float = 1
    names: tuple[str, ...] = ()
    constant: bool = False

    @property
    def expression(self) -> str:
        """The query with what it is divided by."""
        return self.text if self.per == 1 else f"({self.text} / {number(self.per)})"


def arithmetic(left: Value, op: str, right: Value) -> Value:
    """Return what an operator makes of two values.

    Raises:
        UntranslatableError: One is of other events or of another window than the other.

    """
    if left.window != right.window and not (left.constant or right.constant):
        raise UntranslatableError("one monitor has one window, and this needs two, or events beside a gauge")
    names = tuple(dict.fromkeys((*left.names, *right.names)))
    window = left.window or right.window
    if op == "*" and left.constant and right.window:
        return replace(right, per=right.per / float(left.text))
    same = left.per == right.per and not (left.constant or right.constant)
    if same and op == "/":
        return Value(f"({left.text} / {right.text})", window, 1, names)
    if same and op in "+-":
        return Value(f"({left.text} {op} {right.text})", window, left.per, names)
    return Value(f"({left.expression} {op} {right.expression})", window, 1, names, left.constant and right.constant)
