"""The monitoring itself: that alerts can reach somebody at all, and that no rule fails."""

from __future__ import annotations

from generator.promql import rate, relabelled
from generator.query import Query
from generator.rules import Alert
from generator.site import Site

#: These are about no deployment, so they carry none of its labels.
ABOUT = {"about": "monitoring"}


def alerts(site: Site) -> list[Alert]:
    """Return the alerts."""
    prometheus = site.system("prometheus")
    failures = prometheus["prometheus_rule_evaluation_failures_total"]
    failing = rate(failures, by=("rule_group",)).above(0)
    for series in ("vmalert_alerting_rules_errors_total", "vmalert_recording_rules_errors_total"):
        of_vmalert = relabelled(rate(prometheus[series], by=("group",)), "group", "rule_group")
        failing = failing.either(of_vmalert.above(0))
    always = Query(lambda _: "vector(1)", "none", (), "Always 1.", (failures,))
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
        ),
        Alert(
            name="ObservabilityRuleFailures",
            query=failing,
            over="15m",
            hold="5m",
            severity="warning",
            summary="The rule group {{ $labels.rule_group }} fails.",
            description="A rule that cannot be evaluated never fires; two series where one is expected are the usual reason.",
            action="read the errors on the rules page of Prometheus, or of vmalert.",
            board="overview",
            labels=ABOUT,
        ),
    ]
