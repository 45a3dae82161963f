"""A server's answer, not trusted yet: every way to take a value out of it looks whether it has the right shape."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

#: What JSON has, as a sentence names it.
_KINDS = ((bool, "true or false"), (str, "a text"), ((int, float), "a number"), (list, "a list"), (dict, "an object"))

#: Most characters of a key that are shown.
_KEY = 60


@dataclass(frozen=True, slots=True)
class Answer:
    """One value of an answer. What is not there is as good as null: servers leave out what is empty.

    Attributes:
        value: The value as it was parsed.
        place: Where it stands in the answer; empty for the answer itself.
        odd: Makes the error for a value of a wrong shape out of a sentence about it.

    """

    value: Any
    place: str
    odd: Callable[[str], Exception]

    def __bool__(self) -> bool:
        """Say whether there is a value at all; null is none."""
        return self.value is not None

    def get(self, *keys: str) -> Answer:
        """Return a field of an object, or of objects in one another."""
        found = self
        for key in keys:
            found = found._at(key, found._object().get(key))
        return found

    def fields(self) -> dict[str, Answer]:
        """Return the fields of an object by name; none where there is no value."""
        return {str(key): self._at(str(key), value) for key, value in self._object().items()}

    def items(self) -> list[Answer]:
        """Return the items of a list in order; none where there is no value."""
        listed = self._typed(list, "a list", [])
        return [Answer(value, f"{self.place}[{number}]", self.odd) for number, value in enumerate(listed)]

    def one(self, number: int) -> Answer:
        """Return an item of a list that has to have it."""
        listed = self.items()
        if number >= len(listed):
            raise self.wrong(f"a list of {len(listed)}, and {number + 1} are needed")
        return listed[number]

    def text(self) -> str:
        """Return a text; the empty one where there is no value."""
        found: str = self._typed(str, "a text", "")
        return found

    def word(self) -> str:
        """Return a text, or how a number or a truth is written as one: YAML knows several spellings."""
        if isinstance(self.value, bool):
            return str(self.value).lower()
        return f"{self.value:g}" if isinstance(self.value, (int, float)) else self.text()

    def flag(self) -> bool:
        """Return a truth; false where there is no value."""
        found: bool = self._typed(bool, "true or false", False)
        return found

    def texts(self) -> list[str]:
        """Return a list of texts."""
        return [item.text() for item in self.items()]

    def labels(self) -> dict[str, str]:
        """Return an object of texts."""
        return {name: value.text() for name, value in self.fields().items()}

    def number(self) -> float:
        """Return a finite number, also one that is written as a text; 0 where there is no value."""
        if self.value is None:
            return 0.0
        found = self.sample()
        if not math.isfinite(found):
            raise self.wrong(f"{found:g}", "a finite number")
        return found

    def sample(self) -> float:
        """Return a sample's value, which may be NaN or infinite."""
        if isinstance(self.value, bool) or not isinstance(self.value, (int, float, str)):
            raise self.wrong(_kind(self.value), "a number")
        try:
            return float(self.value)
        except (ValueError, OverflowError):
            raise self.wrong("no number", "a number") from None

    def wrong(self, is_: str, wanted: str = "") -> Exception:
        """Make the error that says what the value is and what it had to be."""
        instead = f", and {wanted} is needed" if wanted else ""
        return self.odd(f"{self.place or 'the answer'} is {is_}{instead}")

    def _at(self, key: str, value: Any) -> Answer:
        short = key if len(key) <= _KEY else key[:_KEY] + "…"
        return Answer(value, f"{self.place}.{short}" if self.place else short, self.odd)

    def _object(self) -> dict[Any, Any]:
        found: dict[Any, Any] = self._typed(dict, "an object", {})
        return found

    def _typed(self, kind: type, wanted: str, empty: Any) -> Any:
        if self.value is None:
            return empty
        if not isinstance(self.value, kind):
            raise self.wrong(_kind(self.value), wanted)
        return self.value


def _kind(value: Any) -> str:
    return next((name for kind, name in _KINDS if isinstance(value, kind)), "nothing")


def walk(value: Any) -> Iterator[Any]:
    """Yield a parsed value and everything in it."""
    todo = [value]
    while todo:
        here = todo.pop()
        yield here
        if isinstance(here, dict):
            todo.extend(here.values())
        elif isinstance(here, list):
            todo.extend(here)
