"""Write the generated parts of README.md and docs/: boards, limits, checks, engines, runbook facts. `--check` only says what differs.

A generated part stands between two comments, `<!-- name ... -->` and `<!-- /name -->`.
"""

from __future__ import annotations

import re
import sys
from dataclasses import replace
from pathlib import Path

from generator.alerts import TOPICS
from generator.bundle import Bundle, build, system_of
from generator.catalogue import load
from generator.catalogue.lint import RULES, slug
from generator.config import read
from generator.limits import LIMITS
from generator.lint import CHECKS
from generator.listing import boards
from generator.rules import Alert
from generator.site import Site
from generator.units import number
from reference_server.coverage import markdown
from reference_server.scenarios import SEVERITIES, shipped
from reference_server.systems import AGENT_SERVER, OTHERS
from tests.matrix import differences

ROOT = Path(__file__).parent.parent


def parts() -> dict[str, list[str]]:
    """Return the lines of each generated part by its name."""
    catalogue = load()
    bundle = build(Site(catalogue, read(catalogue)))
    return {
        "boards": [
            "| board | answers |",
            "| --- | --- |",
            *(f"| [{row['title']}](dashboards/{row['board']}.json) | {row['about']} |" for row in boards(bundle)),
        ],
        "proof": (ROOT / "docs" / "proof.md").read_text(encoding="utf-8").rstrip().split("\n\n", 2)[2].split("\n"),
        "fidelity": fidelity((ROOT / "docs" / "fidelity.md").read_text(encoding="utf-8")),
        "engines": differences.markdown(differences.load(), {row["board"]: row["title"] for row in boards(bundle)}),
        **{
            f"scenarios-{name}": markdown(catalogue.systems[name].metrics).rstrip().splitlines()
            for name in (AGENT_SERVER, *OTHERS)
            if next(shipped(name), None)
        },
        "alerts": _named(bundle),
        "alert-table": _told(bundle),
        "limits": [
            "| threshold | default | unit | why |",
            "| --- | --- | --- | --- |",
            *(f"| `{limit.name}` | {number(limit.value)} | {limit.unit} | {limit.why} |" for limit in LIMITS),
        ],
        "checks": [
            "| check | what it wants |",
            "| --- | --- |",
            *(f"| `{check.name}` | {check.about} |" for check in CHECKS),
        ],
        "rules": [
            "| rule | what it wants |",
            "| --- | --- |",
            *(f"| `{slug(rule)}` | {(rule.__doc__ or '').splitlines()[0]} |" for rule in RULES),
        ],
    }


def fidelity(page: str) -> list[str]:
    """Return the result of the last `make fidelity` in figures: what the rows of its page add up to."""
    rows = re.findall(r"^\| (\w+) \| (?:.*?) \| (.*?) \| (.*?) \|$", page, re.MULTILINE)
    rows = [row for row in rows if row[0] != "scenario"]
    faults = [row for row in rows if row[1]]
    benign = [row for row in rows if not row[1]]
    caught = sum("**missed" not in had for _, had, _ in faults)
    false = [sum(also.count("**false") for _, _, also in some) for some in (faults, benign)]
    return [
        "| scenarios | how many | result |",
        "| --- | --- | --- |",
        f"| faults | {len(faults)} | {caught} caught in time, {len(faults) - caught} missed, {false[0]} false alerts |",
        f"| benign situations and ordinary days | {len(benign)} | {false[1]} false alerts |",
    ]


def _alerts(bundle: Bundle, system: str) -> list[Alert]:
    """Return the alerts of a system, in the order in which one triages."""
    return [a for stem, groups in bundle.rules.items() if system_of(stem) == system for g in groups for a in g.alerts]


def _named(bundle: Bundle) -> list[str]:
    """Return the README's list: by system and severity, each name with its runbook."""
    lines: list[str] = []
    for name, system in bundle.site.catalogue.systems.items():
        found = _alerts(bundle, name)
        if not found:
            continue
        lines += ["<details>", f"<summary><b>{system.title}</b>, {len(found)} alerts</summary>", ""]
        for severity in SEVERITIES:
            links = [f"[{a.name}](docs/runbooks/{a.name}.md)" for a in found if a.severity == severity]
            if links:
                lines += [f"- {severity}: {', '.join(links)}"]
        lines += ["", "</details>"]
    return lines


def _told(bundle: Bundle) -> list[str]:
    """Return the table of docs/alerts.md."""
    lines: list[str] = []
    for name, system in bundle.site.catalogue.systems.items():
        rows = [
            f"| [{a.name}](runbooks/{a.name}.md) | {a.severity} | {'-' if a.hold == '0s' else a.hold} "
            f"| {a.description.partition('. ')[0].removesuffix('.')}. |"
            for a in _alerts(bundle, name)
        ]
        if rows:
            head = ["| alert | severity | after | tells |", "| --- | --- | --- | --- |"]
            lines += [f"## {system.title}", "", *head, *rows, ""]
    return lines[:-1]


def written(text: str, made: dict[str, list[str]]) -> str:
    """Return a document with its generated parts as they must be."""
    for name, lines in made.items():
        body = "\n".join(lines)
        text = re.sub(
            rf"(<!-- {name}\b[^>]*-->\n).*?(<!-- /{name} -->)", rf"\g<1>{_literal(body)}\n\g<2>", text, flags=re.DOTALL
        )
    return text


def _literal(text: str) -> str:
    return text.replace("\\", "\\\\")


def runbooks() -> dict[Path, str]:
    """Return each alert's page: the generated facts, and whatever people wrote below them."""
    catalogue = load()
    config = read(catalogue)
    names = [a.name for m in TOPICS for a in m.alerts(Site(catalogue, config)) if a.off]
    site = Site(catalogue, replace(config, enabled=tuple(names)))
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
        "",
        f"Board: [{board.title}](../../dashboards/{alert.board}.json). Reads {', '.join(f'`{s}`' for s in series)}.",
        "",
        "```promql",
        rule["expr"],
        "```",
    ]


def main() -> int:
    """Write, or check, every document."""
    made = parts()
    stale = []
    pages = runbooks()
    for path, new in pages.items():
        if not path.exists() or path.read_text(encoding="utf-8") != new:
            stale.append(path)
            if "--check" not in sys.argv:
                path.parent.mkdir(exist_ok=True)
                path.write_text(new, encoding="utf-8")
    for path in (ROOT / "docs" / "runbooks").glob("*.md"):
        if path not in pages:
            print(f"{path.relative_to(ROOT)}: no alert has this name; delete the page or rename it")
            return 1
    for path in (ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))):
        text = path.read_text(encoding="utf-8")
        new = written(text, made)
        if new != text:
            stale.append(path)
            if "--check" not in sys.argv:
                path.write_text(new, encoding="utf-8")
    for path in stale:
        print(f"{path.relative_to(ROOT)}: {'differs; run `make docs`' if '--check' in sys.argv else 'written'}")
    return 1 if stale and "--check" in sys.argv else 0


if __name__ == "__main__":
    sys.exit(main())
