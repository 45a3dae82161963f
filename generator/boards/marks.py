"""Marks over the graphs of a board, each with a switch above it: alerts that fire, and what changed when something broke."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

from generator.boards import colours, grafana
from generator.boards.variables import WIDE, matchers
from generator.config.site import Site
from generator.promql import select
from generator.promql.moments import appeared, resized, started
from generator.promql.query import Query
from generator.promql.scope import Scope, site_scope

#: What a mark of a change looks back for: the step of the board, and never less than some scrapes.
WINDOW = "$__rate_interval"


def marks(site: Site, system: str, variables: Sequence[str], *, fleet: bool) -> Iterator[object]:
    """Yield the marks of a board: alerts of a system, or of all where it is empty; and changes of that system.

    Args:
        site: The installation.
        system: The system that the board is about.
        variables: Variables of the board; marks follow those that name deployments.
        fleet: It opens with all deployments, of which some always change: those marks are off until the reader switches them on.

    """
    scope = site_scope(site, WINDOW, *matchers(site, [v for v in variables if v in WIDE]))
    tags = ",".join(("alertname", "severity", *site.identity))
    alerts = site.firing(*([system] if system else []))
    for severity in ("critical", "warning"):
        yield grafana.annotation(
            f"Firing: {severity}", select(alerts.where(severity=severity), replace(scope, window="")),
            colours.SEVERITY[severity], title="{{alertname}}", text="{{severity}}", tags=tags,
        )  # fmt: skip
    if system:
        yield from _changes(site, system, scope, on=not fleet)


def _changes(site: Site, system: str, scope: Scope, *, on: bool) -> Iterator[object]:
    known, labels = site.catalogue.systems[system], site.labels
    role = (labels.role,) if known.roles else ()
    who = f"{{{{{labels.deployment}}}}}" + "".join(f" {{{{{name}}}}}" for name in role)
    by = (*site.identity, *role)
    for version, query in _versions(site, system):
        yield _mark("New version", query, scope, colours.CHANGED, f"{who} {{{{{version}}}}}", on=on)
    if "process" in known.pages:
        clock = site.system("process", on=system)["process_start_time_seconds"]
        if not (query := started(clock, by=by)).missing:
            yield _mark("Process start", query, scope, colours.STARTED, who, on=on) | {"useValueForTime": True}
    targets = resized(site.system("prometheus", on=system)["up"], by=by)
    yield _mark("Scaling", targets, scope, colours.RESIZED, who, on=on)


def _versions(site: Site, system: str) -> Iterator[tuple[str, Query]]:
    """Yield each label that tells the version of a system's processes, with the query of a new one."""
    own = site.catalogue.systems[system]
    by = (*site.identity, *((site.labels.role,) if own.roles else ()))
    for metric in site.system(system):
        for label in metric.labels.values():
            if label.version and not metric.missing and not label.missing:
                yield label.name, appeared(metric, label.name, by=by)


def _mark(name: str, query: Query, scope: Scope, colour: str, title: str, *, on: bool) -> dict[str, object]:
    tags = ",".join(query.labels)
    made: dict[str, object] = grafana.annotation(
        name, query.build(scope), colour, title=f"{name}: {title}", text="", tags=tags, on=on
    )
    return made
