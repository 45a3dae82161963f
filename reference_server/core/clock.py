"""Virtual time that follows the clock on the wall, and waiting for something to happen in it.

The simulation runs in the thread of the event loop, in slices: when it is slower than its time scale wants, time
passes more slowly, and answers stay prompt.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Callable
from typing import Protocol, TypeVar

Answer = TypeVar("Answer")

#: Between two looks at the simulation while somebody waits; the longest that a waiter learns too late.
TICK_SECONDS = 0.02

#: Between two looks while nobody does. Whoever asks for a page advances the simulation anyway.
REST_SECONDS = 0.25

#: Longest time that one advance may hold the event loop; after so long a one others have their turn for a third of it.
BUDGET_SECONDS = 0.15

#: Virtual time of one slice of work, at scale 1.
SLICE_SECONDS = 1.0


def same(virtual: float) -> float:
    """Return the time as it is: virtual time is told as such."""
    return virtual


class Cut(Exception):  # noqa: N818 - an end, not an error
    """The server ends: a wait for something that may go on for ever is cut."""


class Simulation(Protocol):
    """What is advanced."""

    @property
    def now(self) -> float:
        """Virtual time, unix seconds."""

    def advance(self, until: float) -> None:
        """Let everything happen up to `until`."""


class Still:
    """A simulation in which nothing happens."""

    def __init__(self, now: float) -> None:
        self.now = now

    def advance(self, until: float) -> None:
        """Let time pass."""
        self.now = max(self.now, until)


class Clock:
    """Advances a simulation at `scale` virtual seconds per second of `wall`; none before `follow`.

    Attributes:
        simulation: What is advanced.
        slice_seconds: Virtual time of one slice of work.
        closing: The server ends.

    """

    def __init__(
        self, start: float, scale: float, wall: Callable[[], float] = time.monotonic, *, apart: float = 0.0
    ) -> None:
        """Begin at `start`, unix seconds; `apart` is how many seconds of the wall lie between two advances at least.

        Where they do, all that passes in a rest is one slice of work: what happens costs by the slice there.
        """
        self.simulation: Simulation = Still(start)
        self._scale = scale
        self._apart = apart * scale
        self.slice_seconds = max(SLICE_SECONDS, scale * (REST_SECONDS if apart else 0.1))
        self._wanted = asyncio.Event()
        self._wall = wall
        self._anchor = (wall(), start)
        self._waiters: set[asyncio.Event] = set()
        self._rest = 0.0
        self.closing = False

    def now(self) -> float:
        """Virtual time that the wall asks for, unix seconds."""
        wall, virtual = self._anchor
        return virtual + (self._wall() - wall) * self._scale

    def unix(self, virtual: float) -> float:
        """Unix time on the wall at which it is, or was, `virtual`: what a start time says to readers without the virtual clock."""
        return time.time() - (self.now() - virtual) / self._scale

    def advance(self) -> float:
        """Catch up with the wall as far as the budget allows; return the virtual time."""
        until, begun = self.now(), time.perf_counter()
        if begun < self._rest or self.simulation.now > until - self._apart:
            return self.simulation.now
        while self.simulation.now < until:
            self.simulation.advance(min(until, self.simulation.now + self.slice_seconds))
            if time.perf_counter() - begun > BUDGET_SECONDS:
                self._anchor = (self._wall(), self.simulation.now)
                self._rest = time.perf_counter() + BUDGET_SECONDS / 3
                break
        for waiter in self._waiters:
            waiter.set()
        return self.simulation.now

    def follow(self, simulation: Simulation) -> None:
        """Play another simulation, from its own time on."""
        self.simulation = simulation
        self._anchor = (self._wall(), simulation.now)

    async def run(self) -> None:
        """Keep advancing until cancelled."""
        while True:
            self.advance()
            if self._waiters or self._behind:
                await asyncio.sleep(TICK_SECONDS)
            else:
                self._wanted.clear()
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(self._wanted.wait(), REST_SECONDS)

    @property
    def _behind(self) -> bool:
        """The last advance did not catch up."""
        return time.perf_counter() < self._rest

    def close(self) -> None:
        """End the waits that may be cut, now and from now on."""
        self.closing = True
        for waiter in self._waiters:
            waiter.set()

    async def until(self, look: Callable[[], Answer | None], *, cut: bool = False) -> Answer:
        """Wait until `look` gives something that is not None; it is asked after each advance.

        Returns:
            What it gave.

        Raises:
            Cut: The server ends, and the wait may be cut.

        """
        waiter = asyncio.Event()
        self._waiters.add(waiter)
        self._wanted.set()
        try:
            while (found := look()) is None:
                if cut and self.closing:
                    raise Cut
                waiter.clear()
                await waiter.wait()
            return found
        finally:
            self._waiters.discard(waiter)

    async def sleep(self, seconds: float) -> None:
        """Wait for so many virtual seconds."""
        await asyncio.sleep(seconds / self._scale)
