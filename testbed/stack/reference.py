"""A reference server as a process of its own: started as an operator starts it, asked over HTTP, killed."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from typing import Any

from testbed.servers.announced import Announced
from testbed.servers.loopback import ask, text_of

#: What makes a server show everything that the bundle reads: as in a cloud installation, with all switches on.
SHOWN = {
    "EXPOSE_INTERNAL_METRICS_PROMETHEUS": "true",
    "METRIC_MAX_EMITTING_TIER": "4",
    "FF_ASYNC_PUBLISH_QUEUE": "true",
    "LSD_DEPLOYMENT_TYPE": "prod",
    "LANGSMITH_HOST_PROJECT_ID": "3fa85f64-5717-4562-b3fc-2c963f66afa6",
    "LANGSMITH_HOST_PROJECT_NAME": "demo",
    "LANGSMITH_HOST_REVISION_ID": "r1",
}


class Reference(Announced):
    """One process of the reference server. A context manager: leaving it, or `close()`, kills it."""

    def __init__(self, *flags: str, env: Mapping[str, str] = SHOWN) -> None:
        """Start `python -m reference_server` with `flags` on a free port, and return at once: `ready` waits."""
        command = [sys.executable, "-m", "reference_server", "--port", "{port}", *flags]
        super().__init__("reference", command, env)

    def get(self, path: str) -> Any:
        """Return the answer to a GET, as parsed JSON.

        Raises:
            ServerError: The answer is an error.
        """
        return json.loads(text_of(*ask(self.port, "GET", path)))

    def switch(self, scenario: str) -> None:
        """Play another scenario from its beginning."""
        body = json.dumps({"scenario": scenario}).encode()
        text_of(*ask(self.port, "POST", "/scenario", body, {"Content-Type": "application/json"}))

    def elapsed_seconds(self) -> float:
        """Virtual seconds since the scenario began."""
        seconds: float = self.get("/scenario")["elapsed_seconds"]
        return seconds
