"""Reading requests: bounded bodies, JSON, ids. What is wrong is told in the real server's words."""

from __future__ import annotations

import json
import uuid
from collections.abc import Mapping
from typing import Any

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from reference_server.acts import ASSISTANT, GRAPH

BAD, NOT_FOUND, TOO_LARGE, WRONG = 400, 404, 413, 422

ASSISTANTS = {GRAPH, ASSISTANT}


async def body(request: Request, most_bytes: int) -> bytes:
    """Read a body of at most `most_bytes`.

    Raises:
        HTTPException: It is larger: 413.

    """
    chunks = bytearray()
    async for chunk in request.stream():
        chunks += chunk
        if len(chunks) > most_bytes:
            raise HTTPException(TOO_LARGE, f"Request body too large (limit: {most_bytes} bytes)")
    return bytes(chunks)


async def fields(request: Request, most_bytes: int) -> dict[str, Any]:
    """Read a body that is a JSON object.

    Raises:
        HTTPException: It is too large, no JSON, or no object.

    """
    raw = await body(request, most_bytes)
    try:
        found = json.loads(raw)
    except (ValueError, RecursionError):
        raise HTTPException(WRONG, "Invalid JSON in request body") from None
    if not isinstance(found, dict):
        raise HTTPException(WRONG, f"{str(found)[:80]!r} is not of type 'object'")
    return found


def known_assistant(given: Mapping[str, Any]) -> None:
    """Check that a run names the one assistant.

    Raises:
        HTTPException: It names none, or another one.

    """
    if "assistant_id" not in given:
        raise HTTPException(WRONG, '"assistant_id" is a required property')
    name = str(given["assistant_id"])[:80]
    if name not in ASSISTANTS:
        known = f"Must be either:\n- A valid assistant UUID, or\n- One of the registered graphs: {GRAPH}"
        raise HTTPException(WRONG, f"Invalid assistant: {name!r}. {known}")


def identifier(request: Request, name: str, what: str) -> str:
    """Read an id from the path.

    Raises:
        HTTPException: It is no UUID.

    """
    text: str = request.path_params[name]
    try:
        return str(uuid.UUID(text))
    except ValueError:
        raise HTTPException(WRONG, f"Invalid {what} ID: must be a UUID") from None


def told(_: Request, error: Exception) -> Response:
    """Answer with an error as the real server does."""
    assert isinstance(error, HTTPException)  # noqa: S101 - registered for nothing else
    return JSONResponse({"detail": error.detail}, error.status_code, headers=error.headers)


def bad_value(_: Request, error: Exception) -> Response:
    """Answer to a value that Python could not read, such as `check_db=x`."""
    return JSONResponse({"detail": str(error)}, BAD)
