"""What every system is told of alike: a process that is down, a deployment that is, one that vanished, a system never found.

Down means that discovery knows the target and its scrapes fail. What discovery no longer knows has no series at all, so it is
held against a recorded series of what was there: a deployment that is gone is told of for a day. Pods without a node or an
image are not discovered either, and look like this.

Where roles of a system are services of their own, each of them counts for itself.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from math import ceil

from generator.catalogue import Metric
from generator.config.site import Site
from generator.config.timing import words
from generator.promql import absent, count, latest, samples, total
from generator.promql.query import Query
from generator.rules.rule import CRASHING, Alert, Because, Record, Severity, record
from generator.units import seconds

#: For how long a deployment that is gone is told of: a page repeats all day, and someone has seen it by then. A removal on
#: purpose is over as soon.
REMEMBERED = "1d"

#: For how long a deployment that may scale to zero explains that nothing of its system is found: longer than a weekend.
IDLE = "7d"

#: What was there for less was a mistake of someone who sets up discovery.
ESTABLISHED = "10m"


@dataclass(frozen=True, slots=True)
class Subject:
    """What differs between systems.

    Attributes:
        system: Its name in the catalogue.
        board: Stem of the board that shows its targets.
        outage: What no process at all means for users, one sentence.
        look: What to look at first when it does not answer.
        roles: Roles whose services are one each, as a pattern; all together are one deployment without.
        down: How long one process may fail its scrapes; longer than a rollout takes.
        all_down: How long all of them may.
        elastic: Role that an autoscaler may take to none, so that it does not count where others are missed.
        explained_by: What else explains that a process does not answer.
        runbook: What the names of its runbooks begin with; the alerts' own names when empty.

    """

    system: str
    board: str
    outage: str
    look: str
    roles: str = ""
    down: str = "5m"
    all_down: str = "3m"
    elastic: str = ""
    explained_by: tuple[Because, ...] = ()
    runbook: str = ""


@lru_cache(maxsize=8)  # a record module and a topic of each system ask for the same
def processes(site: Site, system: str) -> Record:
    """Return the recorded number of processes that discovery knows, by deployment, and by role where the system has roles.

    A series ends with the last process that discovery knew, up or down.
    """
    role = _role(site, system)
    up = site.system("prometheus", on=system)["up"]
    known = count(up, by=(*site.record_labels, *role)).about("Processes that discovery knows.")
    return record(site, f"deployment{'_role' if role else ''}:{system}_targets:count", known)


def alerts(site: Site, subject: Subject) -> list[Alert]:
    """Return what is told of the targets of one system, most urgent first."""
    return [_all_down(site, subject), vanished(site, subject), _down(site, subject), _missing(site, subject)]


def _all_down(site: Site, subject: Subject) -> Alert:
    up, role = site.system("prometheus", on=subject.system)["up"], _role(site, subject.system)
    counted = up.matching(**{site.labels.role: subject.roles}) if subject.roles else up
    return Alert(
        name=f"{stem(site, subject.system)}AllTargetsDown",
        runbook=_runbook(subject, "AllTargetsDown"),
        query=total(counted, by=(*site.identity, *role)).equals(0),
        hold=subject.all_down,
        keep=CRASHING,
        severity="critical",
        summary=f"{_title(site, *role)}: no process answers.",
        description=f"Every scrape fails: an outage, or a network policy between it and Prometheus. {subject.outage}",
        action=subject.look,
        board=subject.board,
    )


def _down(site: Site, subject: Subject) -> Alert:
    up, role = site.system("prometheus", on=subject.system)["up"], _role(site, subject.system)
    return Alert(
        name=f"{stem(site, subject.system)}TargetDown",
        runbook=_runbook(subject, "TargetDown"),
        query=total(up, by=(*site.identity, *role, site.labels.instance)).equals(0),
        hold=subject.down,
        keep=CRASHING,
        severity="warning",
        summary=f"{_title(site, *role)}: {{{{ $labels.{site.labels.instance} }}}} does not answer.",
        description="One process has not answered for longer than a rollout takes, and others may do its work.",
        action="is the process gone, or does it hang? Open its page by hand from inside its network.",
        board=subject.board,
        explained_by=(Because((f"{stem(site, subject.system)}AllTargetsDown",), agree=role), *subject.explained_by),
    )


def vanished(
    site: Site, subject: Subject, *, what: str = "Deployment", roles: str = "", severity: Severity = "critical"
) -> Alert:
    """Return the alert on deployments that discovery knew within a day, and knows no more.

    Args:
        site: The installation.
        subject: The system.
        what: What vanished, for the name of the alert.
        roles: Pattern of the roles that are looked at; those of the subject without.
        severity: A page, unless users do not notice.

    """
    wanted, names = roles or subject.roles, site.labels
    counted = _lasting(site, subject.system)
    by = (*site.identity, *(_role(site, subject.system) if wanted else ()))
    counted = counted.matching(**{names.role: wanted}) if wanted else counted
    query = _vanished(site, counted, by)
    if subject.elastic:
        query = _vanished(site, counted.not_matching(**{names.role: subject.elastic}), by).either(query)
    return Alert(
        name=f"{stem(site, subject.system)}{what}Vanished",
        runbook=_runbook(subject, f"{what}Vanished"),
        query=query,
        over=_within_retention(site, REMEMBERED),
        hold="10m",
        severity=severity,
        summary=f"{_title(site, *(by[len(site.identity) :]))}: there were {{{{ $value }}}} processes, and discovery finds none any more.",
        description=(
            f"No pod, container or address is left, so nothing is down either: deleted, scaled to zero, without a node or an image, "
            f"or labelled otherwise. {subject.outage} It ends when a process is found again, or after {words(_within_retention(site, REMEMBERED))}."
        ),
        action="was it removed on purpose? Then silence it, or name it in scale_to_zero. If not, look at its pods and their events.",
        board=subject.board,
    )


def _vanished(site: Site, counted: Metric, by: tuple[str, ...]) -> Query:
    there = ceil(seconds(ESTABLISHED) / seconds(site.timing.evaluation))
    established = samples(counted, by=by).at_least(there)
    return latest(counted, by=by).both(established).without(total(counted, by=by))


def _missing(site: Site, subject: Subject) -> Alert:
    up, title = site.system("prometheus", on=subject.system)["up"], site.catalogue.systems[subject.system].title
    query, idle = absent(up), site.config.systems[subject.system].scale_to_zero
    if idle:
        resting = processes(site, subject.system).metric.matching(**{site.labels.deployment: "|".join(idle)})
        query = query.without_any(latest(resting).over(_within_retention(site, IDLE)))
    return Alert(
        name=f"{stem(site, subject.system)}TargetsMissing",
        runbook=_runbook(subject, "TargetsMissing"),
        query=query,
        hold="10m",
        severity="warning",
        summary=f"{title}: nothing is scraped at all.",
        description="Discovery finds nothing, so no target can be down either: monitoring is blind. A deployment that was there before pages by itself.",
        action="look at the discovery: labels of the pods, permissions, the names in the configuration. Turn the system off where there is none.",
        board=subject.board,
        labels={"about": "monitoring"},
    )


def _lasting(site: Site, system: str) -> Metric:
    """Return the recorded series of deployments that may not scale to zero."""
    metric, idle = processes(site, system).metric, site.config.systems[system].scale_to_zero
    return metric.not_matching(**{site.labels.deployment: "|".join(idle)}) if idle else metric


def _within_retention(site: Site, duration: str) -> str:
    """Return a duration, or that for which Prometheus keeps samples where it is shorter."""
    return min(duration, site.timing.retention, key=seconds)


def _role(site: Site, system: str) -> tuple[str, ...]:
    return (site.labels.role,) if site.catalogue.systems[system].roles else ()


def stem(site: Site, system: str) -> str:
    """Return what the names of a system's alerts begin with."""
    return site.catalogue.systems[system].alerts


def _runbook(subject: Subject, state: str) -> str:
    return f"{subject.runbook}{state}" if subject.runbook else ""


def _title(site: Site, *labels: str) -> str:
    return ", ".join(f"{{{{ $labels.{label} }}}}" for label in (site.labels.deployment, *labels))
