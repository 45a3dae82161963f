"""Write the generated parts of README.md and docs/: boards, limits, checks, engines, runbook facts. `--check` only says what differs.

What a generated part is, and where it may stand: tools/blocks.py.
"""

from __future__ import annotations

import json
import re
import sys
import tempfile
from dataclasses import replace
from pathlib import Path

from blocks import problems, written

from generator.bundle import Bundle, build, installation
from generator.catalogue import load
from generator.catalogue.lint import RULES, slug
from generator.cli.commands.listing import boards
from generator.config import read
from generator.config.completion import complete
from generator.config.site import Site
from generator.cost import cost, fleet
from generator.cost.report import text
from generator.coverage import FORMATS as FORMATS_OF_COVERAGE
from generator.coverage import Report, evidence, examined
from generator.lint import CHECKS
from generator.outputs import FORMATS, documents
from generator.outputs.docs.pages import alert_lines
from generator.outputs.docs.runbooks import facts
from generator.outputs.metrics import page
from generator.systems import SHIPPED, registry
from generator.systems.any_system.alerts import RUNBOOK
from generator.units import number
from reference_server.agent_server import AGENT_SERVER
from reference_server.scenarios import library as scenarios
from reference_server.scenarios.coverage import markdown
from reference_server.scenarios.library import shipped
from reference_server.scenarios.systems import SERVICES
from testbed import accepting, deliveries, proofs
from testbed.matrix import differences

ROOT = Path(__file__).parent.parent

#: What the README says of each shipped system: what it is, and where more is.
SYSTEMS = {
    "agent_server": (
        "LangGraph/LangSmith Agent Server, `lg_api_*`, from 0.8.6 on",
        "[metrics](docs/metrics/agent_server.md), [versions](docs/versions.md)",
    ),
    "langsight": ("traces and MCP health", "[metrics](docs/metrics/langsight.md)"),
    "agentgateway": (
        "gateway for models, MCP and HTTP",
        "[metrics](docs/metrics/agentgateway.md), [its two sets of names](docs/agentgateway.md)",
    ),
    "langsmith": (
        "self-hosted LangSmith with ClickHouse, Postgres, Redis, nginx",
        "[metrics](docs/metrics/langsmith.md), [notes](docs/langsmith.md)",
    ),
}

#: Pages that other commands write from top to bottom; they have no parts.
WHOLE = ("fidelity.md", "proof.md")


