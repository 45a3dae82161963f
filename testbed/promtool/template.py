"""What Prometheus makes of an annotation: the few templates that ours have.

Source: https://prometheus.io/docs/prometheus/latest/configuration/template_reference/ and Prometheus' `template/template.go`
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping
from decimal import Decimal
from urllib.parse import quote_plus

_TEMPLATE = re.compile(r"\{\{\s*(.*?)\s*\}\}")
_LABEL = re.compile(r"\$labels\.(\w+)")

_LARGE = ("", "k", "M", "G", "T", "P", "E", "Z", "Y")
_SMALL = ("", "m", "u", "n", "p", "f", "a", "z", "y")

#: Powers of ten between which Go writes a number without an exponent.
_SMALLEST, _LARGEST = -4, 6


def expanded(text: str, labels: Mapping[str, str], value: float) -> str:
    """Return an annotation with its templates replaced.

    Raises:
        ValueError: It has a template that is not known here.

    """

    def replaced(found: re.Match[str]) -> str:
        subject, _, function = (part.strip() for part in found[1].partition("|"))
        if label := _LABEL.fullmatch(subject):
            content = labels.get(label[1], "")
            if function == "urlquery":
                return quote_plus(content)
            if not function:
                return content
        elif subject == "$value" and function in _FUNCTIONS:
            return _FUNCTIONS[function](value)
        raise ValueError(f"no template {found[0]}; add it to testbed/promtool/template.py")

    return _TEMPLATE.sub(replaced, text)


def plain(value: float) -> str:
    """Return a number as Go prints one."""
    if math.isnan(value) or math.isinf(value):
        return "NaN" if math.isnan(value) else "+Inf" if value > 0 else "-Inf"
    exact = Decimal(repr(float(value))).normalize()
    power = exact.adjusted()
    if value == 0 or _SMALLEST <= power < _LARGEST:
        return f"{exact:f}"
    return f"{exact.scaleb(-power).normalize():f}e{'-' if power < 0 else '+'}{abs(power):02d}"


def humanize(value: float) -> str:
    """Return a number with four digits and a metric prefix."""
    if value == 0 or not math.isfinite(value):
        return _four(value)
    power = 0
    if abs(value) >= 1:
        while abs(value) >= 1000 and power + 1 < len(_LARGE):
            value, power = value / 1000, power + 1
        return f"{_four(value)}{_LARGE[power]}"
    while abs(value) < 1 and power + 1 < len(_SMALL):
        value, power = value * 1000, power + 1
    return f"{_four(value)}{_SMALL[power]}"


def percentage(value: float) -> str:
    """Return a share as a percentage with four digits."""
    return f"{_four(value * 100)}%"


def duration(value: float) -> str:
    """Return seconds as days, hours, minutes and seconds."""
    if not math.isfinite(value):
        return _four(value)
    if value == 0 or abs(value) < 1:
        return f"{humanize(value)}s"
    sign, integer = "-" if value < 0 else "", int(abs(value))
    days, hours, minutes, seconds = integer // 86_400, integer // 3_600 % 24, integer // 60 % 60, integer % 60
    if days:
        return f"{sign}{days}d {hours}h {minutes}m {seconds}s"
    if hours:
        return f"{sign}{hours}h {minutes}m {seconds}s"
    return f"{sign}{minutes}m {seconds}s" if minutes else f"{sign}{_four(abs(value))}s"


def _four(value: float) -> str:
    return f"{value:.4g}" if math.isfinite(value) else plain(value)


_FUNCTIONS: Mapping[str, Callable[[float], str]] = {
    "": plain,
    "humanize": humanize,
    "humanizePercentage": percentage,
    "humanizeDuration": duration,
}
