"""Exemplars of an operator's own system: from its page to the queries that Grafana asks for them."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest
import yaml
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram
from prometheus_client.openmetrics.exposition import CONTENT_TYPE_LATEST, generate_latest

from generator.bundle import build, installation
from generator.catalogue import load
from generator.cli.main import main
from generator.outputs import FORMATS
from generator.validate.variables import Window, filled
from testbed.servers import Prometheus, find, missing, wait_until
from testbed.servers.debian import Age
from testbed.servers.fake import FakeServer, always

TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"


def page() -> bytes:
    """What a Python program shows whose slowest request was traced; beside it what has no exemplar."""
    registry = CollectorRegistry()
    took = Histogram(
        "shop_request_duration_seconds", "Time to an answer.", ["route"], buckets=(0.1, 1, 5), registry=registry
    )
    took.labels("/pay").observe(0.05)
    took.labels("/pay").observe(3, {"trace_id": TRACE, "span_id": "00f067aa0ba902b7"})
    Histogram("shop_wait_seconds", "Time to a turn.", buckets=(0.1, 1), registry=registry).observe(0.5)
    Counter("shop_orders", "Orders.", registry=registry).inc(2, {"trace_id": TRACE})
    Counter("shop_visits", "Visits.", registry=registry).inc()
    Gauge("shop_stock", "Stock.", registry=registry).set(4)
    return bytes(generate_latest(registry))  # type: ignore[no-untyped-call]  # the library has no types there


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A folder with bundle.yaml, and the catalogue that `agentobs infer` drafts of a server's page."""
    folder = tmp_path_factory.mktemp("exemplars")
    with FakeServer(always(200, {"Content-Type": CONTENT_TYPE_LATEST}, page())) as server:
        url = f"http://{server.address}/metrics"
        assert main(["infer", url, "--system", "shop", "--out", str(folder / "shop.yaml")]) == 0
        group = {"deployment": "eu", "targets": [server.address]}
        systems: dict[str, Any] = {
            name: {"enabled": False} for name in ("agent_server", "langsight", "agentgateway", "langsmith")
        }
        systems["shop"] = {"catalogue": "./shop.yaml", "scrape": {"static": [group]}}
        (folder / "bundle.yaml").write_text(json.dumps({"systems": systems}), encoding="utf-8")
        yield folder


@pytest.fixture(scope="module")
def files(shop: Path) -> dict[str, str]:
    bundle = build(installation(load(), shop / "bundle.yaml"))
    return {str(path): text for path, text in FORMATS["files"].render(bundle).items()}


def asked(files: dict[str, str]) -> dict[tuple[str, str], list[str]]:
    """Expressions whose exemplars Grafana asks for, by board and panel."""
    found: dict[tuple[str, str], list[str]] = {}
    for path, text in files.items():
        for panel in (p for top in json.loads(text).get("panels", ()) for p in (top, *top.get("panels", ()))):
            for target in panel.get("targets", ()):
                if target.get("exemplar"):
                    found.setdefault((Path(path).stem, panel["title"]), []).append(target["expr"])
    return found


def boards(files: dict[str, str]) -> dict[str, str]:
    return {path: text for path, text in files.items() if path.startswith("dashboards/") and path.endswith(".json")}


def test_the_draft_says_what_has_exemplars(shop: Path) -> None:
    """And names their labels, of which Grafana's data source has to know one."""
    text = (shop / "shop.yaml").read_text(encoding="utf-8")
    entries = {entry["name"]: entry.get("exemplars") for entry in yaml.safe_load(text)["metrics"]}

    assert entries == {
        "request_duration_seconds": True, "wait_seconds": None, "orders_total": True, "visits_total": None, "stock": None,
    }  # fmt: skip
    assert "# - Which label of an exemplar is the id of a trace: on this page they have span_id, trace_id;" in text


def test_panels_that_draw_its_latency_ask_for_exemplars(files: dict[str, str]) -> None:
    """Those on an axis of seconds that read its buckets; none of another metric, and none of a counter."""
    found = asked(boards(files))

    assert found.keys() == {
        ("shop_metrics", "shop_request_duration_seconds: quantiles"),
        ("shop_metrics", "shop_request_duration_seconds: distribution"),
        ("shop_overview", "Latency quantiles"),
        ("shop_overview", "Latency distribution"),
    }
    assert all("shop_request_duration_seconds_bucket" in expr for exprs in found.values() for expr in exprs)


def test_grafana_s_new_schema_asks_for_the_same(shop: Path, files: dict[str, str]) -> None:
    bundle = build(installation(load(), shop / "bundle.yaml"))
    marked = []
    for text in FORMATS["grafana-v2"].render(bundle).values():
        elements = json.loads(text)["spec"].get("elements", {}) if text.startswith("{") else {}
        queries = [q["spec"]["query"]["spec"] for e in elements.values() for q in e["spec"]["data"]["spec"]["queries"]]
        marked += [query["expr"] for query in queries if query.get("exemplar")]

    assert sorted(marked) == sorted(expr for exprs in asked(boards(files)).values() for expr in exprs)


def test_what_counts_nothing_has_no_exemplars(shop: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    text = (shop / "shop.yaml").read_text(encoding="utf-8")
    (tmp_path / "shop.yaml").write_text(
        re.sub(r"(\n  - name: stock\n)", r"\1    exemplars: true\n", text), encoding="utf-8"
    )
    (tmp_path / "bundle.yaml").write_text("systems: {shop: {catalogue: ./shop.yaml}}\n", encoding="utf-8")

    assert main(["generate", "--config", str(tmp_path / "bundle.yaml"), "--out", str(tmp_path / "out")]) == 1
    assert "gauge 'stock' cannot have exemplars; leave `exemplars` out" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


@pytest.mark.real
@pytest.mark.parametrize("age", ["oldest", "newest"])
def test_a_real_prometheus_answers_the_panels_with_the_trace(age: Age, files: dict[str, str]) -> None:
    """The very expressions of the boards, asked as Grafana asks for exemplars, lead to the trace of the slow request."""
    program = find("prometheus", age)
    if not program.path:
        missing(program.reason)
    config = yaml.safe_load(files["scrape/prometheus.yml"])
    config.pop("rule_files")
    config["global"] |= {"scrape_interval": "1s", "scrape_timeout": "1s"}
    for job in config["scrape_configs"]:
        job.pop("scrape_interval", None)
        job.pop("scrape_timeout", None)
    with Prometheus(program.path, yaml.safe_dump(config), flags=["--enable-feature=exemplar-storage"]) as server:
        wait_until(
            lambda: server.query("shop_request_duration_seconds_count"), what="the first scrape", limit_seconds=120
        )
        now = time.time()
        chosen = dict.fromkeys(("cluster", "namespace", "deployment", "role", "instance"), ".*")
        for (board, panel), exprs in asked(boards(files)).items():
            for expr in exprs:
                query = filled(expr, chosen, Window(now, 3600, 1))
                answer = server.get(
                    "/api/v1/query_exemplars?" + urlencode({"query": query, "start": now - 3600, "end": now + 60})
                )
                traces = {one["labels"]["trace_id"] for series in answer for one in series["exemplars"]}
                assert traces == {TRACE}, (board, panel, query)
