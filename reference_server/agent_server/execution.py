"""Runs from arrival to end: picking them up, executing them, failing, trying again, cancelling."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from uuid import UUID

from reference_server.agent_server.outcomes import draw_outcome
from reference_server.agent_server.processes import Process
from reference_server.agent_server.run_queue import (
    ERROR,
    INTERRUPTED,
    PENDING,
    RUNNING,
    SUCCESS,
    TIMEOUT,
    QueuedRun,
    RunQueue,
)
from reference_server.agent_server.state import DeploymentState
from reference_server.agent_server.streams import Streams
from reference_server.agent_server.workload import Kind

#: Time from a run's creation to a wake-up of a free slot: 20 to 50 ms is what operators report.
PICKUP_SECONDS = (0.015, 0.045)

#: BG_JOB_HEARTBEAT is 120 s; the sweep takes runs without a heartbeat for twice as long.
SWEEP_SECONDS = 240.0

#: Longest time between two batches of stream events of one run.
BATCH_SECONDS = 20.0

#: What a delta channel's chain starts from, with weights; and how many checkpoints are replayed on average.
SEEDS = ("snapshot", "root", "legacy_plain"), (90, 7, 3)
REPLAYED = 12

#: Runs that can be asked for, whether they are over or not.
REMEMBERED = 10_000

_TERMINAL = {
    "success": SUCCESS,
    "error": ERROR,
    "recursion": ERROR,
    "timeout": TIMEOUT,
    "interrupted": INTERRUPTED,
    "rollback": INTERRUPTED,
}


class Executor:
    """Executes the deployment's runs. `crash` is called for a process whose run takes it with it, `ended` at each end."""

    def __init__(self, state: DeploymentState) -> None:
        self.state = state
        self.queue = RunQueue()
        self.streams = Streams(state, self._resume)
        self.runs: dict[str, QueuedRun] = {}
        self.crash: Callable[[Process], None] = lambda _: None
        self.ended: Callable[[QueuedRun], None] = lambda _: None
        self._number = 0

    def create(
        self, kind: Kind, *, thread: str = "", after: float = 0.0, fails: str = "", keep: bool = False
    ) -> QueuedRun:
        """Create a run; it may start in `after` seconds. `keep` remembers it by its id after its end."""
        state = self.state
        self._number += 1
        number = self._number
        name = str(UUID(int=state.chance.getrandbits(128), version=4)) if keep else f"run-{number}"
        run = QueuedRun(name, number, kind, thread or f"own-{number}", state.now, state.now + after, fails=fails)
        run.viewers, run.events = kind.viewers, kind.events
        state.accounts.arrived += 1
        self.queue.pending[run.id] = run
        if keep:
            self.runs[run.id] = run
            if len(self.runs) > REMEMBERED:
                self._forget()
        state.agenda.at(run.due + state.chance.uniform(*PICKUP_SECONDS), self._offer, run)
        return run

    def room(self) -> bool:
        """Whether one more run can be remembered: there are fewer than `REMEMBERED`, or one of them is over."""
        return len(self.runs) < REMEMBERED or self._forget()

    def _forget(self) -> bool:
        over = next((r for r in self.runs.values() if r.status not in {PENDING, RUNNING}), None)
        if over is not None:
            del self.runs[over.id]
        return over is not None

    def _offer(self, run: QueuedRun) -> None:
        if run.status == PENDING:
            self.queue.offer(run, self.state.now)
            self.dispatch()

    def dispatch(self) -> None:
        """Hand ready runs to free slots, the process with most of them first."""
        processes = self.state.processes
        while (run := self.queue.next()) is not None:
            process = max(processes, key=_free, default=None)
            if process is None or process.free <= 0:
                return
            if process.fetches > 0:
                process.fetches -= 1
            self._start(run, process)

    def _start(self, run: QueuedRun, process: Process) -> None:
        state, now = self.state, self.state.now
        self.queue.take(run)
        run.executor, run.started = process, now
        run.attempt += 1
        run.token += 1
        process.active[run.id] = run
        state.accounts.attempts += 1
        metrics = process.instruments
        if run.attempt == 1:
            state.accounts.dequeued += 1
            metrics.observe("run_queue_wait_time_1st_attempt", int((now - run.due) * 1000))
        else:
            metrics.observe("run_queue_wait_time_retry_attempt", int((now - run.due) * 1000))
        metrics.add("run_attempt_started_counter")
        if run.attempt > process.settings.max_retries:
            metrics.add("run_exceed_max_attempts_at_start_counter")
            self._end(run, "error")
            return
        run.outcome, seconds = draw_outcome(run, process, state.chance)
        run.published = run.emitted = 0
        self.streams.follow(run)
        self._plan(run, seconds)
        if run.kind.delta_reads:
            self._read_deltas(run, process)

    def _plan(self, run: QueuedRun, seconds: float) -> None:
        """Enter the attempt's end, and its stream events in between, into the agenda."""
        agenda = self.state.agenda
        run.ended = agenda.now + seconds
        agenda.at(run.ended, self._finish, run, run.token)
        left = run.events - run.published
        batches = min(left, int(seconds / BATCH_SECONDS))
        if batches > 0:
            agenda.after(
                seconds / (batches + 1), self._batch, run, run.token, left // (batches + 1), seconds / (batches + 1)
            )

    def _batch(self, run: QueuedRun, token: int, count: int, every: float) -> None:
        if run.token != token:
            return
        if not self.streams.publish(run, min(count, run.events - run.published)):
            self._wait_for_publish(run)
        elif self.state.now + every < run.ended - 0.001:
            self.state.agenda.after(every, self._batch, run, token, count, every)

    def _wait_for_publish(self, run: QueuedRun) -> None:
        """Hold what was planned until the publish has gone through."""
        run.remaining = max(0.0, run.ended - self.state.now)
        run.ended = math.inf

    def _resume(self, run: QueuedRun) -> None:
        run.token += 1
        self._plan(run, run.remaining)

    def _finish(self, run: QueuedRun, token: int) -> None:
        if run.token != token or run.executor is None or run.stalled:
            return
        if run.outcome == "poison":
            self.crash(run.executor)
            return
        left = run.events - run.published if run.outcome != "timeout" else 0
        if left and not self.streams.publish(run, left):
            self._wait_for_publish(run)
            return
        self._end(run, run.outcome)

    def _end(self, run: QueuedRun, outcome: str) -> None:
        """Close an attempt: metrics, books, the slot, and the run itself unless it is tried again."""
        process = run.executor
        if process is None:
            return
        state, metrics = self.state, process.instruments
        run.token += 1
        self.streams.forget(run)
        process.active.pop(run.id, None)
        shown = "error" if outcome == "recursion" else outcome
        metrics.observe("run_execution_latency", int((state.now - run.started) * 1000), status=shown)
        process.work(0.05)
        self._count(process, outcome)
        self.streams.leave(run)
        if outcome == "retry":
            self._retry(run, process)
        else:
            run.status, run.ended = _TERMINAL[outcome], state.now
            self.queue.end(run)
            self.ended(run)
        if process.idle is not None and not process.active:
            process.idle()
        self.dispatch()

    def _count(self, process: Process, outcome: str) -> None:
        metrics, books = process.instruments, self.state.accounts
        match outcome:
            case "success":
                metrics.add("run_success_counter")
                books.succeeded += 1
            case "error" | "recursion" | "timeout":
                metrics.add("run_failed_after_retry_counter", status="timeout" if outcome == "timeout" else "error")
                books.failed += 1
                if outcome == "recursion":
                    metrics.add("graph_recursion_limit_error_counter")
            case "interrupted" | "rollback":
                metrics.add("run_canceled_by_request_counter", status=outcome)
                books.cancelled += 1
            case _:
                metrics.add("run_failed_retriable_counter")
                books.retried += 1

    def _retry(self, run: QueuedRun, process: Process) -> None:
        failing = process.faults.status_write_failures
        if failing and self.state.chance.random() < failing:
            process.instruments.add("run_set_status_error_counter")
            self.abandon(run)
        else:
            self._put_back(run)

    def _put_back(self, run: QueuedRun) -> None:
        self.state.accounts.requeued += 1
        self.queue.put_back(run, self.state.now)

    def abandon(self, run: QueuedRun) -> None:
        """Leave a run running that nobody executes; the sweeper finds it when its heartbeat is too old."""
        run.token += 1
        run.executor = None
        self.streams.forget(run)
        self.streams.leave(run)
        self.state.agenda.after(SWEEP_SECONDS, self._sweep, run, run.token)

    def _sweep(self, run: QueuedRun, token: int) -> None:
        if run.token != token or run.status != RUNNING:
            return
        if self.state.faults.sweeper_off:
            self.state.agenda.after(SWEEP_SECONDS / 2, self._sweep, run, token)
            return
        self._put_back(run)
        self.dispatch()

    def disturb(self, processes: Iterable[Process]) -> None:
        """Let every attempt in progress fail in a way that is tried again: its database went away."""
        for process in processes:
            for run in process.active.values():
                run.token += 1
                run.outcome, run.published = "retry", run.events
                self.streams.forget(run)
                self._plan(run, self.state.chance.uniform(1.0, 6.0))

    def interrupt(self, run: QueuedRun) -> None:
        """Cancel the attempt because its process stops; it is tried again elsewhere."""
        self._end(run, "retry")

    def cancel(self, run: QueuedRun, action: str) -> bool:
        """Cancel as a client does: `interrupt` or `rollback`. False when the run is over."""
        if run.status == PENDING:
            self.state.accounts.withdrawn += 1
            run.token += 1
            run.status, run.ended = INTERRUPTED, self.state.now
            self.queue.withdraw(run)
            self.ended(run)
            return True
        if run.status == RUNNING and run.executor is not None:
            self._end(run, "rollback" if action == "rollback" else "interrupted")
            return True
        return False

    def _read_deltas(self, run: QueuedRun, process: Process) -> None:
        chance, metrics = self.state.chance, process.instruments
        for _ in range(run.kind.delta_reads):
            draw = chance.random()
            seed = "missing" if draw < process.faults.pruned_seeds else chance.choices(*SEEDS)[0]
            metrics.add("delta_channel_read_counter", seed_kind=seed)
            metrics.observe("delta_channel_replay_depth", int(chance.expovariate(1 / REPLAYED)))
            if seed == "legacy_plain":
                metrics.add("delta_channel_walk_past_bound_counter")


def _free(process: Process) -> int:
    return process.free
