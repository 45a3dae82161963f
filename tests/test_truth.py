"""The catalogue against the real Agent Server of both eras: what it says is there is there, and nothing else is.

The server runs the in-memory runtime in one process: the catalogue's runtime `inmem`, role `combined`.
"""

from __future__ import annotations

import pytest

from generator.catalogue import Catalogue, Kind, Metric
from tests.agent_server import AgentServer, drive, install
from tests.agent_server.environments import Era
from tests.exposition import Family, parse
from tests.servers import missing

#: What exists in this runtime and role, but `drive` cannot bring about: each with the reason.
NOT_PROVOKED = {
    "run_set_status_error_counter": "needs a database that fails while a run is put back",
    "protocol_v2_transport_send_failure_counter": "needs a client connection that breaks inside a write",
    "publish_queue_availability": "needs FF_ASYNC_PUBLISH_QUEUE, which the second server here has",
}
TYPES = {Kind.INFO: "gauge"}


def page(era: Era, env: dict[str, str] | None = None) -> dict[str, Family]:
    found = install(era)
    if not found.path:
        missing(found.reason)
    with AgentServer(era, env) as server:
        return parse(drive(server.url).page)


@pytest.fixture(scope="module", params=["new", "old"])
def era(request: pytest.FixtureRequest) -> Era:
    """One of the two eras."""
    found: Era = request.param
    return found


@pytest.fixture(scope="module")
def families(era: Era) -> dict[str, Family]:
    """The page of that era's server after all the traffic that `drive` makes."""
    return page(era)


def catalogued(catalogue: Catalogue, era: str) -> dict[str, Metric]:
    """Every metric of the page by its exposed name: the system's own, and of the pages that it includes."""
    system = catalogue.systems["agent_server"]
    own = {m.full_name: m for m in system.metrics if era in m.emission}
    included = (
        {m.full_name: m for name in system.pages for m in catalogue.systems[name].metrics} if era == "new" else {}
    )
    return own | included


@pytest.mark.real
def test_every_family_of_the_page_is_in_the_catalogue(
    catalogue: Catalogue, era: Era, families: dict[str, Family]
) -> None:
    """A name that the catalogue lacks is a metric that nobody watches."""
    assert families.keys() - catalogued(catalogue, era).keys() == set()


@pytest.mark.real
def test_what_the_page_lacks_is_what_the_catalogue_says(
    catalogue: Catalogue, era: Era, families: dict[str, Family]
) -> None:
    """Missing is exactly what this runtime and role never emits, what no scrape sees, and what was not provoked."""
    lacking = {
        m.name for name, m in catalogued(catalogue, era).items() if name not in families and m.system == "agent_server"
    }
    own = [m for m in catalogue.systems["agent_server"].metrics if era in m.emission]
    never = {
        m.name
        for m in own
        if "combined" not in m.emission[era].roles.get("inmem", ()) or m.never_scraped or "combined" in m.hidden_roles
    }

    assert lacking - never == (set(NOT_PROVOKED) if era == "new" else set())
    assert {m.full_name for m in own if m.name in never} & families.keys() == set()


@pytest.mark.real
def test_types_labels_and_edges_are_the_real_ones(catalogue: Catalogue, era: Era, families: dict[str, Family]) -> None:
    """Each family has the catalogue's type, label names, closed label values and bucket edges."""
    known = catalogued(catalogue, era)
    wrong = []
    for name, family in families.items():
        metric = known[name]
        labels = {label for s in family.samples for label in s.labels} - {"le"}
        allowed = {**metric.labels, **metric.constant_labels}
        wanted = {label.name for label in metric.labels.values() if not label.optional}
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
def test_identity_is_unset_as_the_catalogue_says(catalogue: Catalogue, era: Era, families: dict[str, Family]) -> None:
    """Before 0.11.0 an unset project is the text None; later it is empty."""
    blank = catalogue.systems["agent_server"].constant_labels["project_id"].blank

    assert families["lg_api_http_requests_total"].values("project_id") == ({blank} if era == "old" else {""})


@pytest.mark.real
def test_prefix_and_switch_do_what_the_catalogue_says(catalogue: Catalogue) -> None:
    """METRIC_PREFIX renames every metric that has a prefix and no other; the switch brings the publish queue."""
    renamed = page("new", {"METRIC_PREFIX": "acme_", "FF_ASYNC_PUBLISH_QUEUE": "true"})

    known = catalogued(catalogue, "new")
    expected = {("acme_" + m.base) if m.prefix else name for name, m in known.items()}
    assert renamed.keys() - expected == set()
    assert "acme_publish_queue_availability" in renamed
    assert not [name for name in renamed if name.startswith("lg_api_")]
