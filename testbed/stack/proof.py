"""The report of a validation as the tables of docs/proof.md: boards by verdict of their panels, alerts that came and went."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

HEAD = """\
# Proof

What `agentobs validate` said of a real Prometheus and a real Alertmanager with the generated files, over simulated servers of
every system. Made by `make validate ARGS="--markdown docs/proof.md"`.

"""

#: How the item of a scenario's alert reads.
_ALERT = re.compile(r"(\w+) (\w+) (fires|resolves)")

_STATES = ("ok", "empty", "warning", "wrong")


def markdown(report: Mapping[str, Any], boards: Iterable[str]) -> str:
    """Return the page: items by category, queries of panels by board, alerts by scenario.

    Args:
        report: What `agentobs validate --format json` writes.
        boards: Titles of the boards.

    """
    verdicts: Sequence[Mapping[str, str]] = report["verdicts"]
    return HEAD + "\n\n".join(
        "\n".join(lines) for lines in (_categories(verdicts), _boards(verdicts, boards), _alerts(verdicts)) if len(lines) > 2
    ) + "\n"  # fmt: skip


def _categories(verdicts: Sequence[Mapping[str, str]]) -> list[str]:
    found = {c: Counter(v["verdict"] for v in verdicts if v["category"] == c) for c in _first(verdicts, "category")}
    rows = [f"| {name} | {' | '.join(str(counts[s]) for s in _STATES)} |" for name, counts in found.items()]
    return ["| what | ok | empty for a reason | warning | wrong |", "| --- | --- | --- | --- | --- |", *rows]


def _boards(verdicts: Sequence[Mapping[str, str]], boards: Iterable[str]) -> list[str]:
    titles = sorted(boards, key=len, reverse=True)
    panels = [
        (next(t for t in titles if v["item"].startswith(f"{t} / ")), v["verdict"])
        for v in verdicts
        if v["category"] == "panels"
    ]
    names = dict.fromkeys(board for board, _ in panels)
    counts = {name: Counter(state for board, state in panels if board == name) for name in names}
    rows = [
        f"| {name} | {sum(c.values())} | {c['ok']} | {c['empty']} | {c['warning'] + c['wrong']} |"
        for name, c in counts.items()
    ]
    return ["| board | queries | show data | empty for a reason | wrong |", "| --- | --- | --- | --- | --- |", *rows]


def _alerts(verdicts: Sequence[Mapping[str, str]]) -> list[str]:
    rows: dict[tuple[str, str], dict[str, str]] = {}
    for verdict in verdicts:
        found = _ALERT.fullmatch(verdict["item"]) if verdict["category"] == "scenarios" else None
        if found:
            verdict_text = (
                verdict["why"] if verdict["verdict"] == "ok" else f"**{verdict['verdict']}**: {verdict['why']}"
            )
            rows.setdefault((found[1], found[2]), {})[found[3]] = verdict_text
    lines = [
        f"| {scenario} | {alert} | {times.get('fires', '')} | {times.get('resolves', '')} |"
        for (scenario, alert), times in rows.items()
    ]
    return ["| scenario | alert | firing | resolved |", "| --- | --- | --- | --- |", *lines]


def _first(verdicts: Sequence[Mapping[str, str]], key: str) -> list[str]:
    return list(dict.fromkeys(v[key] for v in verdicts))
