"""Waiting until a bundle has settled: every target scraped, every rule group evaluated at least twice.

Groups that are evaluated less often than once a minute are not waited for: what has no turn yet is `pending`.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator

from generator.validate.probe import AbsentError, ProbeError
from generator.validate.prometheus import Prometheus, RuleGroup

#: Seconds between the first looks. A look reads every rule: later ones are a twentieth of what was waited so far apart, so
#: that a server that takes minutes is not asked hundreds of times.
LOOK_SECONDS = 0.5

#: The longest interval, in seconds, of a group that is waited for.
LONGEST_SECONDS = 60.0


def settle(
    prometheus: Prometheus, ruler: Prometheus, limit: float, report: Callable[[str], None], *, targets: bool = True
) -> bool:
    """Wait until the bundle has settled.

    Args:
        prometheus: Who scrapes.
        ruler: Who evaluates.
        limit: Seconds.
        report: Is called with what is waited for.
        targets: There has to be some target.

    Returns:
        Whether it has within `limit` seconds.

    Raises:
        GoneError: A server stopped answering.

    """
    begun = time.monotonic()
    end = begun + limit
    seen: dict[tuple[str, str], set[float]] = {}
    while True:
        missing = list(_unsettled(prometheus, ruler, seen, targets=targets))
        if not missing:
            return True
        now = time.monotonic()
        if now >= end:
            return False
        report(f"waiting for {missing[0]}" + (f" and {len(missing) - 1} more" if len(missing) > 1 else ""))
        time.sleep(min(max(LOOK_SECONDS, (now - begun) / 20), max(0.01, end - now)))


def _unsettled(
    prometheus: Prometheus, ruler: Prometheus, seen: dict[tuple[str, str], set[float]], *, targets: bool
) -> Iterator[str]:
    """Yield what is not there yet. A server that cannot say is not waited for; one that does not answer yet is."""
    try:
        found = prometheus.targets()
        if targets and not found:
            # Prometheus hands over what it discovered every five seconds only.
            yield "the first target"
        yield from (f"the first scrape of {t.url}" for t in found if not t.last_scrape)
    except AbsentError:
        pass
    except ProbeError as error:
        yield error.what
    try:
        since = _since(ruler)
        for group in ruler.groups():
            if group.interval > LONGEST_SECONDS:
                continue
            times = seen.setdefault((group.file, group.name), set())
            times.update({group.last_evaluation} - {0.0})
            if not _twice(group, times, since):
                yield f"the rule group {group.name}"
    except AbsentError:
        pass
    except ProbeError as error:
        yield error.what


def _twice(group: RuleGroup, times: set[float], since: float) -> bool:
    """Say whether a group was evaluated twice: it was seen, or so much time lies between its loading and its last evaluation."""
    return len(times) > 1 or bool(since and group.last_evaluation - since > group.interval)


def _since(ruler: Prometheus) -> float:
    try:
        return ruler.started()
    except ProbeError:
        return 0.0
