"""What only the first process answers: another scenario, and processes that join its deployment.

A process that joins gets a port of the first one for itself; what it receives, it relays there (`front`). So all
pages come out of one simulation. These paths change the deployment: loopback only, unless the first process
was started with `--coordinate`; a process that joins has to know the secret, where there is one.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from reference_server.agent_server import settings
from reference_server.agent_server.app import build
from reference_server.agent_server.hosting import Hosting
from reference_server.agent_server.node import Node
from reference_server.agent_server.settings import Settings
from reference_server.core import secret
from reference_server.core.asgi import App, Receive, Scope, Send, refuse, tell
from reference_server.core.background import Background
from reference_server.core.serve import Server, bind, server
from reference_server.core.settings import SettingsError
from reference_server.core.strict import mapping
from reference_server.core.switch import (
    BAD,
    CONFLICT,
    FORBIDDEN,
    MOST_BYTES,
    NOT_ALLOWED,
    NOT_FOUND,
    SCENARIO,
    SCENARIOS,
    TOO_LARGE,
    UNAVAILABLE,
    expectations,
    loopback,
    read_body,
    switch,
)

if TYPE_CHECKING:
    from reference_server.agent_server.datadog import Push

MEMBERS = "/deployment/processes"

#: Most processes that join one deployment; each is a listener and a part of the simulation.
MOST_MEMBERS = 32

#: Longest text that a process may say of itself: the longest name that DNS has.
MOST_CHARACTERS = 253

#: Most names that it is told of.
MOST_REPORTED = 20

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

    def __init__(self, hosting: Hosting, own: Settings, shared: str = "") -> None:
        """Prepare; `shared` is the secret that processes have to know in order to join."""
        self.background = Background()
        self._hosting = hosting
        self._settings = own
        self._secret = shared
        self._draining: asyncio.Task[None] | None = None
        self._node = hosting.nodes[0]
        self._app = build(self._node)
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
        elif not (loopback(scope) or (self._settings.coordinate and self._secret)):
            await refuse(send, FORBIDDEN, "only this machine may join; start with --coordinate true to let others")
        elif self._secret and not self._knows(scope):
            await refuse(send, FORBIDDEN, "this deployment has a secret; start with its --secret-file")
        else:
            await self._answer(scope, receive, send)

    def _knows(self, scope: Scope) -> bool:
        given = dict(scope["headers"]).get(b"authorization", b"").decode("latin-1")
        return secret.same(given, f"Bearer {self._secret}")

    def closing(self) -> None:
        """Cut the streams and begin to end the first process's work: the server ends."""
        self._hosting.clock.close()
        if not self._node.ending and not self.background.failure:
            self._draining = asyncio.create_task(self._hosting.drain(self._node))

    async def drain(self) -> None:
        """End the first process's work while it still answers."""
        await self._hosting.drain(self._node)

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
        try:
            one = _joining(self._settings, mapping(body))
        except SettingsError as error:
            await refuse(send, BAD, str(error))
            return
        if len(self._members) >= MOST_MEMBERS:
            await refuse(send, CONFLICT, f"{MOST_MEMBERS} processes have joined; there is room for no more")
            return
        if one.role == "combined" or self._node.role == "combined":
            what = "a combined process is a deployment of its own; only api and queue processes join one another"
            await refuse(send, CONFLICT, what)
            return
        try:
            bound = bind(scope["server"][0], 0)
        except OSError as error:
            await refuse(send, UNAVAILABLE, f"no port for it: {error}")
            return
        node = self._hosting.join(one)
        speaker = server(_alive(build(node)), grace_seconds=1, hosts=self._settings.hosts)
        serving = asyncio.create_task(speaker.serve(sockets=[bound]))
        name = str(next(self._numbers))
        self._members[name] = Member(node, speaker, serving, Pushing(node, self.background), time.monotonic())
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
                if member.serving.done():
                    member.serving.result()
                    message = f"the server of process {name} ended by itself"
                    raise RuntimeError(message)
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
        self.background.start("the clock", self._hosting.clock.run())
        self.background.start("the watch over processes that joined", self._watch())
        pushing = Pushing(self._node, self.background)
        await send({"type": "lifespan.startup.complete"})
        await receive()
        if self._draining and not self.background.failure:
            await self._draining
        await asyncio.gather(pushing.end(), *map(_stop, self._members.values()))
        await self.background.end()
        await send({"type": "lifespan.shutdown.complete"})


class Pushing:
    """The metrics push of one process for as long as it lives, if it has one. The server ends when it dies."""

    def __init__(self, node: Node, background: Background) -> None:
        self._ended = asyncio.Event()
        self._background = background
        self._task = asyncio.create_task(self._run(_push(node))) if node.settings.datadog_key else None

    async def _run(self, push: Push) -> None:
        try:
            await push.run(self._ended)
        except Exception as error:  # noqa: BLE001 - whatever it died of
            self._background.fail("the metrics push", error)

    async def end(self) -> None:
        """Push what is left."""
        self._ended.set()
        if self._task:
            await self._task


def _joining(first: Settings, given: Mapping[str, Any]) -> Settings:
    """Return the settings of a process that joins: it says its role and who it is, all else is as for the first one.

    Raises:
        SettingsError: It says something else, or says it wrongly.

    """
    texts = {name: str(text) for name, text in given.items()}
    unknown = sorted(texts.keys() - settings.OWN)[:MOST_REPORTED]
    problems = [f"{name!r:.80} is not for a process that joins to say; leave it out" for name in unknown]
    problems += [
        f"{name} is too long, or no text; wanted: at most {MOST_CHARACTERS} printable characters"
        for name, text in texts.items()
        if name in settings.OWN
        and (not isinstance(given[name], str | int) or len(text) > MOST_CHARACTERS or not text.isprintable())
    ]
    if problems:
        raise SettingsError(sorted(problems))
    one = settings.read(texts, {})
    fields = {name: getattr(one, name) for name in ("role", "slots", *texts)}
    given_before = set(first.given) - settings.OWN
    return replace(first, **fields, given=tuple(sorted(given_before | set(one.given))))


def _push(node: Node) -> Push:
    from reference_server.agent_server.datadog import Push, resource

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


def shared(own: Settings) -> str:
    """Return the secret of the deployment, which is made where there is none yet; nothing without a file for it.

    Raises:
        OSError: The file can be neither read nor written.

    """
    return secret.made(Path(own.secret_file)) if own.secret_file else ""
