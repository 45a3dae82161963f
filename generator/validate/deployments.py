"""Deployments: one that holds the processes of several servers hides the trouble of one behind the others.

Rules and boards take once what belongs to a whole deployment, as each of its processes tells the same of it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from generator.catalogue import Matcher, Metric
from generator.config.site import Site
from generator.promql import select
from generator.promql.scope import Scope
from generator.validate.context import Context
from generator.validate.verdict import Verdict, warning

#: Processes of one database read the same number, once a minute at the latest: in so many seconds some readings agree.
LONG_SECONDS = 1800.0

#: Labels that have one value in a deployment.
SINGLE = ("project_id",)

FIX = (
    "give each server a deployment of its own: scrape.kubernetes.deployment_label in bundle.yaml, or deployment in its group "
    "or target file"
)


def mixed(context: Context) -> Iterator[Verdict]:
    """Yield a warning for each deployment that holds processes of several databases or projects."""
    for name in context.systems:
        reported: set[str] = set()
        for query, why in _questions(context, name):
            for series in context.prometheus.query(query):
                item = f"{name} {_named(context.site, series.labels)}"
                if item not in reported:
                    reported.add(item)
                    yield warning(why, FIX).of("targets", item)


def _questions(context: Context, name: str) -> Iterator[tuple[str, str]]:
    """Yield queries whose series are deployments that hold several servers, and how that is known."""
    site = context.site
    seen = [m for m in site.system(name) if context.evidence.count(m)]
    by = ", ".join(site.labels.identity)
    for metric in seen:
        for label in (label for label in SINGLE if label in metric.labels):
            one = select(metric, Scope("", site.selectors), "", Matcher(label, "!=", ""))
            query = f"count by ({by}) (count by ({by}, {label}) ({one})) > 1"
            yield query, f"its processes have more than one {label}: several servers have this name"
    for metric in seen:
        if metric.aggregate == "global":
            query = _apart(metric, Scope("", site.selectors), by, context.scale)
            minutes = f"{LONG_SECONDS / context.scale / 60:g} minutes"
            yield (
                query,
                (
                    f"two of its processes did not agree on {metric.full_name} once in {minutes}, which has one value in a database: "
                    "several servers have this name, or a process reads no more"
                ),
            )


def _apart(metric: Metric, scope: Scope, by: str, scale: float) -> str:
    """Return a query for the deployments of which all readings of one process are below all of another's."""
    one, window = select(metric, scope), f"{LONG_SECONDS / scale * 1000:.0f}ms"
    # A process that began later, or ended, has not seen what the others have.
    throughout = f"and {one} and {one} offset {window}"
    every = ", ".join((by, *metric.labels))
    return f"min by ({every}) (max_over_time({one}[{window}]) {throughout}) < max by ({every}) (min_over_time({one}[{window}]) {throughout})"


def _named(site: Site, labels: Mapping[str, str]) -> str:
    names = site.labels
    found = [labels.get(name, "") for name in (names.cluster, names.namespace)]
    within = ", ".join(one for one in found if one)
    return f"deployment {labels.get(names.deployment, '')}" + (f" in {within}" if within else "")
