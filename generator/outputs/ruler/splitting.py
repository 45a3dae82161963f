"""Rule groups within a limit of rules a group, without parting a rule from what it reads of the same group.

A server evaluates the rules of a group one after another, and groups beside each other. A rule that reads a series which an
earlier rule of its group records gets the value of this evaluation; from another group it gets, more often than not, that of
the evaluation before. So rules that read each other stay together and keep their order, and a group is cut only between
rules that have nothing to do with each other.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from generator.outputs.selectors import selectors

Json = dict[str, Any]

#: What an alert leaves behind as series, beside what it tells Alertmanager.
_OF_ALERTS = ("ALERTS", "ALERTS_FOR_STATE")


def split(group: Mapping[str, Any], limit: int) -> list[Json]:
    """Return a group as groups of at most `limit` rules; one that is small enough comes back as it is.

    The first keeps the name, further ones get a number behind it; all else of the group is the same in each. Rules that
    read each other, directly or not, are never parted: a group of more than `limit` of those stays too large.
    """
    rules = group["rules"]
    if len(rules) <= limit:
        return [dict(group)]
    bins: list[list[int]] = []
    for together in _together(rules):
        room = next((one for one in bins if len(one) + len(together) <= limit), None)
        if room is None:
            bins.append(together)
        else:
            room += together
    return [
        {**group, "name": group["name"] + (f".{n}" if n > 1 else ""), "rules": [rules[i] for i in sorted(one)]}
        for n, one in enumerate(bins, 1)
    ]


def _together(rules: Sequence[Json]) -> list[list[int]]:
    """Return the places of rules that read each other, directly or not, in the order of the first of each set."""
    of = list(range(len(rules)))
    made = [tuple(_made(rule)) for rule in rules]
    for reader, rule in enumerate(rules):
        reads = selectors(rule["expr"])
        for writer, series in enumerate(made):
            if any(_meets(matchers, labels) for matchers in reads for labels in series):
                old, new = of[reader], of[writer]
                of = [new if one == old else one for one in of]
    return [[i for i, one in enumerate(of) if one == root] for root in dict.fromkeys(of)]


def _made(rule: Json) -> Iterator[Mapping[str, str]]:
    """Yield what is known of the labels of the series that a rule makes, its name among them."""
    labels = rule.get("labels", {})
    if "record" in rule:
        yield {**labels, "__name__": rule["record"]}
    else:
        yield from ({**labels, "alertname": rule["alert"], "__name__": name} for name in _OF_ALERTS)


def _meets(matchers: Sequence[tuple[str, str, str]], labels: Mapping[str, str]) -> bool:
    """Say whether a selector may find such a series. A label that the rule does not set may have any value."""
    return all(_may(op, value, labels[name]) for name, op, value in matchers if name in labels)


def _may(op: str, wanted: str, value: str) -> bool:
    if op in {"Equal", "NotEqual"}:
        return (wanted == value) == (op == "Equal")
    try:
        return bool(re.fullmatch(wanted, value)) == (op == "Re")
    except re.error:  # Prometheus' dialect is another: when in doubt, together
        return True
