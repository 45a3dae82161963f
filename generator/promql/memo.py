"""A function that remembers its last answer: the text of a query is asked for several times in one scope, by board and rule."""

from __future__ import annotations

from collections.abc import Callable
from typing import Generic, TypeVar

A = TypeVar("A")
B = TypeVar("B")


class Memo(Generic[A, B]):
    """A pure function of one frozen value. It computes anew when it is called with another value than the time before."""

    __slots__ = ("_function", "_last")

    def __init__(self, function: Callable[[A], B]) -> None:
        self._function = function
        self._last: tuple[A, B] | None = None

    def __call__(self, value: A) -> B:
        """Return what the function gives for `value`."""
        last = self._last  # at once: another thread may set it
        if last is None or last[0] is not value:  # the very same value is quicker found than an equal one
            self._last = last = (value, self._function(value))
        return last[1]
