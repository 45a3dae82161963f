"""Units: what the catalogue may say, and what Grafana calls it.

A derived unit is written by the query builder: `requests/s` for a rate, `ratio` for a share.

Source: Grafana's unit ids, `generator/lint/grafana_registry.json`; Prometheus base units,
https://prometheus.io/docs/practices/naming/#base-units
"""

from __future__ import annotations

import re
from collections.abc import Mapping

#: Catalogue unit -> (Grafana unit of a value, Grafana unit of its rate per second).
UNITS: Mapping[str, tuple[str, str]] = {
    "none": ("short", "short"),
    "alerts": ("short", "short"),
    "attempts": ("short", "ops"),
    "bytes": ("bytes", "Bps"),
    "changes": ("short", "ops"),
    "checkpoints": ("short", "ops"),
    "checks": ("short", "ops"),
    "collections": ("short", "ops"),
    "connections": ("short", "cps"),
    "descriptors": ("short", "ops"),
    "errors": ("short", "ops"),
    "events": ("short", "eps"),
    "failures": ("short", "ops"),
    "gaps": ("short", "ops"),
    "inserts": ("short", "ops"),
    "instances": ("short", "ops"),
    "keys": ("short", "ops"),
    "lookups": ("short", "ops"),
    "messages": ("short", "ops"),
    "milliseconds": ("ms", "percentunit"),
    "objects": ("short", "ops"),
    "queries": ("short", "ops"),
    "ratio": ("percentunit", "percentunit"),
    "reads": ("short", "ops"),
    "requests": ("short", "reqps"),
    "restarts": ("short", "ops"),
    "retries": ("short", "ops"),
    "runs": ("short", "ops"),
    "samples": ("short", "ops"),
    "seconds": ("s", "percentunit"),
    "series": ("short", "ops"),
    "sessions": ("short", "ops"),
    "slots": ("short", "ops"),
    "spans": ("short", "ops"),
    "starts": ("short", "ops"),
    "stops": ("short", "ops"),
    "tasks": ("short", "ops"),
    "terminations": ("short", "ops"),
    "threads": ("short", "ops"),
    "tokens": ("short", "ops"),
    "transactions": ("short", "ops"),
    "unixtime": ("dateTimeAsIso", "percentunit"),
    "USD": ("currencyUSD", "currencyUSD"),
}


def grafana_unit(unit: str) -> str:
    """Return Grafana's id for a query's unit, `x` or `x/s`."""
    base, per, _ = unit.partition("/")
    return UNITS[base][1 if per else 0]


_SECONDS: Mapping[str, float] = {"ms": 0.001, "s": 1, "m": 60, "h": 3600, "d": 86_400, "w": 604_800}


def seconds(duration: str) -> float:
    """Return a Prometheus duration (`90s`, `5m`, `1h30m`) in seconds.

    Raises:
        ValueError: It is none.

    """
    if not re.fullmatch(r"(\d+(ms|[smhdw]))+", duration):
        raise ValueError(f"{duration!r} is not a duration such as 90s, 5m or 1h30m")
    return sum(int(n) * _SECONDS[unit] for n, unit in re.findall(r"(\d+)(ms|[smhdw])", duration))


def number(value: float) -> str:
    """Return a number as PromQL text that every supported Prometheus reads: no exponent, no trailing zeros."""
    return str(int(value)) if value == int(value) else f"{value:.10f}".rstrip("0")
