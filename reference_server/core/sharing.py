"""One page for all who ask at the same moment: written after the last of them has asked, so nobody is told old figures."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Hashable


class Shared:
    """What is being asked for, by key."""

    def __init__(self) -> None:
        self._asked: dict[Hashable, asyncio.Future[bytes]] = {}

    async def get(self, key: Hashable, write: Callable[[], bytes]) -> bytes:
        """Return what `write` gives, which is called once for all who ask with this key before it is their turn."""
        asked = self._asked.get(key)
        if asked is None:
            loop = asyncio.get_running_loop()
            asked = self._asked[key] = loop.create_future()
            loop.call_soon(self._write, key, write)
        return await asyncio.shield(asked)

    def _write(self, key: Hashable, write: Callable[[], bytes]) -> None:
        asked = self._asked.pop(key)
        try:
            asked.set_result(write())
        except Exception as error:  # noqa: BLE001 - it is theirs who asked
            asked.set_exception(error)
