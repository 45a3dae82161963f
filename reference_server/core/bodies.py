"""Reading requests: bounded bodies, JSON, ids. What is wrong is told in the real server's words."""

from __future__ import annotations

import contextlib
import uuid
from collections.abc import AsyncIterator
from typing import Any, ClassVar, Self

from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response

from reference_server.core import strict
from reference_server.core.turns import turn

BAD, NOT_FOUND, TOO_LARGE, WRONG, UNAVAILABLE = 400, 404, 413, 422, 503

#: Most bytes of bodies that are being received, all requests together.
MOST_COMING_BYTES = 32 * 1024 * 1024


class _Incoming:
    """A body that is coming, and the bytes of all that are: connections are many, and each may send a large one."""

    total: ClassVar[int] = 0

    def __init__(self, most: int) -> None:
        self.chunks = bytearray()
        self._most = most

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        _Incoming.total -= len(self.chunks)

    def take(self, chunk: bytes) -> None:
        """Keep a chunk, if there is room for it."""
        if _Incoming.total + len(chunk) > self._most:
            raise HTTPException(UNAVAILABLE, "Too many large requests at once")
        _Incoming.total += len(chunk)
        self.chunks += chunk


@contextlib.asynccontextmanager
async def body(request: Request, most_bytes: int, coming: int = MOST_COMING_BYTES) -> AsyncIterator[bytes]:
    """Read a body of at most `most_bytes`, and yield it in turn: what is made of it may be larger.

    Args:
        request: The request. While it is worked on, its client is not waited for.
        most_bytes: Bound on this body.
        coming: Bound on all bodies that are being received, or wait for their turn.

    Raises:
        HTTPException: It is larger: 413. The client went away before its end: 400. Too many large ones come at once: 503.

    """
    with _Incoming(coming) as incoming:
        try:
            async for chunk in request.stream():
                incoming.take(chunk)
                if len(incoming.chunks) > most_bytes:
                    raise HTTPException(TOO_LARGE, f"Request body too large (limit: {most_bytes} bytes)")
        except ClientDisconnect:
            raise HTTPException(BAD, "The client went away in the middle of its request") from None
        async with turn(len(incoming.chunks)):
            yield bytes(incoming.chunks)


@contextlib.asynccontextmanager
async def fields(request: Request, most_bytes: int, coming: int = MOST_COMING_BYTES) -> AsyncIterator[dict[str, Any]]:
    """Read a body that is a JSON object; all else as for `body`.

    Raises:
        HTTPException: It is too large, no JSON, or no object.

    """
    async with body(request, most_bytes, coming) as raw:
        try:
            found = strict.parse(raw)
        except strict.TooManyError as error:
            raise HTTPException(TOO_LARGE, f"Request body too large ({error})") from None
        except ValueError:
            raise HTTPException(WRONG, "Invalid JSON in request body") from None
        if not isinstance(found, dict):
            raise HTTPException(WRONG, f"{str(found)[:80]!r} is not of type 'object'")
        yield found


def identifier(request: Request, name: str, what: str) -> str:
    """Return an id from the path, as a UUID is usually written.

    Raises:
        HTTPException: It is no UUID.

    """
    text: str = request.path_params[name]
    try:
        return str(uuid.UUID(text))
    except ValueError:
        raise HTTPException(WRONG, f"Invalid {what} ID: must be a UUID") from None


def http_error(_: Request, error: Exception) -> Response:
    """Answer with an error as the real server does."""
    assert isinstance(error, HTTPException)  # noqa: S101 - registered for nothing else
    return JSONResponse({"detail": error.detail}, error.status_code, headers=error.headers)


def bad_value(_: Request, error: Exception) -> Response:
    """Answer to a value that Python could not read, such as `check_db=x`."""
    return JSONResponse({"detail": str(error)}, BAD)


#: What answers when a handler raises.
HANDLERS: dict[Any, Any] = {HTTPException: http_error, ValueError: bad_value}
