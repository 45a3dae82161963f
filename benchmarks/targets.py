"""A thousand Agent Servers beside some of every other system, each a page of its own: what the rules are measured over.

`python benchmarks/targets.py` serves them on a free port of this machine, says where, and ends with a signal.
"""

from __future__ import annotations

import asyncio
import random
import sys
import time
from collections.abc import Iterator
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent))  # tests/ is no package that is installed

from reference_server.agent_server import settings
from reference_server.core.rates.deployment import Service
from reference_server.core.serve import bind, serve_until_stopped, server, url_of
from reference_server.fleet import templates as models
from reference_server.fleet.app import fleet_app
from reference_server.fleet.fleet import Fleet, FleetTarget, template
from reference_server.fleet.templates import AGE_SECONDS
from reference_server.scenarios.systems import SERVICES, model

#: Agent Servers, in deployments of ten, and deployments of each other system.
AGENT_SERVERS, DEPLOYMENTS = 1_000, 10

SEED = 1


def fleet(now: float) -> Fleet:
    """Return all of them, those of one system one after another."""
    forms = models.templates(settings.read({}, {}))
    targets = [*Fleet.of(AGENT_SERVERS, forms, seed=SEED, now=now).targets]
    for system in SERVICES:
        targets += _others(system, len(targets), now)
    return Fleet(targets)


def _others(system: str, first: int, now: float) -> Iterator[FleetTarget]:
    chance = random.Random(SEED)  # noqa: S311 - a seeded workload
    one = Service(model(system), seed=SEED, start=now - AGE_SECONDS)
    one.advance(now)
    forms = [(found, template(one.page(found.processes[0]).decode(), AGE_SECONDS)) for found in one.targets()]
    for number in range(DEPLOYMENTS):
        named = {"deployment": f"{system}-{number}", "namespace": "team-1", "cluster": "cluster-1", "system": system}
        for found, form in forms:
            started = now - chance.uniform(60, 7 * 86_400)
            yield FleetTarget(
                first, "", {**found.labels, **named}, form, started, chance.uniform(0.2, 2.0), chance.random()
            )
            first += 1


def main() -> int:
    """Serve them."""
    bound = bind("127.0.0.1", 0)
    targets = fleet(time.time())
    print(url_of(bound), flush=True)
    asyncio.run(serve_until_stopped(server(fleet_app(targets, time.time), grace_seconds=1), bound))
    return 0


if __name__ == "__main__":
    sys.exit(main())
