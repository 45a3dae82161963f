"""Why a metric is on no page, and what would bring it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from generator.catalogue import Metric, System, Versions
from generator.config.settings import SystemConfig
from generator.config.site import Site
from generator.doctor.fit import Fit
from generator.doctor.variants import UI, Variant, numbered

#: Kinds of reasons, what would have to change most first.
KINDS = ("version", "runtime", "role", "exposure", "tier", "switch", "lost", "page", "open", "event", "other")

#: Kinds about which nothing is wrong: the series may still come by itself.
LATER = frozenset({"open", "event"})


@dataclass(frozen=True, slots=True)
class Reason:
    """Why something is not there.

    Attributes:
        kind: One of `KINDS`.
        text: What is the case, a sentence without a full stop.
        remedy: What would bring it; empty where nothing is known.
        mendable: An operator of these servers can bring it.

    """

    kind: str
    text: str
    remedy: str = ""
    mendable: bool = False


def reasons(site: Site, fit: Fit) -> Mapping[str, Reason]:
    """Return why metrics are on no page of a system, by full name under its own prefix; none for those that are there.

    Args:
        site: The installation as the pages tell it.
        fit: What they tell.

    """
    return {m.full_name: reason for m in _metrics(site, fit.system) if (reason := _reason(site, fit, m))}


def _metrics(site: Site, system: System) -> Iterator[Metric]:
    yield from system.metrics
    for page in system.pages:
        yield from site.catalogue.systems[page].metrics


def _reason(site: Site, fit: Fit, metric: Metric) -> Reason | None:
    if metric.full_name in fit.seen:
        return None
    if metric.never_scraped:
        return Reason("other", f"no scrape can see it: {metric.unscrapeable}")
    if metric.system != fit.system.name:
        return _of_page(fit, metric)
    able = [w for w in fit.variants if metric.full_name in _predicted(fit, w)]
    if not able or site.system(fit.system.name)[metric.name].missing:
        return _closed(fit.system, site.config.systems[fit.system.name], metric)
    return _waiting(fit, metric, able)


#: Why a metric is not there that its process can have, by when its series are born; else its first event is to come.
_WAITS = {
    "never": "no known version increments it",
    "unknown": "when it first appears is not known",
    "shutdown": "no process is shutting down",
    "first_tick": "no process that emits it has had its first tick",
}


def _waiting(fit: Fit, metric: Metric, able: Sequence[Variant]) -> Reason:
    """Say why a metric is not there that some way in which the processes may be installed has."""
    if all(metric.full_name in _certain(fit, w) for w in fit.variants):
        text, remedy = "every process of this kind has it, and no page shows it", "see what drops it on the way"
        return Reason("lost", text, f"{remedy}: metric_relabel_configs, a filter of the server", mendable=True)
    born = metric.emission[able[0].era].born
    text = _WAITS.get(born, "nothing of the kind has happened yet")
    gates = [gate for w in fit.variants if w not in able for gate in _gates(fit.system, metric, w)]
    if gates and born != "never":
        return Reason(
            "open", f"it cannot be told whether {gates[0]}, or {text}", "see what the servers are started with"
        )
    return Reason("event", text, "" if born in _WAITS else f"its first event: {metric.help}")


def _predicted(fit: Fit, variant: Variant) -> frozenset[str]:
    return fit.pages[0].variants.predicted[variant].possible


def _certain(fit: Fit, variant: Variant) -> frozenset[str]:
    predicted = fit.pages[0].variants.predicted[variant]
    return predicted.start | (predicted.tick if predicted.tick & fit.seen else frozenset())


def _of_page(fit: Fit, metric: Metric) -> Reason:
    system, since = fit.system, fit.system.pages_since.get(metric.system, "")
    if since and not any(metric.full_name in _predicted(fit, w) for w in fit.variants):
        return _since(system, since, mendable=True)
    return Reason(
        "page", f"the page has no such series of its {metric.system}; on other systems than Linux some are missing"
    )


def _gates(system: System, metric: Metric, variant: Variant) -> Iterator[str]:
    """Yield what in a variant keeps a metric off the page and may be otherwise in another one."""
    if metric.exposure == "internal" and variant.exposure == UI:
        yield f"internal metrics are off ({system.exposure['internal']})"
    elif metric.exposure == "internal" and variant.tier and metric.tier > int(variant.tier):
        yield f"METRIC_MAX_EMITTING_TIER is below {metric.tier}"
    if metric.switch and metric.switch not in variant.switches:
        yield f"{metric.switch} is off ({system.switches[metric.switch]})"
    if variant.role and not _comes_from(metric, variant):
        yield f"the role {variant.role} lacks it"


def _comes_from(metric: Metric, variant: Variant) -> bool:
    roles = metric.emission[variant.era].roles if variant.era in metric.emission else {}
    return bool({*roles.get(variant.runtime, ()), *roles.get("any", ())} & {variant.role, "any"})


def _closed(system: System, config: SystemConfig, metric: Metric) -> Reason:
    """Say why no way in which the processes may be installed has a metric."""
    eras = [era for era in config.eras if era in metric.emission]
    return (
        _outdated(system, config, metric, eras)
        or _elsewhere(system, config, metric, eras)
        or _switched_off(system, config, metric)
        or Reason(
            "other",
            f"no scrape can see it: {metric.unscrapeable}" if metric.unscrapeable else "no process of this kind has it",
        )
    )


def _outdated(system: System, config: SystemConfig, metric: Metric, eras: Sequence[str]) -> Reason | None:
    if not eras:
        newer = next((era.since for e in metric.emission if (era := system.eras[e]).since), "")
        titles = " or ".join(system.eras[e].title for e in metric.emission)
        return _since(system, newer, mendable=True) if newer else Reason("version", f"only {titles} has it")
    if not any(numbered(system, era) for era in eras) or config.versions.has(metric.since, metric.until):
        return None
    if metric.until and config.versions.has(metric.since):
        return Reason("version", f"only {system.title} before {metric.until} has it")
    return _since(system, metric.since, mendable=not system.newest or Versions("", system.newest).has(metric.since))


def _elsewhere(system: System, config: SystemConfig, metric: Metric, eras: Sequence[str]) -> Reason | None:
    """Say which role or runtime emits a metric where none of the processes has it."""
    by_runtime = [pair for e in eras for pair in metric.emission[e].roles.items()]
    roles = {r for runtime, found in by_runtime if runtime in (*config.runtimes, "any") for r in found}
    if not roles:
        runtime = " or ".join(dict.fromkeys(runtime for runtime, _ in by_runtime))
        about = system.runtimes.get(runtime, "")
        return Reason("runtime", f"only the runtime {runtime} emits it", f"the runtime {runtime}: {about}".rstrip(": "))
    if "any" in roles or not config.roles or roles & {*config.roles}:
        return None
    if part := next(
        (part for part, own in system.parts.items() if roles <= {*own} and not {*own} & {*config.roles}), ""
    ):
        return Reason("role", f"it comes from {part}, of which no page was named")
    named = " or ".join(r for r in system.roles if r in roles)
    return Reason("role", f"no page of a process of role {named} was named", f"scrape {named}", mendable=True)


def _switched_off(system: System, config: SystemConfig, metric: Metric) -> Reason | None:
    if metric.exposure == "internal" and config.exposure == UI:
        remedy = f"{system.exposure['internal']} on every process"
        return Reason("exposure", "internal metrics are not on the page", remedy, mendable=True)
    if metric.tier > config.tier and metric.exposure == "internal":
        remedy = f"METRIC_MAX_EMITTING_TIER={metric.tier} on every process"
        return Reason("tier", f"nothing from tier {metric.tier} on is emitted", remedy, mendable=True)
    if metric.switch and metric.switch not in config.switches:
        return Reason("switch", f"{metric.switch} is off", system.switches[metric.switch], mendable=True)
    return None


def _since(system: System, since: str, *, mendable: bool) -> Reason:
    """Say that only later versions have something; `mendable` where one of them was released."""
    text = f"only {system.title} {since} and later has it"
    if not mendable:
        return Reason("version", f"{text}, and no release up to {system.newest} does")
    return Reason("version", text, f"{system.title} {since} or later", mendable=True)
