"""Spans as clients send them: batches of LangSight's SDK, and OTLP exports. Reads and checks; stores nothing.

Source: `api/routers/traces.py` of LangSight; https://opentelemetry.io/docs/specs/otlp/#json-protobuf-encoding
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

#: What an event of the live feed says about a span, in its order.
FIELDS = ("session_id", "agent_name", "server_name", "tool_name", "status", "latency_ms")

#: Without these a span is refused.
REQUIRED = ("server_name", "tool_name")

#: Attributes that make an OTLP span a tool call or a model's answer.
_TELLING = (
    "gen_ai.tool.name", "mcp.tool.name", "gen_ai.prompt", "gen_ai.completion", "gen_ai.usage.input_tokens",
    "gen_ai.usage.output_tokens",
)  # fmt: skip

#: A span called `mcp.SERVER.TOOL` is a tool call by its name.
_NAMED = 3


class MalformedError(ValueError):
    """The body is no batch."""


def read(body: bytes) -> list[dict[str, Any]]:
    """Read a batch of the SDK; each span has `FIELDS` and no others.

    Raises:
        MalformedError: No JSON list of spans.

    """
    given = _parsed(body)
    if not isinstance(given, list):
        raise MalformedError("Input should be a valid list")
    return [_span(span) for span in given]


def _span(given: Any) -> dict[str, Any]:
    if not isinstance(given, dict):
        raise MalformedError("Input should be a valid dictionary or object to extract fields from")
    for name in REQUIRED:
        if not isinstance(given.get(name), str):
            raise MalformedError(f"{name}: Field required")
    defaults = {"status": "success"}
    return {name: given.get(name, defaults.get(name)) for name in FIELDS}


def extracted(body: bytes) -> list[Mapping[str, Any]]:
    """Read an OTLP export and keep the spans that are tool calls or answers of a model.

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
        return json.loads(body)
    except (ValueError, RecursionError):
        raise MalformedError("JSON decode error") from None
