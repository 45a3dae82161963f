"""What a monitor of Datadog asks: one query with a limit, or several joined by and, or, not, which is a composite monitor."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from generator.units import number


@dataclass(frozen=True, slots=True)
class Asked:
    """One query and its limit.

    Attributes:
        over: How the values within the window become one: `sum` of events; `min` or `max` of a gauge that has to hold.
        window: The window, as a duration.
        text: The query, in Datadog's language.
        op: Comparison.
        limit: With what it is compared.
        names: Metrics that it reads.

    """

    over: str
    window: str
    text: str
    op: str
    limit: float
    names: tuple[str, ...]

    def __str__(self) -> str:
        """Show the query as the API takes it."""
        return f"{self.over}(last_{self.window}):{self.text} {self.op} {number(self.limit)}"


@dataclass(frozen=True, slots=True)
class Checked:
    """Whether the Agent reaches what it scrapes.

    Attributes:
        check: Name of the Agent's service check.
        over: Tags that its results have.
        by: Tags by which they are told apart.
        limit: How many results in a row have to be bad.

    """

    check: str
    over: tuple[str, ...]
    by: tuple[str, ...]
    limit: int

    @property
    def names(self) -> tuple[str, ...]:
        """It reads no metric."""
        return ()

    def __str__(self) -> str:
        """Show the query as the API takes it."""
        over, by = (", ".join(f'"{one}"' for one in found) for found in (self.over or ("*",), self.by))
        return f'"{self.check}".over({over}).by({by}).last({self.limit + 1}).count_by_status()'


@dataclass(frozen=True, slots=True)
class Joined:
    """Several conditions, of the same groups. `op` is `&&` or `||`."""

    op: str
    parts: tuple[Condition, ...]


@dataclass(frozen=True, slots=True)
class Not:
    """A condition that must not be."""

    part: Condition


Single = Asked | Checked
Condition = Single | Joined | Not


def asked(condition: Condition) -> Iterator[Single]:
    """Yield every query of a condition, in the order of the text."""
    if isinstance(condition, (Asked, Checked)):
        yield condition
    elif isinstance(condition, Not):
        yield from asked(condition.part)
    else:
        for part in condition.parts:
            yield from asked(part)


def composed(condition: Condition, names: Sequence[str], queries: Sequence[Single]) -> str:
    """Return a condition as a composite monitor writes it, each query by the name of the monitor that asks it."""
    if isinstance(condition, (Asked, Checked)):
        return names[queries.index(condition)]
    if isinstance(condition, Not):
        return f"!{composed(condition.part, names, queries)}"
    texts = [composed(part, names, queries) for part in condition.parts]
    return "(" + f" {condition.op} ".join(texts) + ")"
