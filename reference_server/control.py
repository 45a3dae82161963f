"""What only the first process answers: another scenario, and processes that join its deployment.

A process that joins gets a port of the first one for itself; what it receives, it relays there (`front`). So all
pages come out of one simulation. Whoever may talk to these paths may change the deployment: loopback only, unless
the first process was told to coordinate.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import time
from dataclasses import dataclass
from typing import Any

from reference_server import settings
from reference_server.app import App, Receive, Scope, Send, build, refuse
from reference_server.datadog import Push, resource
from reference_server.hosting import Hosting
from reference_server.node import Node
from reference_server.serve import Running, Server, bind, server
from reference_server.settings import Settings, SettingsError
from reference_server.switch import (
    BAD,
    CONFLICT,
    FORBIDDEN,
    MOST_BYTES,
    NOT_ALLOWED,
    NOT_FOUND,
    SCENARIO,
    SCENARIOS,
    TOO_LARGE,
    expectations,
    loopback,
    mapping,
    read_body,
    switch,
    tell,
)

MEMBERS = "/deployment/processes"

#: A process that has not been heard of for so long is taken for dead.
LEASE_SECONDS = 10.0


@dataclass(slots=True)
class Member:
    """A process that joined: its node, the server that speaks for it, when it was heard of, and its end."""

    node: Node
    server: Server
    serving: asyncio.Task[None]
    pushing: Pushing
    heard: float
    ending: asyncio.Task[None] | None = None


class Control:
    """ASGI around the first process's app: answers its own paths, hands on the others, and runs the clock."""

    def __init__(self, hosting: Hosting, own: Settings) -> None:
        self._hosting = hosting
        self._settings = own
        self._app = build(hosting.nodes[0])
        self._members: dict[str, Member] = {}
        self._numbers = itertools.count(1)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer."""
        if scope["type"] == "lifespan":
            await self._live(receive, send)
            return
        path = scope["path"]
        mine = scope["type"] == "http" and (path == SCENARIO or path.startswith((MEMBERS, SCENARIOS)))
        if not mine:
            await self._app(scope, receive, send)
        elif path == SCENARIO:
            await switch(self._hosting, scope, receive, send)
        elif path.startswith(SCENARIOS):
            await expectations(self._hosting, scope, send)
        elif not (loopback(scope) or self._settings.coordinate):
            await refuse(send, FORBIDDEN, "only this machine may join; start with --coordinate true to let others")
        else:
            await self._answer(scope, receive, send)

    def closing(self) -> None:
        """Cut the streams: the server ends."""
        self._hosting.pace.close()

    async def drain(self) -> None:
        """End the first process's work while it still answers."""
        await self._hosting.drain(self._hosting.nodes[0])

    async def _answer(self, scope: Scope, receive: Receive, send: Send) -> None:
        body = await read_body(receive)
        if body is None:
            await refuse(send, TOO_LARGE, f"Request body too large (limit: {MOST_BYTES} bytes)")
            return
        member = scope["path"].removeprefix(MEMBERS).strip("/")
        match scope["method"], member:
            case "POST", "":
                await self._join(body, scope, send)
            case ("POST" | "DELETE") as method, _ if member in self._members:
                await tell(send, self._hear(member, end=method == "DELETE"))
            case _ if member:
                await refuse(send, NOT_FOUND, "no such process")
            case _:
                await refuse(send, NOT_ALLOWED, "Method Not Allowed")

    async def _join(self, body: bytes, scope: Scope, send: Send) -> None:
        given = mapping(body)
        try:
            one = settings.read({str(name): str(text) for name, text in given.items()}, {})
        except SettingsError as error:
            await refuse(send, BAD, str(error))
            return
        if one.role == "combined" or self._hosting.nodes[0].role == "combined":
            what = "a combined process is a deployment of its own; only api and queue processes join one another"
            await refuse(send, CONFLICT, what)
            return
        bound = bind(scope["server"][0], 0)
        node = self._hosting.join(one)
        speaker = server(_alive(build(node)), grace_seconds=1)
        serving = asyncio.create_task(speaker.serve(sockets=[bound]))
        name = str(next(self._numbers))
        self._members[name] = Member(node, speaker, serving, Pushing(node), time.monotonic())
        await tell(send, {"process": name, "name": node.process.name, "port": bound.getsockname()[1]})

    def _hear(self, name: str, *, end: bool) -> dict[str, Any]:
        member = self._members[name]
        member.heard = time.monotonic()
        if end and member.ending is None:
            member.ending = asyncio.create_task(self._hosting.drain(member.node))
        return {"ended": member.ending is not None and member.ending.done()}

    async def _watch(self) -> None:
        """Take processes that were not heard of for dead, and stop the servers of those that have ended."""
        while True:
            await asyncio.sleep(LEASE_SECONDS / 20)
            for name, member in list(self._members.items()):
                silent = time.monotonic() - member.heard
                if silent > LEASE_SECONDS and member.ending is None:
                    self._hosting.lose(member.node)
                elif not (member.ending and member.ending.done() and silent > LEASE_SECONDS / 5):
                    continue
                del self._members[name]
                await _stop(member)

    async def _live(self, receive: Receive, send: Send) -> None:
        """Run the clock, the lease and the push for as long as the server runs; then drain, then push once more."""
        await receive()
        node = self._hosting.nodes[0]
        tasks = [asyncio.create_task(self._hosting.pace.run()), asyncio.create_task(self._watch())]
        pushing = Pushing(node)
        await send({"type": "lifespan.startup.complete"})
        await receive()
        if not node.ending:
            await self._hosting.drain(node)
        await pushing.end()
        for member in self._members.values():
            await _stop(member)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await send({"type": "lifespan.shutdown.complete"})


class Pushing:
    """The metrics push of one process for as long as it lives, if it has one."""

    def __init__(self, node: Node) -> None:
        self._ended = asyncio.Event()
        self._task = asyncio.create_task(_push(node).run(self._ended)) if node.settings.datadog_key else None

    async def end(self) -> None:
        """Push what is left."""
        self._ended.set()
        if self._task:
            await self._task


def _push(node: Node) -> Push:
    process = node.process
    sender = resource(node.settings, version=process.settings.version, instance=process.instance_id)
    return Push(node.settings, sender, lambda: node.process.instruments)


async def _stop(member: Member) -> None:
    await member.pushing.end()
    member.server.should_exit = True
    with contextlib.suppress(asyncio.CancelledError):
        await member.serving


def _alive(app: App) -> App:
    """Give an app a lifespan that does nothing."""

    async def living(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "lifespan":
            await app(scope, receive, send)
            return
        await receive()
        await send({"type": "lifespan.startup.complete"})
        await receive()
        await send({"type": "lifespan.shutdown.complete"})

    return living


def start(own: Settings, host: str = "127.0.0.1", port: int = 0) -> Running:
    """Start a first process in a thread and return its handle, which has `url` and `close()`."""
    return Running(Control(Hosting(own), own), bind(host, port), grace_seconds=1)
