"""Which systems there are to simulate beside the Agent Server, and where their models are. Imports one when it is asked for."""

from __future__ import annotations

import functools
from importlib import import_module

from reference_server.core.rates.model import Model

AGENT_SERVER = "agent_server"

#: Systems with a model: packages of this one that have `MODEL`.
OTHERS = ("langsight", "agentgateway", "langsmith")


@functools.cache
def model(system: str) -> Model:
    """Return the model of a system.

    Raises:
        ModuleNotFoundError: There is no such system.

    """
    found: Model = import_module(f"reference_server.{system}").MODEL
    return found
