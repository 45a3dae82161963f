"""Virtual time that follows the clock on the wall, and waiting for something to happen in it.

The simulation runs in the thread of the event loop, in slices: when it is slower than its time scale wants, time
passes more slowly, and answers stay prompt.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import Protocol, TypeVar

Answer = TypeVar("Answer")

#: Between two looks at the simulation; the longest that a waiter learns too late.
TICK_SECONDS = 0.02

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
    """Advances a simulation at `scale` virtual seconds per second of `wall`; none before `follow`."""

    def __init__(
        self, start: float, scale: float, wall: Callable[[], float] = time.monotonic, *, apart: float = 0.0
    ) -> None:
        """Begin at `start`, unix seconds; `apart` is how many seconds of the wall lie between two advances at least."""
        self.simulation: Simulation = Still(start)
        self._scale = scale
        self._apart = apart * scale
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
        step = max(SLICE_SECONDS, SLICE_SECONDS * self._scale / 10)
        while self.simulation.now < until:
            self.simulation.advance(min(until, self.simulation.now + step))
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
            await asyncio.sleep(TICK_SECONDS)

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
