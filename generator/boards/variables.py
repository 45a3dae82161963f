"""The variables of a board: of the labels that name a deployment and its processes, and of labels that series have beside them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from generator.boards import grafana
from generator.boards.panel import Panel
from generator.catalogue import Matcher, Metric
from generator.config.site import Site
from generator.promql import select
from generator.promql.scope import Scope, site_scope
from generator.promql.several import ups

#: Variables of a board about deployments, and those of one that goes down to processes.
WIDE = ("cluster", "namespace", "deployment")
DEEP = (*WIDE, "role", "instance")

_ABOUT = {
    "cluster": "Clusters; All also means those without the label.",
    "namespace": "Namespaces of the chosen clusters.",
    "deployment": "Deployments of the chosen namespaces.",
    "instance": "Processes of the chosen deployments and roles.",
}


def used(variables: Sequence[str], scope: Scope, panels: Sequence[Panel]) -> list[str]:
    """Return the variables without the narrowest ones that no query matches."""
    text = " ".join(q.build(scope) for p in panels for q in p.possible)
    last = max((n for n, name in enumerate(variables) if f'"${name}"' in text), default=-1)
    return list(variables[: last + 1])


def matchers(site: Site, variables: Sequence[str]) -> Iterator[Matcher]:
    """Yield the matchers of a query that follows the variables."""
    for name in variables:
        yield Matcher(getattr(site.labels, name), "=~", f"${name}")


def of_labels(site: Site, system: str, names: Sequence[str], *, fleet: bool) -> Iterator[grafana.Variable]:
    """Yield the variables of the target labels, widest first, each among the values that those before it leave.

    Args:
        site: The installation.
        system: The system that the board is about; empty for all of them.
        names: Which variables.
        fleet: The board opens with all deployments.

    """
    systems = [system] if system else [n for n, known in site.config.systems.items() if known.enabled]
    found = list(ups(site, systems).values())
    roles = site.config.systems[system].roles if system else ()
    about = {**_ABOUT, "role": f"Process roles: {', '.join(roles)}."}
    for number, name in enumerate(names):
        chain = site_scope(site, "", *matchers(site, names[:number]))
        label, regex = getattr(site.labels, name), ""
        query = f"label_values({select(found[0], chain)}, {label})"
        if len(found) > 1:  # label_values() takes one selector
            seen = " or ".join(f"last_over_time({select(up, chain)}[$__range])" for up in found)
            query, regex = f"query_result(count by ({label}) ({seen}))", f'/{label}="([^"]*)"/'
        yield grafana.label_variable(
            name,
            name.capitalize(),
            query,
            default_all=fleet or name != "deployment",
            description=about[name],
            regex=regex,
        )


def of_filters(site: Site, variables: Sequence[str], filters: Mapping[str, Metric]) -> Iterator[grafana.Variable]:
    """Yield the variables of labels that series have beside those of their targets."""
    scope = site_scope(site, "", *matchers(site, [name for name in variables if name in WIDE]))
    for label, metric in filters.items():
        yield grafana.label_variable(
            label,
            label,
            f"label_values({select(metric, scope, metric.parts[-1])}, {label})",
            default_all=True,
            description=f"Values of {label}, which your configuration adds; All also means series without it.",
        )
