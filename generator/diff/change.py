"""One difference, and how much it matters."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Rank = Literal["breaking", "behaviour", "cosmetic"]

#: Rank to what it means, the worst first.
RANKS: dict[Rank, str] = {
    "breaking": "a silence, a route, a link or a reader of yours may not find it any more",
    "behaviour": "it fires, records or shows something else",
    "cosmetic": "it reads or looks different",
}


@dataclass(frozen=True, slots=True)
class Change:
    """One difference.

    Attributes:
        rank: How much it matters.
        kind: What it is about: alert, record, board, panel, variable.
        name: What that is called.
        what: What differs, a phrase.

    """

    rank: Rank
    kind: str
    name: str
    what: str

    def __str__(self) -> str:
        """Show the change as a line without its rank."""
        return f"{self.kind} {self.name}: {self.what}"
