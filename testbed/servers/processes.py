"""Started processes that cannot outlive the tests.

Knows nothing of what the processes are.
"""

import contextlib
import os
import shutil
import signal
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

#: Kills the group named by its argument when the pipe it reads from closes. The system closes the
#: pipe when the tests end, however they end: also after a kill that lets no `finally` run.
GUARD = 'read -r _; kill -s KILL -- "-$0"'

#: Becomes the program once it is told that its guard is there; when nobody is left to tell it, it ends.
GATE = 'read -r _ && exec "$@" </dev/null'


class Child:
    """A running process with a group of its own and its output in a file.

    It ends with `kill()`, or with the process that started it. Ctrl-C in the terminal does not
    reach it: anyone who started it closes it.
    """

    def __init__(
        self,
        command: Sequence[str | Path],
        *,
        log: Path,
        folder: Path,
        env: Mapping[str, str] | None = None,
    ) -> None:
        """Start `command` in `folder`, both output streams going to `log`.

        Args:
            env: The whole environment; None hands on ours.

        Raises:
            FileNotFoundError: The program is not there or cannot be run.
            OSError: The log cannot be written, or the folder is not there.
        """
        program = str(command[0])
        if not shutil.which(program):
            raise FileNotFoundError(f"{program} is not there or cannot be run")
        self._log = log
        self._ended = False
        self._guard: subprocess.Popen[bytes] | None = None
        with log.open("wb") as out:
            self._process = subprocess.Popen(
                ["sh", "-c", GATE, "sh", *map(str, command)],
                cwd=folder,
                env=env,
                stdin=subprocess.PIPE,
                stdout=out,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        try:
            self._guard = subprocess.Popen(
                ["sh", "-c", GUARD, str(self._process.pid)],
                stdin=subprocess.PIPE,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                start_new_session=True,
            )
            assert self._process.stdin
            self._process.stdin.write(b"\n")
            self._process.stdin.close()
        except BaseException:
            self.kill()
            raise

    @property
    def pid(self) -> int:
        """The process id, which is its group's too."""
        return self._process.pid

    def alive(self) -> bool:
        """Say whether the process still runs; when it does not, end what it left behind."""
        if self._process.poll() is None:
            return True
        self.kill()
        return False

    def exit_code(self, limit_seconds: float) -> int:
        """Wait until the process has ended by itself.

        Returns:
            Its exit code; when a signal ended it, the negative number of the signal.

        Raises:
            TimeoutError: It still runs.

        """
        try:
            return self._process.wait(limit_seconds)
        except subprocess.TimeoutExpired as error:
            message = f"waited {limit_seconds:g} s in vain for {self._process.args!r} to end"
            raise TimeoutError(message) from error

    def log(self, characters: int = 4000) -> str:
        """Last `characters` of what the process wrote so far; empty when the file is gone."""
        try:
            return self._log.read_text(encoding="utf-8", errors="replace")[-characters:]
        except FileNotFoundError:
            return ""

    def kill(self) -> None:
        """End the whole group at once and wait until it is gone; harmless when repeated."""
        if self._ended:
            return
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()
        if self._guard:
            self._guard.kill()
            self._guard.communicate()
        self._ended = True
