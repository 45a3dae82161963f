"""A dashboard per system: those graphs of its boards that Datadog's query language can ask for, in their order."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from generator.boards.layout import Board
from generator.boards.panels import INTERVAL, RANGE
from generator.bundle import Bundle
from generator.outputs.datadog import naming
from generator.outputs.datadog.monitors import values as translated
from generator.outputs.datadog.value import UntranslatableError, Value
from generator.promql.scope import site_scope

Json = dict[str, Any]

#: Range window of the boards' rates; a graph of Datadog has what was added at each of its own steps.
_WINDOW = "5m"

#: The variable that every graph is held to.
VARIABLE = "deployment"


def dashboard(bundle: Bundle, system: str) -> Json | None:
    """Return the dashboard of a system as the API takes it; None where none of its graphs has a counterpart."""
    groups = [
        made
        for stem, board in bundle.boards.items()
        if bundle.site.system_of(stem) == system
        if (made := _group(bundle, system, board))
    ]
    if not groups:
        return None
    title = bundle.site.catalogue.systems[system].title
    return {
        "title": title,
        "description": f"Graphs of {title} that Datadog can ask for, by the names that the push and the OpenMetrics check give.",
        "layout_type": "ordered",
        "reflow_type": "auto",
        "tags": [],
        "template_variables": [
            {"name": VARIABLE, "prefix": "kube_deployment", "defaults": ["*"], "available_values": []}
        ],
        "widgets": groups,
    }


def _group(bundle: Bundle, system: str, board: Board) -> Json | None:
    known = naming.known(bundle.site)
    scope = site_scope(bundle.site, _WINDOW)
    widgets = []
    for shown in board.panels:
        if shown.instant or not shown.possible:
            continue
        push = any(naming.pushed(metric) for query in shown.possible for metric in query.metrics)
        by = translated(bundle, known, system, push=push, scope=f"${VARIABLE}")
        try:
            values = [
                by.graph(query.build(scope).replace(RANGE, "1h").replace(INTERVAL, "5m")) for query in shown.possible
            ]
        except UntranslatableError:
            continue
        widgets.append(_graph(shown.title, values))
    if not widgets:
        return None
    return {"definition": {"type": "group", "layout_type": "ordered", "title": board.title, "widgets": widgets}}


def _graph(title: str, values: Sequence[Value]) -> Json:
    requests = [{"q": _shown(value), "display_type": "line"} for value in values]
    return {"definition": {"type": "timeseries", "title": title, "show_legend": True, "requests": requests}}


def _shown(value: Value) -> str:
    """Return the query of a graph: events as a rate per second where they were one."""
    return value.text.replace(".as_count()", ".as_rate()") if value.per != 1 else value.text
