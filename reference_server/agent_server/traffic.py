"""What users do: requests that hold no run, probes, scanners, and the arrival of runs.

Requests come in slices of some seconds, runs one by one. Knows nothing of what becomes of a run.
"""

from __future__ import annotations

import math
from random import Random

from reference_server.agent_server.execution import Executor
from reference_server.agent_server.processes import Process
from reference_server.agent_server.run_queue import QueuedRun
from reference_server.agent_server.state import DeploymentState
from reference_server.agent_server.workload import Kind
from reference_server.core.agenda import lognormal, poisson

SLICE_SECONDS = 5.0

#: Period of the workload's wave.
WAVE_SECONDS = 3_600.0

#: Requests that hold no run, with their weights, and the share of them that end as 404.
ROUTES: tuple[tuple[str, str, int, float], ...] = (
    ("GET", "/threads/{thread_id}", 18, 0.02),
    ("GET", "/threads/{thread_id}/state", 30, 0.01),
    ("POST", "/threads", 14, 0.0),
    ("GET", "/threads/{thread_id}/runs/{run_id}", 20, 0.0),
    ("POST", "/threads/search", 8, 0.0),
    ("POST", "/assistants/search", 6, 0.0),
    ("GET", "/assistants/{assistant_id}", 4, 0.0),
)
_WEIGHTS = tuple(weight for *_, weight, _ in ROUTES)

#: The route by which runs of each kind arrive; `wait` and `stream` hold the connection until the run ends.
ARRIVALS = {
    "background": ("POST", "/threads/{thread_id}/runs"),
    "wait": ("POST", "/runs/wait"),
    "stream": ("POST", "/runs/stream"),
}

#: Median and spread of an answer, milliseconds.
ANSWER_MS, ANSWER_SPREAD = 14.0, 0.7

#: Mean wait for a connection of a full pool, and passes of the scheduler loop while they fail.
POOL_WAIT_SECONDS = 0.25
PASSES_PER_SECOND = 1.0

#: Odd requests of a scanner.
_SCANS = (("GET", "", "404"), ("GET", "", "404"), ("POST", "", "404"), ("PROPFIND", "/threads", "405"),
          ("OPTIONS", "/threads", "405"), ("GET", "", "401"))  # fmt: skip


