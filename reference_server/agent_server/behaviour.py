"""What the one graph of this server does with its input: how long a run takes, how it ends, what it streams.

The inputs are those of the graph that the tests run on the real Agent Server: `act` is succeed, fail, recurse,
retry, sleep, stream, custom, chat or ask; `amount` is seconds, steps or events. Any other input succeeds in one step.
Pure: knows neither time nor queue.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

GRAPH = "agent"

#: The id that the real server gives to the assistant of a graph of this name.
ASSISTANT = "fe096781-5601-53d2-b2f6-0d3403f7e9ca"

#: Seconds of a step that does nothing, as on the real server.
STEP_SECONDS = 0.01

#: Most steps or events that one run makes, whatever its input says.
MOST_STEPS = 1_000

#: Most stream modes that one run has; there are a dozen.
MOST_MODES = 20

#: Longest amount, a year of seconds: Python reads `Infinity` and 400-digit numbers as JSON.
LONGEST = 31_536_000.0

ANSWER = "one two three"
QUESTION = "may I?"
RECURSION_LIMIT = 25
INTERRUPT = "e2c7b3ce2c2c6ee3ea950ad78af0989f"

#: One event of a stream: its type and what it carries.
Event = tuple[str, Any]

#: Makes what an event carries.
Make = Callable[[], Any]


@dataclass(frozen=True, slots=True)
class Behaviour:
    """One run: what was asked for.

    Attributes:
        name: What the input names under `act`.
        amount: Seconds, steps or events.
        given: The whole input.
        modes: Stream modes that the caller wants.
        limit: Recursion limit.
        base: State of the thread before the run.

    """

    name: str
    amount: float
    given: Mapping[str, Any]
    modes: tuple[str, ...]
    limit: int
    base: Mapping[str, Any]

    @property
    def steps(self) -> int:
        """How often the one node runs."""
        if self.name == "recurse":
            return self.limit
        return min(max(1, int(self.amount)), MOST_STEPS, self.limit) if self.name == "stream" else 1

    @property
    def ends(self) -> str:
        """How it ends, in the simulation's words: `retry` fails in a way that is tried again, each time."""
        if self.name == "recurse" or (self.name == "stream" and self.amount > self.limit):
            return "recursion"
        return {"fail": "error", "retry": "retry"}.get(self.name, "success")

    @property
    def seconds(self) -> float:
        """How long an attempt takes."""
        return max(self.amount if self.name == "sleep" else STEP_SECONDS * self.steps, STEP_SECONDS)

    @property
    def published(self) -> int:
        """How many events an attempt publishes, `metadata` included."""
        return 1 + sum(1 for _ in self._plan())

    @property
    def values(self) -> dict[str, Any]:
        """State of the thread after a run that succeeds."""
        return self._state(self.steps)

    @property
    def error(self) -> dict[str, str]:
        """What is told of a run that fails."""
        if self.name == "fail":
            return {"error": "ValueError", "message": "asked to fail"}
        if self.name == "retry":
            return {"error": "RuntimeError", "message": "Run exceeded maximum attempts"}
        if self.name in {"recurse", "stream"}:
            return {
                "error": "GraphRecursionError",
                "message": f"Recursion limit of {self.limit} reached without hitting a stop condition.",
            }
        return {"error": "RuntimeError", "message": "the simulation says so"}

    def events(self) -> Iterator[Event]:
        """Return the stream of a run that does what it was asked for, without the first event, `metadata`, and without an error.

        Each event is made when it is asked for: a thousand copies of a large state are never there at once.
        """
        return ((mode, make()) for mode, make in self._plan())

    def _plan(self) -> Iterator[tuple[str, Make]]:
        yield from self._of("values", partial(self._state, 0))
        for step in range(1, self.steps + 1):
            yield from self._of("tasks", partial(self._task, step))
            yield from self._of("debug", partial(dict, type="task", step=step))
            if self.name == "custom":
                for part in range(min(int(self.amount), MOST_STEPS)):
                    yield from self._of("custom", partial(dict, part=part))
            if self.name == "chat":
                yield from self._messages()
            if self.name in {"fail", "retry"}:
                return
            if self.name == "ask":
                yield from self._of("events", _chain_end)
                yield from self._of("values", self._asked)
                return
            yield from self._of("updates", partial(_update, step))
            yield from self._of("checkpoints", partial(self._checkpoint, step))
            yield from self._of("events", _chain_end)
            yield from self._of("values", partial(self._state, step))

    def _task(self, step: int) -> dict[str, Any]:
        return {"name": "step", "input": self._state(step - 1)}

    def _checkpoint(self, step: int) -> dict[str, Any]:
        return {"values": self._state(step), "metadata": {"step": step}}

    def _asked(self) -> dict[str, Any]:
        return {**self._state(0), "__interrupt__": [_interrupt()]}

    def _messages(self) -> Iterator[tuple[str, Make]]:
        name = f"lc_run--{uuid.uuid5(uuid.NAMESPACE_OID, ANSWER)}"
        if "messages" in self.modes:
            yield "messages/metadata", lambda: {name: {"metadata": {"graph_id": GRAPH}}}
            for end in range(1, len(ANSWER) + 1):
                yield "messages/partial", partial(list, [{"content": ANSWER[:end], "type": "ai", "id": name}])
        if "messages-tuple" in self.modes:
            for letter in ANSWER:
                chunk = [{"content": letter, "type": "AIMessageChunk", "id": name}, {"graph_id": GRAPH}]
                yield "messages", partial(list, chunk)

    def _of(self, mode: str, make: Make) -> Iterator[tuple[str, Make]]:
        if mode in self.modes:
            yield mode, make

    def _state(self, steps: int) -> dict[str, Any]:
        state: dict[str, Any] = {"messages": [], **self.base, **self.given}
        if steps:
            state["steps"] = steps
        if steps and self.name == "chat":
            state["messages"] = [*state["messages"], {"content": ANSWER, "type": "ai"}]
        return state


def _update(step: int) -> dict[str, Any]:
    return {"step": {"steps": step}}


def _chain_end() -> dict[str, Any]:
    return {"event": "on_chain_end", "name": "step", "data": {}}


def _interrupt() -> dict[str, Any]:
    return {"value": QUESTION, "id": INTERRUPT, "response_schema": None}


def behaviour(body: Mapping[str, Any], base: Mapping[str, Any]) -> Behaviour:
    """Read what a request asks of the graph; what it says wrongly is taken for unsaid."""
    given = body.get("input")
    given = given if isinstance(given, Mapping) else {}
    amount = given.get("amount", 3)
    amount = min(float(amount), LONGEST) if isinstance(amount, int | float) and amount >= 0 else 3.0
    config = body.get("config")
    limit = config.get("recursion_limit") if isinstance(config, Mapping) else None
    modes = body.get("stream_mode") or ["values"]
    return Behaviour(
        name=str(given.get("act", "succeed")),
        amount=amount,
        given=given,
        modes=tuple(dict.fromkeys(_words(modes)))[:MOST_MODES],
        limit=limit if isinstance(limit, int) and limit > 0 else RECURSION_LIMIT,
        base={k: v for k, v in base.items() if k != "steps"},
    )


def _words(modes: object) -> Sequence[str]:
    return (
        [modes]
        if isinstance(modes, str)
        else [m for m in modes if isinstance(m, str)]
        if isinstance(modes, list)
        else []
    )
