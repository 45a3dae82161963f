"""The stack for someone to look at: where to look, one fault after another, and the alerts on them."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import cycle

from generator.cli.progress import Progress
from reference_server.core.scenario import Scenario
from reference_server.scenarios import library as scenarios
from testbed.servers import Webhook
from testbed.servers.webhook import Notice
from testbed.stack.deployments import TABLE, Process, players
from testbed.stack.running import Stack, running

#: Between two looks at what runs, in seconds.
LOOK_SECONDS = 0.5

#: Fires always; it is there to be missed.
WATCHDOG = "ObservabilityWatchdog"

#: An alert and the deployment that it is about; nothing for one that is about all of a system.
Key = tuple[str, str]


@dataclass(slots=True)
class Bulletin:
    """What is printed of the alerts that Alertmanager delivers: those of the faults that were played, each once when it fires
    and once when it ends.

    Attributes:
        unexpected: Alerts of no fault that was played, by name.

    """

    unexpected: set[str] = field(default_factory=set)
    _expected: set[Key] = field(default_factory=set)
    _firing: dict[Key, set[frozenset[tuple[str, str]]]] = field(default_factory=dict)

    def expect(self, scenario: Scenario, deployment: str) -> None:
        """Print from now on what a scenario that a deployment plays fires, and may fire."""
        names = {*(e.alert for e in scenario.fire), *scenario.allow}
        self._expected |= {(name, where) for name in names for where in (deployment, "")}

    def lines(self, notices: Iterable[Notice]) -> Iterator[str]:
        """Yield a line for each alert that begins or ends with these notices."""
        for notice in notices:
            labels = notice.labels
            key = labels["alertname"], labels.get("deployment", "")
            if key[0] == WATCHDOG:
                continue
            if key not in self._expected:
                self.unexpected.add(key[0])
                continue
            at = time.strftime("%H:%M:%S", time.localtime(notice.at))
            one, those = frozenset(labels.items()), self._firing.setdefault(key, set())
            if notice.status == "firing":
                if not those:
                    yield f"  {at}  fires  {labels.get('severity', ''):8}  {key[0]}  {key[1]}".rstrip()
                those.add(one)
            elif one in those:
                those.remove(one)
                if not those:
                    yield f"  {at}  ends   {labels.get('severity', ''):8}  {key[0]}  {key[1]}".rstrip()


def introduction(names: Sequence[str], scale: float) -> str:
    """Return what the demo does and how long it takes."""
    each = [scenarios.find(name).duration / scale for name in names]
    return (
        f"A Prometheus and an Alertmanager over {len(TABLE)} simulated deployments of all systems, on loopback addresses, "
        f"{scale:g} times as fast as life.\n"
        f"Ready in about half a minute; the first time both servers are fetched too. Then one fault after another, "
        f"{', '.join(names)}, each for {_span(each)}.\n"
        "What another alert explains is not delivered, and not printed here. Ctrl-C ends everything."
    )


def addresses(stack: Stack) -> str:
    """Return a table of what there is to look at, the most telling first."""
    prometheus, alertmanager = stack.monitoring.prometheus.url, f"http://{stack.monitoring.alertmanager.address}"
    rows = [
        ("look here first: alerts, as they fire", f"{prometheus}/alerts"),
        ("what was delivered, grouped", f"{alertmanager}/#/alerts"),
        ("queries", f"{prometheus}/graph"),
        ("targets", f"{prometheus}/targets"),
        *((_page(process), process.server.url + ("/metrics" if process.deployed.roles else "/targets"))
          for process in stack.processes),
    ]  # fmt: skip
    width = max(len(what) for what, _ in rows)
    return "\n".join(f"  {what:{width}}  {where}" for what, where in rows)


def demo(names: Sequence[str], scale: float, interval: str = "") -> int:
    """Play the scenarios in turn until the command is ended; `interval` is as for `running`."""
    print(introduction(names, scale), end="\n\n", flush=True)
    progress, bulletin = Progress(), Bulletin()
    with foreground(), Webhook() as webhook:
        try:
            with running(scale, webhook.url, progress.show, interval) as stack:
                progress.end()
                print(addresses(stack), end="\n\n", flush=True)
                shown = 0
                for name in cycle(names):
                    scenario = scenarios.find(name)
                    player = players(stack.processes)[scenario.system]
                    bulletin.expect(scenario, player.deployed.name)
                    player.server.switch(name)
                    print(_opening(scenario, player, scale), flush=True)
                    end = time.monotonic() + scenario.duration / scale
                    while time.monotonic() < end:
                        stack.look()
                        shown = _show(webhook, shown, bulletin, scale)
                        time.sleep(LOOK_SECONDS)
                    player.server.switch("calm")
        finally:
            progress.end()
    return 0


@contextmanager
def foreground() -> Iterator[None]:
    """Let the terminal send Ctrl-C to this command alone.

    `make` would take it too, and call it an error of a demo that ended as it should. Without a terminal, or in the background
    of one, nothing is changed. Stopping by Ctrl-Z is off meanwhile: the shell would wait for `make`, which does not notice.
    """
    try:
        terminal = os.open("/dev/tty", os.O_RDWR)
    except OSError:
        yield
        return
    try:
        before = os.tcgetpgrp(terminal)
        if before != os.getpgrp() or before == os.getpid():
            yield
            return
        handlers = {number: signal.signal(number, signal.SIG_IGN) for number in (signal.SIGTTOU, signal.SIGTSTP)}
        os.setpgid(0, 0)
        os.tcsetpgrp(terminal, os.getpgrp())
        try:
            yield
        finally:
            os.tcsetpgrp(terminal, before)
            for number, handler in handlers.items():
                signal.signal(number, handler)
    finally:
        os.close(terminal)


def _show(webhook: Webhook, shown: int, bulletin: Bulletin, scale: float) -> int:
    """Print what Alertmanager delivered beyond the first `shown` notices; return how many there are."""
    notices, known = list(webhook.notices[shown:]), bool(bulletin.unexpected)
    for line in bulletin.lines(notices):
        print(line, flush=True)
    if bulletin.unexpected and not known:
        print(
            f'  (Prometheus has other alerts too: this machine may be too slow for it. ARGS="--time-scale {scale / 2:g}" '
            "plays at half the speed.)",
            flush=True,
        )  # fmt: skip
    return shown + len(notices)


def _opening(scenario: Scenario, player: Process, scale: float) -> str:
    """Return what is played, where, and when to expect which alerts."""
    last = max((e.since + e.within for e in scenario.fire), default=0.0)
    names = ", ".join(dict.fromkeys(e.alert for e in scenario.fire))
    at = time.strftime("%H:%M:%S")
    return (
        f"{at} {scenario.id}: {scenario.title}, on {player.deployed.name}. {scenario.plays}\n"
        f"  expected within {last / scale:.0f} s: {names}"
    )


def _page(process: Process) -> str:
    deployed = process.deployed
    return f"{'page of' if deployed.roles else 'pages of'} {deployed.name} ({process.role or deployed.system})"


def _span(seconds: Sequence[float]) -> str:
    first, last = round(min(seconds)), round(max(seconds))
    return f"{first} s" if first == last else f"{first} to {last} s"
