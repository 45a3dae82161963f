"""GET and POST /scenario: what is played, since when in virtual time, and another one. GET /scenarios/NAME: what one expects.

Only this machine may ask: a client that may can take the server down.
"""

from __future__ import annotations

import ipaddress
import re
from typing import Any, Protocol

from generator.errors import GeneratorError
from reference_server.core.asgi import Receive, Scope, Send, refuse, tell
from reference_server.core.clock import Clock
from reference_server.core.scenario import Scenario
from reference_server.core.settings import SettingsError
from reference_server.core.strict import mapping

SCENARIO = "/scenario"
SCENARIOS = "/scenarios/"

#: Largest body here: settings are far smaller.
MOST_BYTES = 65_536

#: How a shipped scenario can be called: by the stem of its file, or by its id.
NAME = re.compile(r"[A-Za-z0-9-]{1,64}")

BAD, FORBIDDEN, NOT_FOUND, NOT_ALLOWED, CONFLICT, TOO_LARGE, UNAVAILABLE = 400, 403, 404, 405, 409, 413, 503


class Player(Protocol):
    """What plays a scenario."""

    scenario: Scenario
    clock: Clock

    @property
    def elapsed_seconds(self) -> float:
        """Virtual seconds since the scenario began."""

    def find(self, word: str) -> Scenario:
        """Return the shipped scenario of that name; a GeneratorError when there is none, or it is about another system."""

    def switch(self, other: Scenario) -> None:
        """Play another scenario from its beginning."""


async def switch(player: Player, scope: Scope, receive: Receive, send: Send) -> None:
    """Answer a request to /scenario. A POST has `{"scenario": NAME}`: only shipped ones, whatever files this machine has."""
    body = await read_body(receive)
    if not loopback(scope):
        await refuse(send, FORBIDDEN, "only this machine may switch the scenario")
    elif body is None:
        await refuse(send, TOO_LARGE, f"Request body too large (limit: {MOST_BYTES} bytes)")
    elif scope["method"] == "GET":
        player.clock.advance()
        await _describe(player, send)
    elif scope["method"] == "POST":
        await _change(player, mapping(body).get("scenario"), send)
    else:
        await refuse(send, NOT_ALLOWED, "Method Not Allowed")


async def expectations(player: Player, scope: Scope, send: Send) -> None:
    """Answer a request to /scenarios/NAME: what a shipped scenario of the player's system is, and which alerts it expects."""
    name = scope["path"].removeprefix(SCENARIOS)
    if not loopback(scope):
        await refuse(send, FORBIDDEN, "only this machine may read scenarios")
    elif scope["method"] != "GET":
        await refuse(send, NOT_ALLOWED, "Method Not Allowed")
    elif not NAME.fullmatch(name):
        await refuse(send, NOT_FOUND, "no such scenario")
    else:
        try:
            found = player.find(name)
        except GeneratorError as error:
            await refuse(send, NOT_FOUND, str(error))
            return
        await tell(send, found.as_json())


async def _change(player: Player, name: Any, send: Send) -> None:
    if not isinstance(name, str) or not NAME.fullmatch(name):
        await refuse(send, BAD, 'the body is not {"scenario": "NAME"} with the name of a shipped scenario')
        return
    try:
        player.switch(player.find(name))
    except GeneratorError as error:
        await refuse(send, NOT_FOUND, str(error))
        return
    except SettingsError as error:
        await refuse(send, CONFLICT, str(error))
        return
    await _describe(player, send)


async def _describe(player: Player, send: Send) -> None:
    one = player.scenario
    await tell(send, {"scenario": one.id, "title": one.title, "elapsed_seconds": round(player.elapsed_seconds, 3)})


def loopback(scope: Scope) -> bool:
    """Say whether a request comes from this machine."""
    client = scope.get("client")
    try:
        return client is not None and ipaddress.ip_address(client[0]).is_loopback
    except ValueError:
        return False


async def read_body(receive: Receive) -> bytes | None:
    """Return a request's body, or None when it is too large."""
    chunks = bytearray()
    while True:
        message = await receive()
        chunks += message.get("body", b"")
        if len(chunks) > MOST_BYTES:
            return None
        if not message.get("more_body"):
            return bytes(chunks)
