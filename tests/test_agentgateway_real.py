"""The simulated agentgateway against the page of the real 1.4.1, after the same traffic: family by family, value by value; and its
page by version.

Every difference that is allowed stands here with its reason; a difference that is gone fails too.
"""

from __future__ import annotations

import gzip
import re
import runpy
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from generator.catalogue import Versions, load
from reference_server.agentgateway import MODEL
from reference_server.agentgateway.answers import ANSWERS
from reference_server.agentgateway.page import write
from reference_server.agentgateway.workload import GatewayWorkload
from reference_server.core.rates import Service
from testbed.exposition import LABEL, SAMPLE

from .conftest import ROOT

SYSTEM = load().systems["agentgateway"]

#: What the real gateway was sent, a second.
TRAFFIC: dict[str, Any] = {
    "http": {},
    "refused": {},
    "denied": 0.0,
    "limited": 0.0,
    "answers": dict.fromkeys((
        "web-ok", "web-created", "web-missing", "web-broken", "web-no-route", "web-no-endpoint", "web-no-backend", "web-unreachable",
        "web-timeout", "web-direct", "web-redirect", "web-csrf", "web-gone", "web-retried", "web-retried-in-vain", "web-mirrored",
        "web-jwt", "web-basic", "web-key", "web-forbidden", "web-denied", "web-denial-fails", "web-limited", "a2a-ok", "llm-broken", "llm-guarded",
        "llm-guard-refuses", "llm-unreachable", "mcp-key", "mcp-no-session", "mcp-no-method", "mcp-gone", "tcp-session",
    ), 0.2),
    "llm": {"openai/gpt-4o-mini": 1.0, "openai/gpt-unheard-of": 0.3, "other/gpt-unpriced": 0.3},
    "llm_limited": {"openai": 0.1},
    "malformed": 0.2,
    "unpriced": ("openai/gpt-unheard-of",),
    "listed": ("other/gpt-unpriced",),
    "retried": 0.0,
    "mcp": {"everything": 2.0},
    "mcp_errors": {"everything": 0.1},
    "mcp_forbidden": {"everything": 0.1},
    "mcp_streams": 0.0,
    "guards": 3,
    "guardrail_open": 0.05,
    "guardrail_masked": 0.05,
    "guardrail_rejected": 0.05,
    "xds_messages": 0.0,
    "xds_reconnects": 0.0,
    "substrate": 0.0,
}  # fmt: skip

#: Labels with values that an installation or a client gives: only whether there is one is compared.
NAMES = {
    "backend", "bind", "gateway", "listener", "route", "route_rule", "gen_ai_system", "gen_ai_request_model",
    "gen_ai_response_model", "server", "resource", "tag",
}  # fmt: skip

#: (family, label, value) that ours has and the real page has not, to the reason.
ALLOWED = {
    (
        "gen_ai_client_token_usage",
        "gen_ai_token_type",
        "input_cache_write",
    ): "the real models wrote nothing into a cache",
    ("guardrail_checks_total", "phase", "Response"): "the real guards of answers let everything pass",
    ("upstream_connect_duration_seconds", "transport", "tls"): "the real models spoke plain HTTP",
}

Page = dict[str, set[tuple[tuple[str, str], ...]]]


@pytest.fixture(scope="module")
def tool() -> dict[str, Any]:
    """`make truth`."""
    return runpy.run_path(str(ROOT / "tools" / "truth.py"))


@pytest.fixture(scope="module")
def real() -> str:
    return gzip.decompress((Path(__file__).parent / "data/pages/agentgateway_1.4.1.prom.gz").read_bytes()).decode()


def text(version: str, **workload: Any) -> str:
    """The page of a gateway of that version after a quarter of an hour."""
    service = Service(
        MODEL, workload=GatewayWorkload(version=version, **workload), metrics=SYSTEM.metrics, start=0, topology={"": 1}
    )
    service.advance(900)
    return write(service.processes[0]).decode()


@pytest.fixture(scope="module")
def own() -> str:
    return text("1.4.1", **TRAFFIC)


