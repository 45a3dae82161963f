"""The simulated Agent Server by version: its page has the labels of the real one's, and what came later is not on it."""

from __future__ import annotations

import gzip
from pathlib import Path

import pytest

from generator.catalogue import load
from reference_server.agent_server import settings, versions
from reference_server.agent_server.simulation import Deployment
from reference_server.agent_server.workload import Topology, Workload
from reference_server.core.settings import SettingsError
from testbed.exposition import Family, parse

PAGES = Path(__file__).parent / "data" / "pages"
METRICS = load().systems["agent_server"].metrics

#: Pages that were saved.
SAVED = [path.name.removeprefix("agent_server_").removesuffix(".prom.gz") for path in sorted(PAGES.glob("agent_*"))]


def played(version: str) -> dict[str, Family]:
    """The page of a version after a quarter of an hour."""
    topology = Topology(
        runtime="inmem", api=0, queue=0, combined=1, version=version, era=versions.era(version), prefix="acme_"
    )
    deployment = Deployment(Workload(runs_per_minute=20), topology=topology, seed=1, metrics=METRICS)
    deployment.advance(deployment.start + 900)
    (process,) = deployment.processes
    return parse(deployment.page(process).decode())


def labels(page: dict[str, Family], name: str) -> set[str]:
    """Names of the labels of a family, whatever its prefix."""
    return {label for n, family in page.items() if n.endswith(name) for s in family.samples for label in s.labels}


@pytest.mark.parametrize("version", SAVED)
def test_a_page_has_the_labels_of_the_real_one_of_its_version(version: str) -> None:
    """Of target_info, and those that every series has."""
    real = parse(gzip.decompress((PAGES / f"agent_server_{version}.prom.gz").read_bytes()).decode())
    page = played(version)

    assert labels(page, "workers_max") == labels(real, "workers_max")
    assert labels(page, "target_info") == labels(real, "target_info")
    assert page["target_info"].values("api_version") == {version} if versions.era(version) == "new" else True


def test_what_came_later_is_not_on_the_page() -> None:
    lacking = versions.lacks("0.15.9", next(m for m in METRICS if m.name.startswith("delta_channel")))

    assert lacking
    assert not [name for name in played("0.15.9") if "delta_channel" in name]


def test_a_prefix_renames_the_page_from_the_border_on() -> None:
    """Before it the real page has its names in its code."""
    assert "acme_workers_max" in played("0.11.0")
    assert "lg_api_workers_max" in played("0.10.3")


@pytest.mark.parametrize(("version", "scoped"), [("0.13.8", False), ("0.14.6", False), ("0.14.7", True), ("0.15.5", False), ("0.16.5", False), ("0.16.6", True), ("0.17.0", True)])  # fmt: skip
def test_scope_labels_come_with_the_exporter_that_a_version_takes(version: str, *, scoped: bool) -> None:
    assert ("otel_scope_name" not in versions.absent(version, METRICS)) == scoped
    assert (versions.sdk(version) == "1.45.2") == scoped


def test_a_version_decides_the_era() -> None:
    made = settings.read({}, {"AGENT_REFERENCE_VERSION": "0.9.1"})

    assert (made.era, made.version) == ("old", "0.9.1")


@pytest.mark.parametrize(
    ("environment", "message"),
    [
        ({"AGENT_REFERENCE_VERSION": "new"}, "AGENT_REFERENCE_VERSION is 'new'; wanted: a version from 0.8.6 on"),
        ({"AGENT_REFERENCE_VERSION": "0.7.0"}, "AGENT_REFERENCE_VERSION is '0.7.0'; wanted: a version from 0.8.6 on"),
        (
            {"AGENT_REFERENCE_VERSION": "0.12.12", "AGENT_REFERENCE_ERA": "old"},
            "AGENT_REFERENCE_VERSION is '0.12.12'; wanted: one of the era old",
        ),
    ],
)
def test_a_version_that_is_not_played_is_refused(environment: dict[str, str], message: str) -> None:
    with pytest.raises(SettingsError) as caught:
        settings.read({}, environment)

    assert caught.value.problems == [message]
