"""Every metric with what reads it, and every alert with what proves it. Pure: of a bundle and of evidence."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import PurePosixPath
from typing import TypeVar

from generator.boards.layout import WHOLE, LeftOut
from generator.bundle import Bundle
from generator.catalogue import Metric
from generator.coverage.evidence import Cases, Evidence
from generator.systems import SHIPPED

T = TypeVar("T")

#: A metric by its system and its name.
Key = tuple[str, str]

#: A panel by the stem of its board and its title.
Panel = tuple[str, str]


@dataclass(frozen=True, slots=True)
class Watch:
    """One alert.

    Attributes:
        name: Its name.
        stem: Stem of the rule file that has it.
        runbook: Stem of its runbook.
        has_runbook: There is such a page.
        cases: What proves it; None where nobody here can know, as for an operator's own system.
        reads: The metrics that it reads.
        system: Id of the system that it is about; empty for one about several.
        own: It is of a system that an operator brings.
        off: It is not there unless bundle.yaml asks for it, or for what it is about.
        always: It reads nothing and always fires, so that no history keeps it quiet.

    """

    name: str
    stem: str
    runbook: str
    has_runbook: bool
    cases: Cases | None
    reads: frozenset[Key]
    system: str = ""
    own: bool = False
    always: bool = False
    off: bool = False


@dataclass(frozen=True, slots=True)
class Row:
    """One metric.

    Attributes:
        metric: It.
        panels: Panels that read it: stem of the board, and title.
        records: Recorded series that are made of it.
        alerts: Alerts that read it.
        unshown: Why it is on no board; empty where it is on one, or where nobody says.
        unwatched: The same for alerts.

    """

    metric: Metric
    panels: tuple[Panel, ...]
    records: tuple[str, ...]
    alerts: tuple[Watch, ...]
    unshown: str = ""
    unwatched: str = ""

    @property
    def key(self) -> Key:
        """Its system and name."""
        return self.metric.system, self.metric.name

    @property
    def boards(self) -> tuple[str, ...]:
        """Stems of the boards that it is on."""
        return tuple(dict.fromkeys(stem for stem, _ in self.panels))


@dataclass(frozen=True, slots=True)
class Table:
    """Rows in the order of the catalogue; alerts in the order in which one triages; systems by the ids of the rows."""

    rows: tuple[Row, ...]
    watches: tuple[Watch, ...]
    titles: Mapping[str, str]

    def selected(self, keys: Collection[Key], about: Collection[str] = ()) -> Table:
        """Return the rows of some metrics, and the alerts that read one of them, or are about one of some systems."""
        rows = tuple(row for row in self.rows if row.key in keys)
        names = {watch.name for row in rows for watch in row.alerts}
        names |= {watch.name for watch in self.watches if watch.system in about}
        return Table(rows, tuple(watch for watch in self.watches if watch.name in names), self.titles)


def table(
    bundle: Bundle,
    evidence: Evidence,
    runbooks: Collection[str],
    everything: Table | None = None,
    off: Collection[str] = (),
) -> Table:
    """Return the table of a bundle.

    Args:
        bundle: Its boards and rules.
        evidence: What proves alerts.
        runbooks: Names of the pages that there are.
        everything: The table of all that can be, where the bundle is that of one installation: what it leaves out is then
            a reason.
        off: Names of alerts that are off by default; as that table says, where it is given.

    """
    off = {watch.name for watch in everything.watches if watch.off} if everything else off
    watches = tuple(replace(watch, off=watch.name in off) for watch in _watches(bundle, evidence, runbooks))
    panels = _readers(
        ((stem, panel.title), [m for query in panel.possible for m in query.metrics])
        for stem, board in bundle.boards.items()
        for panel in board.panels
    )
    records = _readers((r.name, r.query.metrics) for groups in bundle.rules.values() for g in groups for r in g.records)
    alerts: dict[Key, list[Watch]] = {}
    for watch in watches:
        for key in watch.reads:
            alerts.setdefault(key, []).append(watch)
    catalogue, rows = bundle.site.catalogue, []
    boardless, silent, left = _absent(bundle, everything) if everything else ({}, {}, {})
    for name in systems(bundle):
        for metric in bundle.site.system(name):
            key = metric.system, metric.name
            shown, watched = tuple(panels.get(key, ())), tuple(alerts.get(key, ()))
            rows.append(
                Row(
                    metric,
                    shown,
                    tuple(records.get(key, ())),
                    watched,
                    "" if shown else left.get(key, "") or _never(metric) or metric.no_board or boardless.get(key, ""),
                    "" if watched else left.get(key, "") or _never(metric) or metric.no_alert or silent.get(key, ""),
                )
            )
    return Table(tuple(rows), watches, {name: catalogue.systems[name].title for name in systems(bundle)})


def systems(bundle: Bundle) -> Sequence[str]:
    """Return the systems whose metrics are looked at: those that are on, the pages that they share, and the monitoring."""
    catalogue = bundle.site.catalogue
    on = [name for name in catalogue.targets if bundle.site.config.systems[name].enabled]
    pages = {page for name in on for page in catalogue.systems[name].pages}
    return [*on, *(n for n in catalogue.systems if n not in catalogue.targets and (n in pages or n in _MONITORING))]


#: Systems of the catalogue that are no target of ours, and whose series are there all the same.
_MONITORING = ("prometheus", "exporters")


def _never(metric: Metric) -> str:
    return metric.unscrapeable if metric.never_scraped else ""


def _watches(bundle: Bundle, evidence: Evidence, runbooks: Collection[str]) -> Iterator[Watch]:
    for stem, groups in bundle.rules.items():
        system = bundle.site.system_of(stem)
        ours = system in (*SHIPPED, "")
        for alert in (alert for group in groups for alert in group.alerts):
            page = alert.runbook or alert.name
            cases = evidence.get(alert.name, Cases()) if ours else evidence.get(alert.name)
            reads = frozenset((m.system, m.name) for m in alert.query.metrics)
            yield Watch(
                alert.name, stem, page, page in runbooks, cases, reads, system, not ours, not alert.query.metrics
            )


def _readers(read: Iterable[tuple[T, Sequence[Metric]]]) -> dict[Key, dict[T, None]]:
    found: dict[Key, dict[T, None]] = {}
    for name, metrics in read:
        for metric in metrics:
            found.setdefault((metric.system, metric.name), {})[name] = None
    return found


def _absent(bundle: Bundle, everything: Table) -> tuple[dict[Key, str], dict[Key, str], dict[Key, str]]:
    """Return why an installation has no board, no alert, or not even the series of a metric, each by metric."""
    out = {(_stem(one), one.what): one.why for one in bundle.left_out}
    boards, alerts = {}, {}
    for row in everything.rows:
        places = [(name, [(stem, title), (stem, WHOLE)]) for stem, title in row.panels for name in [f"{stem}: {title}"]]
        if row.panels:
            boards[row.key] = _why(places, out, "panel")
        if row.alerts:
            alerts[row.key] = _why([(w.name, [(w.stem, w.name)]) for w in row.alerts], out, "alert")
    metrics = (metric for name in systems(bundle) for metric in bundle.site.system(name))
    return boards, alerts, {(metric.system, metric.name): metric.missing for metric in metrics}


def _stem(one: LeftOut) -> str:
    return PurePosixPath(one.where).name.removesuffix(".json").removesuffix(".rules.yaml")


def _why(places: Sequence[tuple[str, Sequence[tuple[str, str]]]], out: Mapping[tuple[str, str], str], kind: str) -> str:
    """Return why the first of some readers that is left out is not there, each with the places at which that may stand."""
    found = (f"{name}: {out[place]}" for name, several in places for place in several if place in out)
    return next(found, f"only a system that is off has the {kind} {places[0][0]}")
