"""Two Prometheus servers of a pair and one Alertmanager: what both see is told once. What would spoil that is refused."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest

from generator.bundle import build
from generator.config.site import Site
from generator.errors import ConfigError
from generator.outputs import FORMATS
from testbed.servers import Alertmanager, Prometheus, Webhook, find, missing, wait_until
from testbed.servers.fake import FakeServer, exposition
from testbed.servers.loopback import ask, free_port

#: Virtual seconds in one: scrapes and evaluations every three seconds, the page after twelve.
SCALE = 10

LIMIT_SECONDS = 120

#: The page of an exporter whose Redis is down.
PAGE = "# TYPE redis_up gauge\nredis_up 0\n"


def bundle_yaml(replica: str, target: str, alertmanager: int, webhook: str, more: str) -> str:
    return (
        f"scrape: {{external_labels: {{replica: {replica}}}}}\n"
        f'alertmanager: {{targets: ["127.0.0.1:{alertmanager}"], webhook_url: "{webhook}"{more}}}\n'
        'rule_files: ["loaded/*.rules.yaml"]\n'
        "systems:\n"
        "  agent_server: {enabled: false}\n"
        "  langsight: {enabled: false}\n"
        "  agentgateway: {enabled: false}\n"
        "  langsmith:\n"
        f'    scrape: {{discovery: [static], static: [{{role: redis, deployment: shop, targets: ["{target}"]}}]}}\n'
    )


def sent(server: Prometheus) -> float:
    """How many alerts the server has told Alertmanager."""
    page = ask(server.port, "GET", "/metrics")[1].decode()
    return sum(
        float(line.split()[-1]) for line in page.splitlines() if line.startswith("prometheus_notifications_sent_total{")
    )


def more_than(before: float, server: Prometheus) -> bool:
    return sent(server) > before


def down(server: Prometheus) -> bool:
    return any(a.labels["alertname"] == "LangSmithRedisDown" and a.state == "firing" for a in server.alerts())


@pytest.mark.real
@pytest.mark.parametrize(
    ("more", "names"), [("", [None]), (", replica_labels: []", ["prom-a", "prom-b"])], ids=["dropped", "kept"]
)
def test_a_pair_tells_an_alert_once(configured: Callable[[str], Site], more: str, names: list[str | None]) -> None:
    """The replica's label is taken off before Alertmanager; where it is kept, each replica notifies for itself."""
    programs = [find(name, "newest") for name in ("prometheus", "alertmanager")]
    for found in programs:
        if not found.path:
            missing(found.reason)
    prometheus, alertmanager = (Path(str(found.path)) for found in programs)
    port = free_port()
    with ExitStack() as stack:
        webhook = stack.enter_context(Webhook())
        target = stack.enter_context(FakeServer(lambda _: exposition(PAGE))).address
        servers: list[Prometheus] = []
        for replica in ("prom-a", "prom-b"):
            site = configured(bundle_yaml(replica, target, port, webhook.url, more))
            texts = {
                p.as_posix(): t for p, t in FORMATS["files"].render(replace(build(site), time_scale=SCALE)).items()
            }
            rules = {f"loaded/{Path(p).name}": t for p, t in texts.items() if p.endswith(".rules.yaml")}
            if not servers:
                stack.enter_context(Alertmanager(alertmanager, texts["alerts/alertmanager.yml"], port=port))
            flags = ["--rules.alert.resend-delay=1s"]
            made = Prometheus(prometheus, texts["scrape/prometheus.yml"], files=rules, flags=flags)
            servers.append(stack.enter_context(made))
        for server in servers:
            wait_until(partial(down, server), what="the page", limit_seconds=LIMIT_SECONDS)
            wait_until(partial(more_than, sent(server), server), what="its delivery", limit_seconds=LIMIT_SECONDS)

        def notified() -> list[str | None]:
            pages = {n.labels.get("replica") for n in webhook.notices if n.labels["alertname"] == "LangSmithRedisDown"}
            return sorted(pages, key=str)

        wait_until(lambda: len(notified()) >= len(names), what="the notification", limit_seconds=LIMIT_SECONDS)
        assert notified() == names


def problems(configured: Callable[[str], Site], text: str) -> list[str]:
    with pytest.raises(ConfigError) as refused:
        configured(text)
    return [str(p) for p in refused.value.problems]


def test_an_external_label_that_is_another_cluster_is_refused(configured: Callable[[str], Site]) -> None:
    """Series would be of one cluster, and what Prometheus adds to those without it of another."""
    text = "labels: {cluster: zone}\nscrape:\n  cluster: eu-1\n  external_labels:\n    zone: eu-2\n"

    assert problems(configured, text) == [
        "bundle.yaml:5: the external label zone is 'eu-2', and scrape.cluster is 'eu-1'; "
        "give both one value, or leave the external label out: series and alerts have the cluster of their targets"
    ]
    assert configured("scrape: {cluster: eu-1, external_labels: {cluster: eu-1, replica: a}}\n")


def test_a_replica_label_that_names_targets_is_refused(configured: Callable[[str], Site]) -> None:
    """Taken off every alert, it would make one of two deployments."""
    text = "labels: {instance: pod}\nalertmanager:\n  replica_labels:\n    - replica\n    - pod\n"

    assert problems(configured, text) == [
        "bundle.yaml:5: 'pod' names targets, and would be taken off every alert; "
        "list labels that only tell the Prometheus servers of a pair apart"
    ]
