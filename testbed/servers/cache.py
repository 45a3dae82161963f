"""Where tests keep what they fetched from elsewhere, safe from two test runs at once.

Reads the environment (`AGENTOBS_CACHE`), because pytest hands nothing to a plain function.
"""

import contextlib
import fcntl
import os
from collections.abc import Iterator
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[2]


def cache_root() -> Path:
    """Folder for fetched things: `AGENTOBS_CACHE`, or `.cache` in the repository."""
    return Path(os.environ.get("AGENTOBS_CACHE") or REPOSITORY / ".cache").resolve()


@contextlib.contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Keep every other test run out of making `folder`, which need not exist yet.

    Waits for as long as the other run takes. The lock goes with the process that holds it.
    """
    folder.parent.mkdir(parents=True, exist_ok=True)
    with folder.with_name(f"{folder.name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
