"""The catalogue as one operator's configuration sees it: what is there, under which name, and why the rest is not."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

from generator.catalogue import Catalogue, Label, Matcher, Metric, System
from generator.errors import QueryError, nearest
from generator.limits import LIMITS_BY_NAME, Limit
from generator.settings import Config, Labels, Objective, SystemConfig

#: What the names of alerts begin with that are about Prometheus and its rules.
OBSERVABILITY = "Observability"


@dataclass(frozen=True, slots=True, eq=False)
class Site:
    """A catalogue and a configuration; what boards and alerts are built from. Two are the same only when they are one."""

    catalogue: Catalogue
    config: Config

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

    def system(self, name: str, *, on: str = "") -> View:
        """Return the metrics of one system. `on` narrows series that several systems share to the targets of one of them."""
        return View(self, self.catalogue.systems[name], self.config.systems.get(name), on)

    def firing(self, *systems: str) -> Metric:
        """Return the alerts that fire, of some systems; without any, of all that are enabled and of the observability itself."""
        enabled = [name for name, config in self.config.systems.items() if config.enabled]
        names = [self.catalogue.systems[name].alerts for name in systems or enabled]
        pattern = names[0] if len(systems) == 1 else f"({'|'.join(names if systems else (*names, OBSERVABILITY))})"
        return self.system("prometheus")["ALERTS"].where(alertstate="firing").matching(alertname=f"{pattern}.*")

    def limit(self, name: str) -> Limit:
        """Return a limit with the operator's own value, if there is one."""
        limit = LIMITS_BY_NAME[name]
        return replace(limit, value=float(self.config.thresholds.get(name, limit.value)))

    def objective(self, name: str) -> Objective:
        """Return a service level objective."""
        return self.config.slo[name]


def _matcher(label: str, value: str) -> Matcher:
    return Matcher(label, "=~", value[1:]) if value.startswith("~") else Matcher(label, "=", value)


@dataclass(frozen=True, slots=True)
class View:
    """The metrics of one system at one site; look one up by its documented name, without the prefix."""

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
        found = next((m for m in self.system.metrics if m.name == name), None)
        if found is None:
            known = [m.name for m in self.system.metrics]
            what = f"no metric {name!r} in the catalogue of {self.system.name}"
            raise QueryError(what, nearest(name, known, otherwise="add it to the catalogue first"))
        metric = self._here(found)
        if self.on:
            metric = metric.where(**{self.site.labels.system: self.on})
        older = next((m for m in self.system.metrics if m.name == found.renamed_from), None)
        if older is None:
            return metric
        before = self._here(older)
        return metric if before.missing else replace(metric, before=before)

    def expected_gone(self, name: str) -> Metric:
        """Return a metric although the site should not have it; for a rule that tells when it is there all the same."""
        return replace(self[name], missing="", before=None)

    def _here(self, metric: Metric) -> Metric:
        prefix = metric.prefix and (self.config.prefix if self.config else metric.prefix)
        targets = {name: Label(name, bound="target label") for name in self.site.labels.every}
        extra = {m.label: Label(m.label, bound="selector of the configuration") for m in self.site.selectors}
        constant = {**metric.constant_labels, **extra, **targets}
        mixed = (self.config is not None and len(self.config.eras) > 1) or "old" in (
            self.config.eras if self.config else ()
        )
        if not mixed:
            constant = {k: replace(label, blank="") for k, label in constant.items()}
        return replace(metric, prefix=prefix, constant_labels=constant, missing=self._why_missing(metric))

    def _why_missing(self, metric: Metric) -> str:  # noqa: PLR0911 - one per reason
        config = self.config
        if config is None:
            return ""
        if not config.enabled:
            return f"system {self.system.name} is off"
        if metric.never_scraped:
            return f"no scrape can see it: {metric.unscrapeable}"
        eras = [era for era in config.eras if era in metric.emission]
        if not eras:
            return f"not in {' or '.join(self.system.eras[e].title for e in config.eras)}"
        if metric.exposure == "internal" and config.exposure == "ui":
            return "internal metrics are off (exposure: ui)"
        if metric.tier > config.tier and metric.exposure != "ui":
            return f"emitted from tier {metric.tier} on (tier: {config.tier})"
        if metric.switch and metric.switch not in config.switches:
            return f"switch {metric.switch} is off"
        if not any(_emitted(metric, era, config) for era in eras):
            return f"no process of role {' or '.join(config.roles) or 'any'} emits it on {' or '.join(config.runtimes) or 'any runtime'}"
        return ""


def _emitted(metric: Metric, era: str, config: SystemConfig) -> bool:
    roles = metric.emission[era].roles
    here = {role for runtime in (*config.runtimes, "any") for role in roles.get(runtime, ())} - {*metric.hidden_roles}
    return bool(here & {*config.roles, "any"}) or ("any" in roles and not config.roles)


def reasons(metric: Metric, system: System) -> Iterator[str]:
    """Yield why a panel of a healthy installation may show nothing for `metric`, most likely reason first."""
    emission = metric.emission[next(iter(metric.emission))]
    if metric.exposure == "internal":
        yield "internal metrics are not exposed (EXPOSE_INTERNAL_METRICS_PROMETHEUS)"
    if metric.tier > 2 and metric.exposure == "internal":  # noqa: PLR2004 - the server's default ceiling
        yield f"METRIC_MAX_EMITTING_TIER is below {metric.tier}"
    elif metric.tier == 2 and metric.exposure == "internal":  # noqa: PLR2004
        yield "METRIC_MAX_EMITTING_TIER is 1, the default of dev deployments"
    if metric.switch:
        yield f"off without {system.switches[metric.switch]}"
    absent = [r for r in system.runtimes if r not in emission.roles and "any" not in emission.roles]
    if absent:
        yield f"the runtime is {' or '.join(absent)}"
    roles = sorted({role for held in emission.roles.values() for role in held} - {"any", *metric.hidden_roles})
    lacking = [r for r in system.roles if r not in roles and roles]
    if lacking:
        yield f"no process of role {' or '.join(roles)} is scraped"
    born = {"first_event": "nothing of the kind happened since the processes started", "shutdown": "no process is shutting down",
            "never": "no known version increments it", "unknown": "when it first appears is not known"}  # fmt: skip
    if emission.born in born:
        yield born[emission.born]
