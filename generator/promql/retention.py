"""How far back a query looks, and whether Prometheus keeps samples for so long."""

from __future__ import annotations

import re
from dataclasses import replace

from generator.promql.query import Query
from generator.promql.scope import Scope
from generator.units import seconds

_RANGE = re.compile(r"\[((?:\d+(?:ms|[smhdw]))+)")
_OFFSET = re.compile(r" offset ((?:\d+(?:ms|[smhdw]))+)")


def within_retention(query: Query, scope: Scope, retention: str) -> Query:
    """Return the query, as impossible where one of its ranges or offsets is longer than Prometheus keeps samples."""
    longest = looks_back(query, scope)
    if query.missing or not longest or seconds(longest) <= seconds(retention):
        return query
    reason = f"a window of {longest} is longer than samples are kept (evaluation: retention: {retention})"
    return replace(query, missing=((query.metrics[0].full_name, reason),))


def looks_back(query: Query, scope: Scope) -> str:
    """Return the longest range or offset of the query, as it is written; empty where it reads this moment only."""
    text = query.build(scope)
    found = [*_RANGE.findall(text), *(_OFFSET.findall(text) if " offset " in text else ())]
    return max(found, key=seconds, default="")
