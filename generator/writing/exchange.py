"""The exchange of a set of files: everything is written beside the old files, then all change places at once.

A signal that ends the command waits while they do. A process that is killed in between is told and mended by the next
(`leftovers.py`). What replaces a file is on disk before it does.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import stat
from collections.abc import Callable, Mapping
from pathlib import Path, PurePosixPath

from generator.cli import interruption
from generator.errors import GeneratorError, Problem
from generator.writing.leftovers import as_problem, decided, locked, staged
from generator.writing.places import content, refused

#: What a file may be read and written by whom, where it is new. Prometheus and Grafana have users of their own.
_MODE = 0o644


class Exchange:
    """One set of files below a folder.

    Attributes:
        state: What is true of the folder now, in words, for anyone who was interrupted.

    """

    def __init__(self, texts: Mapping[PurePosixPath, str], root: Path) -> None:
        self._texts, self._root = texts, root
        self._run = os.urandom(4).hex()
        self._folders: list[Path] = []
        self._changed: list[Path] = []
        self.state = "no file was changed"

    def run(self, check: Callable[[], None] = lambda: None) -> int:
        """Write the files that changed, all of them or none.

        Args:
            check: Called once more before files change places; what it raises ends the run with nothing changed.

        Returns:
            How many files that were.

        Raises:
            GeneratorError: Something else stands in the place of a file, or the system refused; nothing was changed, unless it says so.

        """
        problems = refused(self._texts, self._root)
        if problems:
            raise GeneratorError(problems)
        try:
            self._folder(self._root)
            with locked(self._root):
                self._write()
                check()
                with interruption.postponed():
                    self._swap()
        except BaseException:
            with interruption.postponed():
                self._clean()
            raise
        return len(self._changed)

    def _write(self) -> None:
        """Write every new file beside its old one, which gets a second name."""
        for name, text in self._texts.items():
            place = self._root / name
            with contextlib.suppress(OSError):  # not there, or not readable: writing it will tell
                if content(place, text) == text.encode():
                    continue
            self._folder(place.parent)
            self._changed.append(place)  # first, so that it goes whatever comes
            with as_problem(place):
                self._stage(place, text)

    def _stage(self, place: Path, text: str) -> None:
        try:
            mode = stat.S_IMODE(place.lstat().st_mode)
        except FileNotFoundError:
            mode = None
        with staged(place, self._run, "new").open("xb") as file:
            file.write(text.encode())
            os.fchmod(file.fileno(), _MODE if mode is None else mode)
            if mode is not None:
                file.flush()
                os.fsync(file.fileno())
        if mode is None:
            return
        old = staged(place, self._run, "old")
        try:
            os.link(place, old, follow_symlinks=False)
        except OSError:  # no such links here, or not of this file
            shutil.copy2(place, old, follow_symlinks=False)

    def _swap(self) -> None:
        """Put every new file in its place; where one cannot, the old ones come back."""
        if not self._changed:
            self.state = "every file is as it is made now"
            return
        mark = decided(self._changed[0].parent, self._run)
        with as_problem(mark.parent):
            mark.touch(exist_ok=False)
        swapped: list[Path] = []
        for place in self._changed:
            try:
                staged(place, self._run, "new").replace(place)
            except OSError as error:
                self._back(swapped, place, error)
            swapped.append(place)
        self.state = "every file is the new one"
        with contextlib.suppress(OSError):
            for place in self._changed:
                staged(place, self._run, "old").unlink(missing_ok=True)
            mark.unlink()

    def _back(self, swapped: list[Path], place: Path, error: OSError) -> None:
        """Bring the old files back and tell why `place` was not to be had."""
        try:
            decided(self._changed[0].parent, self._run).unlink()
            for one in swapped:
                old = staged(one, self._run, "old")
                if old.exists():
                    old.replace(one)
                else:
                    one.unlink()
        except OSError as second:
            self.state = "files of two runs stand beside each other; the next `agentobs generate` mends it"
            what = f"cannot be written: {error.strerror}, nor brought back: {second.strerror}"
            raise GeneratorError([Problem(str(place), 1, what, self.state)]) from error
        with as_problem(place):
            raise error

    def _clean(self) -> None:
        """Take away what is of no use any more; a set that is torn keeps what mends it."""
        if self.state.startswith("files of two runs"):
            return
        with contextlib.suppress(OSError):
            for place in self._changed[:1]:
                decided(place.parent, self._run).unlink(missing_ok=True)
            for place in self._changed:
                for kind in ("old", "new"):
                    staged(place, self._run, kind).unlink(missing_ok=True)
        for folder in reversed(self._folders):
            with contextlib.suppress(OSError):  # something is in it by now
                folder.rmdir()

    def _folder(self, folder: Path) -> None:
        missing = [f for f in (folder, *folder.parents) if not f.exists()]
        for one in reversed(missing):
            self._folders.append(one)
            with as_problem(one):
                one.mkdir(exist_ok=True)
