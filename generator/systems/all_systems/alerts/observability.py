"""The monitoring itself: that rules are evaluated, and that what they say can be delivered.

Others use the same servers. A Prometheus or vmalert is ours when it evaluates one of our rule groups, and an Alertmanager when
the configuration says so.
"""

from __future__ import annotations

from collections.abc import Callable

from generator.config.site import Site, View
from generator.promql import count, lowest, rate, rename_label
from generator.promql.query import Query
from generator.promql.wording import sentence
from generator.rules.rule import GROUP_PREFIX, Alert, Route

#: These are about no deployment, so they carry none of its labels.
ABOUT = {"about": "monitoring"}

#: Our rule groups among everybody's: by their names in vmalert, behind the name of their file in Prometheus.
OWN_GROUPS = f"{GROUP_PREFIX.rstrip('.')}[.].*"
OURS_BEHIND_FILE = f".*;{OWN_GROUPS}"

#: What counts alerts that were not handed over, by the server that sends them.
SENT = {"prometheus": "prometheus_notifications_dropped_total", "vmalert": "vmalert_alerts_send_errors_total"}

#: What tells one server from another: labels that every scraped series has.
SERVER = ("job", "instance")


def alerts(site: Site) -> list[Alert]:
    """Return the alerts."""
    servers = site.system("prometheus")
    always = Query(lambda _: "vector(1)", "none", (), sentence("Always 1."), ())
    return [
        Alert(
            name="ObservabilityWatchdog",
            query=always,
            hold="0s",
            severity="info",
            summary="Alerts can be sent.",
            description="It always fires. A receiver that stops getting it knows that Prometheus or Alertmanager is gone.",
            action="nothing, as long as it is there.",
            board="overview",
            labels=ABOUT,
            route=Route("watchdog", wait="0s", interval="1m", repeat="1m"),
        ),
        Alert(
            name="ObservabilityRuleFailures",
            query=_counted(
                servers,
                "prometheus_rule_evaluation_failures_total",
                "vmalert_alerting_rules_errors_total",
                "vmalert_recording_rules_errors_total",
            ),
            over="15m",
            hold="5m",
            severity="warning",
            summary="The rule group {{ $labels.rule_group }} fails.",
            description="A rule that cannot be evaluated never fires; two series where one is expected are the usual reason.",
            action="read the errors on the rules page of Prometheus, or of vmalert.",
            board="overview",
            labels=ABOUT,
        ),
        Alert(
            name="ObservabilityEvaluationsMissed",
            query=_counted(servers, "prometheus_rule_group_iterations_missed_total", "vmalert_iteration_missed_total"),
            over="15m",
            hold="20m",
            severity="warning",
            summary="The rule group {{ $labels.rule_group }} is not evaluated each time.",
            description=(
                "One evaluation takes longer than the time between two, so alerts come late and recorded series have gaps, "
                "which objectives count as no traffic."
            ),
            action="compare the duration of the group's last evaluation with its interval on the rules page; is the server short of processor or memory?",
            board="overview",
            labels=ABOUT,
        ),
        Alert(
            name="ObservabilityReloadFailed",
            query=_of_ours(
                servers, lambda name: lowest(servers[f"{name}_config_last_reload_successful"], by=SERVER).equals(0)
            ).either(lowest(servers["alertmanager_config_last_reload_successful"], by=SERVER).equals(0)),
            hold="10m",
            severity="warning",
            summary="{{ $labels.job }} at {{ $labels.instance }} has refused its newest configuration.",
            description=(
                "It goes on with the one before, so what was changed since is not watched, or nobody is told of it; "
                "after a restart it may not come up at all."
            ),
            action="read its log for the file and line, mend that, and reload.",
            board="overview",
            labels=ABOUT,
        ),
        Alert(
            name="ObservabilityAlertsNotSent",
            query=_of_ours(servers, lambda name: rate(servers[SENT[name]], by=SERVER).above(0)),
            hold="15m",
            severity="warning",
            summary="{{ $labels.job }} at {{ $labels.instance }} cannot hand over its alerts.",
            description="An Alertmanager does not take them, so nobody may be told of whatever else fires. Restarts of it are over sooner.",
            action="is the Alertmanager up, and is it the one that the configuration names? Read the errors in the log of the server that sends.",
            board="overview",
            labels=ABOUT,
        ),
        Alert(
            name="ObservabilityNotificationsFailing",
            query=rate(servers["alertmanager_notifications_failed_total"], by=(*SERVER, "integration")).above(0),
            over="15m",
            hold="5m",
            severity="warning",
            summary="Alertmanager at {{ $labels.instance }} cannot notify by {{ $labels.integration }}.",
            description="A notification was given up after all its attempts: an alert was not delivered.",
            action="read the log of Alertmanager: a secret that expired, an address that is gone, or a receiver that is down.",
            board="overview",
            labels=ABOUT,
        ),
    ]


def _counted(servers: View, of_prometheus: str, *of_vmalert: str) -> Query:
    """Return our rule groups for which one of these counters moves."""
    found = rate(servers[of_prometheus].matching(rule_group=OURS_BEHIND_FILE), by=("rule_group",)).above(0)
    for series in of_vmalert:
        counted = rate(servers[series].matching(group=OWN_GROUPS), by=("group",))
        found = found.either(rename_label(counted, "group", "rule_group").above(0))
    return found


def _of_ours(servers: View, found: Callable[[str], Query]) -> Query:
    """Return what `found` gives for "prometheus" and for "vmalert", of those servers that evaluate our rule groups."""
    groups = {
        "prometheus": servers["prometheus_rule_group_rules"].matching(rule_group=OURS_BEHIND_FILE),
        "vmalert": servers["vmalert_iteration_interval_seconds"].matching(group=OWN_GROUPS),
    }
    one, other = (found(name).among(count(series, by=SERVER)) for name, series in groups.items())
    return one.either(other)
