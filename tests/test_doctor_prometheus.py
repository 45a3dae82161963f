"""`agentobs doctor --prometheus`: targets are found under any labels, and what keeps boards from showing them right is told."""

from __future__ import annotations

import gzip
import re
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml

from generator import infer
from generator.bundle import build
from generator.catalogue import load
from generator.cli.main import main
from generator.config.site import Site
from generator.doctor import Monitored, monitored
from generator.validate import CHECKS, Options, prepared, run
from generator.validate.access import Access
from generator.validate.probe import Probe
from generator.validate.prometheus import Prometheus as Api
from generator.validate.verdict import State
from reference_server.agent_server.simulation import Deployment
from reference_server.agent_server.workload import Topology, Workload
from testbed.servers import Prometheus, find, missing

from .conftest import ROOT

pytestmark = pytest.mark.real

#: Samples of each series, and seconds between them: as much as `doctor` looks back, and a little more.
SAMPLES, EVERY = 64, 15.0


@cache
def pages() -> Mapping[str, str]:
    """The pages of a deployment of one process each, by role."""
    topology = Topology(api=1, queue=1, tier=3, expose_internal=True, deployment_type="prod", async_publish_queue=True)
    deployment = Deployment(Workload(runs_per_minute=60), topology=topology, seed=1)
    deployment.advance(deployment.start + 600)
    return {p.role: deployment.page(p).decode() for p in deployment.processes}


@dataclass(frozen=True, slots=True)
class Scraped:
    """One target: its page, its labels, what is changed on the way, and its start times if it is several processes."""

    page: str
    labels: Mapping[str, str]
    change: Callable[[str], str] = lambda name: name
    starts: tuple[float, ...] = ()
    up: float = 1.0
    falling: str = ""

    def series(self) -> Iterator[tuple[dict[str, str], list[float]]]:
        yield {"__name__": "up", **self.labels}, [self.up] * SAMPLES
        for family in infer.read("page", self.page):
            for sample in family.samples:
                name = self.change(sample.name)
                if not name:
                    continue
                own = {k: v for k, v in sample.labels.items() if v}
                values = [sample.value] * SAMPLES
                if self.starts and name == "process_start_time_seconds":
                    values = [self.starts[n % len(self.starts)] for n in range(SAMPLES)]
                if name == self.falling:
                    values = [sample.value + 10 * (n % 2) for n in range(SAMPLES)]
                yield {"__name__": name, **own, **self.labels}, values


def chat(role: str, number: int, **more: Any) -> Scraped:
    """A process of the deployment chat, as another chart and scrape job label it."""
    labels = {
        "job": f"chat-{role}", "instance": f"10.0.0.{number}:8000", "app": "chat", "service": f"chat-{role}",
        "k8s_namespace_name": "prod", "app_kubernetes_io_component": role,
    }  # fmt: skip
    return Scraped(pages()[role], {**labels, **more.pop("labels", {})}, **more)


NODE = Scraped("node_load1 0.5\n", {"job": "node", "instance": "10.0.0.1:9100", "app": "node", "k8s_namespace_name": "infra", "service": "node", "app_kubernetes_io_component": "metrics"})  # fmt: skip


def fed(scraped: list[Scraped], stack: ExitStack) -> str:
    """The address of a Prometheus that has these targets."""
    found = find("prometheus", "newest")
    if not found.path:
        missing(found.reason)
    assert found.path
    server = stack.enter_context(Prometheus(found.path, history=True))
    now = time.time()
    server.push((s for one in scraped for s in one.series()), [now - EVERY * (SAMPLES - 1 - n) for n in range(SAMPLES)])
    return server.url


def asked(url: str) -> Monitored:
    probe = Probe("Prometheus", url, Access(), timeout=10.0, flag="--prometheus")
    try:
        return monitored(load(), Api(probe), None, time.time())
    finally:
        probe.close()


@dataclass(frozen=True, slots=True)
class Installation:
    """A Prometheus with targets, and what doctor tells of it."""

    url: str
    found: Monitored = field(repr=False)

    def troubles_of(self, kind: str) -> str:
        return "\n".join(t.text for t in self.found.troubles if t.kind == kind)


@pytest.fixture(scope="module")
def sound() -> Iterator[Installation]:
    """Two roles and a stranger; nothing is wrong but that nothing is called as the defaults have it."""
    with ExitStack() as stack:
        url = fed([chat("api", 1), chat("queue", 2), NODE], stack)
        yield Installation(url, asked(url))


#: What an OpenTelemetry Collector with metric suffixes makes of some names.
SUFFIXES = {
    "lg_api_workers_max": "lg_api_workers_max_ratio",
    "lg_api_http_requests_latency": "lg_api_http_requests_latency_milliseconds",
}


def suffixed(name: str) -> str:
    for ours, theirs in SUFFIXES.items():
        if name == ours or name.startswith(f"{ours}_"):
            return name.replace(ours, theirs)
    return name


def without_buckets(name: str) -> str:
    return "" if name.endswith("_bucket") else name


def native(name: str) -> str:
    """A native histogram is one series under the family's name."""
    base = "lg_api_run_execution_latency"
    return base if name == f"{base}_count" else "" if name.startswith(f"{base}_") else name


@pytest.fixture(scope="module")
def broken() -> Iterator[Installation]:
    with ExitStack() as stack:
        targets = [
            chat("api", 1, starts=(1_000.25, 2_000.5, 3_000.75)),
            chat("api", 2, change=without_buckets, starts=(4_000.25,)),
            chat("api", 2, labels={"job": "pods"}, starts=(4_000.25,)),
            chat("queue", 3, change=native, starts=(5_000.25,)),
            chat("queue", 4, starts=(6_000.25,), labels={"prometheus_replica": "a"}),
            chat("queue", 4, starts=(6_000.25,), labels={"prometheus_replica": "b"}),
            replace(chat("queue", 5), page="# no series\n", up=0.0),
        ]
        url = fed([t for t in targets if t.up] + [NODE], stack)
        yield Installation(url, asked(url))


