"""Datadog: monitors and dashboards as its API takes them, and what its Agent scrapes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path as File
from pathlib import PurePosixPath as Path

from generator.boards.layout import LeftOut
from generator.bundle import Bundle
from generator.errors import GeneratorError, Problem
from generator.outputs import text
from generator.outputs.datadog import monitors, openmetrics
from generator.outputs.datadog.dashboards import dashboard

_ROOT = Path("datadog")

#: The program that brings the files to the API. It is handed out as it is, and imports nothing of ours.
_APPLY = File(__file__).with_name("apply.py")


def render(bundle: Bundle) -> Mapping[Path, str]:
    """Return every file's text by its path.

    Raises:
        GeneratorError: The bundle is for a clock that Datadog does not have.

    """
    if bundle.time_scale != 1:
        what = "Datadog has no clock that runs faster"
        raise GeneratorError([Problem("--time-scale", 1, what, "leave --time-scale out for the format datadog")])
    out: dict[Path, str] = {_ROOT / "apply.py": _APPLY.read_text(encoding="utf-8")}
    found, _ = monitors.translated(bundle)
    for one in found:
        for stem, body in monitors.documents(bundle, one):
            out[_ROOT / "monitors" / f"{stem}.json"] = text.indented(body)
    for system in _enabled(bundle):
        made = dashboard(bundle, system)
        if made:
            out[_ROOT / "dashboards" / f"{system}.json"] = text.indented(made)
        configuration = openmetrics.configuration(bundle, system)
        out[_ROOT / "openmetrics.d" / f"{system}.yaml"] = text.generated(
            configuration, "generator/outputs/datadog/openmetrics.py"
        )
    return out


def left_out(bundle: Bundle) -> Sequence[LeftOut]:
    """Return the alerts that Datadog cannot tell, each with its reason."""
    _, refused = monitors.translated(bundle)
    return [LeftOut(f"datadog/monitors/{name}.json", name, why) for name, why in refused.items()]


def _enabled(bundle: Bundle) -> list[str]:
    return [name for name, config in bundle.site.config.systems.items() if config.enabled]
