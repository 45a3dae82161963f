"""`agentobs cost` held against pages: what it predicts by the numbers of labels, and how many series are there.

What is fed is what an operator knows: how the process is installed, and how many routes, status codes, models and tools there are,
each counted by its label. How many series a metric has is never fed: which values occur together is what the catalogue predicts.
"""

from __future__ import annotations

import gzip
from collections.abc import Iterator
from pathlib import Path

import pytest

from generator.catalogue import load
from generator.config.versions import in_the_field
from generator.cost.process import Process
from tests.costing import Counted, counted, predicted, shown
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


def wrong(played: Iterator[Played]) -> tuple[list[str], int]:
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


def test_pages_of_busy_agent_servers_are_predicted() -> None:
    """Every role, runtime, exposure, tier and switch of one version of each era."""
    found, looked = wrong(agent_servers(("0.10.3", "0.16.7"), ("everything",)))

    assert found == []
    assert looked == 48


@pytest.mark.matrix
def test_pages_of_all_agent_servers_are_predicted() -> None:
    """Every version and every traffic too, of which some brings only some events."""
    found, looked = wrong(agent_servers(VERSIONS))

    assert found == []
    assert looked == 544


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
