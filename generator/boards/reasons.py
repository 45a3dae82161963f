"""Why a panel of a healthy installation may show nothing."""

from __future__ import annotations

from collections.abc import Iterator

from generator.catalogue import Metric, System


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
    roles = sorted({role for group in emission.roles.values() for role in group} - {"any", *metric.hidden_roles})
    lacking = [r for r in system.roles if r not in roles and roles]
    if lacking:
        yield f"no process of role {' or '.join(roles)} is scraped"
    born = {"first_event": "nothing of the kind happened since the processes started", "shutdown": "no process is shutting down",
            "never": "no known version increments it", "unknown": "when it first appears is not known"}  # fmt: skip
    if emission.born in born:
        yield born[emission.born]
