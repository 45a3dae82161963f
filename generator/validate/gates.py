"""What a whole set of metrics needs: an era, a version, a runtime, an exposure, a tier or a switch of the configuration."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from generator.catalogue import Metric, version_key
from generator.config.site import Site


@dataclass(frozen=True, slots=True)
class Gate:
    """Something that a whole set of metrics needs.

    Attributes:
        system: Whose metrics.
        kind: era, version, runtime, exposure, tier or switch.
        name: Which one.
        text: What is said when nothing behind it is seen.
        eras: Eras in the field.
        silent: It may be closed without a sign: none of its metrics is certain to exist.

    """

    system: str
    kind: str
    name: str
    text: str
    eras: tuple[str, ...] = ()
    silent: bool = False

    def holds(self, metric: Metric) -> bool:
        """Say whether the metric exists behind this gate only."""
        match self.kind:
            case "era":
                return set(metric.emission) == {self.name}
            case "version":
                return version_key(metric.since) >= version_key(self.name)
            case "runtime":
                return all(set(e.roles) == {self.name} for era, e in metric.emission.items() if era in self.eras)
            case "exposure":
                return metric.exposure == self.name
            case "tier":
                return metric.tier >= int(self.name) and metric.exposure != "ui"
            case _:
                return metric.switch == self.name


def gates(site: Site, name: str) -> Iterator[Gate]:
    """Yield the gates of a system that its configuration has open."""
    system, config = site.catalogue.systems[name], site.config.systems.get(name)
    if config is None:
        return
    if len(config.eras) > 1:
        for era in config.eras:
            yield Gate(name, "era", era, f"no server is {system.eras[era].title}")
    for since in sorted({m.since for m in system.metrics if config.versions.partly(m.since)}, key=version_key):
        text = f"only {system.title} {since} and later has it, and nothing that only these have is seen"
        yield Gate(name, "version", since, text, silent=True)
    if len(config.runtimes) > 1:
        for runtime in config.runtimes:
            others = " or ".join(r for r in config.runtimes if r != runtime)
            text = f"only the runtime {runtime} emits it, and the runtime is {others}"
            yield Gate(name, "runtime", runtime, text, config.eras)
    if config.exposure == "internal" and "internal" in system.exposure:
        yield Gate(name, "exposure", "internal", f"internal metrics are not exposed: {system.exposure['internal']}")
    for tier in sorted(t for t in system.tiers if 1 < t <= config.tier):
        yield Gate(name, "tier", str(tier), f"the servers emit nothing from tier {tier} on: METRIC_MAX_EMITTING_TIER")
    for switch in config.switches:
        yield Gate(
            name,
            "switch",
            switch,
            f"switch {switch}: off on these servers? It needs {system.switches[switch]}",
            silent=True,
        )
