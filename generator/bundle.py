"""Everything the generator makes for one site, before anybody decides on a file format."""

from __future__ import annotations

import traceback
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal, TypeVar

from generator import config
from generator.boards import severities
from generator.boards.layout import WHOLE, Board, LeftOut, left
from generator.catalogue import Catalogue
from generator.config.idle import idle
from generator.config.settings import Config
from generator.config.site import Site
from generator.discovery import collector, probes, scrape
from generator.errors import BundleError, ConfigError, Problem, QueryError, nearest
from generator.promql.retention import within_retention
from generator.promql.scope import site_scope
from generator.rules import inhibition
from generator.rules.rule import Alert, Group
from generator.source import short, shown
from generator.systems import registry
from generator.systems.registry import Declared, Part

T = TypeVar("T")

#: What a bundle is made of.
Kind = Literal["boards", "rules", "discovery"]


@dataclass(frozen=True, slots=True)
class Bundle:
    """The product.

    Attributes:
        site: What it is made for.
        boards: Boards by module stem.
        rules: Rule groups by file stem, in the order in which one triages; recording rules first.
        prometheus: The complete Prometheus configuration.
        fragments: Includable scrape configurations by file name.
        collectors: OpenTelemetry Collector configurations by file name.
        modules: The json_exporter's configuration.
        sources: The file that each of the rule files is made from, by its stem.
        left_out: What the configuration makes impossible, and why.
        time_scale: Virtual seconds per second of the server that the rules and scrape files are for; 1 is life.

    """

    site: Site
    boards: Mapping[str, Board]
    rules: Mapping[str, tuple[Group, ...]]
    prometheus: Mapping[str, Any]
    fragments: Mapping[str, Any]
    collectors: Mapping[str, Any]
    modules: Mapping[str, Any]
    sources: Mapping[str, str]
    left_out: tuple[LeftOut, ...]
    time_scale: float = 1

    @property
    def alerts(self) -> tuple[Alert, ...]:
        """Every alert that is written, in the order in which one triages."""
        return tuple(alert for groups in self.rules.values() for group in groups for alert in group.alerts)


def build(
    site: Site,
    systems: Sequence[Declared] | None = None,
    kinds: Collection[Kind] = ("boards", "rules", "discovery"),
    *,
    every: bool = False,
) -> Bundle:
    """Make every board, rule and scrape job of the enabled systems. Pure.

    Args:
        site: The installation.
        systems: What the systems declare; without it, those that are enabled.
        kinds: What is made; the rest of the bundle is empty.
        every: Alerts that are off by default are made, too, whatever the configuration enables.

    Returns:
        The bundle, without boards that have no panel and groups that have no rule; what was left out stands in it with
        the reasons.

    Raises:
        ConfigError: The configuration has values that cannot work together.
        BundleError: Some module misuses the catalogue; carries one problem per such module, at its line.

    """
    problems: list[Problem] = []
    systems = registry.declared(site) if systems is None else systems
    common = registry.common()
    boards = [*common.boards, *(part for system in systems for part in system.boards)] if "boards" in kinds else []
    topics = [*(part for system in systems for part in system.topics), *common.topics] if "rules" in kinds else []
    recorded = [part for system in systems for part in system.records] if "rules" in kinds else []
    made = {part.stem: _make(part, site, problems) for part in boards}
    records = {part.stem: _make(part, site, problems) for part in recorded}
    alerts = {part.stem: _make(part, site, problems) for part in topics}
    problems += _unexplained(site, {part: alerts[part.stem] for part in topics})
    if problems:
        raise BundleError(problems)
    rules: dict[str, tuple[Group, ...]] = {}
    left_out = [out for board in made.values() for out in board.left_out]
    for name, groups in records.items():
        rules[name] = tuple(_possible(site, name, g, left_out, every=every) for g in groups)
    for name, listed in alerts.items():
        group = Group(name.replace("_", "-"), alerts=tuple(listed))
        rules[name] = (_possible(site, name, group, left_out, every=every),)
    nonempty = {name: tuple(g for g in groups if g.records or g.alerts) for name, groups in rules.items()}
    if topics and (wrong := [*_unknown(site, (a for listed in alerts.values() for a in listed))]):
        raise ConfigError(wrong)
    every_alert = [alert for listed in alerts.values() for alert in listed]
    severity = {alert.name: alert.severity for alert in every_alert}
    hot = severities.of_limits(made.values(), every_alert)
    for board in made.values():
        severities.colour(board, severity, hot, site.catalogue.limits)
    empty = [name for name, board in made.items() if not board.panels]
    left_out = [out for out in left_out if out.where not in {f"dashboards/{name}.json" for name in empty}]
    left_out += [replace(made[name].left_out[0], where=f"dashboards/{name}.json", what=WHOLE) for name in empty]
    sources = {part.stem: _written(part.source) for part in topics}
    sources |= {part.stem: _written(part.source) for part in recorded}
    found = "discovery" in kinds
    return Bundle(
        site,
        {name: board for name, board in made.items() if board.panels},
        {n: g for n, g in nonempty.items() if g},
        scrape.prometheus_yml(site) if found else {},
        scrape.fragments(site) if found else {},
        collector.configurations(site) if found else {},
        probes.modules(site) if found else {},
        sources,
        tuple(left_out),
    )


