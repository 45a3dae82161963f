"""Rule files, scrape configurations and Alertmanager's configuration on a clock that runs N times as fast."""

from __future__ import annotations

from typing import Any

from generator.config.settings import Config
from generator.errors import Problem
from generator.outputs.timescale.expressions import duration, expression
from generator.units import seconds

#: Fields that hold a duration, in any of the documents.
DURATIONS = frozenset({
    "interval", "for", "keep_firing_for", "scrape_interval", "evaluation_interval", "refresh_interval",
    "group_wait", "group_interval", "repeat_interval",
})  # fmt: skip

#: Mappings whose keys are the operator's own.
OPAQUE = frozenset({"labels", "annotations", "external_labels"})

#: The shortest interval that a scaled file may ask for: less than that no Prometheus keeps up with.
LEAST_MILLISECONDS = 100


def scaled(document: Any, scale: float) -> Any:
    """Return a document with its durations and expressions scaled.

    A scrape may take as long as the interval: neither a network nor a page gets faster with the scale, and a reference
    server that plays a slow process waits for an Nth of the time by itself.
    """
    if isinstance(document, dict):
        return {key: _field(document, key, scale) for key in document}
    return [scaled(one, scale) for one in document] if isinstance(document, list) else document


def _field(document: dict[str, Any], key: str, scale: float) -> Any:
    value = document[key]
    if key in OPAQUE:
        return value
    if key == "expr":
        return expression(value, scale)
    if key == "scrape_timeout":
        return duration(document["scrape_interval"], scale)
    return duration(value, scale) if key in DURATIONS else scaled(value, scale)


def problem(config: Config, scale: float) -> Problem | None:
    """Say why a site's files cannot be scaled so far, or nothing when they can."""
    shortest = min(seconds(config.timing.scrape), seconds(config.timing.evaluation))
    if shortest * 1000 / scale >= LEAST_MILLISECONDS:
        return None
    what = f"at {scale:g} virtual seconds per second an interval of {shortest:g} s is {shortest * 1000 / scale:.3g} ms"
    return Problem("--time-scale", 1, what, f"use at most {int(shortest * 1000 / LEAST_MILLISECONDS)}")


def banner(scale: float) -> str:
    """Return the comment that tells a scaled file from an ordinary one."""
    return (
        f"# Only for a reference server with --time-scale {scale:g}: what takes {scale:g} s elsewhere takes 1 s here.\n"
    )
