"""Scenarios played live, all at once: each on a reference server of its own, one Prometheus, one Alertmanager, one webhook.

Each scenario is a deployment with every process that it has. It plays until all alerts that it demands have fired and were
delivered, or to its end when it demands none; then its server is switched to `calm`, and what was told must be called off.
Times are virtual, by the server's own clock: a machine that is too slow for the scale plays more slowly, not wrongly.
"""

from __future__ import annotations

import bisect
import json
import math
import tempfile
import time
from collections.abc import Iterable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

from reference_server.agent_server import AGENT_SERVER
from reference_server.core.scenario import Expectation, Scenario
from reference_server.scenarios import library as scenarios
from reference_server.scenarios.systems import SERVICES
from testbed.servers import Webhook, wait_until
from testbed.stack.deployments import TOKEN, discovered, endpoint_of, keyed, replaced
from testbed.stack.monitoring import Monitoring
from testbed.stack.reference import Reference

#: Virtual seconds per second. Prometheus learns of pods that come and go every five seconds, whatever its configuration:
#: at 25 that is two minutes, and AgentServerAllTargetsDown waits for three.
SCALE = 25.0

#: How far an alert may fire from when it does on the virtual clock, in virtual seconds: two discoveries (2 x 125), a scrape
#: and an evaluation (2 x 30); at the edge of a limit, where a scrape more or less decides, as much again is not unusual.
TOLERANCE_SECONDS = 480.0

#: How long after the end of a fault its alerts may take to be called off, in virtual seconds: the longest window among the
#: demanded alerts' rules is an hour.
RESOLVED_SECONDS = 4_500.0

#: A limit for everything, in seconds: a machine that is four times too slow still gets there.
PATIENCE_SECONDS = 900.0

#: Between two looks at what fired, in seconds: less than between two evaluations.
STEP_SECONDS = 0.25

#: How long between two looks discovery may rest, in virtual seconds: with the five seconds that Prometheus takes, a pod that
#: went would otherwise count as down for as long as AgentServerAllTargetsDown waits.
REST_SECONDS = 50.0

#: Off by default, because they need exporters that nobody runs here; and one that is about all deployments together.
NOT_HERE = frozenset({
    "AgentServerHealthCheckFailing", "AgentServerQueueStalledConfirmed", "AgentServerTargetsMissing", "LangSightTargetsMissing",
    "AgentgatewayTargetsMissing", "LangSmithTargetsMissing", "LangSightNotReady", "LangSightHealthCheckFailing",
    "LangSightHealthMetricMissing",
})  # fmt: skip

#: An alert and its deployment, as everybody here calls them.
Key = tuple[str, str]


@dataclass(slots=True)
class Play:
    """One scenario and what became of it.

    Attributes:
        progress: Unix seconds and virtual seconds since the start of the scenario, ascending.
        ended: Unix seconds at which the fault was ended; 0 while it goes on.
        fired: Alert to the virtual second at which it fired first, the fault's end included.
        told, muted, quiet, called_off: Alerts that Alertmanager delivered, held back because another explains them, keeps to
            itself because they only inform, and delivered as resolved after that.
        still: Alerts that still fired when patience was over.
        late: The machine was too slow for the scale while this was played: what fired proves nothing.

    """

    scenario: Scenario
    server: Reference
    progress: list[tuple[float, float]] = field(default_factory=list)
    ended: float = 0.0
    done: bool = False
    fired: dict[Key, float] = field(default_factory=dict)
    told: set[Key] = field(default_factory=set)
    muted: set[Key] = field(default_factory=set)
    quiet: set[Key] = field(default_factory=set)
    called_off: set[Key] = field(default_factory=set)
    still: set[Key] = field(default_factory=set)
    late: bool = False

    @property
    def demanded(self) -> dict[Key, Expectation]:
        """Alerts that must fire here."""
        only = self.scenario.deployment_names[0]
        return {(e.alert, self.name(e.deployment or only)): e for e in self.scenario.fire if e.alert not in NOT_HERE}

    def name(self, deployment: str) -> str:
        """Return what a deployment of this scenario is called in the one Prometheus."""
        return f"{self.scenario.id.lower()}-{deployment}"

    def owns(self, key: Key) -> bool:
        """Say whether an alert is about this scenario."""
        return key[1].startswith(f"{self.scenario.id.lower()}-")

    def virtual(self, unix: float) -> float:
        """Return the virtual second of the scenario at a time on the wall."""
        place = min(max(bisect.bisect(self.progress, (unix, 0.0)), 1), len(self.progress) - 1)
        (a, x), (b, y) = self.progress[place - 1], self.progress[place]
        return x + (unix - a) * (y - x) / (b - a) if b > a else x

    @property
    def speed(self) -> float:
        """Virtual seconds per second that the machine really managed."""
        (a, x), (b, y) = self.progress[0], self.progress[-1]
        return (y - x) / (b - a)


