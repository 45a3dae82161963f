"""Units: what the catalogue may say, and what Grafana calls it.

A derived unit is written by the query builder: `requests/s` for a rate, `ratio` for a share.

`count:x` is Grafana's own way to a unit that it does not have: the number with K, M or B, then `x`. A long word takes the
place of the graph: what is counted by one is in operations.

Source: Grafana's unit ids, `generator/lint/grafana_registry.json`; Prometheus base units,
https://prometheus.io/docs/practices/naming/#base-units
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import lru_cache

from generator.errors import nearest

#: Catalogue unit -> (Grafana unit of a value, Grafana unit of its rate per second).
UNITS: Mapping[str, tuple[str, str]] = {
    "none": ("short", "short"),
    "alerts": ("short", "short"),
    "attempts": ("short", "count:attempts/s"),
    "bytes": ("bytes", "Bps"),
    "changes": ("short", "count:changes/s"),
    "checkpoints": ("short", "ops"),
    "checks": ("short", "count:checks/s"),
    "collections": ("short", "ops"),
    "connections": ("short", "cps"),
    "descriptors": ("short", "ops"),
    "errors": ("short", "count:errors/s"),
    "evaluations": ("short", "count:evaluations/s"),
    "events": ("short", "eps"),
    "failures": ("short", "count:failures/s"),
    "faults": ("short", "count:faults/s"),
    "gaps": ("short", "count:gaps/s"),
    "inserts": ("short", "count:inserts/s"),
    "instances": ("short", "ops"),
    "keys": ("short", "count:keys/s"),
    "lookups": ("short", "count:lookups/s"),
    "mebibytes": ("mbytes", "MiBs"),
    "messages": ("short", "count:msg/s"),
    "millicores": ("short", "short"),
    "milliseconds": ("ms", "percentunit"),
    "notifications": ("short", "count:notifications/s"),
    "objects": ("short", "count:objects/s"),
    "packets": ("short", "pps"),
    "pages": ("short", "count:pages/s"),
    "queries": ("short", "count:queries/s"),
    "ratio": ("percentunit", "percentunit"),
    "reads": ("short", "count:reads/s"),
    "requests": ("short", "reqps"),
    "restarts": ("short", "count:restarts/s"),
    "retries": ("short", "count:retries/s"),
    "runs": ("short", "count:runs/s"),
    "samples": ("short", "count:samples/s"),
    "seconds": ("s", "percentunit"),
    "series": ("short", "count:series/s"),
    "sessions": ("short", "count:sessions/s"),
    "slots": ("short", "count:slots/s"),
    "spans": ("short", "count:spans/s"),
    "starts": ("short", "count:starts/s"),
    "stops": ("short", "count:stops/s"),
    "tasks": ("short", "count:tasks/s"),
    "terminations": ("short", "ops"),
    "threads": ("short", "count:threads/s"),
    "tokens": ("short", "count:tokens/s"),
    "transactions": ("short", "ops"),
    "unixtime": ("dateTimeAsIso", "percentunit"),
    "USD": ("currencyUSD", "currencyUSD"),
}


def nearest_unit(unit: str) -> str:
    """Return the way out for who wrote a unit that there is not: the one that was likely meant, and all that there are."""
    every = ", ".join(UNITS)
    near = nearest(unit, list(UNITS), otherwise="")
    return f"{near} Units are {every}" if near else f"use one of {every}"


def grafana_unit(unit: str) -> str:
    """Return Grafana's id for a query's unit, `x` or `x/s`."""
    base, per, _ = unit.partition("/")
    return UNITS[base][1 if per else 0]


_SECONDS: Mapping[str, float] = {"ms": 0.001, "s": 1, "m": 60, "h": 3600, "d": 86_400, "w": 604_800}


@lru_cache(maxsize=1000)
def seconds(duration: str) -> float:
    """Return a Prometheus duration (`90s`, `5m`, `1h30m`) in seconds.

    Raises:
        ValueError: It is none.

    """
    if not re.fullmatch(r"(\d+(ms|[smhdw]))+", duration):
        raise ValueError(f"{duration!r} is not a duration such as 90s, 5m or 1h30m")
    return sum(int(n) * _SECONDS[unit] for n, unit in re.findall(r"(\d+)(ms|[smhdw])", duration))


def period(length: float) -> str:
    """Return seconds as a Prometheus duration in the largest unit that is whole, `90s`, `8m`, `1d`; to the millisecond."""
    milliseconds = round(length * 1000)
    for unit, size in (("d", 86_400_000), ("h", 3_600_000), ("m", 60_000), ("s", 1000)):
        if milliseconds and milliseconds % size == 0:
            return f"{milliseconds // size}{unit}"
    return f"{milliseconds}ms"


def number(value: float) -> str:
    """Return a number as PromQL text that every supported Prometheus reads: no exponent, no trailing zeros."""
    return str(int(value)) if value == int(value) else f"{value:.10f}".rstrip("0")
