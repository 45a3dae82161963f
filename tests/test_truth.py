"""The catalogue against real Agent Servers: what it says of their version is there, and nothing else is.

`make test` takes one of each era; `make matrix` those between them as well. The server runs the in-memory runtime in one process: the catalogue's runtime `inmem`, role `combined`.
"""

from __future__ import annotations

import json
import re
from typing import NamedTuple

import pytest

from generator.catalogue import Catalogue, Kind, Label, Metric, Versions
from generator.doctor import diagnose
from generator.doctor.page import parsed
from testbed import backtested
from testbed.agent_server import ERAS, AgentServer, drive, install
from testbed.agent_server.environments import BETWEEN, Release, pinned
from testbed.exposition import Family, parse
from testbed.servers import missing
from tests.agent_servers import Looked, Shown, shown

#: What exists in this runtime and role, but `drive` cannot bring about: each with the reason.
NOT_PROVOKED = {
    "run_set_status_error_counter": "needs a database that fails while a run is put back",
    "protocol_v2_transport_send_failure_counter": "needs a client connection that breaks inside a write",
    "publish_queue_availability": "needs FF_ASYNC_PUBLISH_QUEUE, which the second server here has",
}
TYPES = {Kind.INFO: "gauge"}

#: Labels that depend on a package of the installation and not on the server: its name, and its first version that writes them.
RESOLVED = {
    "otel_scope_name": ("opentelemetry-exporter-prometheus", (0, 66)),
    "otel_scope_version": ("opentelemetry-exporter-prometheus", (0, 66)),
    "otel_scope_schema_url": ("opentelemetry-exporter-prometheus", (0, 66)),
    "service_instance_id": ("opentelemetry-sdk", (1, 45)),
}


class Real(NamedTuple):
    """A release, its version, its era, and its page after all the traffic that `drive` makes."""

    release: Release
    version: str
    era: str
    families: dict[str, Family]

    def has(self, entry: Metric | Label) -> bool:
        """Say whether this version has an entry, and this installation the label."""
        package, first = RESOLVED.get(entry.name, ("", (0, 0)))
        resolved = (
            tuple(int(part) for part in re.findall(r"\d+", pinned(self.release, package))[:2]) if package else first
        )
        return Versions(self.version, self.version).has(entry.since, entry.until) and resolved >= first


def seen(release: Release) -> Shown:
    """What a release shows; today's is looked at by a Prometheus and by the commands meanwhile."""
    return shown(release, looked=release == "new")


def page(release: Release) -> dict[str, Family]:
    return parse(seen(release).driven.page)


@pytest.fixture(
    scope="module", params=[*ERAS, *(pytest.param(release, marks=pytest.mark.matrix) for release in BETWEEN)]
)
def real(request: pytest.FixtureRequest, catalogue: Catalogue) -> Real:
    """One real server."""
    version = pinned(request.param, "langgraph-api")
    eras = catalogue.systems["agent_server"].eras.values()
    (era,) = (e.name for e in eras if Versions(version, version).has(e.since, e.until))
    return Real(request.param, version, era, page(request.param))


def catalogued(catalogue: Catalogue, real: Real) -> dict[str, Metric]:
    """Every metric of the page by its exposed name: the system's own, and of the pages that it includes."""
    system = catalogue.systems["agent_server"]
    pages = (n for n in system.pages if Versions(real.version, real.version).has(system.pages_since.get(n, "")))
    included = {m.full_name: m for name in pages for m in catalogue.systems[name].metrics}
    return {m.full_name: m for m in system.metrics if real.era in m.emission and real.has(m)} | included


@pytest.mark.real
def test_every_family_of_the_page_is_in_the_catalogue(catalogue: Catalogue, real: Real) -> None:
    """A name that the catalogue lacks, or has of other versions only, is a metric that nobody watches."""
    assert real.families.keys() - catalogued(catalogue, real).keys() == set()


@pytest.mark.real
def test_what_the_page_lacks_is_what_the_catalogue_says(catalogue: Catalogue, real: Real) -> None:
    """Missing is exactly what this runtime and role never emits, what no scrape sees, and what was not provoked."""
    own = {n: m for n, m in catalogued(catalogue, real).items() if m.system == "agent_server"}
    lacking = {m.name for name, m in own.items() if name not in real.families}
    never = {
        m.name
        for m in own.values()
        if "combined" not in m.emission[real.era].roles.get("inmem", ())
        or m.never_scraped
        or "combined" in m.hidden_roles
    }

    assert lacking - never == (set(NOT_PROVOKED) if real.era == "new" else set())
    assert {m.full_name for m in own.values() if m.name in never} & real.families.keys() == set()


