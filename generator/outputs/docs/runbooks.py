"""A runbook for each alert: what the rule says, the limits that hold, and what people wrote about it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from generator import runbooks
from generator.bundle import Bundle
from generator.outputs import documents
from generator.outputs.docs import prose
from generator.outputs.docs.pages import objective_rows, threshold_rows
from generator.rules.rule import Alert, Because

Json = dict[str, Any]

_FACTS = re.compile(r"<!-- facts -->\n.*?<!-- /facts -->\n", re.DOTALL)


def pages(bundle: Bundle, boards: Mapping[str, str]) -> Mapping[str, str]:
    """Return a page for each alert that is written, by its name; those of an operator's own systems have the same words.

    Args:
        bundle: The bundle.
        boards: Where links to boards lead, by stem.

    """
    rules = {
        r["alert"]: r for d in documents.rules(bundle).values() for g in d["groups"] for r in g["rules"] if "alert" in r
    }
    own, same = prose.names(bundle.site), prose.Names({}, {}, {})
    out = {}
    for alert in bundle.alerts:
        known = _known(bundle, alert)

        def link(text: str, known: Mapping[str, str] = known) -> str:
            return prose.linked(text, known, boards)

        body = _FACTS.sub("", runbooks.page(alert.runbook or alert.name)).partition("\n")[2].strip("\n")
        rule_facts = "\n".join(facts(bundle, alert, rules[alert.name], boards.get(alert.board, "")))
        parts = [
            f"# {alert.name}",
            prose.written(rule_facts, same, link),
            *_values(bundle, alert, body),
            prose.written(body, own, link),
        ]
        out[alert.name] = "\n\n".join(parts) + "\n"
    return out


def _known(bundle: Bundle, alert: Alert) -> Mapping[str, str]:
    """Return the alert whose page a runbook is, by the runbook's name, as seen from an alert: of its own system where it is shared."""
    system = bundle.site.system_of(alert.board)
    shared = {
        one.runbook: one.name for one in bundle.alerts if one.runbook and bundle.site.system_of(one.board) == system
    }
    return shared | {one.name: one.name for one in bundle.alerts}


def facts(bundle: Bundle, alert: Alert, rule: Json, board: str) -> list[str]:
    """Return what an alert's rule says, as lines of Markdown.

    Args:
        bundle: The bundle that has it.
        alert: The alert.
        rule: Its rule as it is written.
        board: Where the link to its board leads; nothing where its board is of a part that is off.

    """
    made = bundle.boards[alert.board]
    series = dict.fromkeys(metric.full_name for metric in alert.query.metrics)
    hold = f"after {rule['for']}" if "for" in rule else "at once"
    keep_firing = rule.get("keep_firing_for", "")
    clears = (
        f"Clears {keep_firing} after its condition: {alert.keep.why}." if alert.keep else "Clears with its condition."
    )
    shown = f"[{made.title}]({board})" if board else f"{made.title}, where its part is on"
    return [
        f"**{alert.severity}**, {hold}" + (f"; off by default: {alert.off}" if alert.off else "") + ".",
        "",
        f"> {alert.summary}",
        "",
        alert.description,
        "",
        f"First: {alert.action}",
        "",
        clears,
        *(line for because in alert.explained_by for line in ("", _silenced(because))),
        "",
        f"Board: {shown}. Reads {', '.join(f'`{s}`' for s in series) or 'nothing'}.",
        "",
        "```promql",
        rule["expr"],
        "```",
    ]


def _silenced(because: Because) -> str:
    """Say which alerts silence another one, and for what they must be the same."""
    names = [f"[{name}]({name}.md)" for name in because.alerts]
    scope = " or ".join(f"{label} {pattern.replace('|', ' or ')}" for label, pattern in because.where.items())
    of = " and ".join(["deployment", *because.agree])
    return f"Nobody is told while {' or '.join(names)} fires{f' with {scope}' if scope else ''} for the same {of}."


def _values(bundle: Bundle, alert: Alert, text: str) -> list[str]:
    """Return the limits that the page is about, with a word where its text was written for others."""
    known = bundle.site.catalogue
    named = [name for name in known.limits if name in alert.limits or re.search(rf"`{name}`", text)]
    objectives = [name for name in bundle.site.config.slo if re.search(rf"`slo: {name}\b", text)]
    rows = [*threshold_rows(bundle, named), *objective_rows(bundle, objectives)]
    if not rows:
        return []
    other = any(" | **" in row for row in rows)
    note = ["Numbers in the text below are those of the defaults; what holds here is in bold."] if other else []
    return ["## Limits here", *note, "\n".join(["| key | here | default | why |", "| --- | --- | --- | --- |", *rows])]
