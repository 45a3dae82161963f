"""The catalogue as one operator's configuration sees it: what is there, under which name, and why the rest is not."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import cache

from generator.catalogue import Catalogue, Label, Limit, Matcher, Metric, System
from generator.config.settings import (
    OBSERVABILITY,
    Attribution,
    Config,
    Labels,
    Objective,
    SystemConfig,
)
from generator.config.timing import Timing
from generator.errors import QueryError, nearest

#: What the names of series begin with that servers of rules and notifications tell of themselves.
SERVERS = ("prometheus_", "vmalert_", "alertmanager_")

#: And those of the Alertmanager, of which a site names its own.
NOTIFIER = "alertmanager_"

#: What bounds a label that a selector of the configuration asks for.
SELECTED = "selector of the configuration"


@dataclass(frozen=True, slots=True, eq=False)
class Site:
    """A catalogue and a configuration; what boards and alerts are built from. Two are the same only when they are one.

    Attributes:
        catalogue: The catalogue, with the systems that the configuration brings.
        config: The configuration.
        absent: Why metrics are not there that the configuration allows: by the system on whose targets they would be, and the
            full name under the catalogue's prefix.

    """

    catalogue: Catalogue
    config: Config
    absent: Mapping[tuple[str, str], str] = field(default_factory=dict, repr=False)
    _found: dict[tuple[str, str, str], Metric] = field(default_factory=dict, init=False, repr=False)

    def __post_init__(self) -> None:
        """Add the systems that the configuration brings to the catalogue."""
        object.__setattr__(self, "catalogue", self.catalogue.joined(self.config.own))

    @property
    def labels(self) -> Labels:
        """What the target labels are called."""
        return self.config.labels

    @property
    def identity(self) -> tuple[str, ...]:
        """Labels that name one deployment, widest first."""
        return self.config.labels.identity

    @property
    def selectors(self) -> tuple[Matcher, ...]:
        """Matchers that every query of this installation carries."""
        return tuple(_matcher(label, value) for label, value in self.config.selectors.items())

    @property
    def timing(self) -> Timing:
        """Every duration that follows from the configuration."""
        return self.config.timing

    @property
    def installation(self) -> Mapping[str, str]:
        """Labels of this installation: selectors for one value, which its targets, records and alerts carry."""
        return {m.label: m.value for m in self.selectors if m.op == "="}

    @property
    def record_labels(self) -> tuple[str, ...]:
        """Labels that a record keeps at least: the identity, and what a selector for several values asks for."""
        return (*self.identity, *(m.label for m in self.selectors if m.op != "="))

    def set_on(self, system: str) -> Mapping[str, str]:
        """Return labels that the targets of one system get, so that every query finds them: those asked for by one value."""
        asked = {m.label: m.value for m in self.target_matchers(system) if m.op == "="}
        return {k: v for k, v in {**self.installation, **asked}.items() if k != self.labels.system}

    def target_matchers(self, system: str) -> tuple[Matcher, ...]:
        """Matchers that tell the targets of one system from everybody else's: the system label, or what stands for it."""
        config = self.config.systems.get(system)
        demanded = (config.match if config else {}) or {self.labels.system: system}
        return tuple(_matcher(label, value) for label, value in demanded.items())

    def finds(self, system: str, labels: Mapping[str, str]) -> bool:
        """Say whether a target with these labels is found where one of the system is asked for."""
        return all(
            labels.get(m.label, "") == m.value if m.op == "=" else re.fullmatch(m.value, labels.get(m.label, ""))
            for m in self.target_matchers(system)
        )

    @property
    def standing(self) -> tuple[str, ...]:
        """Labels that tell a target of any system, and those that every scraped series has."""
        systems = [m.label for name in self.config.systems for m in self.target_matchers(name)]
        return ("job", "instance", *systems, *(m.label for m in self.alertmanager))

    @property
    def alertmanager(self) -> tuple[Matcher, ...]:
        """Matchers that tell the Alertmanager of this installation from others."""
        return tuple(_matcher(label, value) for label, value in self.config.alertmanager_match.items())

    def system(self, name: str, *, on: str = "") -> View:
        """Return the metrics of one system. `on` narrows series that several systems share to the targets of one of them."""
        return View(self, self.catalogue.systems[name], self.config.systems.get(name), on)

    def remembered(self, system: str, on: str, name: str, look: Callable[[], Metric]) -> Metric:
        """Return what `look` gives; a metric of a system is looked up once, since boards and alerts ask for it often."""
        key = system, on, name
        if key not in self._found:
            self._found[key] = look()
        return self._found[key]

    def firing(self, *systems: str) -> Metric:
        """Return the alerts that fire, of some systems; without any, of all that are enabled and of the observability itself."""
        enabled = [name for name, config in self.config.systems.items() if config.enabled]
        names = [self.catalogue.systems[name].alerts for name in systems or enabled]
        pattern = names[0] if len(systems) == 1 else f"({'|'.join(names if systems else (*names, OBSERVABILITY))})"
        return self.system("prometheus")["ALERTS"].where(alertstate="firing").matching(alertname=f"{pattern}.*")

    def system_of(self, stem: str) -> str:
        """Return the system that a board or rule file is about, by the start of its stem; empty for all of them."""
        found = (name for name in self.config.systems if stem == name or stem.startswith((f"{name}_", f"{name}.")))
        return next(found, "")

    def limit(self, name: str) -> Limit:
        """Return a limit with the operator's own value, if there is one."""
        limit = self.catalogue.limits[name]
        return replace(limit, value=float(self.config.thresholds.get(name, limit.value)))

    def objective(self, name: str) -> Objective:
        """Return a service level objective."""
        return self.config.slo[name]


