"""How a setting is written and read: its flag, its variables, its reader. Flag first, then environment, then default.

What every simulated system takes (address, scenario, clock) is here; each system has the rest of its own. Reads
nothing by itself: flags and environment come as arguments.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass

#: The words that the real server takes for a switch (Starlette's `Config`).
BOOLEANS = {"true": True, "1": True, "false": False, "0": False}

HIGHEST_PORT = 65535


class SettingsError(Exception):
    """Values that cannot be used; `problems` has one sentence each: the name, the value, what is wanted."""

    def __init__(self, problems: list[str]) -> None:
        super().__init__("\n".join(problems))
        self.problems = problems


@dataclass(frozen=True, slots=True)
class Field:
    """How one field is written: its flag, its variables (the first that is not empty wins), its reader."""

    name: str
    flag: str
    variables: tuple[str, ...]
    read: Callable[[str], object]
    wanted: str


def boolean(text: str) -> bool:
    """Return the switch that a text is; a KeyError for any other word."""
    return BOOLEANS[text.lower()]


def one_of(words: tuple[str, ...]) -> Callable[[str], str]:
    """Return a reader of one of `words`; it raises a ValueError for any other."""

    def read(text: str) -> str:
        if text not in words:
            raise ValueError(text)
        return text

    return read


def integer(low: int, high: float = math.inf) -> Callable[[str], int]:
    """Return a reader of a whole number from `low` to `high`; it raises a ValueError for anything else."""

    def read(text: str) -> int:
        value = int(text)
        if not low <= value <= high:
            raise ValueError(text)
        return value

    return read


def positive(text: str) -> float:
    """Return a finite number above 0; a ValueError for anything else."""
    value = float(text)
    if not 0 < value < math.inf:
        raise ValueError(text)
    return value


def hosts(text: str) -> tuple[str, ...]:
    """Return the host names of a list with commas; a ValueError for anything else."""
    names = tuple(name.strip().lower() for name in text.split(",") if name.strip())
    if not all(re.fullmatch(r"[a-z0-9._-]+", name) for name in names):
        raise ValueError(text)
    return names


#: What is wanted of a switch and of a count, as messages say it.
BOOLEAN = "true, 1, false or 0"
COUNT = "a whole number, at least 1"

HOST = Field("host", "--host", ("LANGGRAPH_SERVER_HOST",), str, "an address to listen on")
PORT = Field("port", "--port", ("PORT",), integer(0, HIGHEST_PORT), "a port, 0 to 65535")
SCENARIO = Field("scenario", "--scenario", ("AGENT_REFERENCE_SCENARIO",), str, "a scenario's name or file")
TIME_SCALE = Field("time_scale", "--time-scale", ("AGENT_REFERENCE_TIME_SCALE",), positive, "a number above 0")
SEED = Field("seed", "--seed", ("AGENT_REFERENCE_SEED",), int, "a whole number")
HOSTS = Field("hosts", "--hosts", ("AGENT_REFERENCE_HOSTS",), hosts, "host names with commas between them")

#: Fields that mean the same in every system, in the order in which problems are printed.
COMMON = (HOST, PORT, SCENARIO, TIME_SCALE, SEED, HOSTS)

#: Fields for which an empty text counts as unset, so that the next source is read.
EMPTY_IS_UNSET = frozenset({"datadog_key", "datadog_host", "host", "scenario", "join", "secret_file"})


def sources(field: Field, flags: Mapping[str, str], environment: Mapping[str, str]) -> list[tuple[str, str]]:
    """Return where a field is written and what stands there, the winner first."""
    found = [(field.flag, flags[field.name])] if field.name in flags else []
    found += [(name, environment[name]) for name in field.variables if name in environment]
    return [pair for pair in found if pair[1] or field.name not in EMPTY_IS_UNSET]
