"""Write the generated parts of README.md and docs/: boards, limits, checks, engines, runbook facts. `--check` only says what differs.

What a generated part is, and where it may stand: tools/blocks.py.
"""

from __future__ import annotations

import re
import sys
from dataclasses import replace
from pathlib import Path

from blocks import problems, written

from generator.boards.layout import Board
from generator.bundle import Bundle, build
from generator.catalogue import load
from generator.catalogue.lint import RULES, slug
from generator.cli.commands.listing import boards
from generator.config import read
from generator.config.completion import complete
from generator.config.site import Site
from generator.lint import CHECKS
from generator.outputs import FORMATS
from generator.outputs.metrics import page
from generator.rules.rule import Alert, Because
from generator.systems import SHIPPED, registry
from generator.systems.any_system.alerts import RUNBOOK
from generator.units import number
from reference_server.agent_server import AGENT_SERVER
from reference_server.scenarios.coverage import markdown
from reference_server.scenarios.library import shipped
from reference_server.scenarios.systems import SERVICES
from testbed import accepting, deliveries
from testbed.matrix import differences

ROOT = Path(__file__).parent.parent

#: Pages that other commands write from top to bottom; they have no parts.
WHOLE = ("fidelity.md", "proof.md")


def parts() -> dict[str, list[str]]:
    """Return the lines of each generated part by its name."""
    catalogue = load()
    bundle = build(Site(catalogue, read(catalogue)))
    moving = (ROOT / "docs" / "scenarios.md").read_text(encoding="utf-8")
    return {
        "boards": [
            "| board | answers |",
            "| --- | --- |",
            *(f"| [{row['title']}](../dashboards/{row['board']}.json) | {row['about']} |" for row in boards(bundle)),
        ],
        "fidelity": fidelity((ROOT / "docs" / "fidelity.md").read_text(encoding="utf-8")),
        "engines": differences.markdown(differences.load(), {row["board"]: row["title"] for row in boards(bundle)}),
        **{
            f"scenarios-{name}": markdown(catalogue.systems[name].metrics, moving).rstrip().splitlines()
            for name in (AGENT_SERVER, *SERVICES)
            if next(shipped(name), None)
        },
        "formats": deliveries.summary(),
        "format-list": [
            "| format | what it is | needs |",
            "| --- | --- | --- |",
            *(f"| `{one.name}` | {one.about} | {one.needs} |" for one in FORMATS.values()),
        ],
        "deliveries": deliveries.table(),
        "datadog-left-out": _left_out(bundle),
        "alert-table": _told(bundle),
        "limits": [
            "| threshold | default | unit | why |",
            "| --- | --- | --- | --- |",
            *(
                f"| `{limit.name}` | {number(limit.value)} | {limit.unit} | {limit.why} |"
                for limit in load().limits.values()
            ),
        ],
        "checks": [
            "| check | what it wants |",
            "| --- | --- |",
            *(f"| `{check.name}` | {check.about} |" for check in CHECKS),
        ],
        "refused": accepting.markdown(),
        "rules": [
            "| rule | what it wants |",
            "| --- | --- |",
            *(f"| `{slug(rule)}` | {(rule.__doc__ or '').splitlines()[0]} |" for rule in RULES),
        ],
    }


def fidelity(page: str) -> list[str]:
    """Return the result of the last `make fidelity` in figures: what the rows of its page add up to."""
    rows = re.findall(r"^\| (\w+) \| (?:.*?) \| (.*?) \| (.*?) \| (.*?) \|$", page, re.MULTILINE)
    rows = [row for row in rows if row[0] != "scenario"]
    faults = [row for row in rows if row[1]]
    benign = [row for row in rows if not row[1]]
    caught = sum("**missed" not in had for _, had, _, _ in faults)
    told = sum("**not" not in until for *_, until in faults)
    false = [sum(also.count("**false") for _, _, also, _ in some) for some in (faults, benign)]
    return [
        "| scenarios | how many | result |",
        "| --- | --- | --- |",
        f"| faults | {len(faults)} | {caught} caught in time, {told} told of until they end, {len(faults) - caught} missed, {false[0]} false alerts |",
        f"| benign situations and ordinary days | {len(benign)} | {false[1]} false alerts |",
    ]


def _alerts(bundle: Bundle, system: str) -> list[Alert]:
    """Return the alerts of a system, in the order in which one triages."""
    return [
        a
        for stem, groups in bundle.rules.items()
        if bundle.site.system_of(stem) == system
        for g in groups
        for a in g.alerts
    ]


def _titles(bundle: Bundle) -> dict[str, str]:
    """Return what lists of alerts are headed, by system; the last one is of none."""
    titles = {name: system.title for name, system in bundle.site.catalogue.systems.items()}
    return {**titles, "": "The monitoring itself"}


