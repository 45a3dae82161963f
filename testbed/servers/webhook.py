"""A receiver for Alertmanager that remembers what was delivered, and when."""

import json
import time
from collections.abc import Mapping
from typing import NamedTuple

from testbed.servers.fake import FakeServer, Reply, Request


class Notice(NamedTuple):
    """One alert of one notification.

    Attributes:
        at: Unix seconds of its arrival.
        status: `firing` or `resolved`.
        labels: The alert's labels.
        receiver: The receiver of Alertmanager's configuration that it was sent to.

    """

    at: float
    status: str
    labels: Mapping[str, str]
    receiver: str


class Webhook(FakeServer):
    """An HTTP server to which Alertmanager posts.

    Attributes:
        notices: What was delivered, in the order of arrival.

    """

    def __init__(self) -> None:
        """Listen."""
        self.notices: list[Notice] = []
        super().__init__(self.respond)

    def respond(self, request: Request) -> Reply:
        """Remember a notification."""
        body, now = json.loads(request.body), time.time()
        self.notices += [Notice(now, one["status"], one["labels"], body["receiver"]) for one in body["alerts"]]
        return 200, {}, b""

    def receivers(self, alert: str, status: str) -> list[str]:
        """Return the receivers of the notifications that an alert is `firing` or `resolved`, in order of arrival."""
        return [n.receiver for n in list(self.notices) if (n.labels["alertname"], n.status) == (alert, status)]