class Traffic:
    """Plays the users of one deployment."""

    def __init__(self, state: DeploymentState, executor: Executor) -> None:
        self.state = state
        self.executor = executor
        self._arrivals = 0
        self._item = 0
        executor.ended = self.ended

    def start(self) -> None:
        """Enter the first slice and the first arrival into the agenda."""
        self.state.agenda.after(SLICE_SECONDS, self._slice)
        self.changed()

    def changed(self) -> None:
        """Draw the next arrival anew: the workload is another one."""
        self._arrivals += 1
        self._next_arrival()

    def _next_arrival(self) -> None:
        workload = self.state.workload
        rate = workload.runs_per_minute / 60 * self._wave()
        if rate > 0 and workload.kinds:
            self.state.agenda.after(self.state.chance.expovariate(rate), self._arrive, self._arrivals)

    def _wave(self) -> float:
        return 1 + self.state.workload.wave * math.sin(2 * math.pi * self.state.now / WAVE_SECONDS)

    def _arrive(self, number: int) -> None:
        if number != self._arrivals:
            return
        kinds = self.state.workload.kinds
        kind = self.state.chance.choices(list(kinds.values()), [k.weight for k in kinds.values()])[0]
        self.request_run(kind)
        self._next_arrival()

    def request_run(self, kind: Kind, *, thread: str = "", fails: str = "") -> QueuedRun | None:
        """Let a user ask for a run. None when the request fails, or nobody is there to take it."""
        chance = self.state.chance
        serving = self.state.serving()
        if not serving:
            return None
        process = chance.choice(serving)
        method, path = ARRIVALS[kind.route]
        status, seconds = self._answer(process, chance)
        if status != "200":
            record(process, method, path, status, seconds)
            return None
        after = kind.after if kind.after_exact else chance.uniform(0, kind.after) if kind.after else 0.0
        if kind.threads and not thread:
            thread = f"shared-{chance.randrange(kind.threads)}"
        run = self.executor.create(kind, thread=thread, after=after, fails=fails)
        run.api, run.api_life = process, process.life
        if kind.route == "background":
            record(process, method, path, status, seconds)
        return run

    def ended(self, run: QueuedRun) -> None:
        """Answer the request that held its connection for the run; a failed run is no HTTP error."""
        api = run.api
        if api is None or run.answered or run.kind.route == "background" or not api.up or api.life != run.api_life:
            return
        method, path = ARRIVALS[run.kind.route]
        record(api, method, path, "200", self.state.now - run.created)

    def _answer(self, process: Process, chance: Random) -> tuple[str, float]:
        """Draw status and duration of one request."""
        faults = process.faults
        seconds = lognormal(chance, ANSWER_MS / 1000, ANSWER_SPREAD)
        if faults.postgres == "slow":
            seconds += lognormal(chance, faults.postgres_seconds, 0.8)
        if faults.blocked_seconds:
            seconds += chance.uniform(0, faults.blocked_seconds)
        if process.runtime == "postgres" and process.postgres_in_use() >= process.settings.postgres_pool:
            process.pools.waits += 1
            seconds += chance.expovariate(1 / POOL_WAIT_SECONDS)
        if faults.http_errors:
            draw = chance.random()
            for status, share in faults.http_errors.items():
                draw -= share
                if draw < 0:
                    return status, seconds
        return "200", seconds

    def _slice(self) -> None:
        state, chance = self.state, self.state.crowd
        state.agenda.after(SLICE_SECONDS, self._slice)
        serving = state.serving()
        if serving:
            self._requests(serving, chance)
        for process in state.processes:
            if process.executes and process.accepting:
                self._passes(process, chance)
        self.executor.streams.slice(SLICE_SECONDS)
        self.executor.dispatch()

    def _requests(self, serving: list[Process], chance: Random) -> None:
        workload = self.state.workload
        busy = dict.fromkeys((p.name for p in serving), 0.0)
        count = poisson(chance, workload.http_rps * SLICE_SECONDS * self._wave())
        for method, path, _, missing in chance.choices(ROUTES, _WEIGHTS, k=count):
            process = chance.choice(serving)
            status, seconds = self._answer(process, chance)
            if missing and status == "200" and chance.random() < missing:
                status = "404"
            record(process, method, path, status, seconds)
            busy[process.name] += seconds
        for process in serving:
            process.pools.requests = busy[process.name] / SLICE_SECONDS
            process.work(0.004 * count / len(serving))
            probes = poisson(chance, workload.probe_rps * SLICE_SECONDS / len(serving))
            if probes:
                record(process, "GET", "/", "200", 0.001, probes)
        for _ in range(poisson(chance, workload.rejected_rps * SLICE_SECONDS)):
            record(chance.choice(serving), "POST", "", "401", 0.001)
        for _ in range(poisson(chance, workload.scanner_rps * SLICE_SECONDS)):
            method, path, status = chance.choice(_SCANS)
            record(chance.choice(serving), method, path, status, 0.001)
        for _ in range(poisson(chance, workload.untemplated_rps * SLICE_SECONDS)):
            self._item += 1
            record(chance.choice(serving), "GET", f"/shop/items/{self._item}", "200", 0.008)

    def _passes(self, process: Process, chance: Random) -> None:
        """Play the scheduler loop's passes: how many fail, and how many runs the others may fetch."""
        faults, pools = process.faults, process.pools
        if faults.fetch_failures and not faults.wedged:
            failed = sum(chance.random() < faults.fetch_failures for _ in range(int(SLICE_SECONDS * PASSES_PER_SECOND)))
            if failed:
                process.instruments.add("failed_to_fetch_runs_counter", failed)
            process.fetches = int(SLICE_SECONDS * PASSES_PER_SECOND) - failed
        else:
            process.fetches = -1
        if process.runtime == "postgres" and process.postgres_in_use() >= process.settings.postgres_pool:
            pools.waits += poisson(chance, SLICE_SECONDS * (1 + len(process.active)) / 2)
            pools.timeouts += poisson(chance, faults.postgres_timeouts * SLICE_SECONDS / 60)


def record(process: Process, method: str, path: str, status: str, seconds: float, times: int = 1) -> None:
    """Count an answered request; its duration is cut to whole milliseconds, as the real server does."""
    process.instruments.add("http_requests_total", times, method=method, path=path, status=status)
    process.instruments.observe("http_requests_latency", int(seconds * 1000), times, method=method, path=path)
