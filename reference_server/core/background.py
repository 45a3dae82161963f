"""Tasks that have to run for as long as their server does: when one dies, the server must not go on as if nothing had been."""

from __future__ import annotations

import asyncio
import traceback
from collections.abc import Coroutine
from pathlib import Path
from typing import Any


class Background:
    """The tasks of one server. `failure` says which one died and of what; it is empty while all run."""

    def __init__(self) -> None:
        self.failure = ""
        self._died = asyncio.Event()
        self._tasks: set[asyncio.Task[None]] = set()

    def start(self, name: str, work: Coroutine[Any, Any, None]) -> None:
        """Run `work`, which ends only when it is cancelled; `name` is what it is called when it dies."""
        task = asyncio.create_task(work, name=name)
        self._tasks.add(task)
        task.add_done_callback(self._ended)

    def fail(self, name: str, error: BaseException | None) -> None:
        """Note that what is called `name` ended by itself, of an error or of none."""
        self.failure = self.failure or f"{name} ended: {described(error) if error else 'nobody told it to'}"
        self._died.set()

    async def died(self) -> None:
        """Wait until a task has died."""
        await self._died.wait()

    async def end(self) -> None:
        """Cancel all tasks and wait for them."""
        tasks = tuple(self._tasks)
        for task in tasks:
            task.remove_done_callback(self._ended)
            task.cancel()
        self._tasks.clear()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if task.cancelled():
            return
        self.fail(task.get_name(), task.exception())


def described(error: BaseException) -> str:
    """Return type, text and place of an error in one line."""
    frames = traceback.extract_tb(error.__traceback__)
    place = f" ({Path(frames[-1].filename).name}:{frames[-1].lineno})" if frames else ""
    return " ".join(f"{type(error).__name__}: {error}{place}".split())
