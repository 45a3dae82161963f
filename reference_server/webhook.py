"""What Alertmanager's webhook receivers deliver to: shows who was told what, and tells nobody else.

Stands for the pager and the ticket system of an installation that has neither, so that a delivery succeeds and can
be looked at.

Source: https://prometheus.io/docs/alerting/latest/configuration/#webhook_config
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping
from typing import Any

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from reference_server.app import HANDLERS, App
from reference_server.bodies import fields

#: Notifications that are remembered; older ones are forgotten.
MOST_NOTIFICATIONS = 200

#: A group of a thousand alerts, each with its labels and annotations, is about this large.
MOST_BYTES = 4 * 1024 * 1024

#: Labels that a line starts with, in this order, where an alert has them.
LEADING = ("severity", "alertname", "deployment", "role", "instance")


def webhook(say: Callable[[str], None]) -> App:
    """Make the app: `POST /` takes a notification, `GET /` lists the last 200, newest first.

    Args:
        say: Gets one line per alert that is notified, without its end.

    """
    kept: deque[Mapping[str, Any]] = deque(maxlen=MOST_NOTIFICATIONS)

    async def take(request: Request) -> Response:
        notification = await fields(request, MOST_BYTES)
        kept.appendleft(notification)
        for one in lines(notification):
            say(one)
        return JSONResponse({"ok": True})

    async def show(_: Request) -> Response:
        return JSONResponse(list(kept))

    async def ok(_: Request) -> Response:
        return JSONResponse({"ok": True})

    routes = [Route("/", take, methods=["POST"]), Route("/", show, methods=["GET"]), Route("/ok", ok, methods=["GET"])]
    return Starlette(routes=routes, exception_handlers=HANDLERS)


def lines(notification: Mapping[str, Any]) -> list[str]:
    """One line per alert: receiver, status, leading labels, summary. Whatever is no alert has no line.

    No text of an alert can end a line.
    """
    receiver, alerts = notification.get("receiver", "?"), notification.get("alerts")
    found = [one for one in alerts if isinstance(one, dict)] if isinstance(alerts, list) else []
    return [" ".join(_words(receiver, one).split()) for one in found]


def _words(receiver: object, alert: Mapping[str, Any]) -> str:
    labels, notes = _texts(alert.get("labels")), _texts(alert.get("annotations"))
    told = " ".join(labels[name] for name in LEADING if name in labels)
    return f"{receiver}: {alert.get('status', '?')} {told}: {notes.get('summary', '')}"


def _texts(given: object) -> dict[str, str]:
    return {str(name): str(text) for name, text in given.items()} if isinstance(given, dict) else {}
