"""Checks of what dashboard files refer to: variables, data source, other boards, annotations. What a query says is `queries`' business."""

from __future__ import annotations

import re
from collections.abc import Iterator

from generator.config.site import Site
from generator.lint.expression import VARIABLE
from generator.lint.finding import Files, Finding, finding_at, panels, strings, targets

_BUILTIN = frozenset(
    ["__interval", "__interval_ms", "__range", "__range_s", "__range_ms", "__rate_interval", "__rate_interval_ms", "__from", "__to", "__dashboard", "__org", "__user", "__name", "timeFilter", "__timeFilter", "__url_time_range", "__all_variables", "__data", "__field", "__value", "__series", "__cell", "__auto"]
)  # fmt: skip
_LINK = re.compile(r"/d/([\w-]+)\??(\S*)")


def variables(files: Files, _: Site) -> Iterator[Finding]:
    """Every variable that is used is defined, and before it is used; every one that is defined is used."""
    for board in files.boards:
        listed = [v["name"] for v in board.data.get("templating", {}).get("list", ())]
        used: set[str] = set()
        for place, panel in panels(board):
            names = {m for s in strings({k: v for k, v in panel.items() if k != "panels"}) for m in _names(s)}
            used |= names
            for name in sorted(names - {*listed} - _BUILTIN):
                yield finding_at(
                    board,
                    place,
                    "dashboard/variables",
                    f"panel {panel.get('title')!r} uses ${name}, which is not defined",
                    f"use one of {', '.join(listed)}",
                )
        for number, variable in enumerate(board.data.get("templating", {}).get("list", ())):
            names = {m for s in strings(variable.get("query", "")) for m in _names(s)}
            used |= names
            for name in sorted(names - {*listed[:number]} - _BUILTIN):
                what = f"variable {variable['name']!r} uses ${name}, which is not defined before it"
                yield finding_at(
                    board, ("templating", "list", number), "dashboard/variables", what, "define it earlier, or drop it"
                )
        for number, name in enumerate(listed):
            if name not in used and name != "datasource":
                yield finding_at(
                    board,
                    ("templating", "list", number),
                    "dashboard/variables",
                    f"variable {name!r} is never used",
                    "use it, or drop it",
                )


def _names(text: str) -> set[str]:
    if "$" not in text and "[[" not in text:
        return set()
    return {name for groups in VARIABLE.findall(text) if not (name := next(filter(None, groups))).isdigit()}


def datasource(files: Files, _: Site) -> Iterator[Finding]:
    """Every query goes to the data source that the board's variable names; no uid is fixed."""
    wanted = {"type": "prometheus", "uid": "${datasource}"}
    for board in files.boards:
        if "datasource" not in [
            v["name"] for v in board.data.get("templating", {}).get("list", ()) if v["type"] == "datasource"
        ]:
            yield finding_at(
                board,
                ("templating",),
                "dashboard/datasource",
                "no data source variable",
                "define the variable 'datasource'",
            )
        for place, panel, target in targets(board):
            if target.get("datasource") != wanted or panel.get("datasource") != wanted:
                yield finding_at(
                    board,
                    place,
                    "dashboard/datasource",
                    f"a query of {panel.get('title')!r} has a data source of its own",
                    "use ${datasource}",
                )


def refreshed(files: Files, _: Site) -> Iterator[Finding]:
    """Query variables are read again when the time range changes, so that they show who was there then."""
    for board in files.boards:
        for number, variable in enumerate(board.data.get("templating", {}).get("list", ())):
            if variable["type"] == "query" and variable.get("refresh") != 2:  # noqa: PLR2004 - Grafana's "on time range change"
                yield finding_at(
                    board,
                    ("templating", "list", number),
                    "dashboard/refreshed",
                    f"variable {variable['name']!r} is read once",
                    "set refresh to 2",
                )


def links(files: Files, _: Site) -> Iterator[Finding]:
    """A link to another board names one that exists, hands on time, and sets only variables that the board has."""
    known = {b.data.get("uid"): {v["name"] for v in b.data.get("templating", {}).get("list", ())} for b in files.boards}
    for board in files.boards:
        for text in strings(board.data.get("panels", ())):
            for uid, query in _LINK.findall(text):
                if uid not in known:
                    yield finding_at(
                        board,
                        ("panels",),
                        "dashboard/links",
                        f"link to the board {uid!r}, which is not there",
                        f"use one of {', '.join(sorted(map(str, known)))}",
                    )
                    continue
                for name in set(re.findall(r"var-(\w+)=", query)) - known[uid]:
                    yield finding_at(
                        board,
                        ("panels",),
                        "dashboard/links",
                        f"link sets {name!r}, which board {uid!r} has not",
                        "drop it from the link",
                    )
                if "__url_time_range" not in query:
                    yield finding_at(
                        board,
                        ("panels",),
                        "dashboard/links",
                        f"link to {uid!r} loses the time range",
                        "add ${__url_time_range}",
                    )
        for number, link in enumerate(board.data.get("links", ())):
            if link["type"] == "dashboards" and not (link.get("keepTime") and link.get("includeVars")):
                yield finding_at(
                    board,
                    ("links", number),
                    "dashboard/links",
                    f"links {link.get('title')!r} lose time or variables",
                    "set keepTime and includeVars",
                )


def annotated(files: Files, _: Site) -> Iterator[Finding]:
    """An annotation by a query has both forms: `expr` for Grafana 10 and 11, `target` for 12 and later."""
    for board in files.boards:
        for number, annotation in enumerate(board.data.get("annotations", {}).get("list", ())):
            if not annotation.get("builtIn") and annotation.get("expr") != annotation.get("target", {}).get("expr"):
                what = f"annotation {annotation.get('name')!r} has no query, or two different ones"
                yield finding_at(
                    board,
                    ("annotations", "list", number),
                    "dashboard/annotated",
                    what,
                    "set expr and target.expr to the same",
                )