@cache
def _bound(name: str, bound: str) -> Label:
    return Label(name, bound=bound)


@cache
def _attributed(found: Attribution) -> Label:
    """Return a label that the servers' configuration adds; what came before the change lacks it."""
    return Label(found.label, bound=f"at most {found.values} values, by the configuration", many=True, optional=True)


def _matcher(label: str, value: str) -> Matcher:
    return Matcher(label, "=~", value[1:]) if value.startswith("~") else Matcher(label, "=", value)


@dataclass(frozen=True, slots=True)
class View:
    """The metrics of one system at one site; look one up by its documented name, without the prefix.

    Those of a target system are held to its targets, those that several systems share to the targets of the system `on`.
    """

    site: Site
    system: System
    config: SystemConfig | None
    on: str = ""

    def __iter__(self) -> Iterator[Metric]:
        """Yield every metric of the system, those that the site lacks included."""
        return (self[m.name] for m in self.system.metrics)

    def __getitem__(self, name: str) -> Metric:
        """Return a metric under this site's prefix, with `missing` set when the site cannot have it.

        Raises:
            QueryError: The catalogue has no such metric.

        """
        return self.site.remembered(self.system.name, self.on, name, lambda: self._looked_up(name))

    def _looked_up(self, name: str) -> Metric:
        found = self.system.named.get(name)
        if found is None:
            known = [m.name for m in self.system.metrics]
            what = f"no metric {name!r} in the catalogue of {self.system.name}"
            raise QueryError(what, nearest(name, known, otherwise="add it to the catalogue first"))
        metric = self._here(found)
        older = self.system.named.get(found.renamed_from)
        if older is None:
            return metric
        before = self._here(older)
        return metric if before.missing else replace(metric, before=before)

    def even_if_missing(self, name: str) -> Metric:
        """Return a metric although the site should not have it; for a rule that tells when it is there all the same."""
        return replace(self[name], missing="", before=None)

    def _here(self, metric: Metric) -> Metric:
        prefix = metric.prefix and (self.config.prefix if self.config else metric.prefix)
        targets = {name: _bound(name, "target label") for name in self.site.labels.every}
        extra = {name: _bound(name, SELECTED) for name in self._selected(metric)}
        on = self.on or (self.system.name if self.config else "")
        matchers = (
            self.site.target_matchers(on) if on else self.site.alertmanager if metric.name.startswith(NOTIFIER) else ()
        )
        names = [m.label for m in matchers] if on else self.site.standing
        stand = {name: _bound(name, "tells a target") for name in names if name not in targets}
        constant = {**metric.constant_labels, **extra, **stand, **targets}
        mixed = (self.config is not None and len(self.config.eras) > 1) or "old" in (
            self.config.eras if self.config else ()
        )
        if not mixed:
            constant = {k: replace(label, blank="") if label.blank else label for k, label in constant.items()}
        own = {k: self._label(label) for k, label in metric.labels.items()}
        if self.config and self.system.attributed in own:
            own |= {one.label: _attributed(one) for one in self.config.attribution}
        if self.on:
            since = self.site.catalogue.systems[self.on].pages_since.get(self.system.name, "")
            metric = metric if metric.since == since else replace(metric, since=since)
        return replace(
            metric,
            prefix=prefix,
            labels=own,
            constant_labels=constant,
            target_matchers=matchers,
            missing=self._why_missing(metric) or self.site.absent.get((on, metric.full_name), ""),
        )

    def _selected(self, metric: Metric) -> Iterable[str]:
        """Labels of selectors that its series carry: targets all of them, alerts those of the installation, servers none."""
        if metric.name == "ALERTS":
            return self.site.installation
        return () if metric.name.startswith(SERVERS) else (m.label for m in self.site.selectors)

    def _label(self, label: Label) -> Label:
        """Return a label with what its servers lack of it."""
        values = {value: why for value, since in label.values_since.items() if (why := self._too_old(since))}
        missing = self._too_old(label.since, label.until)
        return replace(label, missing=missing, missing_values=values) if missing or values else label

    def _too_old(self, since: str, until: str = "") -> str:
        """Return why no version in the field has what exists from `since` on, until before `until`; empty when one has."""
        system = self.site.catalogue.systems[self.on] if self.on else self.system
        config = self.site.config.systems.get(system.name)
        if config is None or config.versions.has(since, until):
            return ""
        title, given = system.title, config.versions
        if not given.has(since):
            newest = system.newest if given.last == system.newest and not given.first else ""
            known = f"no release up to {newest} has it" if newest else f"versions: {given}"
            return f"only in {title} {since} and later ({known})"
        return f"only in {title} before {until} (versions: {given})"

    def _why_missing(self, metric: Metric) -> str:  # noqa: PLR0911 - one per reason
        config = self.config
        if config is None:
            return self._too_old(metric.since)
        if not config.enabled:
            return f"system {self.system.name} is off"
        if metric.never_scraped:
            return f"no scrape can see it: {metric.unscrapeable}"
        eras = [era for era in config.eras if era in metric.emission]
        if not eras:
            return f"not in {' or '.join(self.system.eras[e].title for e in config.eras)}"
        if old := self._too_old(metric.since, metric.until):
            return old
        if metric.exposure == "internal" and config.exposure == "ui":
            return "internal metrics are off (exposure: ui)"
        if metric.tier > config.tier and metric.exposure != "ui":
            return f"emitted from tier {metric.tier} on (tier: {config.tier})"
        if metric.switch and metric.switch not in config.switches:
            return f"switch {metric.switch} is off"
        if not any(_emitted(metric, era, config) for era in eras):
            part = self._part(metric, config)
            runtimes = " or ".join(config.runtimes) or "any runtime"
            nobody = f"no process of role {' or '.join(config.roles) or 'any'} emits it on {runtimes}"
            return f"part {part} is off" if part else nobody
        return ""

    def _part(self, metric: Metric, config: SystemConfig) -> str:
        """Return the part of the system that alone emits a metric, where none of its roles is scraped; else nothing."""
        roles = {r for e in metric.emission.values() for found in e.roles.values() for r in found}
        off = (part for part, own in self.system.parts.items() if roles <= {*own} and not {*own} & {*config.roles})
        return next(off, "")


def _emitted(metric: Metric, era: str, config: SystemConfig) -> bool:
    roles = metric.emission[era].roles
    here = {role for runtime in (*config.runtimes, "any") for role in roles.get(runtime, ())} - {*metric.hidden_roles}
    return bool(here & {*config.roles, "any"}) or ("any" in roles and not config.roles)