@pytest.mark.real
def test_types_labels_and_edges_are_the_real_ones(catalogue: Catalogue, real: Real) -> None:
    """Each family has the catalogue's type, label names, closed label values and bucket edges."""
    known = catalogued(catalogue, real)
    wrong = []
    for name, family in real.families.items():
        metric = known[name]
        labels = {label for s in family.samples for label in s.labels} - {"le"}
        allowed = {n: label for n, label in {**metric.labels, **metric.constant_labels}.items() if real.has(label)}
        wanted = {label.name for label in metric.labels.values() if not label.optional and real.has(label)}
        if family.type != TYPES.get(metric.kind, str(metric.kind)):
            wrong.append(f"{name} is a {family.type}, not a {metric.kind}")
        if labels - allowed.keys():
            wrong.append(f"{name} has the labels {labels - allowed.keys()}")
        if wanted - labels:
            wrong.append(f"{name} lacks the labels {wanted - labels}")
        wrong += [
            f"{name} has {label}={value!r}"
            for label in labels & allowed.keys()
            for value in family.values(label) - {""}
            if allowed[label].values and value not in allowed[label].values
        ]
        if metric.kind is Kind.HISTOGRAM and tuple(float(e) for e in family.edges() if e != "+Inf") != metric.buckets:
            wrong.append(f"{name} has the edges {family.edges()}")

    assert wrong == []


@pytest.mark.real
def test_every_series_has_the_constant_labels(catalogue: Catalogue, real: Real) -> None:
    """Those that the catalogue says of the version and, where a package of the installation writes them, of that package."""
    constant = {n for n, label in catalogue.systems["agent_server"].constant_labels.items() if real.has(label)}
    own = {n: m for n, m in catalogued(catalogue, real).items() if m.constant_labels and n in real.families}
    series = [(name, {*s.labels}) for name in own for s in real.families[name].samples]

    assert series
    assert {name: constant - labels for name, labels in series if constant - labels} == {}


@pytest.mark.real
def test_target_info_has_the_labels_of_its_version(catalogue: Catalogue, real: Real) -> None:
    """Every one of them, optional ones too, and the versions that it tells are those that run."""
    if real.era == "old":
        assert "target_info" not in real.families
        return
    (sample,) = real.families["target_info"].samples
    labels = catalogued(catalogue, real)["target_info"].labels

    assert {*sample.labels} == {name for name, label in labels.items() if real.has(label)}
    assert sample.labels["api_version"] == real.version
    assert sample.labels["telemetry_sdk_version"] == pinned(real.release, "opentelemetry-sdk")


@pytest.mark.real
def test_doctor_tells_it_back(catalogue: Catalogue, real: Real) -> None:
    """Version, role and runtime of the real server, all of it exposed, nothing odd, and nothing that the catalogue does not know."""
    found = diagnose(catalogue, [parsed("page", seen(real.release).driven.page)])
    (one,) = found.pages
    assert one.profile
    assert (one.profile.misfits, one.drift, one.added) == ((), (), ())
    assert found.fits[0].keys.items() >= {"runtimes": ["inmem"], "roles": ["combined"]}.items()
    assert "exposure" not in found.fits[0].keys
    if real.era == "new":
        assert one.profile.version == real.version
    assert any(span.has(real.version) for span in one.profile.spans)


@pytest.fixture(scope="module")
def looked() -> Looked:
    """What the commands say of today's server while it runs."""
    found = seen("new").looked
    assert found
    return found


@pytest.mark.real
def test_doctor_has_nothing_to_mend_at_a_running_server_nor_at_its_prometheus(looked: Looked) -> None:
    """The server is the only one that is told of, though Prometheus scrapes itself too; nothing stays blank that could be mended."""
    for report in (looked.page, looked.prometheus):
        found = json.loads(report)
        assert found["ok"] is True
        (one,) = found["pages"]
        assert (one["system"], one["odd"], one["drift"], one["added_labels"]) == ("agent_server", [], [], [])
        assert one["version"]["exact"] == pinned("new", "langgraph-api")
        assert not [b for b in found["blank"] if b["reason"]["mendable"]]
    assert json.loads(looked.prometheus)["troubles"] == []


@pytest.mark.real
def test_a_backtest_says_what_prometheus_wrote_while_it_scraped_the_server(looked: Looked) -> None:
    """What fires, from the first round on. Rounds are a second apart, and a machine with much to do leaves out some."""
    states = {trial.alert.name: trial.state for trial in looked.trials}

    assert backtested.disagreements(looked, looked.written, looked.trials, pending=False, apart=3) == []
    assert {"ObservabilityWatchdog", "AgentServerRunTimeouts"} <= {n for n, state in states.items() if state == "fired"}
    assert not {n: state for n, state in states.items() if state in ("failed", "no data")}


@pytest.mark.real
def test_identity_is_unset_as_the_catalogue_says(catalogue: Catalogue, real: Real) -> None:
    """Before 0.11.0 an unset project is the text None; later it is empty."""
    blank = catalogue.systems["agent_server"].constant_labels["project_id"].blank

    found = real.families["lg_api_http_requests_total"].values("project_id")
    assert found == ({blank} if real.era == "old" else {""})


@pytest.mark.real
def test_prefix_and_switch_do_what_the_catalogue_says(catalogue: Catalogue) -> None:
    """METRIC_PREFIX renames every metric that has a prefix and no other; the switch brings the publish queue."""
    found = install("new")
    if not found.path:
        missing(found.reason)
    with AgentServer("new", {"METRIC_PREFIX": "acme_", "FF_ASYNC_PUBLISH_QUEUE": "true"}) as server:
        renamed = parse(drive(server.url).page)

    known = catalogued(catalogue, Real("new", ERAS["new"], "new", renamed))
    expected = {("acme_" + m.base) if m.prefix else name for name, m in known.items()}
    assert renamed.keys() - expected == set()
    assert "acme_publish_queue_availability" in renamed
    assert not [name for name in renamed if name.startswith("lg_api_")]
