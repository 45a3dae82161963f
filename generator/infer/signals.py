"""The golden signals that the entries of a draft tell by their names."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from generator.infer.names import FAILED, OUTCOMES, asks, holds, most_of, waits

Json = dict[str, Any]


def signals(metrics: Sequence[Mapping[str, Any]]) -> Json:
    """Return the golden signals that names tell: one counter of requests, one latency, pools with a maximum, queues."""
    own = [m for m in metrics if not m.get("no_prefix") and not m.get("no_board")]
    by_kind = {kind: [m for m in own if m["type"] == kind] for kind in ("counter", "histogram", "gauge")}
    found: Json = {}
    requests = [r for r in (_requests(m) for m in by_kind["counter"]) if r]
    if requests:
        found["requests"] = [max(requests, key=lambda one: "failed" in one)]
    timed = [m for m in by_kind["histogram"] if m["unit"] in ("seconds", "milliseconds") and m.get("buckets")]
    timed = [m for m in timed if re.search(r"request|duration|latency|response", m["name"])]
    if timed:
        first = next((m for m in timed if "request" in m["name"]), timed[0])
        found["latency"] = [{"metric": first["name"]}]
    gauges = [m["name"] for m in by_kind["gauge"]]
    labels = {m["name"]: {*m.get("labels", ())} for m in by_kind["gauge"]}
    pairs = [
        (name, most)
        for name in gauges
        if holds(name) and (most := most_of(name, gauges)) and labels[name] == labels[most]
    ]
    if pairs:
        found["pools"] = [
            {"used": a, "max": b, **({"name": _word(a)} if len(pairs) > 1 else {})} for a, b in _once(pairs)
        ]
    tops = {b for _, b in pairs}
    waiting = [m["name"] for m in by_kind["gauge"] if waits(m["name"], m["unit"]) and m["name"] not in tops]
    if waiting:
        found["queues"] = [{"depth": n, **({"name": _word(n)} if len(waiting) > 1 else {})} for n in waiting]
    return found


def _requests(metric: Mapping[str, Any]) -> Json | None:
    if not asks(metric["name"]):
        return None
    labels = metric.get("labels", {})
    for label, pattern in FAILED.items():
        if label in labels:
            return {"metric": metric["name"], "failed": {label: pattern}}
    for label, entry in labels.items():
        if bad := [value for value in entry["seen"] if value in OUTCOMES]:
            return {"metric": metric["name"], "failed": {label: "|".join(bad)}}
    return {"metric": metric["name"]}


def _once(pairs: Sequence[tuple[str, str]]) -> list[tuple[str, str]]:
    """Return the pairs, each maximum with the first that is held against it."""
    seen: dict[str, str] = {}
    for used, most in pairs:
        seen.setdefault(most, used)
    return [(used, most) for most, used in seen.items()]


def _word(name: str) -> str:
    return re.sub(r"[^a-z0-9]+", "_", name.lower()).strip("_")
