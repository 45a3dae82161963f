"""A simulated LangSight that nobody uses but the test: every number on its page is the test's own doing."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path

import requests

from reference_server.core.rates.app import build
from reference_server.core.rates.hosting import ServiceHosting
from reference_server.core.rates.settings import ServiceSettings
from reference_server.core.serve import Running, bind
from reference_server.langsight.work import LangSightWorkload
from reference_server.scenarios import live
from testbed.exposition import Family
from testbed.exposition import parse as parse_page

IDLE = f"""\
id: idle
system: langsight
title: Nobody but the test
plays: Nothing.
duration: 1h
workload:
  requests: {{{", ".join(f"{name}: 0" for name in LangSightWorkload().requests)}}}
  batches: 0
  otlp_batches: 0
  sse_clients: 0
  check_seconds: 1000000
expect: {{}}
"""


@contextlib.contextmanager
def serving(
    folder: Path, environment: dict[str, str] | None = None, changes: str = ""
) -> Iterator[tuple[str, ServiceHosting]]:
    """Serve an idle LangSight; `changes` is appended to the scenario's file. Gives its address and what it plays."""
    path = folder / "idle.yaml"
    path.write_text(IDLE.replace("expect: {}\n", "") + changes + "expect: {}\n", encoding="utf-8")
    hosting = live.service(ServiceSettings("langsight", scenario=str(path)))
    with Running(build(hosting, environment or {}), bind("127.0.0.1", 0)) as server:
        yield server.url, hosting


def page(url: str, **headers: str) -> dict[str, Family]:
    """Scrape; return the families by name."""
    answer = requests.get(f"{url}/metrics", headers=headers, timeout=10)
    assert answer.status_code == 200, answer.text
    return parse_page(answer.text)


def value(url: str, name: str, **labels: str) -> float:
    """Return the sum of a series on the page; 0 when there is none."""
    family = page(url)[f"langsight_{name}"]
    return sum(s.value for s in family.samples if s.name == f"langsight_{name}" and labels.items() <= s.labels.items())
