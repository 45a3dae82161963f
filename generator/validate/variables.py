"""Board variables as Grafana resolves them: in their order, each with the values of those before it."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from generator.lint.expression import VARIABLE
from generator.units import seconds
from generator.validate.prometheus import Prometheus, Series

#: What Grafana's form of a variable by label values looks like.
LABEL_VALUES = re.compile(r"label_values\((?:(?P<selector>.*), *)?(?P<label>\w+)\)", re.DOTALL)

#: And of one by the result of a query; its regular expression takes the label out of each series as Grafana writes it.
QUERY_RESULT = re.compile(r"query_result\((?P<expr>.*)\)", re.DOTALL)
OF_LABEL = re.compile(r'/(?P<label>\w+)="')

#: Width in pixels of a graph: Grafana asks for about one value per pixel.
PIXELS = 1_000

#: How Grafana rounds an interval, in seconds: (below, becomes); from a day on it is a day.
#: Source: `roundInterval` of @grafana/data.
ROUNDED = (
    (1.5, 1), (3.5, 2), (7.5, 5), (12.5, 10), (17.5, 15), (25, 20), (45, 30), (90, 60), (210, 120), (450, 300), (750, 600),
    (1_050, 900), (1_500, 1_200), (2_700, 1_800), (5_400, 3_600), (9_000, 7_200), (16_200, 10_800), (32_400, 21_600),
    (86_400, 43_200),
)  # fmt: skip
DAY = 86_400.0

_SPECIAL = re.compile(r"[\\^$*+?.()|\[\]{}]")


@dataclass(frozen=True, slots=True)
class Window:
    """What a board is looked at over.

    Attributes:
        end, length: In seconds, the end since 1970.
        scrape: Seconds between two scrapes, which is the least interval.
        points: By which Grafana divides its length.

    """

    end: float
    length: float
    scrape: float
    points: int = PIXELS

    def for_query(self, interval: str, points: int) -> Window:
        """Return the window of a query that has an interval of its own, or none, and a panel with so many points."""
        return replace(self, scrape=seconds(interval) if interval else self.scrape, points=points)

    @property
    def interval(self) -> float:
        """`$__interval`: one value per point, rounded, never less than the least interval."""
        wanted = self.length / self.points
        return max(next((float(step) for below, step in ROUNDED if wanted < below), DAY), self.scrape)

    @property
    def macros(self) -> Mapping[str, str]:
        """Grafana's own variables, as text."""
        rate = max(self.interval + self.scrape, 4 * self.scrape)
        return {
            "__interval": _duration(self.interval),
            "__interval_ms": str(round(self.interval * 1000)),
            "__rate_interval": _duration(rate),
            "__rate_interval_ms": str(round(rate * 1000)),
            "__range": _duration(self.length),
            "__range_s": str(round(self.length)),
            "__range_ms": str(round(self.length * 1000)),
        }


@dataclass(frozen=True, slots=True)
class Choice:
    """What one variable of a board is set to.

    Attributes:
        name: Of the variable.
        query: What its values come from, with the variables before it filled in; empty for one that asks nothing.
        selector, label: Of which series which label; of a query's result the query.
        values: What there is to choose from.
        value: What stands for it in an expression.
        every: What stands for it when All is chosen.

    """

    name: str
    query: str
    selector: str
    label: str
    values: tuple[str, ...]
    value: str
    every: str


def choices(board: Mapping[str, Any], prometheus: Prometheus, window: Window) -> Iterator[Choice]:
    """Yield the variables of a board with values, as it opens.

    Raises:
        ProbeError: Prometheus does not answer, or refuses the selector.
        ValueError: A variable has a form that is not resolved here; the text says which.

    """
    chosen: dict[str, str] = {}
    for variable in board.get("templating", {}).get("list", ()):
        if variable["type"] == "datasource":
            continue
        made = _choice(variable, chosen, prometheus, window)
        chosen[made.name] = made.value
        yield made


def _choice(variable: Mapping[str, Any], chosen: Mapping[str, str], prometheus: Prometheus, window: Window) -> Choice:
    name, query = str(variable["name"]), variable.get("query")
    text = str(query.get("query", "")) if isinstance(query, Mapping) else str(query or "")
    regex = str(variable.get("regex") or "")
    listed: Sequence[str]
    if variable["type"] == "query" and (found := LABEL_VALUES.fullmatch(text)):
        label, query = found["label"], filled(found["selector"] or "", chosen, window)
        listed = prometheus.label_values(label, [query] if query else [], window.end - window.length)
    elif variable["type"] == "query" and (found := QUERY_RESULT.fullmatch(text)) and (taken := OF_LABEL.match(regex)):
        label, query = taken["label"], filled(found["expr"], chosen, window)
        listed = sorted(_written(series) for series in prometheus.query(query, window.end))
    else:
        raise ValueError(f"the variable {name!r} is of a form that is not known here: {text}")
    values = tuple(dict.fromkeys(_matching(listed, regex)))
    every = str(variable.get("allValue") or "") or any_of(values)
    current = (variable.get("current") or {}).get("value")
    if current and "$__all" not in current:
        value = any_of(current if isinstance(current, list) else [current])
    else:
        value = every if current or not values else any_of(values[:1])
    return Choice(name, filled(text, chosen, window), query, label, values, value, every)


def _written(series: Series) -> str:
    """Return a series as Grafana writes it for the regular expression of a variable, less its value and time."""
    labels = ",".join(f'{k}="{v}"' for k, v in series.labels.items() if k != "__name__")
    return f"{series.labels.get('__name__', '')}{{{labels}}}"


def _matching(values: Sequence[str], pattern: str) -> Iterator[str]:
    """Yield what a variable's regular expression leaves, as Grafana reads it: `/pattern/`, first group or all."""
    written = re.fullmatch(r"/(.*)/i?", pattern)
    for one in values:
        hit = re.search(written[1] if written else pattern, one) if pattern else None
        if not pattern:
            yield one
        elif hit:
            yield hit[1] if hit.re.groups else hit[0]


def any_of(values: Sequence[str]) -> str:
    """Return a regular expression for several values, as Grafana's Prometheus data source writes it into a string."""
    escaped = [_SPECIAL.sub(lambda m: "\\\\" + m[0], v).replace('"', '\\"') for v in values]
    return escaped[0] if len(escaped) == 1 else f"({'|'.join(escaped)})"


def filled(expr: str, chosen: Mapping[str, str], window: Window | None = None) -> str:
    """Return an expression with its variables filled in, Grafana's own too where a window is given; an unknown one stays."""
    known = {**(window.macros if window else {}), **chosen}
    return VARIABLE.sub(lambda m: known.get(m[1] or m[2] or m[3], m[0]), expr)


def _duration(length: float) -> str:
    milliseconds = max(1, round(length * 1000))
    return f"{milliseconds}ms" if milliseconds % 1000 else f"{milliseconds // 1000}s"
