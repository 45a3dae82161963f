"""Spans as clients send them: batches of LangSight's SDK, and OTLP exports. Reads and checks; stores nothing.

Source: `api/routers/traces.py` of LangSight; https://opentelemetry.io/docs/specs/otlp/#json-protobuf-encoding
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any
from uuid import UUID

from reference_server.core import strict

#: What an event of the live feed says about a span, in its order.
FIELDS = ("session_id", "agent_name", "server_name", "tool_name", "status", "latency_ms")

#: The same in the code.
FIELDS_OF_CODE = ("project_id", *FIELDS, "started_at")

#: Without these a span is refused; the code wants more of them, and a session that is a UUID.
REQUIRED = ("server_name", "tool_name")
REQUIRED_OF_CODE = (*REQUIRED, "started_at", "ended_at", "status")

#: Attributes that make an OTLP span a tool call or a model's answer.
_TELLING = (
    "gen_ai.tool.name", "mcp.tool.name", "gen_ai.prompt", "gen_ai.completion", "gen_ai.usage.input_tokens",
    "gen_ai.usage.output_tokens",
)  # fmt: skip

#: A span called `mcp.SERVER.TOOL` is a tool call by its name.
_NAMED = 3


class MalformedError(ValueError):
    """The body is no batch."""


def read(body: bytes, *, documented: bool = True) -> list[dict[str, Any]]:
    """Return the spans of a batch of the SDK; each span has `FIELDS_OF_CODE` and no others.

    Args:
        body: As it was sent.
        documented: Which fields a span must have: those of the documentation, or those of the code.

    Raises:
        MalformedError: No JSON list of spans.

    """
    given = _parsed(body)
    if not isinstance(given, list):
        raise MalformedError("Input should be a valid list")
    return [_span(span, documented=documented) for span in given]


def _span(given: Any, *, documented: bool) -> dict[str, Any]:
    if not isinstance(given, dict):
        raise MalformedError("Input should be a valid dictionary or object to extract fields from")
    for name in REQUIRED if documented else REQUIRED_OF_CODE:
        if not isinstance(given.get(name), str):
            raise MalformedError(f"{name}: Field required")
    if not documented and given.get("session_id") is not None and not _is_uuid(given["session_id"]):
        raise MalformedError("session_id: Input should be a valid UUID")
    defaults = {"status": "success", "project_id": ""}
    return {name: given.get(name, defaults.get(name)) for name in FIELDS_OF_CODE}


def _is_uuid(value: Any) -> bool:
    try:
        return bool(UUID(value))
    except (ValueError, AttributeError, TypeError):
        return False


def extracted(body: bytes) -> list[Mapping[str, Any]]:
    """Return the spans of an OTLP export that are tool calls or answers of a model.

    Raises:
        MalformedError: No JSON object.

    """
    given = _parsed(body)
    if not isinstance(given, dict):
        raise MalformedError("Input should be a valid dictionary")
    return [span for span in _every(given) if _tells(span)]


def _every(given: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    for resource in _dicts(given.get("resourceSpans")):
        for scope in _dicts(resource.get("scopeSpans")):
            yield from _dicts(scope.get("spans"))


def _dicts(value: Any) -> Iterator[Mapping[str, Any]]:
    return (item for item in value if isinstance(item, dict)) if isinstance(value, list) else iter(())


def _tells(span: Mapping[str, Any]) -> bool:
    keys = {attribute.get("key") for attribute in _dicts(span.get("attributes"))}
    parts = str(span.get("name", "")).split(".", _NAMED - 1)
    return not keys.isdisjoint(_TELLING) or (parts[0] == "mcp" and len(parts) == _NAMED)


def _parsed(body: bytes) -> Any:
    try:
        return strict.parse(body)
    except ValueError:
        raise MalformedError("JSON decode error") from None
