"""What `agentobs list` shows: metrics, boards, rules and formats as plain rows. The keys of a row are its columns, in order."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

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
