"""Versions of a target system: which are in the field, and what they have."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache

#: How an operator says which versions are in the field.
_TEXT = re.compile(r"(?P<op>>=|<=)?\s*(?P<first>\d+(\.\d+)*)(\s*-\s*(?P<last>\d+(\.\d+)*))?")


@lru_cache(maxsize=4096)  # every page of an older server asks for the same few, at every scrape
def version_key(version: str) -> tuple[int, ...]:
    """Return a version as numbers that compare in the order of release; empty is before all others."""
    return tuple(int(part) for part in version.split(".") if part)


@dataclass(frozen=True, slots=True)
class Versions:
    """The versions in the field, from `first` to `last`, both among them; empty has no bound. `1.4` has every `1.4.x`."""

    first: str = ""
    last: str = ""

    @classmethod
    def read(cls, text: str) -> Versions | None:
        """Return what `1.4.1`, `1.2 - 1.4.1`, `>=1.2` or `<=1.4` says; None for another text, or a range without a version."""
        found = _TEXT.fullmatch(text.strip())
        if found is None or (found["op"] and found["last"]):
            return None
        first, last = found["first"], found["last"] or found["first"]
        made = cls("" if found["op"] == "<=" else first, "" if found["op"] == ">=" else last)
        return made if not made.last or _upto(made.first, made.last) else None

    def has(self, since: str, until: str = "") -> bool:
        """Say whether any of these versions has what exists from `since` on, until before `until`."""
        early = bool(self.last) and not _upto(since, self.last)
        late = bool(until) and bool(self.first) and _order(until) <= _order(self.first)
        return not early and not late

    def partly(self, since: str) -> bool:
        """Say whether some of these versions are older than `since`."""
        return bool(since) and _order(since) > _order(self.first)

    def __str__(self) -> str:
        """Show the versions as an operator writes them."""
        if self.first and self.last:
            return self.first if self.first == self.last else f"{self.first} - {self.last}"
        return f">={self.first}" if self.first else f"<={self.last}" if self.last else "every version"


def _upto(version: str, last: str) -> bool:
    bound = version_key(last)
    return version_key(version)[: len(bound)] <= bound


def _order(version: str) -> tuple[int, ...]:
    """Return a key for which `0.11` and `0.11.0` are one."""
    key = version_key(version)
    while key and key[-1] == 0:
        key = key[:-1]
    return key
