"""Every error this package raises, and the one form in which problems are shown.

* GeneratorError
  - CatalogueError: the YAML catalogue is wrong
  - ConfigError: bundle.yaml is wrong
  - BundleError: boards or alerts misuse the catalogue
* QueryError: one misuse; raised by the query builder, gathered into a BundleError

Every GeneratorError carries all problems found, not only the first.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, order=True)
class Problem:
    """One thing that is wrong, and where.

    Attributes:
        path: The file, relative to the repository root where it lies below it.
        line: Its line, from 1.
        what: What was found, values quoted.
        fix: What to write instead.

    """

    path: str
    line: int
    what: str
    fix: str

    def __str__(self) -> str:
        """Show the problem in the one form that every command prints."""
        return f"{self.path}:{self.line}: {self.what}; {self.fix}"


class GeneratorError(Exception):
    """Base of every error that reaches the command line. `problems` is sorted by place, without repeats."""

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems = sorted(set(problems))
        super().__init__("\n".join(map(str, self.problems)))


class CatalogueError(GeneratorError):
    """The YAML catalogue is wrong."""


class ConfigError(GeneratorError):
    """The configuration file is wrong. `left` is what a `config.read` makes of the rest of it, for further checks."""

    def __init__(self, problems: Iterable[Problem], left: object = None) -> None:
        super().__init__(problems)
        self.left = left


class BundleError(GeneratorError):
    """Boards or alerts misuse the catalogue."""


class QueryError(Exception):
    """A query does not fit its metric. The text is `what; fix`."""

    def __init__(self, what: str, fix: str) -> None:
        self.what, self.fix = what, fix
        super().__init__(f"{what}; {fix}")


def nearest(word: str, known: Sequence[str], *, otherwise: str) -> str:
    """Return "did you mean 'x'?" for the known word nearest to `word`, else `otherwise`."""
    near = difflib.get_close_matches(word[:100], known, n=1, cutoff=0.65)
    return f"did you mean {near[0]!r}?" if near else otherwise