def disagreements(play: Play, virtual: Mapping[str, float]) -> list[str]:
    """Return how a live play differs from the virtual clock, a sentence each; `virtual` has the second of each alert there."""
    out = []
    for key, expectation in play.demanded.items():
        name = " of ".join(key)
        if key not in play.fired:
            out.append(f"{name} did not fire")
            continue
        second, bound = play.fired[key], expectation.since + expectation.within + TOLERANCE_SECONDS
        if second > bound:
            out.append(f"{name} fired in minute {second / 60:.1f}, after {bound / 60:.1f}")
        if abs(second - virtual[key[0]]) > TOLERANCE_SECONDS:
            out.append(f"{name} fired in minute {second / 60:.1f}, virtually in {virtual[key[0]] / 60:.1f}")
        if key not in play.told | play.muted | play.quiet:
            out.append(f"{name} was not delivered")
    out += [f"{' of '.join(k)} fired live only" for k in play.fired if k[0] not in virtual]
    out += [f"{' of '.join(k)} still fires" for k in play.still]
    out += [f"{' of '.join(k)} was not called off" for k in play.told - play.muted - play.called_off]
    return out


class Theatre:
    """Everything that runs for a sample of scenarios. A context manager.

    Args:
        ids: Scenarios.
        programs: Prometheus and Alertmanager.
        scale: Virtual seconds per second.
        watched: How long a scenario is watched that demands nothing, in virtual seconds; never beyond its end.

    """

    def __init__(
        self, ids: Iterable[str], programs: tuple[Path, Path], scale: float = SCALE, watched: float = math.inf
    ) -> None:
        self._open = ExitStack()
        self._scale, self._watched = scale, watched
        try:
            found = [scenarios.find(name) for name in ids]
            self.plays = [Play(one, self._open.enter_context(_server(one, scale))) for one in found]
            self.webhook = self._open.enter_context(Webhook())
            self._targets = Path(self._open.enter_context(tempfile.TemporaryDirectory(prefix="agentobs-targets-")))
            for play in self.plays:
                play.server.ready()
                self._discover(play)
            config = {"systems": {system: self._config(system) for system in (AGENT_SERVER, *SERVICES)}}
            self._monitoring = self._open.enter_context(
                Monitoring(programs, config, scale=scale, webhook=self.webhook.url)
            )
        except BaseException:
            self._open.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._open.close()

    def _config(self, system: str) -> Mapping[str, Any]:
        """Return a system's part of bundle.yaml: target files; off where no scenario is about it."""
        play = next((play for play in self.plays if play.scenario.system == system), None)
        if play is None:
            return {"enabled": False}
        token = TOKEN if endpoint_of(system).bearer_token else ""
        needed = keyed(system, play.server.address, token, self._targets)
        return {"scrape": {"files": [f"{self._targets}/{system}.*.json"], **needed}}

    def run(self) -> list[Play]:
        """Play everything; return what became of it."""
        prometheus = self._monitoring.prometheus
        # All scenarios have played a little by now; they begin anew, the same targets are known by then.
        count = sum(len(self._groups(play)) for play in self.plays)
        once = f'count(max_over_time(up{{system!=""}}[1h]) == 1) >= {count}'
        wait_until(lambda: prometheus.query(once), what=f"{count} targets", limit_seconds=PATIENCE_SECONDS)
        for play in self.plays:
            play.server.switch(play.scenario.id)
        begun = looked = time.time()
        while not all(play.done for play in self.plays) and time.time() < begun + PATIENCE_SECONDS:
            self._look()
            rested, looked = time.time() - looked, time.time()
            for play in self.plays:
                play.late |= not play.done and rested * self._scale > REST_SECONDS
            time.sleep(STEP_SECONDS)
        self._read(begun)
        if self._monitoring.late():
            for play in self.plays:
                play.late = True
        return self.plays

    def _look(self) -> None:
        """Let discovery follow, and go on with every play that has come to its next step."""
        alerts = [a for a in self._monitoring.prometheus.alerts() if a.state == "firing"]
        firing = {_key(a.labels): a.labels["severity"] for a in alerts}
        muted = {_key(a["labels"]) for a in self._monitoring.alertmanager.alerts() if a["status"]["inhibitedBy"]}
        newest = {_key(n.labels): n.status for n in self.webhook.notices}
        for play in self.plays:
            self._discover(play)
            elapsed = play.server.elapsed_seconds()
            own = {k for k in firing if play.owns(k)}
            play.muted |= {k for k in muted if play.owns(k)}
            if play.ended:
                owed = {k for k in play.told - play.muted if newest[k] == "firing"}
                play.called_off = play.told - owed
                play.still = own & set(play.demanded)
                play.done = not (play.still or owed) or elapsed > RESOLVED_SECONDS
                continue
            play.quiet |= {k for k in own if firing[k] == "info"}
            play.progress.append((time.time(), elapsed))
            play.told |= {k for k in newest if play.owns(k)}
            if self._over(play, elapsed):
                play.server.switch("calm")
                play.ended = time.time()

    def _over(self, play: Play, elapsed: float) -> bool:
        """Say whether a scenario has shown what it must, or will not show it any more."""
        wanted = play.demanded
        if not wanted:
            return elapsed >= min(play.scenario.duration, self._watched)
        seen = play.told | play.muted | play.quiet
        latest = max(e.since + e.within for e in wanted.values())
        return wanted.keys() <= seen or elapsed > latest + TOLERANCE_SECONDS

    def _discover(self, play: Play) -> None:
        """Write the list of a play's targets for Prometheus."""
        replaced(self._targets / f"{play.scenario.system}.{play.scenario.id}.json", json.dumps(self._groups(play)))

    @staticmethod
    def _groups(play: Play) -> list[dict[str, Any]]:
        """Return a play's targets now, as deployments of its own."""
        if play.scenario.system != AGENT_SERVER:
            return discovered(play.server, play.scenario.system, play.name(play.scenario.deployment_names[0]))
        groups: list[dict[str, Any]] = play.server.get("/targets")
        for group in groups:
            group["labels"]["deployment"] = play.name(group["labels"]["deployment"])
        return groups

    def _read(self, begun: float) -> None:
        """Ask Prometheus for all that fired between start and end of each scenario, evaluation by evaluation."""
        now = time.time()
        found = self._monitoring.prometheus.query_range('ALERTS{alertstate="firing"}', begun, now, STEP_SECONDS)
        for series in found:
            key, first = _key(series.labels), min(series.values) - STEP_SECONDS
            for play in self.plays:
                if play.owns(key) and first <= (play.ended or now):
                    play.fired[key] = min(play.virtual(first), play.fired.get(key, float("inf")))


def _server(scenario: Scenario, scale: float) -> Reference:
    """Return a server that plays a scenario with all of its processes."""
    arguments = ("--whole", "true") if scenario.system == AGENT_SERVER else ("--system", scenario.system)
    return Reference(*arguments, "--time-scale", f"{scale:g}", "--scenario", scenario.id, env={})


def _key(labels: Mapping[str, str]) -> Key:
    return labels["alertname"], labels.get("deployment", "")