def series(page: str) -> Page:
    """Label sets by the name of the series, names of the installation as what they are, without bucket edges."""
    out: Page = {}
    for line in page.splitlines():
        found = None if line.startswith("#") else SAMPLE.match(line)
        if found and not found[1].endswith("_bucket"):
            labels = ((m[1], m[2]) for m in re.finditer(LABEL, found[2] or ""))
            out.setdefault(found[1], set()).add(tuple(sorted((n, _shown(n, v)) for n, v in labels)))
    return out


def _shown(name: str, value: str) -> str:
    return "some" if name in NAMES and value != "unknown" else value


def alone(one: Page, other: Page) -> Iterator[str]:
    """What of one page the other lacks: families, and label sets."""
    for name, sets in one.items():
        if name not in other:
            yield name
            continue
        for labels in sorted(sets - other[name]):
            yield f"{name}{dict(labels)}"


def test_the_simulated_page_has_everything_of_the_real_one(real: str, own: str) -> None:
    """Every series, each with its labels and their values."""
    assert list(alone(series(real), series(own))) == []


def test_it_has_nothing_else_but_for_a_reason(real: str, own: str) -> None:
    """What is allowed is there."""
    ours, theirs = series(own), series(real)
    more = {
        (name, labels): {
            key for key in ALLOWED if re.fullmatch(rf"agentgateway_{key[0]}(_sum|_count)?", name) and key[1:] in labels
        }
        for name, sets in ours.items()
        for labels in sets - theirs.get(name, set())
    }

    assert [key for key, reasons in more.items() if not reasons] == []
    assert set.union(*more.values()) == ALLOWED.keys()


def test_types_helps_units_and_edges_are_the_same(tool: dict[str, Any], real: str, own: str) -> None:
    """HELP, TYPE and UNIT lines as they are written, family by family."""

    def heads(page: str) -> list[str]:
        return sorted(line for line in page.splitlines() if line.startswith("#"))

    theirs, ours = tool["families"](real), tool["families"](own)

    assert heads(own) == heads(real)
    assert {n: f.edges for n, f in ours.items()} == {n: f.edges for n, f in theirs.items()}


@pytest.mark.parametrize(
    "version",
    ["0.10.1", "0.10.3", "0.10.5", "0.11.0", "0.12.0", "1.0.0", "1.1.0", "1.2.1", "1.3.0", "1.4.1", "1.5.0"],
)
def test_a_page_of_a_version_is_what_the_catalogue_says_of_it(tool: dict[str, Any], version: str) -> None:
    """Every family, label and value of a version, and none of a later one."""
    page = tool["families"](text(version, **TRAFFIC | {"xds_messages": 0.5, "xds_errors": 0.1, "substrate": 0.5}))
    known = Versions(version, version)
    code = {m.full_name: m for m in SYSTEM.metrics if "code" in m.emission and known.has(m.since, m.until)}
    labels = {(n, label.name) for n, m in code.items() for label in m.labels.values() if known.has(label.since)}

    assert page.keys() - code.keys() == set()
    assert {n for n in code.keys() - page.keys() if not code[n].name.endswith("shed_total")} == set()
    assert {(n, label) for n, seen in page.items() for label in seen.labels} - labels == set()
    assert [
        (name, label, value)
        for name, seen in page.items()
        for label, values in seen.labels.items()
        for value in values
        if not known.has(code[name].labels[label].values_since.get(value, ""))
    ] == []


def test_refusals_on_routes_of_models_and_servers_are_plain_http() -> None:
    """Before a backend is chosen nobody knows what the request would have been."""
    refused = {name: answer for name, answer in ANSWERS.items() if not answer.chosen}
    page = series(text("1.4.1", **TRAFFIC | {"answers": dict.fromkeys(refused, 0.2), "llm": {}, "mcp": {}}))

    found = [dict(labels) for labels in page["agentgateway_requests_total"]]
    assert {labels["protocol"] for labels in found if labels["backend"] == "unknown"} == {"http"}
    assert {name.partition("-")[0] for name in refused} == {"web", "llm", "mcp"}
