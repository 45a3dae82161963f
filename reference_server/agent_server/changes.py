"""What a scenario's timeline can do to a deployment, one function for each verb."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from reference_server.agent_server import workload as values
from reference_server.agent_server.execution import Executor
from reference_server.agent_server.lifecycle import RESTART_SECONDS, Lifecycle
from reference_server.agent_server.state import DeploymentState
from reference_server.agent_server.traffic import Traffic
from reference_server.agent_server.workload import Kind
from reference_server.core.timeline import Change


def perform(change: Change, state: DeploymentState, executor: Executor, lifecycle: Lifecycle, traffic: Traffic) -> None:
    """Do everything that a change says, in the order of its text."""
    for verb, what in change.verbs.items():
        match verb:
            case "workload":
                state.workload = values.workload(what, state.workload)
                traffic.changed()
            case "faults":
                _faults(state, executor, dict(what))
            case "monitoring":
                state.monitoring = values.monitoring(what, state.monitoring)
            case "submit":
                _submit(state, traffic, dict(what))
            case _:
                LIFECYCLE[verb](state, lifecycle, dict(what))


def _faults(state: DeploymentState, executor: Executor, what: dict[str, Any]) -> None:
    only = what.pop("only", None)
    if only is None:
        state.faults = values.faults(what, state.faults)
    for process in state.matching(only):
        process.settle(state.now)
        process.faults = values.faults(what, process.faults)
    if what.get("postgres") == "down":
        executor.disturb(state.matching(only))
    if {"pubsub", "redis"} & set(what):
        executor.streams.restored()
    executor.dispatch()


def _submit(state: DeploymentState, traffic: Traffic, what: dict[str, Any]) -> None:
    """Let users ask for `count` runs, `every` so many seconds; `thread` makes them share one."""
    name = what.pop("kind", "")
    count, every = int(what.pop("count", 1)), what.pop("every", 0.0)
    thread, fails = what.pop("thread", ""), what.pop("fails", "")
    kinds = state.workload.kinds or values.KINDS
    kind = kinds[name] if name in kinds else values.KINDS.get(name) or Kind(route="background")
    kind = replace(kind, **what)

    def ask() -> None:
        traffic.request_run(kind, thread=thread, fails=fails)

    for number in range(count):
        state.agenda.after(number * every, ask)


def _scale(state: DeploymentState, lifecycle: Lifecycle, what: dict[str, Any]) -> None:
    grace = what.pop("grace", state.topology.kill_grace)
    for role, count in what.items():
        lifecycle.scale(role, int(count), grace)


def _restart(state: DeploymentState, lifecycle: Lifecycle, what: dict[str, Any]) -> None:
    """Restart in place, `every` so many seconds from one process to the next."""
    grace, down, every = what.get("grace", state.topology.kill_grace), what.get("down"), what.get("every", 0.0)
    for number, process in enumerate(state.matching(what.get("only"))):
        state.agenda.after(number * every, lifecycle.restart, process, grace, down, what.get("settings"))


def _crash(state: DeploymentState, lifecycle: Lifecycle, what: dict[str, Any]) -> None:
    for process in state.matching(what.get("only")):
        lifecycle.crash(process, what.get("down", RESTART_SECONDS))


def _rollout(state: DeploymentState, lifecycle: Lifecycle, what: dict[str, Any]) -> None:
    """Roll out a revision, `times` in all, `every` so many seconds."""
    grace = what.get("grace", state.topology.kill_grace)
    for number in range(int(what.get("times", 1))):
        revision = what["revision"] + (f".{number}" if number else "")
        overlap = what.get("overlap", 20.0)
        state.agenda.after(number * what.get("every", 0.0), lifecycle.rollout, revision, grace, overlap)


#: Verbs that start or stop processes.
LIFECYCLE: Mapping[str, Callable[[DeploymentState, Lifecycle, dict[str, Any]], None]] = {
    "scale": _scale,
    "restart": _restart,
    "crash": _crash,
    "rollout": _rollout,
}
