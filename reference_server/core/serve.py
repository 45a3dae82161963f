"""An ASGI app on a socket: uvicorn with bounds, a handle for tests, and an end that exits with 0.

Knows nothing of metrics or of what the app answers.
"""

from __future__ import annotations

import asyncio
import contextlib
import signal
import socket
import threading
from collections.abc import Awaitable, Callable, Collection, Iterator
from typing import Any, Self

import uvicorn

from reference_server.core.background import Background
from reference_server.core.connections import HEAD_BYTES, patient
from reference_server.core.frames import PatientWebSocket
from reference_server.core.guard import Guard
from reference_server.core.sending import Sending

#: An ASGI application.
App = Any

#: Connections that the system keeps for us until we take them.
BACKLOG = 1024

#: What the system keeps for one connection in each direction; by itself it grows to megabytes, which the container pays.
BUFFER_BYTES = 64 * 1024

#: Longest message on a WebSocket.
MOST_MESSAGE_BYTES = 1024 * 1024

#: How much longer than its grace a server may take to end before what still runs is left behind.
SLACK_SECONDS = 3.0

#: Longest wait for a server in a thread to start or to end.
THREAD_SECONDS = 60


class Server(uvicorn.Server):
    """uvicorn that leaves signals alone (it would end the process with the signal instead of 0) and says when it ends."""

    def __init__(self, config: uvicorn.Config, closing: Callable[[], None], background: Background) -> None:
        super().__init__(config)
        self.background = background
        self._closing = closing

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Tell the app, which has answers that never end by themselves; then end as uvicorn does."""
        self._closing()
        await super().shutdown(sockets)

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Capture nothing."""
        yield


def bind(host: str, port: int) -> socket.socket:
    """Return a socket that listens; port 0 takes a free one.

    Raises:
        OSError: The address is not ours, or the port is taken.

    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    bound = socket.create_server((host, port), family=family, backlog=BACKLOG)
    for buffer in (socket.SO_SNDBUF, socket.SO_RCVBUF):  # connections inherit them
        bound.setsockopt(socket.SOL_SOCKET, buffer, BUFFER_BYTES)
    # asyncio sets it only on sockets that name their protocol; without it an answer on a kept connection waits 40 ms.
    bound.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return bound


def url_of(bound: socket.socket) -> str:
    """Where a bound socket answers, without a slash at the end."""
    host, port = bound.getsockname()[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def server(app: App, *, grace_seconds: float, hosts: Collection[str] = ()) -> Server:
    """Return a server for `app`, not yet running; its lifespan runs with it. Answers get `grace_seconds` to end at the end.

    An app with a method `closing` is told when that begins; the server ends when a task of an app's `background` dies.
    `hosts` are names under which requests that change something may call it.
    """
    return Server(
        uvicorn.Config(
            Sending(Guard(app, hosts)),
            http=patient(),
            ws=PatientWebSocket,
            ws_max_size=MOST_MESSAGE_BYTES,
            ws_per_message_deflate=False,
            loop="asyncio",
            lifespan="on",
            backlog=BACKLOG,
            h11_max_incomplete_event_size=HEAD_BYTES,
            timeout_graceful_shutdown=max(1, int(grace_seconds)),
            access_log=False,
            log_config=None,
            server_header=False,
        ),
        getattr(app, "closing", lambda: None),
        getattr(app, "background", None) or Background(),
    )


async def serve_until_stopped(
    one: Server, bound: socket.socket, drain: Callable[[], Awaitable[None]] | None = None
) -> str:
    """Serve until SIGTERM or SIGINT; then wait for `drain` while still serving; then end as uvicorn does.

    Returns:
        Why the server ended by itself; nothing when it was told to.

    """
    loop = asyncio.get_running_loop()
    stopping = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stopping.set)
    serving = asyncio.create_task(one.serve(sockets=[bound]))
    others = [asyncio.create_task(stopping.wait()), asyncio.create_task(one.background.died())]
    await asyncio.wait({serving, *others}, return_when=asyncio.FIRST_COMPLETED)
    failure = one.background.failure
    if not serving.done() and not failure and drain:
        await drain()
    one.should_exit = True
    for task in others:
        task.cancel()
    await asyncio.wait({serving}, timeout=(one.config.timeout_graceful_shutdown or 0) + SLACK_SECONDS)
    if serving.done():
        await serving
    else:
        one.force_exit = True  # what does not end by itself ends with the process
        await asyncio.wait({serving}, timeout=SLACK_SECONDS)
    return failure


class Running:
    """A server in a thread of its own. A context manager: leaving it, or `close()`, ends it as SIGTERM would."""

    def __init__(
        self, app: App, bound: socket.socket, *, grace_seconds: float = 5, hosts: Collection[str] = ()
    ) -> None:
        """Start serving and return when the server answers."""
        self.url = url_of(bound)
        self._server = server(app, grace_seconds=grace_seconds, hosts=hosts)
        self._thread = threading.Thread(target=self._run, args=(bound,), name="reference-server", daemon=True)
        self._thread.start()
        while self._thread.is_alive() and not self._server.started:
            self._thread.join(0.005)
        if not self._server.started:
            message = f"the reference server on {self.url} did not start"
            raise RuntimeError(message)

    def __enter__(self) -> Self:
        """Give the running server."""
        return self

    def __exit__(self, *_: object) -> None:
        """End the server."""
        self.close()

    def close(self) -> None:
        """End the server and wait for it; harmless when repeated."""
        self._server.should_exit = True
        self._thread.join(THREAD_SECONDS)

    def _run(self, bound: socket.socket) -> None:
        asyncio.run(self._serve(bound))

    async def _serve(self, bound: socket.socket) -> None:
        died = asyncio.create_task(self._server.background.died())
        died.add_done_callback(lambda _: setattr(self._server, "should_exit", True))
        await self._server.serve(sockets=[bound])
        died.cancel()
