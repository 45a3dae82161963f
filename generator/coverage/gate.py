"""What is a hole: a metric without a board or an alert and without a reason, an alert without a proof, a reason that is none."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from generator.catalogue import Catalogue
from generator.coverage.evidence import FILE, Evidence
from generator.coverage.table import Key, Row, Table, Watch
from generator.source import shown
from generator.systems import SHIPPED

#: Holes that are a mistake, whatever share of the whole is covered.
WRONG = ("reason", "evidence")


@dataclass(frozen=True, slots=True, order=True)
class Hole:
    """One hole.

    Attributes:
        path, line: Where to mend it.
        kind: `board`, `alert`, `runbook`, `firing`, `quiet`; `reason` for one that is not true, `evidence` for proof of an
            alert that there is not.
        what, fix: What is missing or wrong, and the way out.
        system: The system of the metric that it is about; empty for an alert.
        subject: The name of the metric or the alert.
        own: It is about a system that an operator brings.

    """

    path: str
    line: int
    kind: str
    what: str
    fix: str
    system: str
    subject: str
    own: bool = False

    def __str__(self) -> str:
        """Show the hole as a clickable line."""
        return f"{self.path}:{self.line}: {self.what}; {self.fix}"


def holes(everything: Table, catalogue: Catalogue, evidence: Evidence, sources: Mapping[str, Path]) -> list[Hole]:
    """Return every hole, in the order of places.

    Args:
        everything: The table of all that can be.
        catalogue: The catalogue that it is of.
        evidence: What proves alerts.
        sources: The file in which the alerts of a rule file are written, by its stem.

    """
    alerts = {watch.name for watch in everything.watches}
    return sorted(
        [
            *(hole for row in everything.rows for hole in _of_metric(row, catalogue)),
            *(hole for watch in everything.watches for hole in _of_alert(watch, sources)),
            *_reasons(everything, catalogue, alerts),
            *_unused(evidence, alerts),
        ]
    )


def _own(system: str, catalogue: Catalogue) -> bool:
    return system in catalogue.targets and system not in SHIPPED


def _of_metric(row: Row, catalogue: Catalogue) -> Iterator[Hole]:
    metric, own = row.metric, _own(row.metric.system, catalogue)
    place, name = (metric.path, metric.line), metric.documented_name
    if not row.panels and not row.unshown:
        fix = "show it, or say in `no_board` why not"
        yield Hole(*place, "board", f"no board shows {name}", fix, *row.key, own)
    if not row.alerts and not row.unwatched:
        fix = "write one, or say in `no_alert` why not"
        yield Hole(*place, "alert", f"no alert reads {name}", fix, *row.key, own)


def _of_alert(watch: Watch, sources: Mapping[str, Path]) -> Iterator[Hole]:
    lacks = []
    if not watch.has_runbook:
        lacks.append(("runbook", f"{watch.name} has no runbook", f"write docs/runbooks/{watch.runbook}.md"))
    if watch.cases is not None and not watch.cases.firing:
        lacks.append(("firing", f"no case fires {watch.name}", "add one to tests/rules, and run `make docs`"))
    if watch.cases is not None and not watch.cases.quiet and not watch.always:
        lacks.append(("quiet", f"no case keeps {watch.name} quiet", "add one to tests/rules, and run `make docs`"))
    if lacks:
        path, line = _place(watch, sources)
        for kind, what, fix in lacks:
            yield Hole(path, line, kind, what, fix, "", watch.name, watch.own)


def _place(watch: Watch, sources: Mapping[str, Path]) -> tuple[str, int]:
    """Return where an alert is written; the head of the file where its name is put together there."""
    path = sources[watch.stem]
    lines = path.read_text(encoding="utf-8").splitlines()
    return shown(path), next((n for n, text in enumerate(lines, 1) if f'"{watch.name}"' in text), 1)


def _reasons(everything: Table, catalogue: Catalogue, alerts: Collection[str]) -> Iterator[Hole]:
    """Yield reasons for what is not so, and reasons that name an alert that there is not."""
    rows = {row.key: row for row in everything.rows}
    first = "|".join(re.escape(s.alerts) for s in catalogue.systems.values() if s.alerts)
    named = re.compile(rf"\b(?:{first}|Observability)[A-Z]\w+")
    for system in catalogue.systems.values():
        own = _own(system.name, catalogue)
        for reason in system.reasons:
            for name in reason.metrics:
                row = rows.get((system.name, name))
                if row and (readers := _readers(row, reason.key)):
                    verb = "is on the board" if reason.key == "no_board" else "is read by"
                    what = f"{row.metric.documented_name} {verb} {readers}, and `{reason.key}` says why not"
                    yield Hole(system.path, reason.line, "reason", what, "remove it from there", *row.key, own)
            for name in dict.fromkeys(named.findall(reason.why)):
                if name not in alerts:
                    what = f"a reason names {name}, which is no alert"
                    yield Hole(
                        system.path,
                        reason.line,
                        "reason",
                        what,
                        "correct the reason",
                        system.name,
                        reason.metrics[0],
                        own,
                    )


def _readers(row: Row, key: str) -> str:
    return ", ".join(row.boards if key == "no_board" else [watch.name for watch in row.alerts])


def _unused(evidence: Evidence, alerts: Collection[str]) -> Iterator[Hole]:
    for name in evidence:
        if name not in alerts:
            what = f"cases or scenarios expect {name}, which is no alert"
            yield Hole(shown(FILE), 1, "evidence", what, "bring it back, or remove them and run `make docs`", "", name)


def concerning(found: Collection[Hole], keys: Collection[Key], watches: Collection[Watch]) -> list[Hole]:
    """Return the holes of some metrics and of some alerts."""
    names = {watch.name for watch in watches}
    return [h for h in found if ((h.system, h.subject) in keys if h.system else h.subject in names)]
