"""What a system is whose metrics follow from rates, and one process of it. Frozen values but for the process."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from random import Random
from typing import Any

from starlette.routing import BaseRoute

from generator.catalogue import Catalogue, Metric, load
from reference_server.core.clock import same
from reference_server.core.instruments import Instruments
from reference_server.core.scraping import Probe


@dataclass(frozen=True, slots=True)
class ScrapeFaults:
    """What is wrong with a process, as Prometheus sees it.

    Attributes:
        unreachable: Prometheus cannot reach it; users can.
        unauthorised: It refuses Prometheus's credentials; users are served.
        slow_seconds: Time by which its page is late.

    """

    unreachable: bool = False
    unauthorised: bool = False
    slow_seconds: float = 0.0


@dataclass(eq=False, slots=True)
class ServiceProcess:
    """One process: a page of its own.

    Attributes:
        name, role: As in the target's address and its label; `role` is empty where the system has none.
        number: Its place among the processes of its role, from 0.
        chance: Random numbers of its own.
        instruments: What it counts; new after every start.
        started: Virtual time of its start, in seconds since 1970.
        up: It runs.
        back: Virtual time at which it starts again while it is down.
        state: What the model remembers of it; empty after every start.
        wall: Turns a virtual time into the unix time that its page tells.

    """

    name: str
    role: str
    number: int
    chance: Random
    instruments: Instruments
    started: float
    faults: ScrapeFaults = field(default_factory=ScrapeFaults)
    up: bool = True
    back: float = 0.0
    state: dict[str, Any] = field(default_factory=dict)
    wall: Callable[[float], float] = same


@functools.cache
def shipped() -> Catalogue:
    """Return the catalogue that the package ships."""
    return load()


@dataclass(frozen=True, slots=True)
class Model:
    """How one system behaves.

    Attributes:
        system: Its id in the catalogue.
        roles: Processes of each role when a scenario says nothing; the role is empty where the system has none.
        workload: A frozen dataclass whose fields, each with a default, are what a scenario's `workload` may say.
        begin: Puts on the page what is there from the start of a process.
        tick: Lets a slice of time pass in a process: the process, the workload, seconds, and the share of the
            deployment's work that is its own (1 divided by the processes of its role that run).
        job: The job name of a role, as the generated scrape configuration has it.
        port: The port of a role's page.
        labels: Target labels of a process beyond deployment and role.
        metrics: Which of the catalogue's metrics a process of a role records.
        prefix: What its metric names start with.
        page: Writes a process's page.
        content_type: Of the page.
        routes: What the system answers beside its page: given the hosting and the environment. The last one may
            answer all that no other route does.
        adapt: What the environment makes of a scenario's workload when the process serves.
        probes: What exporters in front of the system show, given the processes that run and the workload: job and instance
            of the target, the metric, and its value; None when the exporter had no answer.
        catalogue: Where its metrics are; the shipped one by default.
        still: Metrics that read 0 whatever is played.

    """

    system: str
    roles: Mapping[str, int]
    workload: type[Any]
    begin: Callable[[ServiceProcess, Any], None]
    tick: Callable[[ServiceProcess, Any, float, float], None]
    job: Callable[[str], str]
    port: Callable[[str], int]
    page: Callable[[ServiceProcess], bytes]
    labels: Callable[[ServiceProcess], Mapping[str, str]] = lambda _: {}
    metrics: Callable[[str, tuple[Metric, ...]], tuple[Metric, ...]] = lambda _, known: known
    prefix: str = ""
    content_type: str = "text/plain; version=0.0.4; charset=utf-8"
    routes: Callable[[Any, Mapping[str, str]], Sequence[BaseRoute]] = lambda _, __: ()
    adapt: Callable[[Any, Mapping[str, str]], Any] = lambda workload, _: workload
    probes: Callable[[Sequence[ServiceProcess], Any], Iterable[Probe]] = lambda _, __: ()
    catalogue: Callable[[], Catalogue] = shipped
    still: frozenset[str] = frozenset()
