"""Pages of real servers of many versions, served as they were saved and scraped by a real Prometheus: `agentobs validate`
finds nothing wrong where the configuration fits, and names what differs where it does not.

The pages were saved while the servers ran traffic of every kind: the Agent Server with the in-memory runtime, agentgateway
built from its tag, LangSight from its source.
"""

from __future__ import annotations

import gzip
import re
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, closing
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from generator.catalogue import load
from generator.cost import Cost, asked, cost
from generator.doctor import diagnose
from generator.doctor.page import parsed
from generator.validate import CHECKS, Options, Verdict, prepared, run
from generator.validate.access import Access
from generator.validate.probe import Probe
from generator.validate.prometheus import Prometheus as Server
from generator.validate.verdict import State
from reference_server.agent_server.meta import CONTENT_TYPES
from reference_server.agentgateway.page import OPEN_METRICS
from reference_server.langsight.page import CONTENT_TYPE
from testbed.servers import missing, wait_until
from testbed.servers.fake import FakeServer, always
from testbed.stack.monitoring import Monitoring, binaries
from tests.validating import SCALE, bundled

ROOT = Path(__file__).parent.parent
PAGES = Path(__file__).parent / "data" / "pages"

#: Content type of the page of each.
TYPES = {
    "agent_server_0.9.1": CONTENT_TYPES["old"],
    "agent_server_0.10.3": CONTENT_TYPES["old"],
    "agent_server_0.11.0": CONTENT_TYPES["new"],
    "agent_server_0.12.12": CONTENT_TYPES["new"],
    "agent_server_0.16.0": CONTENT_TYPES["new"],
    "agent_server_0.16.7": CONTENT_TYPES["new"],
    "agentgateway_1.4.1": OPEN_METRICS,
    "langsight_0.15.0": CONTENT_TYPE,
}

#: What is judged: all that does not ask an Alertmanager, a Grafana or the clock of a server that runs.
JUDGED = ("targets", "metrics", "panels", "records")


@dataclass(frozen=True, slots=True)
class Fit:
    """A configuration, and the pages that it is for."""

    systems: Mapping[str, Mapping[str, Any]]
    pages: tuple[str, ...]


def page(name: str) -> bytes:
    return gzip.decompress((PAGES / f"{name}.prom.gz").read_bytes())


FITS = {
    "new": Fit(
        {"agent_server": {"versions": "0.11.0 - 0.16.7", "runtimes": ["inmem"], "roles": ["combined"]}, "agentgateway": {"versions": "1.4.1"}, "langsight": {}},
        ("agent_server_0.11.0", "agent_server_0.12.12", "agent_server_0.16.0", "agent_server_0.16.7", "agentgateway_1.4.1", "langsight_0.15.0"),
    ),
    "old": Fit(
        {"agent_server": {"versions": "0.9.1 - 0.10.3", "runtimes": ["inmem"], "roles": ["combined"]}},
        ("agent_server_0.9.1", "agent_server_0.10.3"),
    ),
    "mixed": Fit(
        {"agent_server": {"versions": "0.9.1 - 0.16.7", "runtimes": ["inmem"], "roles": ["combined"]}},
        ("agent_server_0.9.1", "agent_server_0.10.3", "agent_server_0.16.7"),
    ),
    "names of today": Fit({"agent_server": {"versions": "new"}, "agentgateway": {}}, ("agent_server_0.16.7", "agentgateway_1.4.1")),
}  # fmt: skip


#: Pages for which `agentobs doctor` finds the configuration.
EXAMINED = ("agent_server_0.12.12", "agent_server_0.16.7", "agentgateway_1.4.1", "langsight_0.15.0")

#: The configuration that doctor writes for them.
BY_DOCTOR = "by doctor"


@cache
def fit(name: str) -> Fit:
    """A configuration and its pages by name."""
    if name != BY_DOCTOR:
        return FITS[name]
    pages = [parsed(one, page(one).decode()) for one in EXAMINED]
    systems = diagnose(load(), pages).document["systems"]
    return Fit({system: own for system, own in systems.items() if own.get("enabled", True)}, EXAMINED)


#: Configurations that say on which runtime processes are: what a fleet is predicted for.
COUNTED = ("new", "old", "mixed", BY_DOCTOR)

#: All of them, those first: tests that look at one and the same come one after the other.
ALL = (*COUNTED, *(name for name in FITS if name not in COUNTED))


#: A gateway that is older than the configuration says.
MISFIT = Fit({"agentgateway": {"versions": "1.5"}}, ("agentgateway_1.4.1",))


