"""Where a page comes from: a file, an address, or the standard input. Bounded in size and time."""

from __future__ import annotations

import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from generator.errors import GeneratorError, Problem
from generator.source import short

if TYPE_CHECKING:
    from generator.validate.http import Exchange

#: Bytes of a page at most; Prometheus itself takes any number, and a page of this size has half a million samples.
LARGEST = 100_000_000

#: How long an address may take, in seconds.
WITHIN = 30.0

#: What is meant as an address: `ftp://host`, `host:9090/metrics`.
_ADDRESS = re.compile(r"\w+://|[\w.-]+:\d+(/|$)")

#: What a scraper says that it reads.
_ACCEPT = "application/openmetrics-text;version=1.0.0;q=0.9,text/plain;version=0.0.4;q=0.5,*/*;q=0.1"


def page(source: str, bearer_token_file: Path | None = None, largest: int = LARGEST) -> str:
    """Return the text of a page.

    Args:
        source: An address that begins with http:// or https://, a file, or `-` for the standard input.
        bearer_token_file: Where the token is that the address wants.
        largest: Bytes that it may have at most.

    Raises:
        GeneratorError: It cannot be read, or is too large.

    """
    if not source:
        raise GeneratorError([_problem("SOURCE", "is empty", "name a file, an address or -")])
    if source.startswith(("http://", "https://")):
        raw = _fetched(source, bearer_token_file, largest)
    elif source == "-":
        raw = sys.stdin.buffer.read(largest + 1)
    else:
        try:
            with Path(source).open("rb") as file:
                raw = file.read(largest + 1)
        except (OSError, ValueError) as error:
            what = f"cannot be read: {getattr(error, 'strerror', None) or 'no file has such a name'}"
            fix = (
                "an address begins with http:// or https://"
                if _ADDRESS.match(source)
                else "name a file, an address or -"
            )
            raise GeneratorError([_problem(source, what, fix)]) from error
    if len(raw) > largest:
        raise GeneratorError([_problem(source, f"has more than {largest:,} bytes", "name a metrics page")])
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError as error:
        raise GeneratorError([_problem(source, "is no UTF-8 text", "name a metrics page")]) from error


def _fetched(url: str, bearer_token_file: Path | None, largest: int) -> bytes:
    import requests

    from generator.validate.http import Exchange, LateError, session

    headers = {"Accept": _ACCEPT}
    if bearer_token_file:
        try:
            headers["Authorization"] = f"Bearer {bearer_token_file.read_text(encoding='utf-8').strip()}"
        except OSError as error:
            raise GeneratorError(
                [_problem(str(bearer_token_file), f"cannot be read: {error.strerror}", "name the file with the token")]
            ) from error

    def work(exchange: Exchange[Any]) -> tuple[int, bytes]:
        with session() as made, made.get(url, headers=headers, stream=True, timeout=WITHIN) as answer:
            parts, size = [], 0
            for part in answer.iter_content(1 << 16):
                parts.append(part)
                size += len(part)
                if size > largest or exchange.over:
                    break
            return answer.status_code, b"".join(parts)

    try:
        status, raw = Exchange[tuple[int, bytes]](work).within(WITHIN)
    except LateError as error:
        raise GeneratorError(
            [_problem(url, f"has not answered within {WITHIN:g} s", "is it the address of a metrics page?")]
        ) from error
    except (requests.RequestException, OSError, ValueError) as error:
        raise GeneratorError(
            [_problem(url, f"cannot be read: {_reason(error)}", "is the server up, and is this its address?")]
        ) from error
    if status != requests.codes.ok:
        fix = (
            "name the file with its token: --bearer-token-file"
            if status in (401, 403)
            else "name the address of its metrics page"
        )
        raise GeneratorError([_problem(url, f"answered {status}", fix)])
    return raw


def _reason(error: Exception) -> str:
    import requests

    from generator.validate.probe import broken

    wrong = (requests.exceptions.InvalidURL, requests.exceptions.InvalidSchema)
    return "it is no address" if isinstance(error, wrong) else broken(error)


def _problem(place: str, what: str, fix: str) -> Problem:
    return Problem(short(place).strip("'"), 1, what, fix)
