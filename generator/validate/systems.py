"""Which systems are judged: names that someone gave, checked against the configuration."""

from __future__ import annotations

import re
from collections.abc import Sequence

from generator.config.settings import Config
from generator.errors import GeneratorError, Problem, nearest

#: In the place of a name: every system that is enabled.
ALL = "all"


def chosen(words: Sequence[str], config: Config, source: str) -> tuple[str, ...]:
    """Return the systems that are named, each once, in the order of the configuration; none for all that are enabled.

    Args:
        words: Names, or several of them with commas between; an empty name is none.
        config: The installation.
        source: Where the words come from, for what is said about them.

    Raises:
        GeneratorError: A name is no enabled system; carries one problem per name.

    """
    names = [name for word in words for name in re.split(r"[,\s]+", word) if name]
    on = [name for name, system in config.systems.items() if system.enabled]
    problems = []
    for name in names:
        if name in config.systems and name not in on:
            problems.append(Problem(source, 1, f"the system {name!r} is off in the configuration", _use(on)))
        elif name not in (*on, ALL):
            problems.append(Problem(source, 1, f"{name!r} is no system", nearest(name, [*on, ALL], otherwise=_use(on))))
    if problems:
        raise GeneratorError(problems)
    return tuple(name for name in on if name in names or ALL in names)


def _use(names: Sequence[str]) -> str:
    return f"use one of {', '.join((*names, ALL))}"