def _make(part: Part[T], site: Site, problems: list[Problem]) -> T:
    try:
        return part.make(site)
    except QueryError as error:
        frames = traceback.extract_tb(error.__traceback__)
        line = next((f.lineno or 1 for f in reversed(frames) if f.filename == str(part.source)), 1)
        problems.append(Problem(shown(part.source), line, error.what, error.fix))
        return []  # type: ignore[return-value]  # never used: the problems are raised


def _unexplained(site: Site, made: Mapping[Part[list[Alert]], Sequence[Alert]]) -> list[Problem]:
    """Return what is wrong with the reasons that alerts name, at the line of each alert."""
    every = [alert for alerts in made.values() for alert in alerts]
    where = {alert.name: part for part, alerts in made.items() for alert in alerts}
    out = []
    for alert, what, fix in inhibition.mistakes(site, every):
        path = where[alert.name].source
        lines = path.read_text(encoding="utf-8").splitlines()
        line = next((n for n, text in enumerate(lines, 1) if f'"{alert.name}"' in text), 1)
        out.append(Problem(shown(path), line, what, fix))
    return out


def _written(source: Path) -> str:
    """Return a file of the generator as everybody finds it, wherever the package is installed."""
    if source.is_relative_to(Path(__file__).parent):
        return source.relative_to(Path(__file__).parents[1]).as_posix()
    return source.name  # an operator's own catalogue, in whatever folder it stands


def _possible(site: Site, name: str, group: Group, left_out: list[LeftOut], *, every: bool) -> Group:
    where = f"alerts/{name}.rules.yaml"
    records, alerts = [], []
    for record in group.records:
        if record.query.missing:
            left_out.append(
                left(
                    where,
                    record.name + "".join(f"{{{k}={v}}}" for k, v in record.labels.items()),
                    record.query.missing,
                )
            )
        else:
            records.append(record)
    for alert in group.alerts:
        scope = site_scope(site, site.timing.over(alert.over))
        if missing := within_retention(alert.query, scope, site.timing.retention).missing:
            left_out.append(left(where, alert.name, missing))
        elif alert.name in site.config.disabled:
            left_out.append(LeftOut(where, alert.name, "disabled by the configuration"))
        elif alert.off and not every and alert.name not in site.config.enabled:
            left_out.append(LeftOut(where, alert.name, f"off by default: {alert.off}"))
        else:
            alerts.append(alert)
    return Group(group.name, tuple(records), tuple(alerts), group.interval)


def installation(catalogue: Catalogue, path: Path | None = None) -> Site:
    """Return the catalogue as a configuration file sees it, or as the defaults do.

    Raises:
        ConfigError: The file cannot be read or is wrong; carries every problem, those that only the alerts show included.

    """
    try:
        site = Site(catalogue, config.read(catalogue, path))
    except ConfigError as error:
        left = [*_unknown(Site(catalogue, error.left), ())] if isinstance(error.left, Config) else []
        raise ConfigError([*error.problems, *left], error.left) from error
    if problems := [*_unknown(site, ()), *idle(site), *_as_it_is(site)]:
        raise ConfigError(problems, site.config)
    return site


def _as_it_is(site: Site) -> Iterator[Problem]:
    """Yield alerts that are switched on and on by default, or switched off and off by default."""
    given = (("enable", site.config.enabled), ("disable", site.config.disabled))
    if not any(names for _, names in given):
        return
    every = Site(site.catalogue, config.read(site.catalogue))
    usual = {a.name: a.off for part in registry.topics(every) for a in part.make(every)}
    for key, names in given:
        for number, name in enumerate(names):
            if name in usual and bool(usual[name]) == (key == "disable") and not _asked(site, name):
                what = f"{short(name)} is {'on' if key == 'enable' else 'off'} by default"
                yield Problem(*site.config.line("alerts", key, number), what, "remove it: it changes nothing")


def _asked(site: Site, name: str) -> bool:
    """Whether an alert is one of those that an exporter switches on where the configuration names it."""
    exporters = {n for n, own in site.config.systems.items() if own.enabled and own.discovery.blackbox_exporter}
    return any(name.startswith(site.catalogue.systems[system].alerts) for system in exporters)


def _unknown(site: Site, made: Iterable[Alert]) -> Iterator[Problem]:
    """Yield names in `alerts.disable` and `alerts.enable` that no alert has, whatever the rest of the configuration says."""
    known = {a.name for a in made}
    if not known.issuperset((*site.config.disabled, *site.config.enabled)):
        every = Site(site.catalogue, config.read(site.catalogue))
        known |= {a.name for part in registry.topics(every) for a in part.make(every)}
    for key, names in (("disable", site.config.disabled), ("enable", site.config.enabled)):
        for number, name in enumerate(names):
            if name not in known:
                fix = nearest(name, sorted(known), otherwise="remove it")
                yield Problem(*site.config.line("alerts", key, number), f"no alert {short(name)}", fix)
