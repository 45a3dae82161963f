"""The stack while it runs: processes of all systems, a Prometheus and an Alertmanager that see every one of them."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from generator.validate.prometheus import RuleGroup
from testbed.servers import ServerError, wait_until
from testbed.stack.deployments import TABLE, Process, config, follow, start
from testbed.stack.monitoring import Monitoring, binaries

#: How long it may take until everything is scraped and evaluated.
WAIT_SECONDS = 120


@dataclass(frozen=True, slots=True)
class Stack:
    """Everything that runs; `folder` has the target files."""

    processes: Sequence[Process]
    monitoring: Monitoring
    folder: Path

    def look(self) -> None:
        """Let discovery follow the processes, and notice a server that was killed.

        Raises:
            ServerError: One is gone.

        """
        gone = [f"{p.deployed.name} ({p.role or p.deployed.system})" for p in self.processes if not p.server.alive()]
        for name, server in (
            ("Prometheus", self.monitoring.prometheus),
            ("Alertmanager", self.monitoring.alertmanager),
        ):
            gone += [] if server.alive() else [name]
        if gone:
            raise ServerError(f"{', '.join(gone)} ended; everything else is ended too")
        follow(self.processes, self.folder)


def evaluated(group: RuleGroup, since: float) -> bool:
    """Say whether a rule group had its turn at least an interval after a time, in unix seconds."""
    return group.last_evaluation >= since + group.interval


@contextmanager
def running(
    scale: float, webhook: str, show: Callable[[str], None] = lambda _: None, interval: str = ""
) -> Iterator[Stack]:
    """Start everything; give it once all targets are scraped and all rules have seen them; end it.

    Args:
        scale: Virtual seconds per second.
        webhook: Where Alertmanager posts to.
        show: Is told how far it is.
        interval: Between two scrapes and two evaluations, a duration on the clock of the processes; the default of bundle.yaml
            when empty.

    Raises:
        ServerError: A program is missing, or did not come up.
        TimeoutError: Something was never scraped or evaluated.

    """
    show("Prometheus and Alertmanager are looked for")
    programs = binaries()
    if isinstance(programs, str):
        raise ServerError(programs)
    with ExitStack() as open_:
        folder = Path(open_.enter_context(tempfile.TemporaryDirectory(prefix="agentobs-targets-")))
        show(f"{len(TABLE)} deployments start")
        processes = start(TABLE, scale, open_)
        count = follow(processes, folder)
        show("Prometheus and Alertmanager start")
        timing = {part: {"interval": interval} for part in ("scrape", "evaluation") if interval}
        bundle = {**config(processes, folder), **timing}
        monitoring = open_.enter_context(Monitoring(programs, bundle, scale=scale, webhook=webhook))

        def scraped() -> bool:
            found = monitoring.prometheus.query('count(max_over_time(up{system!=""}[1h]) == 1)')
            so_far = int(found[0].value) if found else 0
            show(f"{so_far} of {count} targets are scraped")
            return so_far >= count

        wait_until(scraped, what=f"{count} targets", limit_seconds=WAIT_SECONDS)
        since = time.time()

        def seen() -> bool:
            groups = monitoring.prometheus.groups()
            so_far = sum(evaluated(group, since) for group in groups)
            show(f"{so_far} of {len(groups)} rule groups have seen them")
            return so_far == len(groups)

        wait_until(seen, what="every rule group to see all targets", limit_seconds=WAIT_SECONDS)
        yield Stack(processes, monitoring, folder)