def _told(bundle: Bundle) -> list[str]:
    """Return the table of docs/alerts.md."""
    lines: list[str] = []
    for name, title in _titles(bundle).items():
        rows = [
            f"| [{a.name}](runbooks/{a.name}.md) | {a.severity} | {'-' if a.hold == '0s' else a.hold} "
            f"| {a.description.partition('. ')[0].removesuffix('.')}. |"
            for a in _alerts(bundle, name)
        ]
        if rows:
            head = ["| alert | severity | after | tells |", "| --- | --- | --- | --- |"]
            lines += [f"## {title}", "", *head, *rows, ""]
    return lines[:-1]


def _left_out(bundle: Bundle) -> list[str]:
    """Return the alerts that have no monitor in Datadog, by the reason, the commonest first."""
    reasons: dict[str, list[str]] = {}
    for one in FORMATS["datadog"].left_out(bundle):
        reasons.setdefault(one.why.replace("|", "\\|"), []).append(f"`{one.what}`")
    rows = sorted(reasons.items(), key=lambda row: (-len(row[1]), row[0]))
    return ["| why | alerts |", "| --- | --- |", *(f"| {why} | {', '.join(names)} |" for why, names in rows)]


def runbooks() -> dict[Path, str]:
    """Return each alert's page: the generated facts, and whatever people wrote below them."""
    catalogue = load()
    config = read(catalogue)
    site = Site(catalogue, config)
    names = [a.name for part in registry.topics(site) for a in part.make(site) if a.off]
    site = complete(Site(catalogue, replace(config, enabled=tuple(names))))
    bundle = build(site)
    out = {}
    for groups in bundle.rules.values():
        for alert in (a for g in groups for a in g.alerts):
            path = ROOT / "docs" / "runbooks" / f"{alert.name}.md"
            text = (
                path.read_text(encoding="utf-8")
                if path.exists()
                else f"# {alert.name}\n\n<!-- facts -->\n<!-- /facts -->\n"
            )
            out[path] = written(text, {"facts": _facts(site, bundle, alert)})
    return out


def _facts(site: Site, bundle: Bundle, alert: Alert) -> list[str]:
    rule = alert.to_rule(site)
    board = bundle.boards[alert.board]
    series = dict.fromkeys(m.full_name for m in alert.query.metrics)
    hold = "at once" if alert.hold == "0s" else f"after {alert.hold}"
    clears = (
        f"Clears {alert.keep.duration} after its condition: {alert.keep.why}."
        if alert.keep
        else "Clears with its condition."
    )
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
        f"Board: {_board(board, alert.board)}. Reads {', '.join(f'`{s}`' for s in series)}.",
        "",
        "```promql",
        rule["expr"],
        "```",
    ]


def _board(board: Board, stem: str) -> str:
    """Return a board with a link to its file; without, where it is one of a part that is off by default."""
    path = ROOT / "dashboards" / f"{stem}.json"
    return f"[{board.title}](../../dashboards/{stem}.json)" if path.exists() else f"{board.title}, where its part is on"


def _silenced(because: Because) -> str:
    """Say which alerts silence another one, and for what they must be the same."""
    names = [f"[{name}]({name}.md)" for name in because.alerts]
    held = " or ".join(f"{label} {pattern.replace('|', ' or ')}" for label, pattern in because.where.items())
    of = " and ".join(["deployment", *because.agree])
    return f"Nobody is told while {' or '.join(names)} fires{f' with {held}' if held else ''} for the same {of}."


def metric_pages() -> dict[Path, str]:
    """Return the page on the metrics of each shipped system."""
    catalogue = load()
    site = Site(catalogue, read(catalogue))
    bundle, files = build(complete(site)), build(site).boards
    return {ROOT / "docs" / "metrics" / f"{name}.md": page(bundle, name, files) for name in SHIPPED}


def main() -> int:
    """Write, or check, every document."""
    made = parts()
    pages = runbooks()
    found = [*sorted((ROOT / "docs").glob("*.md")), *sorted((ROOT / "docs" / "formats").glob("*.md"))]
    pages_by_hand = [ROOT / "README.md", *(p for p in found if p.name not in WHOLE)]
    documents = {path: path.read_text(encoding="utf-8") for path in pages_by_hand}
    wrong = problems({path.relative_to(ROOT): text for path, text in documents.items()}, made)
    wrong += [
        f"{path.relative_to(ROOT)}:1: no alert has this name; delete the page or rename it"
        for path in sorted((ROOT / "docs" / "runbooks").glob("*.md"))
        if path not in pages and not path.stem.startswith(RUNBOOK)
    ]
    wrong += [told for path, text in pages.items() for told in problems({path.relative_to(ROOT): text}, {"facts": []})]
    if wrong:
        print("\n".join(wrong))
        return 1
    new = pages | metric_pages() | {path: written(text, made) for path, text in documents.items()}
    stale = [path for path, text in new.items() if not path.exists() or path.read_text(encoding="utf-8") != text]
    check = "--check" in sys.argv
    for path in stale:
        if not check:
            path.parent.mkdir(exist_ok=True)
            path.write_text(new[path], encoding="utf-8")
        print(f"{path.relative_to(ROOT)}{':1: differs; run `make docs`' if check else ': written'}")
    return 1 if stale and check else 0


if __name__ == "__main__":
    sys.exit(main())
