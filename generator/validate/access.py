"""How a server is allowed to be asked: address, secrets, certificates, headers. Reads secrets; shows none."""

from __future__ import annotations

import base64
import os
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

from generator.errors import GeneratorError, Problem
from generator.validate import secrecy

#: Options by which one logs in, as an advice names them.
TOKEN_FLAG = "--bearer-token-file or --basic-auth-file"  # noqa: S105 - the name of an option


@dataclass(frozen=True, slots=True)
class Access:
    """How one server is asked.

    Attributes:
        headers: Sent with every request, authorization included. Never shown.
        ca_file: Certificates to trust instead of the system's; empty for the system's.
        secrets: Texts that may not appear in any output.
        token_flag: What to name in an advice about a refused login.

    """

    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    ca_file: str = ""
    secrets: tuple[str, ...] = field(default=(), repr=False)
    token_flag: str = TOKEN_FLAG

    def hide(self, text: str) -> str:
        """Return the text without any part of a secret, and without a login within an address."""
        return secrecy.hide(text, self.secrets)


def access(
    *,
    bearer: str = "",
    basic: str = "",
    ca_file: Path | None = None,
    tenant: str = "",
    headers: Iterable[str] = (),
    token_flag: str = TOKEN_FLAG,
) -> Access:
    """Put an access together.

    Args:
        bearer: A token.
        basic: `user:password`.
        ca_file: Certificates to trust.
        tenant: X-Scope-OrgID.
        headers: `NAME=VALUE`, or `NAME=@FILE` for a value that stands in a file.
        token_flag: What to name in an advice about a refused login.

    Returns:
        How requests are sent: headers, certificates, and the secrets that no message may show.

    Raises:
        GeneratorError: A file cannot be read, or a text is not what it must be.

    """
    made, secrets = _login(bearer, basic, token_flag)
    if tenant:
        made["X-Scope-OrgID"] = tenant
    for header in headers:
        name, found, value = header.partition("=")
        if not (found and name.strip()):
            raise GeneratorError([_problem("--header", "a header is not NAME=VALUE", "write NAME=VALUE or NAME=@FILE")])
        if value.startswith("@"):
            value = secret(Path(value[1:]), "--header")
        secrets.append(value)
        made[name.strip()] = value
    for name, value in made.items():
        if not (value.isprintable() and value.isascii() and name.isprintable() and name.isascii()):
            raise GeneratorError(
                [_problem(token_flag, f"the value of {name} cannot stand in a header", "use one line of plain ASCII")]
            )
    if ca_file is not None and not ca_file.is_file():
        raise GeneratorError(
            [_problem(str(ca_file), "the file of certificates is not there", "name a readable PEM file")]
        )
    return Access(made, str(ca_file or ""), tuple(s for s in secrets if s), token_flag)


def _login(bearer: str, basic: str, flag: str) -> tuple[dict[str, str], list[str]]:
    """Return the header of a login, and the texts of it that are secret."""
    if bearer and basic:
        raise GeneratorError([_problem(flag, "both a token and a password are given", "give one of the two")])
    if bearer:
        return {"Authorization": f"Bearer {bearer}"}, [bearer]
    if not basic:
        return {}, []
    if ":" not in basic:
        raise GeneratorError([_problem(flag, "the password has no user", "write user:password")])
    encoded = base64.b64encode(basic.encode()).decode()
    return {"Authorization": f"Basic {encoded}"}, [encoded, basic, basic.partition(":")[2]]


def secret(path: Path, flag: str) -> str:
    """Return the secret in a file, without the line end.

    Raises:
        GeneratorError: It cannot be read, or is empty.

    """
    try:
        text = path.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        if not os.path.lexists(path):
            # What is given instead of a file's name may be the secret itself.
            raise GeneratorError(
                [_problem(flag, "the file that it names is not there", "name a file that holds the secret")]
            ) from None
        raise GeneratorError(
            [_problem(str(path), f"{flag} cannot be read: {type(error).__name__}", "name a readable text file")]
        ) from error
    if not text:
        raise GeneratorError(
            [_problem(str(path), f"{flag} is empty", "write the secret into the file, or leave the option out")]
        )
    return text


def address(text: str, flag: str) -> str:
    """Return a server's URL without a slash at the end.

    Raises:
        GeneratorError: It is no http or https URL, or has a password in it.

    """
    text = text.strip()
    try:
        parts = urlsplit(text)
        _ = parts.port
    except ValueError:
        raise GeneratorError([_problem(flag, "the address cannot be read", "write http://host:port")]) from None
    if "@" in text:
        raise GeneratorError(
            [_problem(flag, "the address has a user or a password in it", "put it into a file: --basic-auth-file")]
        )
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.query or parts.fragment:
        shown = re.split(r"[?#]", text.rpartition("@")[2])[0]
        raise GeneratorError([_problem(flag, f"{shown!r} is no address of a server", "write http://host:port")])
    return text.rstrip("/")


def _problem(path: str, what: str, fix: str) -> Problem:
    return Problem(path, 1, what, fix)
