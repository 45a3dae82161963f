"""Who silences whom: on real Alertmanagers, for every pair that the alerts name, and that mistakes in it are told."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import pytest

from generator.bundle import build
from generator.config.site import Site
from generator.rules import inhibition
from generator.rules.rule import Alert, Because
from testbed.servers import Alertmanager, wait_until

from .test_alertmanager import ages, loaded

#: Enough for an Alertmanager that shares the machine to take in what it was told.
LIMIT_SECONDS = 60

IDENTITY = {"cluster": "main", "namespace": "agents", "deployment": "shop"}


@dataclass(frozen=True, slots=True)
class Pair:
    """A reason that fires and another alert beside it, by their labels, and whether the second is silenced."""

    reason: Mapping[str, str]
    other: Mapping[str, str]
    silenced: bool


def pair(reason: str, other: str, *, silenced: bool, differ: Mapping[str, str] | None = None, **both: str) -> Pair:
    """Two alerts of one deployment; the second has `differ` in the place of what they share."""
    shared = {**IDENTITY, **both}
    return Pair({"alertname": reason, **shared}, {"alertname": other, **shared, **(differ or {})}, silenced)


#: What was seen to be silenced wrongly, or could be.
NAMED = (
    pair(
        "LangSmithAllTargetsDown", "LangSmithTargetDown", role="playground", differ={"role": "postgres"}, silenced=False
    ),
    pair("LangSmithAllTargetsDown", "LangSmithTargetDown", role="playground", silenced=True),
    pair("LangSmithClickHouseDown", "LangSmithTargetDown", role="clickhouse", instance="a:9363", silenced=True),
    pair(
        "LangSmithClickHouseDown", "LangSmithTargetDown", role="clickhouse", instance="a:9363",
        differ={"role": "redis", "instance": "r:9121"}, silenced=False,
    ),
    pair(
        "AgentgatewayNoHealthyBackend", "AgentgatewayUpstreamFailures", gateway="a/one", backend="docs", silenced=True
    ),
    pair(
        "AgentgatewayNoHealthyBackend", "AgentgatewayUpstreamFailures", gateway="a/one", backend="docs",
        differ={"gateway": "a/two"}, silenced=False,
    ),
    pair(
        "AgentgatewayNoHealthyBackend", "AgentgatewayUpstreamFailures", gateway="a/one", backend="docs",
        differ={"backend": "shop"}, silenced=False,
    ),
    pair("AgentgatewayLlmErrors", "AgentgatewayLlmSlowFirstToken", gateway="a/one", silenced=False),
    pair("LangSmithIngestStalled", "LangSmithIngestQueueBacklog", queue="ingest", silenced=True),
    pair(
        "LangSmithIngestStalled", "LangSmithIngestQueueBacklog", queue="ingest", differ={"queue": "feedback"}, silenced=False
    ),
    pair("LangSmithRedisDown", "LangSmithRedisMemoryHigh", instance="r:9121", differ={"instance": "s:9121"}, silenced=False),
    pair("AgentServerAvailabilityBurn1h", "AgentServerAvailabilityBurn3d", slo="http_availability", silenced=True),
    pair("AgentServerAvailabilityBurn1h", "AgentServerRunSuccessBurn3d", slo="http_availability",
         differ={"slo": "run_success"}, silenced=False),
    pair("AgentServerAvailabilityBurn6h", "AgentServerAvailabilityBurn1h", slo="http_availability", silenced=False),
    pair("AgentServerFetchRunsDown", "AgentServerFetchRunsFailing", differ={"cluster": "east"}, silenced=False),
    pair("AgentServerFetchRunsDown", "AgentServerStreamDataLossHigh", silenced=False),
)  # fmt: skip


def declared(site: Site, alerts: Sequence[Alert]) -> Iterator[Pair]:
    """Every pair that the alerts name: once agreeing, then once for each label in which they differ or that both lack."""
    names = {alert.name for alert in alerts}
    for alert in alerts:
        for because in alert.explained_by:
            for name in (n for n in because.alerts if n in names):
                agree = (*site.identity, *because.agree)
                shared = dict.fromkeys(agree, "same")
                where = {label: pattern.partition("|")[0] for label, pattern in because.where.items()}
                reason = {"alertname": name, **shared, **where}
                other = {"alertname": alert.name, **shared}
                yield Pair(reason, other, silenced=True)
                for label in agree:
                    yield Pair(reason, {**other, label: "another"}, silenced=False)
                for label in ("deployment", *because.agree):
                    yield Pair({**reason, label: ""}, {**other, label: ""}, silenced=False)
                for label in where:
                    yield Pair({**reason, label: "another"}, other, silenced=False)


def labels_of_pairs(pairs: Sequence[Pair]) -> list[tuple[dict[str, str], dict[str, str]]]:
    """Labels of each pair, in namespaces of their own, so that no pair sees another."""

    def apart(labels: Mapping[str, str], number: int) -> dict[str, str]:
        given = {label: value for label, value in labels.items() if value}
        return {**given, "pair": str(number), "namespace": f"{labels['namespace']}-{number}"}

    return [(apart(p.reason, n), apart(p.other, n)) for n, p in enumerate(pairs)]


def silenced(server: Alertmanager) -> dict[str, set[str]]:
    """Which alerts of each pair someone else silences, by name."""
    out: dict[str, set[str]] = {}
    for alert in server.alerts():
        by = alert["status"]["inhibitedBy"]
        out.setdefault(alert["labels"]["pair"], set()).update({alert["labels"]["alertname"]} if by else set())
    return out


@pytest.mark.real
@ages
def test_an_alert_silences_what_it_explains_and_nothing_else(age: str, site: Site) -> None:
    """The same deployment, gateway, role or server: whatever must agree does, or both are told."""
    pairs = [*NAMED, *declared(site, build(site).alerts)]
    wanted = {str(n): {p.other["alertname"]} if p.silenced else set() for n, p in enumerate(pairs)}

    def settled() -> dict[str, set[str]] | None:
        now = silenced(server)
        return now if all(now.get(n, set()) >= names for n, names in wanted.items()) else None

    with loaded(age, site) as server:
        server.post(labels for both in labels_of_pairs(pairs) for labels in both)
        got = wait_until(settled, what="everything that must be silenced", limit_seconds=LIMIT_SECONDS) or {}

    assert {n: labels_of_pairs(pairs)[int(n)] for n in wanted if got.get(n) != wanted[n]} == {}
    assert len(got) == len(pairs)


def alerts_of(site: Site) -> dict[str, Alert]:
    """Every alert, those that are off by default included."""
    off = (
        "AgentServerHealthCheckFailing",
        "AgentServerHttp5xxRatio",
        "AgentServerQueueStalledConfirmed",
        "LangSmithHttpErrors",
    )
    return {alert.name: alert for alert in build(replace(site, config=replace(site.config, enabled=off))).alerts}


@pytest.mark.parametrize(
    ("name", "because", "expected"),
    [
        (
            "AgentServerTargetDown",
            Because(("AgentServerAllTargetsDwn",)),
            "AgentServerTargetDown is explained by 'AgentServerAllTargetsDwn', and there is no such alert; "
            "did you mean 'AgentServerAllTargetsDown'?",
        ),
        (
            "AgentServerFetchRunsFailing",
            Because(("AgentServerFetchRunsDown",), agree=("role",)),
            "AgentServerFetchRunsFailing has no label 'role', in which it and AgentServerFetchRunsDown must agree; "
            "keep the label in the query of both, or two that lack it are taken for equal\n"
            "AgentServerFetchRunsDown has no label 'role', in which it and AgentServerFetchRunsFailing must agree; "
            "keep the label in the query of both, or two that lack it are taken for equal",
        ),
        (
            "AgentServerFetchRunsFailing",
            Because(("AgentServerFetchRunsDown",), where={"role": "queue"}),
            "AgentServerFetchRunsDown has no label 'role'; keep it in its query, or explain AgentServerFetchRunsFailing "
            "without it",
        ),
        (
            "AgentServerPgPoolErrors",
            Because(("AgentServerWorkersSaturated",)),
            "AgentServerWorkersSaturated (warning) would silence AgentServerPgPoolErrors (critical); "
            "a reason is as severe as what follows from it",
        ),
        (
            "AgentServerPgPoolErrors",
            Because(("AgentServerPgPoolErrors",)),
            "AgentServerPgPoolErrors is explained by what it explains; keep one direction, or both are silent",
        ),
        (
            "AgentServerFetchRunsFailing",
            Because(("AgentServerFetchRunsDown", "AgentServerFetchRunsDown")),
            "AgentServerFetchRunsFailing is explained by AgentServerFetchRunsDown twice; say once which labels must agree",
        ),
        (
            "AgentServerFetchRunsFailing",
            Because(("ObservabilityWatchdog",)),
            "ObservabilityWatchdog (info) would silence AgentServerFetchRunsFailing (warning); "
            "a reason is as severe as what follows from it\n"
            + "\n".join(
                f"ObservabilityWatchdog has no label {label!r}, in which it and AgentServerFetchRunsFailing must agree; "
                "keep the label in the query of both, or two that lack it are taken for equal"
                for label in ("cluster", "namespace", "deployment")
            ),
        ),
    ],
)
def test_a_reason_that_cannot_hold_is_told(site: Site, name: str, because: Because, expected: str) -> None:
    """A name that is none, a label that one of them lacks, a ticket that hides a page, an alert that silences itself."""
    known = alerts_of(site)
    known[name] = replace(known[name], explained_by=(because,))

    assert [f"{what}; {fix}" for _, what, fix in inhibition.mistakes(site, list(known.values()))] == expected.split(
        "\n"
    )


def test_two_alerts_that_explain_each_other_are_told(site: Site) -> None:
    """Both would be silent, also by way of a third one."""
    known = alerts_of(site)
    ring = ("AgentServerPgPoolErrors", "AgentServerFetchRunsDown", "AgentServerStreamDataLossHigh")
    for name, reason in zip(ring, (*ring[1:], ring[0]), strict=True):
        known[name] = replace(known[name], explained_by=(Because((reason,)),))

    wrong = {
        alert.name for alert, _, fix in inhibition.mistakes(site, list(known.values())) if "both are silent" in fix
    }

    assert wrong == set(ring)


def test_a_reason_that_is_disabled_silences_nothing(site: Site) -> None:
    """What is not written cannot fire, so it is left out; a rule without any reason is too."""
    known = alerts_of(site)
    del known["AgentServerFetchRunsDown"]

    assert not [r for r in inhibition.rules(site, list(known.values())) if "FetchRuns" in str(r)]
