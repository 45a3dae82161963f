"""Large pieces of work take turns, and rest as long as they took: scrapes are answered in between.

A client can send documents that take a tenth of a second to read or to write, from many connections at once.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator
from weakref import WeakKeyDictionary

#: Work on less, in bytes, is done within a millisecond; so many pieces of it are, before a scrape is answered.
LARGE_BYTES = 16 * 1024
AT_ONCE = 8

_turns: WeakKeyDictionary[asyncio.AbstractEventLoop, asyncio.Lock] = WeakKeyDictionary()
_small: WeakKeyDictionary[asyncio.AbstractEventLoop, asyncio.Semaphore] = WeakKeyDictionary()


@contextlib.asynccontextmanager
async def turn(size: int) -> AsyncIterator[None]:
    """Let work on `size` bytes be done, in turn where they are many. It must not wait for a client, nor for another turn."""
    loop = asyncio.get_running_loop()
    if size < LARGE_BYTES:
        async with _small.setdefault(loop, asyncio.Semaphore(AT_ONCE)):
            yield
            await asyncio.sleep(0)  # a client that has gone is noticed, and others come between
        return
    async with _turns.setdefault(loop, asyncio.Lock()):
        begun = time.perf_counter()
        try:
            yield
        except Exception:
            await asyncio.sleep(time.perf_counter() - begun)
            raise
        await asyncio.sleep(time.perf_counter() - begun)
