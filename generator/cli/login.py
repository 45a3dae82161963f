"""How the commands that ask a server log in: the same options everywhere, and the variables that stand in for their files."""

from __future__ import annotations

import argparse
import os
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from generator.validate.access import Access


def declare(parser: argparse.ArgumentParser, whom: str, prefix: str = "", *, bearer: str = "") -> None:
    """Add the options of one login.

    Args:
        parser: The command's parser.
        whom: Which servers it is for.
        prefix: What the names of the options begin with, such as `grafana-`.
        bearer: Which servers the token is for, where that is not `whom`.

    """
    add = parser.add_argument
    add(f"--{prefix}bearer-token-file", type=Path, metavar="FILE", help=f"token for {bearer or whom}")
    add(f"--{prefix}basic-auth-file", type=Path, metavar="FILE", help=f"user:password for {whom}")
    add(f"--{prefix}ca-file", type=Path, metavar="FILE", help=f"certificates to trust for {whom}")
    add(
        f"--{prefix}header",
        action="append",
        default=[],
        metavar="NAME=VALUE",
        help=f"for {whom}; NAME=@FILE reads the value",
    )
    if not prefix:
        add("--tenant", default="", metavar="ID", help=f"X-Scope-OrgID for {whom}")


def login(args: argparse.Namespace, variable: str = "AGENTOBS_PROMETHEUS", prefix: str = "") -> Access:
    """Return what the options say; `<variable>_TOKEN` and `<variable>_BASIC` stand in where neither file is given.

    Raises:
        GeneratorError: A file cannot be read, or has no secret that could be sent.

    """
    from generator.validate.access import TOKEN_FLAG, access, secret

    def given(name: str) -> Path | None:
        path: Path | None = getattr(args, f"{prefix}{name}".replace("-", "_"))
        return path

    files = {"TOKEN": "bearer-token-file", "BASIC": "basic-auth-file"}
    plain = not any(given(name) for name in files.values())

    def text(kind: str) -> str:
        path = given(files[kind])
        if path:
            return secret(path, f"--{prefix}{files[kind]}")
        return os.environ.get(f"{variable}_{kind}", "").strip() if plain else ""

    flag = " or ".join(f"--{prefix}{name}" for name in files.values())
    return access(
        bearer=text("TOKEN"),
        basic=text("BASIC"),
        ca_file=getattr(args, f"{prefix}ca_file".replace("-", "_")),
        tenant="" if prefix else args.tenant,
        headers=getattr(args, f"{prefix}header".replace("-", "_")),
        token_flag=flag if prefix else TOKEN_FLAG,
    )
