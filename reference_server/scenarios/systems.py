"""Which systems there are to simulate: the packages of this one that have a model, found on disk and imported on demand."""

from __future__ import annotations

import functools
import pkgutil
from importlib import import_module
from pathlib import Path

from generator.errors import nearest
from reference_server.agent_server import AGENT_SERVER
from reference_server.core.rates.model import Model
from reference_server.core.settings import SettingsError

ROOT = Path(__file__).parent.parent

#: Systems whose metrics follow from rates, in alphabetical order: packages that have a module `model`.
SERVICES = tuple(
    sorted(m.name for m in pkgutil.iter_modules([str(ROOT)]) if m.ispkg and (ROOT / m.name / "model.py").exists())
)

#: All systems, the Agent Server first.
SYSTEMS = (AGENT_SERVER, *SERVICES)


@functools.cache
def model(system: str) -> Model:
    """Return the model of a system.

    Raises:
        SettingsError: There is no such system, or it is the Agent Server, which is no `Model`.

    """
    if system not in SERVICES:
        raise SettingsError([f"--system is {system!r}; {nearest(system, SYSTEMS, otherwise=_KNOWN)}"])
    found: Model = import_module(f"reference_server.{system}.model").MODEL
    return found


_KNOWN = f"use one of {', '.join(SYSTEMS)}"
