"""What Alertmanager's webhook receivers deliver to: prints one line per alert, and forwards nothing.

Stands for the pager and the ticket system of an installation that has neither, so that a delivery succeeds and can
be looked at.

Source: https://prometheus.io/docs/alerting/latest/configuration/#webhook_config
"""

from __future__ import annotations

import json
from collections import deque
from collections.abc import Callable, Collection, Mapping
from typing import Any

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from reference_server.core.asgi import App
from reference_server.core.bodies import HANDLERS, fields
from reference_server.core.guard import Guard

#: Notifications that are remembered, and their bytes, all together; older ones are forgotten.
MOST_NOTIFICATIONS = 200
MOST_KEPT_BYTES = 4 * 1024 * 1024

#: A group of a thousand alerts, each with its labels and annotations, is about this large; and all that come at once.
MOST_BYTES = 2 * 1024 * 1024
MOST_COMING_BYTES = 8 * 1024 * 1024

#: Longest line about one alert, in characters, and most lines about one notification: they go into a log.
MOST_CHARACTERS = 1_000
MOST_LINES = 1_000

#: Labels that a line starts with, in this order, where an alert has them.
LEADING = ("severity", "alertname", "deployment", "role", "instance")


def webhook(say: Callable[[str], None], hosts: Collection[str] = ()) -> App:
    """Return the app: `POST /` takes a notification, `GET /` lists the last 200, newest first.

    Args:
        say: Gets one line per alert that is notified, without its end.
        hosts: Names under which it may be called, beside loopback's.

    """
    recent: deque[bytes] = deque()
    shown: list[bytes] = []  # the list as it was sent last, one for all who ask, until something comes

    async def take(request: Request) -> Response:
        async with fields(request, MOST_BYTES, coming=MOST_COMING_BYTES) as notification:
            shown.clear()
            recent.appendleft(json.dumps(notification, ensure_ascii=False).encode())
            while len(recent) > MOST_NOTIFICATIONS or (len(recent) > 1 and sum(map(len, recent)) > MOST_KEPT_BYTES):
                recent.pop()
            for one in lines(notification):
                say(one)
        return JSONResponse({"ok": True})

    async def show(_: Request) -> Response:
        if not shown:
            shown.append(b"[" + b",".join(recent) + b"]")
        return Response(shown[0], media_type="application/json")

    async def ok(_: Request) -> Response:
        return JSONResponse({"ok": True})

    routes = [Route("/", take, methods=["POST"]), Route("/", show, methods=["GET"]), Route("/ok", ok, methods=["GET"])]
    return Guard(Starlette(routes=routes, exception_handlers=HANDLERS), hosts, private=("/",))


def lines(notification: Mapping[str, Any]) -> list[str]:
    """Return one line per alert, up to `MOST_LINES`: receiver, status, leading labels, summary. Whatever is no alert has no line.

    No text of an alert can end a line or do something to a terminal; a line is at most `MOST_CHARACTERS` long.
    """
    receiver, alerts = notification.get("receiver", "?"), notification.get("alerts")
    found = [one for one in alerts if isinstance(one, dict)] if isinstance(alerts, list) else []
    words = [" ".join(_printable(_words(receiver, one)).split()) for one in found[:MOST_LINES]]
    return [*words, f"and {len(found) - MOST_LINES} more"] if len(found) > MOST_LINES else words


def _words(receiver: object, alert: Mapping[str, Any]) -> str:
    labels, notes = _texts(alert.get("labels"), LEADING), _texts(alert.get("annotations"), ("summary",))
    words = " ".join(labels.values())
    return f"{_text(receiver)}: {_text(alert.get('status', '?'))} {words}: {notes.get('summary', '')}"[:MOST_CHARACTERS]


def _printable(text: str) -> str:
    return "".join(character if character.isprintable() else " " for character in text)


def _texts(given: object, names: Collection[str]) -> dict[str, str]:
    return {name: _text(given[name]) for name in names if name in given} if isinstance(given, dict) else {}


def _text(value: object) -> str:
    return value[:MOST_CHARACTERS] if isinstance(value, str) else repr(value)[:MOST_CHARACTERS]
