"""Files that an exchange makes for its own use, and what becomes of those that a killed run left.

Beside each file stand, for as long as the exchange takes, `.agentobs-RUN.NAME.new` and the old one as `.agentobs-RUN.NAME.old`.
Once all of a run are there, `.agentobs-RUN.decided` says so: from then on the exchange is finished, by that run or by the next.
No such name ends as Grafana's or Prometheus' files end, so neither reads one.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import re
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from generator.cli import interruption
from generator.errors import GeneratorError, Problem
from generator.outputs import FORMATS

#: Folders that belong to the generator alone, those of the plain files and one for each other format.
PLAIN = ("dashboards", "alerts", "scrape")
OWNED = (*PLAIN, *(name for name in FORMATS if name != "files"))

#: Seconds to wait for another run in the same folder, and between two looks.
_PATIENCE, _LOOK = 10.0, 0.05

_NAME = re.compile(r"\.agentobs-(?P<run>[0-9a-f]{8})\.(?:(?P<name>.+)\.(?P<kind>new|old)|decided)")


@dataclass(frozen=True, slots=True)
class Leftover:
    """A file of an exchange: the new or the old one of `place`, or the one that says that its run has decided."""

    path: Path
    run: str
    kind: str
    place: Path | None


def staged(place: Path, run: str, kind: str) -> Path:
    """Return where the new or the old file of `place` stands during an exchange."""
    return place.with_name(f".agentobs-{run}.{place.name}.{kind}")


def decided(folder: Path, run: str) -> Path:
    """Return the file that says that all new files of a run are there."""
    return folder / f".agentobs-{run}.decided"


def _found(root: Path) -> list[Leftover]:
    out = []
    for folder in (root / name for name in OWNED):
        if folder.is_symlink() or not folder.is_dir():
            continue
        for path in walked(folder):
            match = _NAME.fullmatch(path.name)
            if match:
                place = path.with_name(match["name"]) if match["name"] else None
                out.append(Leftover(path, match["run"], match["kind"] or "decided", place))
    return out


def walked(folder: Path) -> list[Path]:
    """Return every file below a folder, and every link, none of which is followed; sorted."""
    return sorted(
        Path(where, name)
        for where, folders, files in os.walk(folder)
        for name in (*files, *(one for one in folders if Path(where, one).is_symlink()))
    )


def mend(root: Path, tell: Callable[[str], None]) -> None:
    """Finish, or take back, what killed runs left below `root`; what was found is told in sentences.

    Raises:
        GeneratorError: It cannot be done.

    """
    if not (root.is_dir() and _found(root)):
        return
    with locked(root), interruption.postponed(), as_problem(root):
        found = _found(root)
        finished = {one.run for one in found if one.kind == "decided"}
        unfinished = [one for one in found if one.run in finished]
        rest = [one for one in found if one.run not in finished]
        forth = sum(_put(one) for one in unfinished if one.kind == "new")
        # An old file without its new one: its run was putting it back.
        new = {(one.run, one.place) for one in rest if one.kind == "new"}
        back = sum(_put(one) for one in rest if one.kind == "old" and (one.run, one.place) not in new)
        for one in sorted(found, key=lambda one: one.kind == "decided"):
            one.path.unlink(missing_ok=True)
        if unfinished:
            tell(
                f"a run was killed while it exchanged files below {root}: {forth} more are exchanged now, and all are of one run"
            )
        if back:
            tell(f"a run was killed while it took files back below {root}: {back} more are back now")
        elif rest:
            tell(
                f"a run was killed below {root} before it changed a file: {len(rest)} files of its own use are gone now"
            )


def _put(one: Leftover) -> bool:
    """Put a file in its place; tell whether it was there still and no link."""
    if one.place is None or one.path.is_symlink():
        return False
    one.path.replace(one.place)
    return True


def remains(root: Path) -> list[Problem]:
    """Return what a killed run left below `root`, or that another run is just writing there."""
    found = _found(root)
    if not found:
        return []
    try:
        with locked(root, patience=0):
            found = _found(root)
    except GeneratorError as busy:
        return busy.problems
    finished = {one.run for one in found if one.kind == "decided"}
    unfinished = [one for one in found if one.kind == "decided"]
    return [
        Problem(
            str(one.path),
            1,
            "a run was killed while it exchanged files; files of two runs may stand beside each other",
            "run `agentobs generate`, which finishes it",
        )
        for one in unfinished
    ] + [
        Problem(str(one.path), 1, "left by a run that was killed", "run `agentobs generate`, which takes it away")
        for one in found
        if one.run not in finished
    ]


@contextlib.contextmanager
def locked(root: Path, patience: float = _PATIENCE) -> Iterator[None]:
    """Keep every other run out of `root`. The lock goes with the process; a file system without locks has none.

    Args:
        root: A folder that is there.
        patience: Seconds to wait for another run.

    Raises:
        GeneratorError: Another run is still there.

    """
    with as_problem(root):
        folder = os.open(root, os.O_RDONLY | os.O_DIRECTORY)
    try:
        end = time.monotonic() + patience
        while not _lock(folder):
            if time.monotonic() >= end:
                raise GeneratorError(
                    [Problem(str(root), 1, "another `agentobs generate` is writing here", "wait until it has ended")]
                )
            time.sleep(_LOOK)
        yield
    finally:
        os.close(folder)


def _lock(folder: int) -> bool:
    try:
        fcntl.flock(folder, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:  # NFS, some FUSE: there is no lock to have
        return True
    return True


@contextlib.contextmanager
def as_problem(place: Path) -> Iterator[None]:
    """Tell an OSError as a problem at `place`.

    Raises:
        GeneratorError: What the system refused.

    """
    try:
        yield
    except OSError as error:
        fix = "make room, or name a writable folder with --out"
        raise GeneratorError([Problem(str(place), 1, f"cannot be written: {error.strerror}", fix)]) from error
