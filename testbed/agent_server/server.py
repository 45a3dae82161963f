"""A real Agent Server with a small graph, on a free loopback port, in a folder of its own.

It sees none of our environment: an API key there would make it report to its maker.
"""

import json
import os
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Literal

from testbed.agent_server.environments import Release, install
from testbed.servers.loopback import OK, StartError, ask, text_of
from testbed.servers.started import Started

PROJECT = Path(__file__).with_name("project")

#: Job slots: enough for all of `drive`'s runs at once, which then takes as long as its longest.
SLOTS = 20

#: The server's settings. A version that does not know one ignores it.
SETTINGS = {
    # Everything that it can show: internal metrics too, up to the tier that has any.
    "EXPOSE_INTERNAL_METRICS_PROMETHEUS": "true",
    "METRIC_MAX_EMITTING_TIER": "3",
    # Gauges after a second instead of a minute.
    "STATS_INTERVAL_SECS": "1",
    # Small enough for a short run to push events out of it.
    "LSD_PROTOCOL_V2_BUFFER_SIZE": "5",
    # Short enough for a test to see a run time out, long enough for it to cancel one before.
    "BG_JOB_TIMEOUT_SECS": "5",
    # The log without escape codes.
    "LOG_COLOR": "false",
    # Nothing leaves this machine.
    "LANGSMITH_TRACING": "false",
    "LANGGRAPH_CLI_NO_ANALYTICS": "1",
    "LANGGRAPH_NO_VERSION_CHECK": "true",
}


class AgentServer(Started):
    """A running Agent Server with the in-memory runtime and the graph `agent`.

    A context manager: leaving it, or `close()`, kills the server and removes the folder. An error
    that leaves it gets the last lines of the server's log as a note.
    """

    def __init__(self, release: Release, env: Mapping[str, str] | None = None) -> None:
        """Install the release's server if need be, start it and wait until it answers.

        Args:
            env: Settings over the ones of this module.

        Raises:
            StartError: The server cannot be installed, ended, or did not answer in time.
        """
        found = install(release)
        if not found.path:
            raise StartError(found.reason)
        super().__init__("agent-server")
        self._python, self._settings = found.path, {**SETTINGS, **(env or {})}
        with self.starting():
            shutil.copytree(PROJECT, self.working_folder())
            self.start()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Kill the server."""
        if error:
            error.add_note(f"the Agent Server's log ends with:\n{self.log()}")
        self.close()

    def metrics(self, format: Literal["prometheus", "json"] = "prometheus") -> str:  # noqa: A002 - the server's own word
        """Text of the metrics page in one of its two formats."""
        return text_of(*ask(self.port, "GET", f"/metrics?format={format}"))

    def info(self) -> dict[str, Any]:
        """What the server says about itself, its version among it."""
        info: dict[str, Any] = json.loads(text_of(*ask(self.port, "GET", "/info")))
        return info

    def command(self) -> Sequence[str | Path]:
        """Return the program with its flags."""
        return [
            *(self._python, "-m", "langgraph_cli", "dev", "--no-browser", "--no-reload"),
            *("--host", "127.0.0.1", "--port", str(self.port)),
            *("--n-jobs-per-worker", str(SLOTS)),
        ]

    def environment(self) -> Mapping[str, str]:
        """Return the settings, and nothing of ours."""
        return {"PATH": os.defpath, "HOME": str(self.folder), "LANG": "C.UTF-8", **self._settings}

    def working_folder(self) -> Path:
        """Return the folder of the project."""
        return self.folder / "project"

    def answers(self) -> bool:
        """Say whether it is ready. When its port is taken meanwhile, it takes another one and says so in its log."""
        return ask(self.port, "GET", "/ok")[0] == OK and self.address in self.log(1_000_000)
