"""One lifecycle of every server that is started: a folder and a port of its own, start, ready, stop, start again, close."""

import os
import signal
import tempfile
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Self

from testbed.servers.loopback import START_SECONDS, free_port, wait_ready
from testbed.servers.processes import Child


class Started(ABC):
    """A server of one process. A context manager: leaving it, or `close()`, kills the server and removes its folder.

    Attributes:
        folder: What belongs to this server alone; its log is there.
        port: Where it answers on the loopback.

    """

    def __init__(self, name: str, *, port: int = 0, inside: Path | None = None) -> None:
        """Make the folder and choose a free port.

        Args:
            name: What messages call the server.
            port: Where it answers; 0 takes a free one.
            inside: Where its folder is made; among the system's temporary files when left out.

        """
        self._temporary = tempfile.TemporaryDirectory(prefix=f"agentobs-{name}-", dir=inside)
        self._name = name
        self._child: Child | None = None
        self.folder = Path(self._temporary.name)
        self.port = port or free_port()

    def __enter__(self) -> Self:
        """Return the running server."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Kill the server."""
        self.close()

    @abstractmethod
    def command(self) -> Sequence[str | Path]:
        """Return the program with its flags."""

    @abstractmethod
    def answers(self) -> bool:
        """Say whether the server is ready. What `loopback.ask` raises means that it is not."""

    def environment(self) -> Mapping[str, str] | None:
        """Return the whole environment of the process; None for ours."""
        return None

    def working_folder(self) -> Path:
        """Return the folder in which it is started."""
        return self.folder

    @property
    def address(self) -> str:
        """Host and port, as Prometheus wants its targets."""
        return f"127.0.0.1:{self.port}"

    @property
    def url(self) -> str:
        """Where the server answers, without a slash at the end."""
        return f"http://{self.address}"

    @contextmanager
    def starting(self) -> Iterator[None]:
        """Close the server when what a constructor does fails."""
        try:
            yield
        except BaseException:
            self.close()
            raise

    def launch(self) -> None:
        """Start the process with what its folder has, and return at once."""
        self._child = Child(
            self.command(), log=self.folder / "log", folder=self.working_folder(), env=self.environment()
        )

    def wait(self, limit_seconds: float = START_SECONDS) -> None:
        """Wait until the server answers.

        Raises:
            StartError: It ended, or did not get ready in time.

        """
        assert self._child, "it is not started"
        wait_ready(self._child, self.answers, what=self._name, limit_seconds=limit_seconds)

    def start(self) -> None:
        """Start the server with what its folder has, at its port, and wait until it answers.

        Raises:
            StartError: It ended, or did not get ready in time.

        """
        self.launch()
        self.wait()

    @property
    def pid(self) -> int:
        """The process id of the running server."""
        assert self._child, "it is not started"
        return self._child.pid

    def alive(self) -> bool:
        """Say whether the server still runs."""
        return self._child is not None and self._child.alive()

    def log(self, characters: int = 4000) -> str:
        """Return the end of what the server wrote."""
        return self._child.log(characters) if self._child else ""

    def end(self, limit_seconds: float = START_SECONDS) -> int:
        """Ask the server to end, as a supervisor does.

        Returns:
            Its exit code.

        Raises:
            TimeoutError: It has not ended in time.

        """
        os.kill(self.pid, signal.SIGTERM)
        return self.exit_code(limit_seconds)

    def exit_code(self, limit_seconds: float = START_SECONDS) -> int:
        """Wait until the server has ended by itself.

        Returns:
            Its exit code; when a signal ended it, the negative number of the signal.

        Raises:
            TimeoutError: It still runs.

        """
        assert self._child, "it is not started"
        return self._child.exit_code(limit_seconds)

    def stop(self) -> None:
        """Kill the server and keep its folder; `start` brings it back at its address."""
        if self._child:
            self._child.kill()

    def close(self) -> None:
        """Kill the server and remove its folder; harmless when repeated."""
        self.stop()
        self._temporary.cleanup()

    def write(self, name: str, text: str) -> Path:
        """Write a file of the server's folder, whose name may have folders; return its path."""
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
        return path


def inherited(**further: str) -> dict[str, str]:
    """Return our environment with further variables."""
    return {**os.environ, **further}
