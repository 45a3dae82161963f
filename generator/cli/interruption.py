"""Signals that end a command: they raise where it can end, and wait while it must not.

A signal that is ignored when the command starts (`nohup`) stays ignored.
"""

from __future__ import annotations

import contextlib
import signal
import threading
import time
from collections.abc import Iterator
from types import FrameType

#: What a terminal, a shell that goes away, and a supervisor send to end a command.
ENDING = tuple(getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name))


#: Seconds in which a second signal means the first one: `make` and supervisors send two at once.
SAME_SECONDS = 1.0


class Ended(KeyboardInterrupt):
    """A signal that ends the command. `number` is the signal's, `code` the exit code that shells expect, 128 + number."""

    def __init__(self, number: int) -> None:
        self.number, self.code = number, 128 + number
        super().__init__(signal.Signals(number).name)


class Ending:
    """Signals that came while a command runs.

    Python swallows an exception that strikes in a finalizer or in a callback; `check` raises it again.
    """

    def __init__(self) -> None:
        self._signal: int | None = None
        self._time = 0.0

    def handle(self, number: int, _frame: FrameType | None) -> None:
        """Raise `Ended`, unless that has just been done: what is on its way out cleans up."""
        now = time.monotonic()
        if self._signal is not None and now - self._time < SAME_SECONDS:
            return
        self._signal, self._time = number, now
        raise Ended(number)

    def check(self) -> None:
        """Raise `Ended` where a signal has come."""
        if self._signal is not None:
            raise Ended(self._signal)


@contextlib.contextmanager
def ending() -> Iterator[Ending]:
    """Raise `Ended` at once when one of the signals comes, in the main thread; elsewhere nothing changes."""
    ending = Ending()
    with _handled(ending.handle):
        yield ending


@contextlib.contextmanager
def postponed() -> Iterator[None]:
    """Keep the signals back; the first that came is raised again at the end. For what is short and must be whole."""
    signals: list[int] = []
    with _handled(lambda number, _: signals.append(number)):
        yield
    if signals:
        signal.raise_signal(signals[0])


@contextlib.contextmanager
def _handled(handler: signal.Handlers | object) -> Iterator[None]:
    before = {}
    try:
        if threading.current_thread() is threading.main_thread():
            for number in ENDING:
                if signal.getsignal(number) not in {signal.SIG_IGN, None}:
                    before[number] = signal.signal(number, handler)  # type: ignore[arg-type]
        yield
    finally:
        for number, old in before.items():
            signal.signal(number, old)
