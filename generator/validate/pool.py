"""Some things at a time, in threads that cannot keep the process alive."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator
from typing import TypeVar

T = TypeVar("T")
R = TypeVar("R")

#: Requests under way at once: enough to hide the way to a server, few enough not to be a load for it.
WORKERS = 8


def spread(function: Callable[[T], R], items: Iterable[T], workers: int = WORKERS) -> Iterator[R]:
    """Yield `function(item)` for each item in order, up to `workers` at a time.

    The first exception, in order, passes through. When the caller stops, nothing further is begun; what is under way is
    left to end by itself, and a process that ends does not wait for it.
    """
    todo = list(items)
    results: dict[int, tuple[bool, object]] = {}
    changed = threading.Condition()
    state = {"next": 0, "stop": False}

    def work() -> None:
        while True:
            with changed:
                number = state["next"]
                if state["stop"] or number >= len(todo):
                    return
                state["next"] = number + 1
            try:
                result: tuple[bool, object] = (True, function(todo[number]))
            except BaseException as error:  # noqa: BLE001 - handed over to the caller's thread
                result = (False, error)
            with changed:
                results[number] = result
                changed.notify_all()

    threads = [threading.Thread(target=work, daemon=True) for _ in range(min(workers, len(todo)))]
    for thread in threads:
        thread.start()
    try:
        for number in range(len(todo)):
            with changed:
                # With a limit: a wait without one cannot be interrupted on every platform.
                while number not in results:
                    changed.wait(1)
                good, value = results.pop(number)
            if not good:
                raise value  # type: ignore[misc]  # it was caught as an exception
            yield value  # type: ignore[misc]  # it is what `function` returned
    finally:
        with changed:
            state["stop"] = True
