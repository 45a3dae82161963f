"""Flags and environment of a process of a system whose metrics follow from rates, as one frozen value.

The variables of the system itself are its model's business.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from reference_server.core.rates.model import Model
from reference_server.core.settings import COMMON, SettingsError, sources

ROLE = ("--role", "AGENT_REFERENCE_ROLE")


@dataclass(frozen=True, slots=True)
class ServiceSettings:
    """One process.

    Attributes:
        system: Which system.
        role: Whose page is at /metrics; empty for the system's first role.
        host, port: Where it listens; port 0 takes a free one.
        scenario: Name of a shipped scenario of the system, or path of a file; empty for an ordinary day.
        time_scale: Virtual seconds per second.
        seed: Of every random number.
        hosts: Names under which requests that change something may call it, beside loopback's.

    """

    system: str
    role: str = ""
    host: str = "127.0.0.1"
    port: int = 0
    scenario: str = ""
    time_scale: float = 1.0
    seed: int = 1
    hosts: tuple[str, ...] = ()


def read(model: Model, flags: Mapping[str, str], environment: Mapping[str, str]) -> ServiceSettings:
    """Return the settings of a process of the model's system, of flags (by field name) and environment.

    Raises:
        SettingsError: Some value cannot be used; carries every problem.

    """
    values: dict[str, object] = {}
    problems: list[str] = []
    for field in COMMON:
        for source, text in sources(field, flags, environment)[:1]:
            try:
                values[field.name] = field.read(text)
            except (ValueError, KeyError):
                problems.append(f"{source} is {text!r}; wanted: {field.wanted}")
    role = flags.get("role") or environment.get(ROLE[1], "")
    if role and role not in model.roles:
        source = ROLE[0] if flags.get("role") else ROLE[1]
        problems.append(f"{source} is {role!r}; wanted: one of {', '.join(filter(None, model.roles)) or 'no role'}")
    foreign = sorted(flags.keys() - {*(field.name for field in COMMON), "role"})
    problems += [f"--{name.replace('_', '-')} is for the Agent Server; leave it out" for name in foreign]
    if problems:
        raise SettingsError(problems)
    values.setdefault("port", model.port(role or next(iter(model.roles))))
    return ServiceSettings(model.system, role, **values)  # type: ignore[arg-type]  # each came out of its field's reader