def started(fit: Fit, folder: Path, stack: ExitStack) -> Monitoring:
    """Serve the pages, and scrape them with the bundle of the configuration; `stack` ends it."""
    programs = binaries()
    if isinstance(programs, str):
        missing(programs)
    groups: dict[str, list[dict[str, Any]]] = {}
    for name in fit.pages:
        system, version = name.rsplit("_", 1)
        fake = stack.enter_context(FakeServer(always(200, {"Content-Type": TYPES[name]}, page(name))))
        group = {"deployment": f"v{version.replace('.', '-')}", "targets": [fake.address]}
        groups.setdefault(system, []).append(group | ({"role": "combined"} if system == "agent_server" else {}))
    token = folder / "token"
    token.write_text("t", encoding="utf-8")
    scrapes: dict[str, dict[str, Any]] = {name: {"static": found} for name, found in groups.items()}
    if "langsight" in scrapes:
        scrapes["langsight"]["bearer_token_file"] = str(token)
    off = {name: {"enabled": False} for name in ("agent_server", "agentgateway", "langsight", "langsmith")}
    on = {name: {**own, "scrape": scrapes[name]} for name, own in fit.systems.items()}
    made = Monitoring(programs, {"systems": {**off, **on}}, scale=SCALE, webhook="http://127.0.0.1:9/")
    return stack.enter_context(made)


@dataclass(frozen=True, slots=True)
class Running:
    """What scrapes the pages of a fit."""

    fit: Fit
    monitoring: Monitoring


@pytest.fixture(scope="module", params=ALL)
def running(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """One at a time, and no longer than somebody looks at it: rules are evaluated all the while."""
    with ExitStack() as stack:
        found = fit(request.param)
        yield Running(found, started(found, tmp_path_factory.mktemp("token"), stack))


def judged(monitoring: Monitoring) -> list[Verdict]:
    """Judge what was scraped."""
    options = Options(prometheus=monitoring.prometheus.url, scale=SCALE, wait=120.0)
    with prepared(bundled(monitoring.config), options, lambda _: None) as context:
        return list(run(context, [c for c in CHECKS if c.category in JUDGED]))


@pytest.mark.real
def test_nothing_is_wrong_with_a_real_page_where_the_configuration_fits(running: Running) -> None:
    """No verdict is wrong or a warning, and everything that is not there has a reason."""
    verdicts = judged(running.monitoring)
    found = {v.item: f"{v.state.value}: {v.why}" for v in verdicts if v.state in (State.WRONG, State.WARNING)}

    assert found == {}
    assert {v.category for v in verdicts} == set(JUDGED)
    assert sum(v.state is State.OK for v in verdicts) > 100


@pytest.mark.real
def test_what_differs_is_named_where_the_configuration_does_not_fit(tmp_path: Path) -> None:
    """A gateway that is older than the configuration says lacks what came later, and that is said by name."""
    with ExitStack() as stack:
        found = {v.item: v for v in judged(started(MISFIT, tmp_path, stack)) if v.state is State.WRONG}

    assert "agentgateway agentgateway_requests_shed_total" in found


def test_the_page_of_versions_has_every_saved_page() -> None:
    """As "page", and no other."""
    text = (ROOT / "docs" / "versions.md").read_text(encoding="utf-8")
    told = {
        version for versions in re.findall(r"\| ([\d., ]+) \| [^|]*\bpage\b", text) for version in versions.split(", ")
    }

    assert told == {name.rsplit("_", 1)[1] for name in TYPES}


@pytest.mark.real
@pytest.mark.parametrize("running", COUNTED, indirect=True)
def test_cost_predicts_what_a_real_prometheus_counts(running: Running) -> None:
    """Series of the pages of each role, and recorded series, by the numbers of labels that it counts there, within 10 %.

    Of two eras, the targets tell which process is of which.
    """
    monitoring = running.monitoring
    site = bundled(monitoring.config).site
    with closing(Probe("Prometheus", monitoring.prometheus.url, Access(), timeout=30.0)) as probe:
        server = Server(probe)

        def counted() -> Cost | None:
            told = asked(site, server)
            found = cost(site, told.fleet, measured=told)
            whole = sum(told.fleet.processes.values()) == len(running.fit.pages) and all(told.series.values())
            return found if whole and found.recorded >= 0.9 * sum(g.records for g in found.groups) else None

        found = wait_until(counted, what="pages and recorded series", limit_seconds=120)
    assert found
    told = found.measured
    assert told
    roles = {key[:2] for key in found.processes}
    pages = {
        role: [
            sum(of(key) for key in found.processes if key[:2] == role)
            for of in (found.predicted, told.series.__getitem__)
        ]
        for role in roles
    }
    eras = {"new": 1, "old": 2} if running.fit == FITS["mixed"] else {}
    predicted = sum(group.records for group in found.groups)

    assert {key: pair for key, pair in pages.items() if abs(pair[0] - pair[1]) > 0.1 * pair[1]} == {}
    assert told.fleet.eras("agent_server") == eras
    assert told.recorded
    assert abs(predicted - told.recorded) <= 0.1 * told.recorded, (predicted, told.recorded)
    assert found.rules_measured
    assert {found.full(group) for group in found.groups} == told.rule_seconds.keys()
    assert found.rule_seconds > 0
