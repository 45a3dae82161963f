"""Stream events: publishing them, losing them, and handing them to clients that come and go.

Latencies are drawn once for each event type of a batch, not for each event: the number of observations is right,
their spread within a batch is not.
"""

from __future__ import annotations

from collections.abc import Callable

from reference_server.agent_server.processes import Process
from reference_server.agent_server.run_queue import RUNNING, QueuedRun
from reference_server.agent_server.state import DeploymentState
from reference_server.core.agenda import lognormal, poisson

#: LSD_STREAM_PUBLISH_RETRY_MAX_DURATION_SECS, and the longest pause between two tries.
GIVE_UP_SECONDS, RETRY_SECONDS = 60.0, 10.0

#: Medians of one publish in milliseconds, by runtime.
PUBLISH_MS = {"postgres": 1.8, "inmem": 0.08}

#: Share of the events of a run, by type; the rest are messages.
MIX = (("values", 0.2), ("updates", 0.2), ("tasks", 0.1), ("custom", 0.05), ("checkpoints", 0.05), ("tools", 0.05))

#: Median size of an event in bytes.
EVENT_BYTES = 420

OVERFLOW = "protocol_v2_buffer_overflow"
_SIZES_FROM_TIER = 3


class Streams:
    """Publishes for the executor. `resume` is called for a run whose stalled publish has gone through or was given up."""

    def __init__(self, state: DeploymentState, resume: Callable[[QueuedRun], None]) -> None:
        self.state = state
        self.resume = resume
        self.stalled: dict[str, QueuedRun] = {}
        self.followed: dict[str, QueuedRun] = {}

    def follow(self, run: QueuedRun) -> None:
        """Connect the run's viewers."""
        if run.viewers and run.api is not None:
            self.followed[run.id] = run
            run.api.streams += run.viewers
            for _ in range(run.kind.sleepers):
                away = self.state.workload.sleep_seconds * self.state.crowd.uniform(0.5, 1.5)
                self.state.agenda.after(away, self.reconnect, run, 0)

    def leave(self, run: QueuedRun) -> None:
        """Disconnect them."""
        if self.followed.pop(run.id, None) and run.api is not None and run.api.life == run.api_life:
            run.api.streams = max(0, run.api.streams - run.viewers)

    def publish(self, run: QueuedRun, count: int) -> bool:
        """Publish `count` events; False when the run has to wait for them."""
        process, state = run.executor, self.state
        if process is None or count <= 0:
            return True
        waits = process.settings.async_publish_queue
        if process.faults.pubsub == "down" or process.faults.redis == "down":
            if waits:
                state.agenda.after(GIVE_UP_SECONDS, self._skip, process, process.life, count)
                process.instruments.set("publish_queue_availability", max(0, self._capacity(process) - 40 * count))
                return True
            run.stalled = state.now
            self.stalled[run.id] = run
            state.agenda.after(GIVE_UP_SECONDS, self._give_up, run, run.token)
            return False
        slow = process.faults.redis == "slow"
        for event, number in _types(run, count):
            median = process.faults.publish_seconds * 1000 if slow else PUBLISH_MS[process.runtime]
            latency = min(lognormal(state.chance, median, 0.9 if slow else 0.5), GIVE_UP_SECONDS * 1000)
            process.instruments.observe("stream_publish_latency", latency, number, stream_event_type=event)
            if process.instruments.tier >= _SIZES_FROM_TIER:
                size = int(lognormal(state.chance, EVENT_BYTES, 1.0))
                process.instruments.observe("stream_data_size_bytes", size, number, stream_event_type=event)
        if waits:
            backlog = min(self._capacity(process), round(count * (8 if slow else 0.2)))
            process.instruments.set("publish_queue_availability", self._capacity(process) - backlog)
        process.work(0.0006 * count)
        run.published += count
        if run.viewers:
            self._deliver(run, count)
        return True

    @staticmethod
    def _capacity(process: Process) -> int:
        return process.settings.publish_queue

    def _skip(self, process: Process, life: int, count: int) -> None:
        """The publisher of an asynchronous queue gives up on some events and goes on with the next ones."""
        if process.life == life and process.faults.pubsub == "down":
            latency = GIVE_UP_SECONDS * 1000
            process.instruments.observe("stream_publish_latency", latency, count, stream_event_type="messages")
            process.instruments.add("streaming_data_loss_counter", count, stream_event_type="messages")

    def _give_up(self, run: QueuedRun, token: int) -> None:
        """The inline publisher gives up: the event is lost, and the run ends here, as a success."""
        if run.token != token or not run.stalled or run.executor is None:
            return
        self._unstall(run, GIVE_UP_SECONDS)
        run.executor.instruments.add("streaming_data_loss_counter")
        run.lost += 1
        run.published = run.events  # nothing more is published
        run.remaining, run.outcome = 0.0, "success"
        self.resume(run)

    def restored(self) -> None:
        """Let the stalled publishes through, each at its next try."""
        for run in list(self.stalled.values()):
            self.state.agenda.after(self.state.chance.uniform(0, RETRY_SECONDS), self._go_on, run, run.token)

    def _go_on(self, run: QueuedRun, token: int) -> None:
        if run.token == token and run.stalled and run.executor is not None and run.executor.faults.pubsub == "ok":
            self._unstall(run, self.state.now - run.stalled)
            self.resume(run)

    def _unstall(self, run: QueuedRun, seconds: float) -> None:
        self.forget(run)
        run.published += 1
        if run.executor is not None:
            run.executor.instruments.observe("stream_publish_latency", seconds * 1000, stream_event_type="messages")

    def forget(self, run: QueuedRun) -> None:
        """Stop waiting for a run's publish."""
        run.stalled = 0.0
        self.stalled.pop(run.id, None)

    def _deliver(self, run: QueuedRun, count: int) -> None:
        api = run.api
        if api is None or not api.up or api.life != run.api_life:
            return
        ring = api.settings.buffer_events
        for method, share in (("lifecycle", 0.05), ("values", 0.25), ("messages", 0.6), ("tools", 0.1)):
            number = round(share * count) * run.viewers
            if number:
                api.instruments.add("protocol_v2_event_emitted_counter", number, method=method)
        before, run.emitted = run.emitted, run.emitted + count
        evicted = (max(0, run.emitted - ring) - max(0, before - ring)) * run.viewers
        if evicted:
            api.instruments.add("protocol_v2_buffer_evicted_counter", evicted)
            api.instruments.add("streaming_data_loss_counter", evicted, reason=OVERFLOW)
        api.instruments.set("protocol_v2_buffer_size", min(run.emitted, ring))

    def slice(self, seconds: float) -> None:
        """Play what clients do within `seconds`: connections that break, and some that went to sleep."""
        workload, chance = self.state.workload, self.state.crowd
        if not self.followed:
            return
        if workload.cut_seconds:
            for api in self.state.serving():
                for _ in range(poisson(chance, api.streams * seconds / workload.cut_seconds)):
                    api.instruments.add("protocol_v2_transport_send_failure_counter", method="messages")
                    api.instruments.observe("protocol_v2_replayed_events", chance.randint(1, 40))
        for _ in range(poisson(chance, workload.sleeps_per_hour * seconds / 3600)):
            run = chance.choice(list(self.followed.values()))
            away = chance.expovariate(1 / workload.sleep_seconds)
            self.state.agenda.after(away, self.reconnect, run, run.emitted)

    def reconnect(self, run: QueuedRun, seen: int) -> None:
        """Let a client that has seen `seen` events of a run come back over its WebSocket."""
        api = run.api
        if api is None or not api.up or api.life != run.api_life:
            return
        missed, ring = run.emitted - seen, api.settings.buffer_events
        if missed > ring:
            api.instruments.add("protocol_v2_resume_gap_counter")
        api.instruments.observe("protocol_v2_replayed_events", min(missed, ring))

    def alive(self, run: QueuedRun) -> bool:
        """Whether clients can still follow the run."""
        return run.status == RUNNING and run.id in self.followed


def _types(run: QueuedRun, count: int) -> list[tuple[str, int]]:
    out = []
    rest = count
    if not run.published:
        out.append(("metadata", 1))
        rest -= 1
    for event, share in MIX:
        number = min(rest, int(share * count))
        if number:
            out.append((event, number))
            rest -= number
    if rest:
        out.append(("messages", rest))
    return out