def parts() -> dict[str, list[str]]:
    """Return the lines of each generated part by its name."""
    catalogue = load()
    bundle = build(Site(catalogue, read(catalogue)))
    moving = (ROOT / "docs" / "scenarios.md").read_text(encoding="utf-8")
    return {
        "systems": _systems(bundle),
        "boards": [
            "| board | answers |",
            "| --- | --- |",
            *(f"| [{row['title']}](../dashboards/{row['board']}.json) | {row['about']} |" for row in boards(bundle)),
        ],
        "pictures": [
            line
            for row in boards(bundle)
            for line in (f"### {row['title']}", "", f"![{row['about']}](images/{row['board']}.webp)", "")
        ][:-1],
        "faults": [
            line
            for name, one in json.loads((ROOT / "docs/images/pictures.json").read_text(encoding="utf-8")).items()
            if name.startswith("faults/")
            for scenario in [scenarios.named(Path(name).stem)]
            for line in (
                f"## {scenario.id}: {scenario.title}",
                "",
                f"Must fire: {', '.join(f'[{a}](runbooks/{a}.md)' for a in dict.fromkeys(e.alert for e in scenario.fire))}.",
                "",
                f"![{bundle.boards[one['board']].title} in it](images/{name})",
                "",
            )
        ][:-1],
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
        "alert-table": alert_lines(bundle),
        "coverage": _coverage(bundle.site),
        "limits": [
            "| threshold | default | unit | why |",
            "| --- | --- | --- | --- |",
            *(
                f"| `{limit.name}` | {number(limit.value)} | {limit.unit} | {limit.why} |"
                for limit in load().limits.values()
            ),
        ],
        "cost": _cost((ROOT / "docs" / "cost.md").read_text(encoding="utf-8")),
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
    covered = sum("**not" not in until for *_, until in faults)
    false = [sum(also.count("**false") for _, _, also, _ in some) for some in (faults, benign)]
    return [
        "| scenarios | how many | result |",
        "| --- | --- | --- |",
        f"| faults | {len(faults)} | {caught} caught in time, {covered} told of until they end, {len(faults) - caught} missed, {false[0]} false alerts |",
        f"| benign situations and ordinary days | {len(benign)} | {false[1]} false alerts |",
    ]


def _systems(bundle: Bundle) -> list[str]:
    """Return the README's table of systems, with how many boards and alerts the default bundle has of each."""
    site = bundle.site
    shown = [site.system_of(stem) for stem in bundle.boards]
    told = [site.system_of(stem) for stem, groups in bundle.rules.items() for group in groups for _ in group.alerts]
    return [
        "| system | what it is | boards, alerts | more |",
        "| --- | --- | --- | --- |",
        *(
            f"| {site.catalogue.systems[name].title} | {SYSTEMS[name][0]} | [{shown.count(name)}](docs/boards.md), "
            f"[{told.count(name)}](docs/alerts.md) | {SYSTEMS[name][1]} |"
            for name in SHIPPED
        ),
        "| your own | one catalogue file gives a whole bundle | made from it | [below](#a-system-of-your-own) |",
    ]


def _coverage(site: Site) -> list[str]:
    """Return the table of docs/coverage.md: what `agentobs coverage --format markdown` says of the cases that are there now."""
    everything, holes = examined(site.catalogue, proofs.evidence())
    report = Report(everything, tuple(holes), site.catalogue.targets)
    return FORMATS_OF_COVERAGE["markdown"](report).rstrip().splitlines()


def _cost(page: str) -> list[str]:
    """Return the example of docs/cost.md: what the command says of the bundle.yaml that stands above it."""
    given = re.findall(r"```yaml\n(.*?)```", page, re.DOTALL)[0]
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "bundle.yaml")
        path.write_text(given, encoding="utf-8")
        site = installation(load(), path)
    words = ["--processes", "agent_server.api=10,agent_server.queue=5", "--deployments", "agent_server=3"]
    costs = text(cost(site, fleet(site, words[1:2], words[3:])))
    return ["```console", f"$ agentobs cost --config bundle.yaml {' '.join(words)}", *costs.splitlines(), "```"]


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
    rules = {
        r["alert"]: r for d in documents.rules(bundle).values() for g in d["groups"] for r in g["rules"] if "alert" in r
    }
    out = {}
    for groups in bundle.rules.values():
        for alert in (a for g in groups for a in g.alerts):
            path = ROOT / "docs" / "runbooks" / f"{alert.name}.md"
            text = (
                path.read_text(encoding="utf-8")
                if path.exists()
                else f"# {alert.name}\n\n<!-- facts -->\n<!-- /facts -->\n"
            )
            out[path] = written(text, {"facts": facts(bundle, alert, rules[alert.name], _file(alert.board))})
    return out


def _file(stem: str) -> str:
    """Return the link from a page one folder down to a board's file; nothing where its part is off by default."""
    return f"../../dashboards/{stem}.json" if (ROOT / "dashboards" / f"{stem}.json").exists() else ""


def metric_pages() -> dict[Path, str]:
    """Return the page on the metrics of each shipped system."""
    catalogue = load()
    site = Site(catalogue, read(catalogue))
    bundle = build(complete(site))
    return {ROOT / "docs" / "metrics" / f"{name}.md": page(bundle, name, _file, "../cost.md") for name in SHIPPED}


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
    wrong += [
        problem for path, text in pages.items() for problem in problems({path.relative_to(ROOT): text}, {"facts": []})
    ]
    if wrong:
        print("\n".join(wrong))
        return 1
    new = (
        pages
        | metric_pages()
        | {evidence.FILE: evidence.text(proofs.evidence())}
        | {path: written(text, made) for path, text in documents.items()}
    )
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
