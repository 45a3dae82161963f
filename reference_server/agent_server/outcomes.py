"""How an attempt is going to end, and when: drawn at its start from the kind of the run and what is wrong."""

from __future__ import annotations

from random import Random

from reference_server.agent_server.processes import Process
from reference_server.agent_server.run_queue import QueuedRun
from reference_server.agent_server.workload import Kind
from reference_server.core.agenda import lognormal

#: How long the process of a poison run takes to run out of memory.
POISON_SECONDS = (6.0, 14.0)


def draw_outcome(run: QueuedRun, process: Process, chance: Random) -> tuple[str, float]:
    """Decide how an attempt ends, and when."""
    kind, faults = run.kind, process.faults
    seconds = run.seconds or lognormal(chance, kind.seconds, kind.spread)
    seconds *= faults.slowness
    outcome = run.fails or _choose(kind, chance.random())
    if run.fails == "retriable" and run.attempt > 1:
        outcome = "success"
    if faults.postgres == "down" and outcome != "poison":
        return "retry", chance.uniform(1.0, 6.0)
    if faults.model_failures and chance.random() < faults.model_failures:
        return "error", min(seconds, chance.uniform(0.5, 4.0))
    if outcome == "retriable":
        outcome = "retry"
    if outcome in {"error", "retry", "interrupted", "rollback"}:
        seconds *= chance.uniform(0.1, 0.9)
    if outcome == "poison":
        seconds = chance.uniform(*POISON_SECONDS)
    if outcome == "hang" or seconds > process.settings.job_timeout:
        return "timeout", process.settings.job_timeout
    return outcome, seconds


def _choose(kind: Kind, draw: float) -> str:
    """Turn a draw between 0 and 1 into an outcome."""
    for outcome, share in (
        ("error", kind.errors),
        ("recursion", kind.recursion),
        ("retriable", kind.retriable),
        ("hang", kind.hangs),
        ("poison", kind.poison),
        ("interrupted", kind.interrupted),
        ("rollback", kind.rolled_back),
    ):
        draw -= share
        if draw < 0:
            return outcome
    return "success"
