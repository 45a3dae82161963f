"""What of an Agent Server's page depends on its version, beside the era: labels, and metrics that came later.

Seen on real pages; `docs/versions.md` says of which versions.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Iterable, Mapping

from generator.catalogue import Label, Metric, Versions, load

#: What a server of each era says that it is, when nobody says otherwise.
USUAL: Mapping[str, str] = {"new": "0.16.7", "old": "0.10.3"}

#: The border of the eras, and the oldest page of the old one that is played: those before lack a label and gauges.
BORDER, OLDEST = "0.11.0", "0.8.6"

#: The first version that names its databases on /ok.
SERVICES = "0.16.0"

#: Versions whose package lets pip take opentelemetry-exporter-prometheus 0.66, which writes the meter's name on each series,
#: and the SDK 1.45, which tells one start of the process from the next.
_SCOPED = (Versions("0.14.7", "0.14"), Versions("0.15.9", "0.15"), Versions("0.16.6"))

#: What depends on these two packages.
_RESOLVED = re.compile(r"otel_scope_.*|service_instance_id")


def read(text: str) -> str:
    """Return the version that a text says.

    Raises:
        ValueError: It says none, or one whose page is not played.

    """
    if not re.fullmatch(r"\d+(\.\d+)+", text) or not Versions(text, text).has(OLDEST):
        raise ValueError(text)
    return text


def era(version: str) -> str:
    """Return the era of a version."""
    return "new" if Versions(version, version).has(BORDER) else "old"


def sdk(version: str) -> str:
    """Return the version of the OpenTelemetry SDK that comes with a version."""
    if _scoped(version):
        return "1.45.2"
    return "1.42.1" if Versions(version, version).has("0.13.0") else "1.37.0"


def tells_services(version: str) -> bool:
    """Say whether /ok of a version says of each database whether it is well."""
    return Versions(version, version).has(SERVICES)


def lacks(version: str, entry: Metric | Label) -> bool:
    """Say whether a page of this version is without a metric or a label."""
    had = Versions(version, version).has(entry.since, entry.until)
    return not had or (bool(_RESOLVED.fullmatch(entry.name)) and not _scoped(version))


def target_labels(version: str, labels: Mapping[str, str]) -> dict[str, str]:
    """Return those labels of `target_info` that a page of this version has."""
    left = _left_out(version)
    return {name: value for name, value in labels.items() if not left[name]}


@functools.cache
def _left_out(version: str) -> Mapping[str, bool]:
    """Return for each label of `target_info` whether a page of this version is without it."""
    known = next(m.labels for m in load().systems["agent_server"].metrics if m.name == "target_info")
    return {name: lacks(version, label) for name, label in known.items()}


def absent(version: str, metrics: Iterable[Metric]) -> frozenset[str]:
    """Return the names of the constant labels that a page of this version is without."""
    labels = next((m.constant_labels for m in metrics if m.constant_labels), {})
    return frozenset(name for name, label in labels.items() if lacks(version, label))


def _scoped(version: str) -> bool:
    return any(Versions(version, version).has(one.first) and one.has(version) for one in _SCOPED)
