"""Protocol version 2 over HTTP and WebSocket: commands, and the events of a thread."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Sequence
from typing import Any

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import BaseRoute, WebSocketRoute
from starlette.websockets import WebSocket, WebSocketDisconnect

from reference_server.agent_server.access import ApiRoute
from reference_server.agent_server.node import Node
from reference_server.agent_server.records import Thread
from reference_server.agent_server.routes import sse
from reference_server.agent_server.sessions import Commands, Message, Session, Subscription, malformed, supported
from reference_server.core import strict
from reference_server.core.bodies import BAD, body
from reference_server.core.turns import turn

#: Most events that wait for one slow reader; further ones wait where they are made.
MOST_WAITING = 16

EVENTS = "/threads/{thread_id}/stream/events"

UNKNOWN_THREAD = 4404


class EventRoutes:
    """The routes of one process."""

    def __init__(self, node: Node) -> None:
        self.node = node

    def all(self) -> Sequence[BaseRoute]:
        """List the routes."""
        return [
            ApiRoute("/threads/{thread_id}/commands", self.command, methods=["POST"]),
            ApiRoute(EVENTS, self.events, methods=["POST"]),
            WebSocketRoute(EVENTS, self.socket),
        ]

    async def command(self, request: Request) -> Response:
        """Carry out one command."""
        async with self._json(request) as given:
            if (refusal := malformed(given)) is not None:
                return JSONResponse(refusal, BAD)
            return JSONResponse(await Commands(self.node, self._thread(request.path_params["thread_id"])).answer(given))

    async def events(self, request: Request) -> Response:
        """Stream a thread's events until the client goes."""
        async with self._json(request) as given:
            channels = given.get("channels") if isinstance(given, dict) else None
        if not supported(channels):
            raise HTTPException(BAD, "channels is required and must be a non-empty array of supported channels")
        thread = self._thread(request.path_params["thread_id"])
        return StreamingResponse(self._follow(thread, frozenset(channels or ())), media_type="text/event-stream")

    async def _follow(self, thread: Thread, channels: frozenset[str]) -> AsyncIterator[bytes]:
        waiting: asyncio.Queue[Message | None] = asyncio.Queue(MOST_WAITING)
        session = Session(self.node, thread, waiting.put)
        session.subscriptions["only"] = Subscription("only", channels)
        following = asyncio.create_task(_run_session(session, waiting))
        try:
            while (event := await waiting.get()) is not None:
                async with turn(session.size):
                    part = sse(event["method"], event, event["seq"])
                yield part
        finally:
            following.cancel()

    async def socket(self, socket: WebSocket) -> None:
        """Talk over a WebSocket: commands in, answers and events out."""
        try:
            thread = self._thread(socket.path_params["thread_id"])
        except HTTPException:
            await socket.close(UNKNOWN_THREAD)
            return
        await socket.accept()

        async def send(message: Message) -> None:
            async with turn(session.size):
                text = json.dumps(message)
            await socket.send_text(text)

        session = Session(self.node, thread, send)
        following = asyncio.create_task(session.run())
        commands = Commands(self.node, thread, session)
        try:
            while True:
                text = await socket.receive_text()
                async with turn(len(text)):
                    given = _parsed(text)
                await socket.send_json(malformed(given) or await commands.answer(given))
        except (WebSocketDisconnect, RuntimeError, KeyError):
            # Gone, closed by an event that could not be sent, or a frame that is no text.
            pass
        finally:
            following.cancel()
            with contextlib.suppress(asyncio.CancelledError, OSError, RuntimeError, WebSocketDisconnect):
                await following

    @contextlib.asynccontextmanager
    async def _json(self, request: Request) -> AsyncIterator[Any]:
        async with body(request, self.node.settings.max_body_bytes) as raw:
            given = _parsed(raw)
            if given is None:
                raise HTTPException(BAD, "Invalid JSON body")
            yield given

    def _thread(self, name: str) -> Thread:
        thread = self.node.records.threads.get(name)
        if thread is None:
            raise HTTPException(404, "Thread or assistant not found.")
        return thread


async def _run_session(session: Session, waiting: asyncio.Queue[Message | None]) -> None:
    """Run a session; None says that it has ended."""
    await session.run()
    await waiting.put(None)


def _parsed(text: str | bytes) -> Any:
    try:
        return strict.parse(text.encode() if isinstance(text, str) else text)
    except ValueError:
        return None
