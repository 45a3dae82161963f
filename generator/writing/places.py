"""What stands in the places of the files that the generator makes. Looks, and changes nothing.

No symbolic link is followed below the output folder, and nothing but regular files is opened.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterable, Mapping
from pathlib import Path, PurePosixPath

from generator import version
from generator.errors import Problem
from generator.outputs import stamp
from generator.writing.leftovers import OWNED, PLAIN, remains, walked

_KINDS = {
    stat.S_IFLNK: "a symbolic link",
    stat.S_IFIFO: "a named pipe",
    stat.S_IFSOCK: "a socket",
    stat.S_IFCHR: "a device",
    stat.S_IFBLK: "a device",
    stat.S_IFDIR: "a folder",
    stat.S_IFREG: "a file",
}


def refused(names: Iterable[PurePosixPath], root: Path) -> list[Problem]:
    """Return what stands where a folder or a file of the set belongs and is none; what is not there is no problem."""
    names = list(names)
    folders = {PurePosixPath(*name.parts[:depth]) for name in names for depth in range(1, len(name.parts))}
    problems = [_refusal(root / name, stat.S_IFDIR) for name in sorted(folders)]
    if not any(problems):
        problems = [_refusal(root / name, stat.S_IFREG) for name in names]
    if root.exists() and not root.is_dir():
        problems = [Problem(str(root), 1, "is not a folder", "name a folder with --out")]
    return [problem for problem in problems if problem]


def _refusal(path: Path, wanted: int) -> Problem | None:
    try:
        found = stat.S_IFMT(path.lstat().st_mode)
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        return Problem(str(path), 1, f"cannot be written: {error.strerror}", "name a writable folder with --out")
    if found == wanted:
        return None
    return Problem(
        str(path),
        1,
        f"is {_KINDS.get(found, 'something else')} where {_KINDS[wanted]} belongs",
        "remove it, or name another folder with --out",
    )


def differences(
    texts: Mapping[PurePosixPath, str], root: Path, every: Mapping[PurePosixPath, str] | None = None
) -> list[Problem]:
    """Return what differs below `root` from these texts: missing and other files, those that nobody makes, and what a killed run left.

    Args:
        texts: What is compared.
        root: Where the files are.
        every: All files that are made; `texts` when left out.

    """
    problems = refused(texts, root)
    if problems:
        return problems
    fix = "run `agentobs generate`"
    for name, text in texts.items():
        path = root / name
        try:
            found = content(path, text)
        except FileNotFoundError:
            problems.append(Problem(str(path), 1, "missing", fix))
            continue
        except OSError as error:
            problems.append(Problem(str(path), 1, f"cannot be read: {error.strerror}", "make it readable"))
            continue
        if found != text.encode():
            line = _first_difference(found, text)
            problems.append(Problem(str(path), line, *_why(path, found, fix)))
    problems += [
        Problem(str(path), 1, "the generator does not make it", "delete it") for path in stale(every or texts, root)
    ]
    return problems + remains(root)


def _why(path: Path, begins: bytes, fix: str) -> tuple[str, str]:
    """Say what a file is that differs from what is made now, and what to do: edited, or made by another version."""
    what = "differs from what the generator makes"
    try:
        found = stamp.read(path, content(path, None).decode())
    except (OSError, ValueError):
        found = stamp.read(path, begins.decode(errors="replace"))
    if found is None:
        return what, fix
    if not found.fits:
        return stamp.EDITED, stamp.KEEP
    return (f"{what}: version {found.version} made it" if found.version != version() else what), fix


def content(path: Path, text: str | None) -> bytes:
    """Return what a file has, as far as it can be `text`; all of it without one.

    Raises:
        OSError: It is not there, cannot be read, or is no regular file.

    """
    with os.fdopen(os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK), "rb") as file:
        return file.read(-1 if text is None else len(text.encode()) + 1)


def _first_difference(found: bytes, text: str) -> int:
    """Return the first line that differs; the hash alone, which differs wherever anything does, is no such line."""
    here, there = (stamp.without(one).splitlines() for one in (found.decode(errors="replace"), text))
    return next((n for n, (a, b) in enumerate(zip(here, there, strict=False), 1) if a != b), 1)


def stale(texts: Mapping[PurePosixPath, str], root: Path) -> list[Path]:
    """Return what stands in the generator's own folders and is not of its making.

    The folder of a format is looked at where some of the texts belong there.
    """
    made = {root / name for name in texts}
    touched = {name.parts[0] for name in texts}
    found = [path for folder in PLAIN for path in sorted((root / folder).glob("*"))]
    for folder in (one for one in OWNED if one in touched and one not in PLAIN):
        found += walked(root / folder)
    return [path for path in found if path not in made and not path.name.startswith(".")]
