"""`agentobs cost` held against pages: what it predicts by the numbers of labels, and how many series are there.

What is fed is what an operator knows: how the process is installed, and how many routes, status codes, models and tools there are,
each counted by its label. How many series a metric has is never fed: which values occur together is what the catalogue predicts.
"""

from __future__ import annotations

import gzip
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from generator.catalogue import load
from generator.config import read
from generator.config.site import Site
from generator.config.versions import in_the_field, named
from generator.cost import fleet
from generator.cost.process import Process, process
from tests.costing import Counted, counted, numbers, predicted, shown
from tests.doctoring import VERSIONS, Played, agent_servers, services

CATALOGUE = load()
PAGES = Path(__file__).parent / "data" / "pages"

#: How far a prediction may be from what is there; of a page of a few series, one.
WITHIN, ONE = 0.1, 1


def installed(truth: dict[str, str], system: str) -> dict[str, object]:
    """What bundle.yaml says of a process of which this is true."""
    known = CATALOGUE.systems[system]
    keys: dict[str, object] = {}
    if named := truth.get("version") or truth.get("era"):
        found = in_the_field(known, named)
        assert found, named
        keys |= {"eras": found[0], "versions": found[1]}
    if truth.get("exposure"):
        keys["exposure"] = truth["exposure"]
    if truth.get("tier"):
        keys["tier"] = int(truth["tier"])
    if truth.get("runtime"):
        keys["runtimes"] = (truth["runtime"],)
    if known.switches:
        keys["switches"] = tuple(s for s in known.switches if truth.get(f"switch {s}", "on") == "on")
    return keys


def held(found: Process, page: Counted) -> str:
    """Say how a prediction of the catalogue's metrics differs by more than it may; empty where it does not."""
    mine = found.series - found.unlisted
    if abs(mine - page.series) <= max(ONE, WITHIN * page.series):
        return ""
    return f"{found.system} {found.role}: predicted {mine}, counted {page.series}"


def wrong(played: Iterable[Played]) -> tuple[list[str], int]:
    """What differs by more than it may, and how many pages were looked at."""
    out, looked = [], 0
    for one in played:
        truth, system = dict(one.truth), CATALOGUE.systems[one.system]
        page = counted(one.text, truth["prefix"], system.prefix)
        gone = [m.name for m in system.metrics if not shown(page, m)]
        found = predicted(CATALOGUE, one.system, truth.get("role", ""), installed(truth, one.system), page, gone)
        looked += 1
        if said := held(found, page):
            out.append(f"{said}: {truth} {one.traffic}")
        # What is there at the start is told without a word about traffic; of LangSmith nobody knows when it is born.
        if one.system != "langsmith" and found.at_start > page.series:
            out.append(f"{found.at_start} at the start, and the page has {page.series}: {truth} {one.traffic}")
    return out, looked


@pytest.fixture(scope="module")
def busy() -> Sequence[Played]:
    """Pages of every role, runtime, exposure, tier and switch of one version of each era."""
    return list(agent_servers(("0.10.3", "0.16.7"), ("everything",)))


def test_pages_of_busy_agent_servers_are_predicted(busy: Sequence[Played]) -> None:
    """Each within what it may differ."""
    found, looked = wrong(busy)

    assert found == []
    assert looked == 48


@pytest.mark.matrix
def test_pages_of_all_agent_servers_are_predicted() -> None:
    """Every version and every traffic too, of which some brings only some events."""
    found, looked = wrong(agent_servers(VERSIONS))

    assert found == []
    assert looked == 544


@pytest.mark.parametrize("old", [20, 50, 80])
def test_a_fleet_of_both_eras_is_predicted(old: int, busy: Sequence[Played]) -> None:
    """Ten processes of each role, of which so many per cent are of the old era: all of their pages, role by role and in sum.

    Of events of which none has happened nothing is predicted, as above.
    """
    pages = {}
    for one in busy:
        truth = dict(one.truth)
        if (truth["runtime"], truth["switch async_publish_queue"]) != ("postgres", "off") or truth["tier"] not in (
            "",
            "2",
        ):
            continue
        if truth["era"] == "old" or truth["exposure"] == "internal":
            pages["agent_server", truth["role"], truth["era"]] = counted(one.text, truth["prefix"], "lg_api_")
    system = CATALOGUE.systems["agent_server"]
    found = [numbers(system, page) for page in pages.values()]
    eras, versions = named(system)["mixed"]
    site = Site(CATALOGUE, read(CATALOGUE))
    own = replace(
        site.config.systems["agent_server"], eras=eras, versions=versions, tier=2, runtimes=("postgres",), switches=(),
        cardinality={name: max(one[name] for one in found) for name in found[0]},
    )  # fmt: skip
    site = Site(CATALOGUE, replace(site.config, systems={"agent_server": own}))
    roles = ",".join(f"agent_server.{role}=10" for role in system.roles)
    made = fleet(site, [roles], [], [f"agent_server.old={old}"])
    count = {key: (10 * old // 100 if key[2] == "old" else 10 - 10 * old // 100) for key in pages}
    each = {
        key: sum(one.series for one in process(site, *key).metrics if one.early or shown(page, one.metric))
        for key, page in pages.items()
    }
    newest = sum(10 * each["agent_server", role, "new"] for role in system.roles)
    whole = sum(page.series * count[key] for key, page in pages.items())

    assert made.processes == count
    assert {
        key: (each[key], page.series)
        for key, page in pages.items()
        if abs(each[key] - page.series) > max(ONE, WITHIN * page.series)
    } == {}
    assert abs(sum(each[key] * n for key, n in count.items()) - whole) <= WITHIN * whole
    # By the newest era alone it would be far off.
    assert abs(newest - whole) > WITHIN * whole


def test_pages_of_the_other_systems_are_predicted() -> None:
    """Every role, era and version, at the start and after some minutes."""
    found, looked = wrong(services())

    assert found == []
    assert looked == 58


#: Saved pages of real servers, with the role of each and what is true of it.
REAL = {
    **{
        f"agent_server_{version}": {"role": "combined", "runtime": "inmem", "version": version, "switch async_publish_queue": "off"}
        for version in ("0.9.1", "0.10.3", "0.11.0", "0.12.12", "0.16.0", "0.16.7")
    },
    "agentgateway_1.4.1": {"version": "1.4.1"},
    "langsight_0.15.0": {},
    "others/postgres_exporter": {"role": "postgres"},
    "others/redis_exporter": {"role": "redis"},
    "others/nginx_exporter": {"role": "frontend-nginx"},
}  # fmt: skip


@pytest.mark.parametrize("name", REAL)
def test_pages_of_real_servers_are_predicted(name: str) -> None:
    """Without a word about which events have happened: all that can."""
    truth = REAL[name]
    system = "langsmith" if name.startswith("others/") else name.rpartition("_")[0]
    page = counted(gzip.decompress((PAGES / f"{name}.prom.gz").read_bytes()).decode())

    found = predicted(CATALOGUE, system, truth.get("role", ""), installed(truth, system), page)

    assert abs(found.series - page.series) <= WITHIN * page.series, (found.series, page.series)
