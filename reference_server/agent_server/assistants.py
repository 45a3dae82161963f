"""The one assistant that a run can name."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from starlette.exceptions import HTTPException

from reference_server.agent_server.behaviour import ASSISTANT, GRAPH
from reference_server.core.bodies import WRONG

ASSISTANTS = {GRAPH, ASSISTANT}


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
