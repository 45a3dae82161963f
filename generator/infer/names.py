"""What names say by convention: units, closed sets of label values, and the golden signals.

Source: https://prometheus.io/docs/practices/naming/
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from generator.units import UNITS

#: The last words of a name, its `_total` taken off, and the unit that they say.
_ENDINGS: Mapping[str, str] = {
    "timestamp_seconds": "unixtime",
    "time_seconds": "seconds",
    "seconds": "seconds",
    "milliseconds": "milliseconds",
    "ms": "milliseconds",
    "bytes": "bytes",
    "mebibytes": "mebibytes",
    "ratio": "ratio",
    "usd": "USD",
}

#: A time of day in seconds is one of these and above: the year 2001.
EPOCH = 1e9

#: Words of labels whose values nobody bounds.
OPEN = (
    "id",
    "path",
    "url",
    "uri",
    "route",
    "query",
    "user",
    "client",
    "session",
    "trace",
    "address",
    "ip",
    "host",
    "pod",
    "name",
)

#: Labels by which requests that failed are known, and how.
FAILED: Mapping[str, str] = {"status": "5..", "status_code": "5..", "code": "5..", "class": "5xx"}
OUTCOMES = ("error", "errors", "failed", "failure", "timeout")

#: Words that stand before `requests` where a server counts what it was asked, and nothing of its own.
REQUEST_WORDS = frozenset(
    {"http", "https", "grpc", "rpc", "api", "server", "frontend", "backend", "inbound", "handled", "total"}
)

#: Ends of the names of what waits.
_WAITING = re.compile(
    r"(^|_)(queue|queued|pending|backlog|waiting|queue_(depth|length|size)|in_queue|(waiting|pending|queued)_[a-z]+)$"
)

#: Words of things that can run out.
_RESOURCES = frozenset({
    "connections", "connection", "conns", "pool", "workers", "threads", "slots", "sessions", "fds", "clients", "memory",
    "entries", "files", "sockets", "jobs",
})  # fmt: skip

#: Words of what is set, timed or kept apart: neither in use nor waiting.
_SET = frozenset({
    "idle", "free", "available", "variables", "settings", "setting", "config", "time", "seconds", "average", "limit", "max",
    "min", "offset", "active", "enabled", "timeout", "rate", "buffers",
})  # fmt: skip


def holds(name: str) -> bool:
    """Say whether a gauge is of something that can run out."""
    words = {*name.split("_")}
    return bool(words & _RESOURCES) and not words & _SET - {"active"}


def waits(name: str, kind_unit: str) -> bool:
    """Say whether a gauge is of what waits."""
    return (
        kind_unit not in ("bytes", "seconds", "unixtime", "ratio")
        and bool(_WAITING.search(name))
        and not {*name.split("_")} & _SET
    )


def asks(name: str) -> bool:
    """Say whether a counter is of requests that were answered."""
    before, found, after = name.removesuffix("_total").rpartition("requests")
    return bool(found) and not after and {*before.strip("_").split("_")} - {""} <= REQUEST_WORDS


#: What the most of something is called, as an end or a beginning of its name.
_MOST = ("max", "limit", "capacity", "total", "maximum")


def unit(name: str, kind: str, declared: str, values: Sequence[float]) -> str:
    """Return the unit that a name says, or `none`.

    Args:
        name: The exposed name.
        kind: Its type.
        declared: The unit that the page tells, if it does.
        values: Its values on the page.

    """
    stem = name.removesuffix("_total")
    found = next((unit for end, unit in _ENDINGS.items() if stem == end or stem.endswith(f"_{end}")), "")
    if found == "seconds" and kind == "gauge" and values and min(values) > EPOCH:
        return "unixtime"
    if found == "unixtime" and kind != "gauge":
        return "seconds"
    if found == "ratio" and values and max(values) > 1:
        return "none"
    if found:
        return found
    if declared in UNITS:
        return declared
    words = set(stem.split("_"))
    counted = {"request": "requests", "error": "errors", "failure": "failures", "connection": "connections"}
    plural = [word for word in UNITS if word != "none" and word in words] + [counted[w] for w in counted if w in words]
    return plural[0] if kind == "counter" and plural else "none"


def help_of(text: str) -> str:
    """Return a HELP text as one sentence; one that says that there is none where it is empty."""
    plain = " ".join("".join(c if c.isprintable() else " " for c in text).split())
    # What alerts take for a template, and Grafana for a variable.
    plain = re.sub(r"\$(?=[\w{])|(?<=[{}[])(?=[{}[])|(?<=\])(?=\])", " ", plain)
    if not plain:
        return "The page has no help for it."
    return (plain if len(plain) <= 300 else f"{plain[:297]}...").rstrip(".") + "."  # noqa: PLR2004 - as a panel has room for


def most_of(name: str, names: Sequence[str]) -> str:
    """Return the gauge that has the most of what `name` is used of: `x_max`, `max_x`, `x_limit`; nothing without one."""
    bare = re.sub(r"_(in_use|used|current|active|open|connected|busy)$|^(open|used|current|active|busy)_", "", name)
    for base in dict.fromkeys((name, bare)):
        for word in _MOST:
            for other in (f"{base}_{word}", f"{word}_{base}", f"{base}_{word}_size"):
                if other in names and other != name:
                    return other
    return ""
