"""The queue that all processes of a deployment share: pending, ready and running runs, and their threads.

Runs of one thread block each other: the next one becomes ready when the one before has ended. Decides nothing of
who executes what.
"""

from __future__ import annotations

import heapq
import statistics
from collections import deque
from dataclasses import dataclass, field

from reference_server.agent_server.processes import Process
from reference_server.agent_server.workload import Kind

PENDING, RUNNING = "pending", "running"
SUCCESS, ERROR, TIMEOUT, INTERRUPTED, ROLLBACK = "success", "error", "timeout", "interrupted", "rollback"


@dataclass(slots=True, eq=False)
class QueuedRun:
    """One run. Times are in seconds since 1970; `token` grows whenever what was planned for it no longer holds.

    Attributes:
        status: pending, running, success, error, timeout, interrupted; a rolled back run ends as interrupted.
        due: When it may start; its creation plus what it was scheduled ahead.
        ready_at: Its place among the ready runs: a run that is tried again goes behind those that wait.
        executor: The process that executes it; none makes a running run a ghost.
        api: The process that took the request, and in which of its lives.
        fails: How it is to end; empty leaves that to chance.
        published, lost: Stream events so far.
        stalled: When a publish began that has not ended; 0 when there is none.
        answered: The request that made it is recorded elsewhere.
        outcome, remaining: How the attempt is going to end, and in how many seconds when it stalled.
        viewers: Clients that follow its event stream now.
        emitted: Events that went to these clients; each client's replay ring has seen so many.

    """

    id: str
    number: int
    kind: Kind
    thread: str
    created: float
    due: float
    ready_at: float = 0.0
    status: str = PENDING
    attempt: int = 0
    token: int = 0
    started: float = 0.0
    ended: float = 0.0
    executor: Process | None = None
    api: Process | None = None
    api_life: int = 0
    fails: str = ""
    seconds: float = 0.0
    events: int = 0
    published: int = 0
    emitted: int = 0
    lost: int = 0
    stalled: float = 0.0
    outcome: str = ""
    remaining: float = 0.0
    viewers: int = 0
    answered: bool = False


@dataclass(slots=True)
class QueueStats:
    """What the JSON page says of the queue; waits are in seconds, None when nothing waits."""

    n_pending: int
    n_running: int
    pending_runs_wait_time_max_secs: float | None
    pending_runs_wait_time_med_secs: float | None
    pending_unblocked_runs_wait_time_max_secs: float | None


@dataclass(slots=True)
class RunQueue:
    """Runs that are not over. `pending` and `running` are by id."""

    pending: dict[str, QueuedRun] = field(default_factory=dict)
    running: dict[str, QueuedRun] = field(default_factory=dict)
    _ready: list[tuple[float, int, QueuedRun]] = field(default_factory=list)
    _holder: dict[str, QueuedRun] = field(default_factory=dict)
    _behind: dict[str, deque[QueuedRun]] = field(default_factory=dict)

    def offer(self, run: QueuedRun, now: float, *, first: bool = False) -> None:
        """Let a pending run be picked up, now or when its thread is free; `first` puts it before the others there."""
        run.ready_at = now
        if run.thread in self._holder:
            line = self._behind.setdefault(run.thread, deque())
            line.appendleft(run) if first else line.append(run)
        else:
            self._hold(run)

    def _hold(self, run: QueuedRun) -> None:
        self._holder[run.thread] = run
        heapq.heappush(self._ready, (run.ready_at, run.number, run))

    def next(self) -> QueuedRun | None:
        """Return the run that has been ready for longest, or None."""
        while self._ready and self._ready[0][2].status != PENDING:
            heapq.heappop(self._ready)
        return self._ready[0][2] if self._ready else None

    def take(self, run: QueuedRun) -> None:
        """Move the run that `next` returned from pending to running."""
        heapq.heappop(self._ready)
        del self.pending[run.id]
        run.status = RUNNING
        self.running[run.id] = run

    def withdraw(self, run: QueuedRun) -> None:
        """Remove a pending run."""
        del self.pending[run.id]
        self._release(run)

    def end(self, run: QueuedRun) -> None:
        """Remove a running run; the next one of its thread becomes ready."""
        del self.running[run.id]
        self._release(run)

    def put_back(self, run: QueuedRun, now: float) -> None:
        """Make a running run pending again, behind the runs that are ready; it keeps its thread."""
        del self.running[run.id]
        run.status = PENDING
        run.executor = None
        self.pending[run.id] = run
        if self._holder.get(run.thread) is run:
            del self._holder[run.thread]
        self.offer(run, now, first=True)

    def _release(self, run: QueuedRun) -> None:
        if self._holder.get(run.thread) is not run:
            return
        del self._holder[run.thread]
        line = self._behind.get(run.thread)
        while line:
            following = line.popleft()
            if not line:
                del self._behind[run.thread]
            if following.status == PENDING:
                self._hold(following)
                return

    def stats(self, now: float) -> QueueStats:
        """Count, and say how long the pending runs have waited; runs scheduled ahead have not waited yet."""
        waits = [now - r.created for r in self.pending.values()]
        blocked = {t for t, r in self._holder.items() if r.status == RUNNING}
        free = [now - r.due for r in self.pending.values() if r.due <= now and r.thread not in blocked]
        return QueueStats(
            len(self.pending),
            len(self.running),
            max(waits, default=None),
            statistics.median(waits) if waits else None,
            max(free, default=None),
        )
