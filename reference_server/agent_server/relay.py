"""A process that joined another one's deployment: it relays bytes to the port that it was given there, and ends as told.

Nothing is parsed: whatever protocol a client speaks arrives unchanged. When the first process goes, so does this one,
with exit code 1: its queue is gone.
"""

from __future__ import annotations

import asyncio
import contextlib
import http.client
import json
import signal
import socket
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

from reference_server.agent_server.control import LEASE_SECONDS, MEMBERS

#: How often the first process hears of this one, and how long each of its answers may take.
BEAT_SECONDS = LEASE_SECONDS / 5
ANSWER_SECONDS = LEASE_SECONDS / 2

#: How long the first process may take to come up: both are often started at once.
PATIENCE_SECONDS = 30.0
PAUSE_SECONDS = 0.25

#: Most connections at once; the oldest goes when another one comes.
MOST_CONNECTIONS = 500
CHUNK_BYTES = 16_384

#: Longest answer of the first process.
MOST_BYTES = 65_536


class JoinError(Exception):
    """The first process cannot be reached or does not want us. The text says why."""


class Relay:
    """One process that joined: a relay with a place in the simulation of another process."""

    def __init__(self, url: str, texts: Mapping[str, str], secret: str = "") -> None:
        """Prepare to join the process at `url`, which wants `secret`, with what this one says of itself, by field name."""
        self._url = url
        self._texts = dict(texts)
        self._secret = secret
        self._host = urlsplit(url).hostname or ""
        self._at = urlsplit(url).port or http.client.HTTP_PORT
        self._port = 0
        self._name = ""
        self._connections: dict[asyncio.Task[Any], None] = {}

    async def join(self) -> None:
        """Ask for a place; wait for the first process to come up.

        Raises:
            JoinError: It did not in time, or refuses.

        """
        end = asyncio.get_running_loop().time() + PATIENCE_SECONDS
        while True:
            try:
                answer = await self._ask("POST", MEMBERS, self._texts)
            except OSError as error:
                if asyncio.get_running_loop().time() > end:
                    raise JoinError(f"nobody answers at {self._url}: {error}") from error
                await asyncio.sleep(PAUSE_SECONDS)
            else:
                self._port, self._name = int(answer.get("port", 0)), str(answer.get("process", ""))
                return

    async def serve(self, bound: socket.socket, *, keep_open: bool) -> None:
        """Relay until SIGTERM or SIGINT, and drain. `keep_open` answers while draining.

        Raises:
            JoinError: The first process has gone.

        """
        loop, stopping = asyncio.get_running_loop(), asyncio.Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, stopping.set)
        relay = await asyncio.start_server(self._accept, sock=bound, limit=CHUNK_BYTES)
        try:
            while not stopping.is_set():
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(stopping.wait(), BEAT_SECONDS)
                await self._ask("POST", f"{MEMBERS}/{self._name}")
            if not keep_open:
                relay.close()
            while not (await self._ask("DELETE", f"{MEMBERS}/{self._name}")).get("ended"):  # noqa: ASYNC110 - another process ends
                await asyncio.sleep(PAUSE_SECONDS)
        except OSError as error:
            raise JoinError(f"{self._url} answers no more: {error}") from error
        finally:
            relay.close()
            for connection in self._connections:
                connection.cancel()

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        if task is None:
            return
        if len(self._connections) >= MOST_CONNECTIONS:
            oldest = next(iter(self._connections))
            del self._connections[oldest]
            oldest.cancel()
        self._connections[task] = None
        try:
            far_reader, far_writer = await asyncio.open_connection(self._host, self._port, limit=CHUNK_BYTES)
            try:
                await asyncio.gather(_pipe(reader, far_writer), _pipe(far_reader, writer))
            finally:
                far_writer.close()
        except OSError:
            pass
        except asyncio.CancelledError:
            writer.transport.abort()  # it ends here: asyncio awaits this task, and would report it as a fault
        finally:
            self._connections.pop(task, None)
            writer.close()

    async def _ask(self, method: str, path: str, body: Mapping[str, Any] | None = None) -> dict[str, Any]:
        headers = {"Content-Type": "application/json", "Host": f"localhost:{self._at}"}
        if self._secret:
            headers["Authorization"] = f"Bearer {self._secret}"
        return await asyncio.to_thread(self._request, method, path, json.dumps(body or {}).encode(), headers)

    def _request(self, method: str, path: str, body: bytes, headers: Mapping[str, str]) -> dict[str, Any]:
        """Return the JSON object that the first process answers. No proxy is asked, and no redirect followed."""
        connection = http.client.HTTPConnection(self._host, self._at, timeout=ANSWER_SECONDS)
        try:
            connection.request(method, path, body, dict(headers))
            answer = connection.getresponse()
            text = answer.read(MOST_BYTES)
        except http.client.HTTPException as error:
            raise JoinError(f"{self._url} is no reference server: {type(error).__name__}") from error
        finally:
            connection.close()
        if answer.status != http.HTTPStatus.OK:
            raise JoinError(f"{self._url} refuses: {text.decode(errors='replace')}")
        try:
            parsed = json.loads(text)
        except ValueError:
            parsed = None
        if not isinstance(parsed, dict):
            raise JoinError(f"{self._url} is no reference server: its answer is no JSON object")
        return parsed


async def _pipe(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Copy until the sender ends, and say so to the receiver."""
    while chunk := await reader.read(CHUNK_BYTES):
        writer.write(chunk)
        await writer.drain()
    if writer.can_write_eof():
        writer.write_eof()
