"""Secrets in files: made once, readable to whom they are for, compared without telling how much of them was right."""

from __future__ import annotations

import contextlib
import hmac
import os
import secrets
from pathlib import Path

#: Only the owner, and the group where the reader is another user.
OWNER, GROUP = 0o400, 0o440

#: A file larger than this holds no secret.
MOST_BYTES = 4_096


def read(path: Path) -> str:
    """Return the secret in a file, without blanks around it.

    Raises:
        OSError: It cannot be read, or holds none.

    """
    with path.open("rb") as file:
        text = file.read(MOST_BYTES).decode("ascii", "replace").strip()
    if not text:
        raise OSError(f"{path} is empty; it has to hold a secret")
    return text


def made(path: Path, mode: int = OWNER) -> str:
    """Return the secret in a file; where there is none yet, make one that nobody can guess.

    Raises:
        OSError: The file can be neither read nor written.

    """
    if not path.exists():
        draft = path.with_name(f".{path.name}.{os.getpid()}")
        draft.unlink(missing_ok=True)
        descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, OWNER | 0o200)
        with os.fdopen(descriptor, "w", encoding="ascii") as file:
            file.write(secrets.token_hex(32))
        draft.chmod(mode)
        with contextlib.suppress(FileExistsError):  # another process was first: its secret counts
            os.link(draft, path)
        draft.unlink()
    return read(path)


def same(one: str, other: str) -> bool:
    """Say whether two secrets are the same, in a time that does not depend on where they differ."""
    return hmac.compare_digest(one.encode(), other.encode())
