"""How a real server spells its page: numbers, `le` edges, label order, HELP texts. Knows no values.

Read off the pages of 0.16.7 and 0.10.3. The new page is the OpenTelemetry SDK's Prometheus exporter, which writes
what prometheus_client writes; the old one was put together by hand.
"""

from __future__ import annotations

import functools
import json
import math
from collections.abc import Iterable, Mapping
from pathlib import Path

from generator.catalogue import Kind, Metric

HELP = Path(__file__).parent / "help.json"

#: What `type` a page says for each kind.
TYPES = {Kind.INFO: "gauge"}

#: Edges up to here are floats in the real server's own bucket list, the others are whole numbers.
_FLOAT_EDGES = 500

#: From this many digits before the point on, prometheus_client writes exponents as Go does.
_GO_DIGITS = 6

Labels = tuple[tuple[str, str], ...]


@functools.cache
def real_help(era: str) -> Mapping[str, str]:
    """Return the HELP texts of the real pages of an era by name without prefix; most metrics have none."""
    texts: dict[str, str] = json.loads(HELP.read_text(encoding="utf-8"))[era]
    return texts


def number(value: float) -> str:
    """Write a value as prometheus_client does: `1.0`, `7.80558336e+08`, `+Inf`."""
    if math.isinf(value):
        return "+Inf" if value > 0 else "-Inf"
    if math.isnan(value):
        return "NaN"
    text = repr(float(value))
    dot = text.find(".")
    if value > 0 and dot > _GO_DIGITS:
        mantissa = f"{text[0]}.{text[1:dot]}{text[dot + 1 :]}".rstrip("0.")
        return f"{mantissa}e+{dot - 1:02d}"
    return text


def edges(metric: Metric) -> tuple[str, ...]:
    """Return a histogram's edges as the page writes them, `+Inf` last.

    Latency edges are written "10.0", "100.0", "500.0", then "1000"; the SDK's default edges are all floats.
    """
    integral = metric.unit in {"milliseconds", "seconds"}
    texts = (f"{e:g}" if integral and e > _FLOAT_EDGES else f"{float(e)!r}" for e in metric.buckets)
    return (*(t if "e" not in t else f"{int(float(t))}" for t in texts), "+Inf")


def labelled(name: str, labels: Iterable[tuple[str, str]]) -> str:
    """Write a series' name with its labels in alphabetical order."""
    inside = ",".join(f'{k}="{escape(v)}"' for k, v in sorted(labels))
    return f"{name}{{{inside}}}" if inside else name


def escape(value: str) -> str:
    """Escape a label value."""
    return value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")


def head(name: str, kind: Kind, text: str) -> str:
    """Write the HELP and TYPE lines; an empty HELP keeps its blank, as on the real page."""
    return f"# HELP {name} {text}\n# TYPE {name} {TYPES.get(kind, kind)}\n"
