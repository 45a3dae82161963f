"""A simulated LangSmith behind a port, and a Prometheus configuration by which a real server scrapes all of it."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import requests
import yaml

from generator.config.site import Site
from generator.discovery.scrape import prometheus_yml
from generator.validate.prometheus import ActiveTarget
from reference_server.core.rates.app import build
from reference_server.core.rates.hosting import ServiceHosting
from reference_server.core.rates.settings import ServiceSettings
from reference_server.core.serve import Running, bind
from reference_server.scenarios import live
from testbed.servers import Prometheus, wait_until


@contextlib.contextmanager
def serving(scenario: str = "", *, role: str = "", time_scale: float = 1.0) -> Iterator[tuple[str, ServiceHosting]]:
    """Serve a LangSmith; give its address and what it plays."""
    hosting = live.service(ServiceSettings("langsmith", role=role, scenario=scenario, time_scale=time_scale))
    with Running(build(hosting, {}), bind("127.0.0.1", 0)) as server:
        yield server.url, hosting


def text(url: str, path: str = "/metrics") -> str:
    """Return a page."""
    answer = requests.get(url + path, timeout=10)
    assert answer.status_code == 200, answer.text
    return answer.text


def found(url: str) -> str:
    """Return a target file with every process of a simulated LangSmith; the queues as the addresses of their pages."""
    groups: list[dict[str, Any]] = requests.get(f"{url}/targets", timeout=10).json()
    chosen = [g for g in groups if g["labels"]["role"] != "queue-depth"]
    pages = [f"{url}/processes/platform-backend-0/metrics?format=json"]
    pages += [f"{url}/metrics/queue/{queue}" for queue in ("default", "host")]
    chosen.append({"targets": pages, "labels": {"deployment": "demo", "role": "queue-depth"}})
    return json.dumps(chosen)


def installation(configured: Callable[[str], Site], exporter: str, *groups: tuple[str, str]) -> Site:
    """Return an installation that has LangSmith alone: fixed targets, (role, address), or the file `targets.json`."""
    static = [{"deployment": "demo", "role": role, "targets": [address]} for role, address in groups]
    scrape: dict[str, Any] = {"static": static} if groups else {"files": ["targets.json"]}
    off = {name: {"enabled": False} for name in ("agent_server", "langsight", "agentgateway")}
    own = {"scrape": {**scrape, "json_exporter": exporter}}
    return configured(yaml.safe_dump({"systems": {**off, "langsmith": own}}))


def watched(site: Site, every: str = "500ms") -> str:
    """Return the generated prometheus.yml of an installation, scraping `every` so often: LangSmith and nothing else.

    postgres_exporter answers after a second when Postgres is down: a shorter interval would lose the answer.
    """
    document = {k: v for k, v in prometheus_yml(site).items() if k not in {"rule_files", "alerting"}}
    document["scrape_configs"] = [job for job in document["scrape_configs"] if job["job_name"].startswith("langsmith")]
    document["global"] = {"scrape_interval": every, "scrape_timeout": every, "evaluation_interval": "500ms"}
    return yaml.safe_dump(document)


def all_up(server: Prometheus, count: int) -> Sequence[ActiveTarget]:
    """Wait until so many targets answer; return them."""

    def look() -> bool:
        targets = server.targets()
        return len(targets) == count and all(t.health == "up" for t in targets)

    try:
        wait_until(look, what=f"{count} targets that are up", limit_seconds=60)
    except TimeoutError:
        assert [(t.url, t.health, t.error) for t in server.targets()] == []
    return server.targets()
