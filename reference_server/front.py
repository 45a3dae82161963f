"""A process that joined another one's deployment: it relays bytes to the port that it was given there, and ends as told.

Nothing is parsed: whatever protocol a client speaks arrives unchanged. When the first process goes, so does this one,
with exit code 1: its queue is gone.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import signal
import socket
import urllib.error
import urllib.request
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

from reference_server.control import LEASE_SECONDS, MEMBERS

#: How often the first process hears of this one, and how long each of its answers may take.
BEAT_SECONDS = LEASE_SECONDS / 5
ANSWER_SECONDS = LEASE_SECONDS / 2

#: How long the first process may take to come up: both are often started at once.
PATIENCE_SECONDS = 30.0
PAUSE_SECONDS = 0.25

#: Most connections at once; more are closed when they come.
MOST_CONNECTIONS = 1_000
CHUNK_BYTES = 65_536


class JoinError(Exception):
    """The first process cannot be reached or does not want us. The text says why."""


class Front:
    """One process that joined: a relay with a place in somebody else's simulation."""

    def __init__(self, url: str, texts: Mapping[str, str]) -> None:
        """Prepare to join the process at `url` with settings as texts, by field name."""
        self._url = url
        self._texts = dict(texts)
        self._host = urlsplit(url).hostname or ""
        self._port = 0
        self._name = ""
        self._connections: set[asyncio.Task[Any]] = set()

    async def join(self) -> None:
        """Ask for a place; wait for the first process to come up.

        Raises:
            JoinError: It did not in time, or refuses.

        """
        end = asyncio.get_running_loop().time() + PATIENCE_SECONDS
        while True:
            try:
                told = await self._ask("POST", MEMBERS, self._texts)
            except OSError as error:
                if asyncio.get_running_loop().time() > end:
                    raise JoinError(f"nobody answers at {self._url}: {error}") from error
                await asyncio.sleep(PAUSE_SECONDS)
            else:
                self._port, self._name = told["port"], told["process"]
                return

    async def serve(self, bound: socket.socket, *, keep_open: bool) -> int:
        """Relay until SIGTERM or SIGINT, drain, and return the exit code. `keep_open` answers while draining."""
        loop, told = asyncio.get_running_loop(), asyncio.Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, told.set)
        relay = await asyncio.start_server(self._accept, sock=bound)
        try:
            while not told.is_set():
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(told.wait(), BEAT_SECONDS)
                await self._ask("POST", f"{MEMBERS}/{self._name}")
            if not keep_open:
                relay.close()
            while not (await self._ask("DELETE", f"{MEMBERS}/{self._name}"))["ended"]:  # noqa: ASYNC110 - another process ends
                await asyncio.sleep(PAUSE_SECONDS)
        except (OSError, JoinError):
            return 1
        finally:
            relay.close()
            for connection in self._connections:
                connection.cancel()
        return 0

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        if task is None or len(self._connections) >= MOST_CONNECTIONS:
            writer.close()
            return
        self._connections.add(task)
        try:
            far_reader, far_writer = await asyncio.open_connection(self._host, self._port)
            try:
                await asyncio.gather(_pipe(reader, far_writer), _pipe(far_reader, writer))
            finally:
                far_writer.close()
        except OSError:
            pass
        finally:
            self._connections.discard(task)
            writer.close()

    async def _ask(self, method: str, path: str, body: Mapping[str, Any] | None = None) -> dict[str, Any]:
        return await asyncio.to_thread(_request, method, self._url + path, body)


def _request(method: str, url: str, body: Mapping[str, Any] | None) -> dict[str, Any]:
    data = json.dumps(body).encode() if body is not None else None
    request = urllib.request.Request(url, data, {"Content-Type": "application/json"}, method=method)  # noqa: S310 - settings allow http only
    try:
        with urllib.request.urlopen(request, timeout=ANSWER_SECONDS) as answer:  # noqa: S310 - as above
            told: dict[str, Any] = json.loads(answer.read())
            return told
    except urllib.error.HTTPError as error:
        detail = error.read().decode(errors="replace")
        raise JoinError(f"{url} refuses: {detail}") from error


async def _pipe(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Copy until the sender ends, and say so to the receiver."""
    while chunk := await reader.read(CHUNK_BYTES):
        writer.write(chunk)
        await writer.drain()
    if writer.can_write_eof():
        writer.write_eof()
