"""Where the command begins: from here on, Ctrl-C is one line and the exit code 130."""

from __future__ import annotations

import gc
import os
import signal
from types import FrameType

#: What an end by Ctrl-C is told with, and its exit code: 128 and the signal's number.
LINE, INTERRUPTED = "interrupted", 130


def _stop(_: int, __: FrameType | None) -> None:
    os.write(2, f"{LINE}\n".encode())
    os._exit(INTERRUPTED)


def main() -> int:
    """Run the command line and return its exit code."""
    gc.set_threshold(1_000_000)  # a command needs to its end most of what it makes
    signal.signal(signal.SIGINT, _stop)  # also before and after a command takes its own way of ending
    from generator.cli import main as cli

    try:
        return cli.main()
    except KeyboardInterrupt:
        _stop(0, None)
        return INTERRUPTED
    finally:
        # Everything is said; what is left is the end of the interpreter.
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        gc.freeze()  # all of it goes with the process: its last collection need not look at it
