"""Who silences whom: Alertmanager's inhibit rules, made from what the alerts say about their reasons.

Alertmanager takes a label that both alerts lack for an equal one. So a reason and what follows from it must have every
label that must agree, and the rule asks for a value where one without would match too much.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from generator.config.site import Site
from generator.errors import nearest
from generator.rules.rule import SEVERITIES, Alert, Because


def rules(site: Site, alerts: Sequence[Alert]) -> list[dict[str, Any]]:
    """Return the inhibit rules of `alerts`, in the order of what is explained; reasons that are not among them are left out.

    Alerts with one reason and the same labels that must agree share a rule.
    """
    there = {alert.name for alert in alerts}
    made: dict[tuple[tuple[str, ...], tuple[tuple[str, str], ...], tuple[str, ...]], list[str]] = {}
    for alert in alerts:
        for because in alert.explained_by:
            sources = tuple(name for name in because.alerts if name in there)
            if sources:
                made.setdefault((sources, tuple(because.where.items()), because.agree), []).append(alert.name)
    return [
        {
            "source_matchers": [
                _named(sources),
                *(f'{label}=~"{pattern}"' for label, pattern in where),
                *(f'{label}!=""' for label in (site.labels.deployment, *agree) if label not in dict(where)),
            ],
            "target_matchers": [_named(targets)],
            "equal": [*site.identity, *agree],
        }
        for (sources, where, agree), targets in made.items()
    ]


def _named(alerts: Sequence[str]) -> str:
    return f'alertname="{alerts[0]}"' if len(alerts) == 1 else f'alertname=~"{"|".join(alerts)}"'


def mistakes(site: Site, alerts: Sequence[Alert]) -> Iterator[tuple[Alert, str, str]]:
    """Yield what is wrong with an alert's reasons as (alert, what, fix). `alerts` are all there can be, also those that are off."""
    known = {alert.name: alert for alert in alerts}
    for alert in alerts:
        given = [name for because in alert.explained_by for name in because.alerts]
        for name in {name for name in given if given.count(name) > 1}:
            yield alert, f"{alert.name} is explained by {name} twice", "say once which labels must agree"
        for because in alert.explained_by:
            for name in because.alerts:
                if name not in known:
                    what = f"{alert.name} is explained by {name!r}, and there is no such alert"
                    yield alert, what, nearest(name, list(known), otherwise="remove it")
                else:
                    yield from ((alert, what, fix) for what, fix in _pair(site, alert, known[name], because))
        if alert.name in _behind(alert, known):
            yield alert, f"{alert.name} is explained by what it explains", "keep one direction, or both are silent"


def _pair(site: Site, alert: Alert, reason: Alert, because: Because) -> Iterator[tuple[str, str]]:
    if SEVERITIES.index(reason.severity) > SEVERITIES.index(alert.severity):
        what = f"{reason.name} ({reason.severity}) would silence {alert.name} ({alert.severity})"
        yield what, "a reason is as severe as what follows from it"
    for label in (*site.identity, *because.agree):
        for one in (alert, reason):
            if label not in {*one.query.labels, *one.labels}:
                what = f"{one.name} has no label {label!r}, in which it and {(alert, reason)[one is alert].name} must agree"
                yield what, "keep the label in the query of both, or two that lack it are taken for equal"
    for label in because.where:
        if label not in {*reason.query.labels, *reason.labels}:
            yield f"{reason.name} has no label {label!r}", f"keep it in its query, or explain {alert.name} without it"


def _behind(alert: Alert, known: Mapping[str, Alert]) -> set[str]:
    """Return every alert that explains `alert`, directly or not."""
    found: set[str] = set()
    left = [name for because in alert.explained_by for name in because.alerts]
    while left:
        name = left.pop()
        if name not in found and name in known:
            found.add(name)
            left += [n for because in known[name].explained_by for n in because.alerts]
    return found
