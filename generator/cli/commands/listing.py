"""`agentobs list`: metrics, boards, rules and formats as plain rows. The keys of a row are its columns, in order."""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from generator.cli import terminal
from generator.cli.command import Command, site

if TYPE_CHECKING:
    from generator.bundle import Bundle, Kind

Row = dict[str, Any]


def metrics(bundle: Bundle) -> list[Row]:
    """Return one row per catalogue metric: names, type, unit, where it comes from, and on which boards it is."""
    shown: dict[tuple[str, str], list[str]] = {}
    for stem, board in bundle.boards.items():
        for metric in dict.fromkeys(board.metrics):
            shown.setdefault((metric.system, metric.name), []).append(stem)
    return [
        {
            "system": m.system,
            "documented": m.documented_name if m.documented else "",
            "exposed": m.full_name,
            "type": str(m.kind),
            "unit": m.unit,
            "tier": m.tier or "",
            "exposure": m.exposure,
            "eras": list(m.emission),
            "missing": m.missing,
            "boards": list(dict.fromkeys(shown.get((m.system, m.name), []))),
            "help": m.help,
        }
        for name in bundle.site.catalogue.systems
        for m in bundle.site.system(name)
    ]


def boards(bundle: Bundle) -> list[Row]:
    """Return one row per board."""
    return [
        {
            "board": stem,
            "uid": board.uid,
            "title": board.title,
            "panels": len(board.panels),
            "left out": len(board.left_out),
            "about": " ".join((board.dashboard.description or "").split("\n\n")[0].split()),
        }
        for stem, board in bundle.boards.items()
    ]


def rules(bundle: Bundle) -> list[Row]:
    """Return one row per recording rule and alert, in the order of evaluation."""
    out: list[Row] = []
    for stem, groups in bundle.rules.items():
        for group in groups:
            out += [
                {"file": stem, "kind": "record", "name": r.name, "severity": "", "for": "", "about": r.query.help}
                for r in group.records
            ]
            out += [
                {
                    "file": stem,
                    "kind": "alert",
                    "name": a.name,
                    "severity": a.severity,
                    "for": bundle.site.timing.hold(a.hold),
                    "about": a.summary,
                }
                for a in group.alerts
            ]
    return out


def formats() -> list[Row]:
    """Return one row per format in which a bundle can be written."""
    from generator.outputs import FORMATS

    return [{"format": one.name, "needs": one.needs, "about": one.about, "read": one.page} for one in FORMATS.values()]


#: What there is of a bundle to list: what makes the rows, and what of a bundle they are made of.
LISTS: Mapping[str, tuple[Callable[[Bundle], list[Row]], Kind]] = {
    "metrics": (metrics, "boards"),
    "boards": (boards, "boards"),
    "rules": (rules, "rules"),
}


def _declare(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("what", choices=(*LISTS, "formats"))
    parser.add_argument("--format", choices=("text", "json"), default="text")


def _run(args: argparse.Namespace) -> int:
    rows = _rows(args)
    if args.format == "json":
        terminal.line(json.dumps(rows, indent=2))
        return 0
    if rows:
        heads = [k for k in rows[0] if not isinstance(rows[0][k], (list, dict))]
        widths = [max(len(str(r[h])) for r in (*rows, dict(zip(heads, heads, strict=True)))) for h in heads]
        for row in ({h: h for h in heads}, *rows):
            terminal.line("  ".join(f"{row[h]!s:{w}}" for h, w in zip(heads, widths, strict=True)).rstrip())
    return 0


def _rows(args: argparse.Namespace) -> list[Row]:
    if args.what == "formats":
        return formats()
    from generator.bundle import build

    make, kind = LISTS[args.what]
    return make(build(site(args), kinds=(kind,)))


COMMAND = Command("list", "List what there is.", _declare, _run)