def test_targets_are_found_by_their_names_and_told_apart(sound: Installation) -> None:
    found = sound.found
    assert found.troubles == ()
    (fit,) = found.diagnosis.fits
    assert [(t.trait("role").values, t.version) for t in fit.pages] == [(("api",), "0.16.7"), (("queue",), "0.16.7")]  # type: ignore[union-attr]
    assert found.naming.labels == {
        "namespace": "k8s_namespace_name",
        "deployment": "app",
        "role": "app_kubernetes_io_component",
    }
    assert found.naming.match == {"agent_server": {"job": "~chat-api|chat-queue"}}
    assert found.naming.selectors == {}


def test_validate_has_nothing_to_say_with_what_is_written(
    sound: Installation, tmp_path: Path, configured: Callable[[str], Site]
) -> None:
    path = tmp_path / "bundle.yaml"
    main(["doctor", "--prometheus", sound.url, "--write", str(path)])
    text = path.read_text(encoding="utf-8")
    assert yaml.safe_load(text)["systems"]["agent_server"]["roles"] == ["api", "queue"]

    with prepared(build(configured(text)), Options(prometheus=sound.url), lambda _: None) as context:
        verdicts = list(run(context, [c for c in CHECKS if c.category in ("targets", "metrics", "variables")]))
    assert [v for v in verdicts if v.state in (State.WRONG, State.WARNING)] == []
    assert sum(v.state is State.OK for v in verdicts) > 40


def test_a_load_balancer_and_the_replicas_behind_it_are_told(broken: Installation) -> None:
    (text,) = broken.troubles_of("balanced").splitlines()
    assert text.startswith("10.0.0.1:8000 (job chat-api) is 3 processes in turns")
    assert text.endswith("a load balancer stands before them, and 2 of them have no target of their own")


def test_a_process_that_is_scraped_twice_is_told(broken: Installation) -> None:
    assert broken.troubles_of("double") == "10.0.0.2:8000 is scraped by chat-api and by pods"


def test_buckets_that_are_not_there_are_told(broken: Installation) -> None:
    assert "lg_api_http_requests_latency of 10.0.0.2:8000 (job chat-api) is without buckets" in broken.troubles_of(
        "buckets"
    )
    assert (
        "lg_api_run_execution_latency of 10.0.0.3:8000 (job chat-queue) is stored as native histograms"
        in broken.troubles_of("native")
    )


def test_a_pair_of_servers_is_told_and_one_of_them_is_asked(broken: Installation) -> None:
    assert "a target is there once for each prometheus_replica (a, b)" in broken.troubles_of("pair")
    assert broken.found.naming.selectors == {"prometheus_replica": "a"}


def test_what_changes_names_and_takes_labels_away_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    """Names with suffixes, targets that share a job with a stranger, no role, and one that does not answer."""
    bare = {"job": "otel", "instance": "a"}
    stranger = Scraped("node_load1 0.5\n", {"job": "otel", "instance": "b"})
    down = Scraped("x 1\n", {"job": "otel", "instance": "c"}, up=0.0)
    with ExitStack() as stack:
        url = fed([Scraped(pages()["api"], bare, change=suffixed), stranger, down], stack)
        site = Installation(url, asked(url))
        assert main(["doctor", "--prometheus", url]) == 1
    out = capsys.readouterr().out

    assert "something on the way adds units" in site.troubles_of("names")
    assert "lg_api_http_requests_latency as lg_api_http_requests_latency_milliseconds" in site.troubles_of("names")
    assert site.troubles_of("system") == "no label tells the targets of Agent Server from those of others"
    assert site.troubles_of("role") == "no label tells the role of a (job otel)"
    assert "a (job otel) lack" in site.troubles_of("labels")
    assert site.troubles_of("down") == "c (job otel) does not answer"
    assert "add_metric_suffixes: false" in out


def test_a_gateways_labels_and_its_falling_counters_are_told(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Labels that its configuration adds become those of attribution; it tells no start time, so its counters tell a load balancer."""
    page = gzip.decompress((ROOT / "tests/data/pages/agentgateway_1.4.1.prom.gz").read_bytes()).decode()
    text = re.sub(r'\broute="', 'team="core",route="', page)
    path = tmp_path / "bundle.yaml"
    with ExitStack() as stack:
        labels = {"job": "edge", "instance": "10.0.0.9:15020", "deployment": "edge"}
        url = fed([Scraped(text, labels, falling="agentgateway_requests_total"), NODE], stack)
        main(["doctor", "--prometheus", url, "--write", str(path)])

    assert re.search(
        r"counters of 10\.0\.0\.9:15020 \(job edge\) fell \d+ times in 15 minutes", capsys.readouterr().out
    )
    found = yaml.safe_load(path.read_text(encoding="utf-8"))["systems"]["agentgateway"]
    assert found == {"versions": "1.4.1", "attribution": ["team"], "match": {"job": "edge"}}


def test_a_prometheus_without_any_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    with ExitStack() as stack:
        url = fed([NODE], stack)
        main(["doctor", "--prometheus", url])
    assert "none of its series is one of a system that the catalogue knows" in capsys.readouterr().out


def test_a_server_that_does_not_answer_is_one_sentence(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["doctor", "--prometheus", "http://127.0.0.1:9"]) == 1
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("--prometheus:1: ")
