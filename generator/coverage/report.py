"""Coverage as text, JSON, and Markdown for a page or a pull request."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from generator.coverage.gate import Hole
from generator.coverage.table import Row, Table, Watch
from generator.coverage.verdicts import Verdicts

#: What is not there for a reason, what is not there at all, what nobody here can know.
EXCUSED, HOLE, UNKNOWN = "-", "none", "?"

#: What an alert is proved by, as columns, each with what says so of one alert; None where nobody here can know.
_PROOF: Mapping[str, Callable[[Watch], bool | None]] = {
    "runbooks": lambda watch: watch.has_runbook,
    "firing": lambda watch: None if watch.cases is None else bool(watch.cases.firing),
    "quiet": lambda watch: None if watch.cases is None else bool(watch.cases.quiet),
    "scenarios": lambda watch: None if watch.cases is None else bool(watch.cases.scenarios),
}

#: Columns whose holes count. Not every fault can be simulated, so a scenario is told and not demanded.
_COUNTED = ("runbooks", "firing", "quiet")


@dataclass(frozen=True, slots=True)
class Report:
    """What is reported.

    Attributes:
        table: Metrics and alerts.
        holes: What is missing in it, or wrong.
        targets: Ids of systems that are scraped themselves.
        own: Ids of those that an operator brings; what they lack counts with `demanded` alone.
        demanded: Systems of an operator's own are held to the same.
        verdicts: What validation said; None where nobody gave it.

    """

    table: Table
    holes: tuple[Hole, ...]
    targets: tuple[str, ...]
    own: tuple[str, ...] = ()
    demanded: bool = False
    verdicts: Verdicts | None = None

    @property
    def counted(self) -> tuple[Hole, ...]:
        """The holes that count."""
        return tuple(hole for hole in self.holes if self.demanded or not hole.own)

    @property
    def percent(self) -> float:
        """What is there, of all that is there or a hole that counts, 0 to 100; what is missing for a reason is neither."""
        rows = [row for row in self.table.rows if self.demanded or row.metric.system not in self.own]
        there = sum(bool(row.boards) + bool(row.alerts) for row in rows)
        read = {watch.name: watch for row in rows for watch in row.alerts}
        read |= {watch.name: watch for watch in self.table.watches if not watch.own or self.demanded}
        there += sum(_PROOF[column](watch) is True for watch in read.values() for column in _COUNTED)
        missing = len(self.counted)
        return 100 * there / (there + missing) if there + missing else 100.0


def _cells(row: Row) -> dict[str, str]:
    """Return how many boards, records and alerts a metric has, and of its alerts, how many have a proof of each kind."""
    cells = {
        "boards": str(len(row.boards)) if row.boards else EXCUSED if row.unshown else HOLE,
        "records": str(len(row.records) or EXCUSED),
        "alerts": str(len(row.alerts)) if row.alerts else EXCUSED if row.unwatched else HOLE,
    }
    return cells | {column: _proved(row.alerts, column) for column in _PROOF}


def _proved(alerts: Sequence[Watch], column: str) -> str:
    found = [_PROOF[column](watch) for watch in alerts]
    if not found:
        return EXCUSED
    none = HOLE if column in _COUNTED else "0"
    return UNKNOWN if None in found else str(sum(map(bool, found)) or none)


def _name(row: Row) -> str:
    return row.metric.full_name


def _by_system(table: Table) -> Iterable[tuple[str, list[Row]]]:
    for name, title in table.titles.items():
        rows = [row for row in table.rows if row.metric.system == name]
        if rows:
            yield title, rows


def _reasons(rows: Sequence[Row], which: str) -> Mapping[str, list[str]]:
    """Return the names of metrics that lack something, by the reason."""
    found: dict[str, list[str]] = {}
    for row in rows:
        if why := getattr(row, which):
            found.setdefault(why, []).append(_name(row))
    return found


def _summary(report: Report) -> str:
    rows, watches = report.table.rows, report.table.watches
    shown, watched = sum(bool(row.boards) for row in rows), sum(bool(row.alerts) for row in rows)
    excused = sum(bool(row.unshown) for row in rows), sum(bool(row.unwatched) for row in rows)
    holes, off = len(report.holes), sum(watch.off for watch in watches)
    return (
        f"{len(rows)} metrics: {shown} on a board, {excused[0]} on none for a reason; {watched} read by an alert, "
        f"{excused[1]} by none for a reason. {len(watches)} alerts{f', {off} of them off by default' if off else ''}. "
        f"{holes or 'no'} hole{'s' * (holes != 1)}; {report.percent:.1f} % covered"
    )


def text(report: Report) -> str:
    """Return a line for each metric, the reasons below, the holes, and the sums."""
    out = []
    for title, rows in _by_system(report.table):
        cells = [_cells(row) | _verdict(report, row) for row in rows]
        width = max(len(_name(row)) for row in rows)
        heads = list(cells[0])
        out += [f"{title:{width}}  {'  '.join(heads)}"]
        out += [
            f"{_name(row):{width}}  {'  '.join(f'{found[h]:>{len(h)}}' for h in heads)}".rstrip()
            for row, found in zip(rows, cells, strict=True)
        ]
        for which, verb in (("unshown", "on no board"), ("unwatched", "in no alert")):
            out += [f"  {verb}: {why}\n    {', '.join(names)}" for why, names in _reasons(rows, which).items()]
        out.append("")
    out += [str(hole) for hole in report.holes]
    return "\n".join([*out, _summary(report)]) + "\n"


def _verdict(report: Report, row: Row) -> dict[str, str]:
    return {} if report.verdicts is None else {"verdict": report.verdicts.of(row, report.targets)[0] or UNKNOWN}


def as_json(report: Report) -> str:
    """Return `metrics`, `alerts`, `holes` and `covered`; what nobody here can know is null."""
    document = {
        "metrics": [_metric(report, row) for row in report.table.rows],
        "alerts": [
            {
                "alert": watch.name,
                "on_by_default": not watch.off,
                "runbook": watch.runbook if watch.has_runbook else None,
                "firing": None if watch.cases is None else watch.cases.firing,
                "quiet": None if watch.cases is None else watch.cases.quiet,
                "scenarios": None if watch.cases is None else watch.cases.scenarios,
            }
            for watch in report.table.watches
        ],
        "holes": [
            {"path": h.path, "line": h.line, "kind": h.kind, "system": h.system, "subject": h.subject, "what": h.what, "fix": h.fix, "counts": h in report.counted}
            for h in report.holes
        ],
        "covered": round(report.percent, 2),
    }  # fmt: skip
    return json.dumps(document, indent=2, ensure_ascii=False) + "\n"


def _metric(report: Report, row: Row) -> dict[str, Any]:
    state, why = report.verdicts.of(row, report.targets) if report.verdicts else ("", "")
    return {
        "system": row.metric.system,
        "metric": _name(row),
        "panels": [{"board": stem, "panel": title} for stem, title in row.panels],
        "no_board": row.unshown,
        "records": row.records,
        "alerts": [watch.name for watch in row.alerts],
        "no_alert": row.unwatched,
        "verdict": {"verdict": state, "why": why} if state else None,
    }


def markdown(report: Report) -> str:
    """Return a table for each system, and one of the reasons below it."""
    out = []
    for title, rows in _by_system(report.table):
        cells = [_cells(row) | _verdict(report, row) for row in rows]
        heads = list(cells[0])
        out += [f"## {title}", "", f"| metric | {' | '.join(heads)} |", f"| --- |{' --- |' * len(heads)}"]
        out += [
            f"| `{_name(row)}` | {' | '.join(found[h] for h in heads)} |"
            for row, found in zip(rows, cells, strict=True)
        ]
        out.append("")
        reasons = [
            (verb, why, names)
            for which, verb in (("unshown", "on no board"), ("unwatched", "in no alert"))
            for why, names in _reasons(rows, which).items()
        ]
        if reasons:
            out += ["| is | because | metrics |", "| --- | --- | --- |"]
            out += [
                f"| {verb} | {_cell(why)} | {', '.join(f'`{name}`' for name in names)} |"
                for verb, why, names in reasons
            ]
            out.append("")
    if report.holes:
        out += ["## Holes", "", *(f"- {hole}" for hole in report.holes), ""]
    return "\n".join([*out, _summary(report) + "."]) + "\n"


def _cell(text: str) -> str:
    return " ".join(text.replace("|", "\\|").split())


#: How a report can be shown, by the word on the command line.
FORMATS: Mapping[str, Callable[[Report], str]] = {"text": text, "json": as_json, "markdown": markdown}
