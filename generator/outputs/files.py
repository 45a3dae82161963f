"""Plain files: Grafana dashboard JSON, Prometheus rule and scrape YAML."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import PurePosixPath as Path
from typing import Any

from generator.boards.grafana import dumps
from generator.bundle import Bundle
from generator.config.site import Site
from generator.discovery import scrape
from generator.outputs import documents, text
from generator.rules import alertmanager


def render(bundle: Bundle) -> Mapping[Path, str]:
    """Return every file's text by its path below the output folder."""
    out: dict[Path, str] = {
        Path(f"dashboards/{stem}.json"): dumps(board) for stem, board in documents.dashboards(bundle).items()
    }
    for name, document in documents.rules(bundle).items():
        out[Path(f"alerts/{name}.rules.yaml")] = _timed(document, bundle.sources[name], bundle)
    lacking = [f"No {name} is scraped. In bundle.yaml, {fix}." for name, fix in scrape.unnamed(bundle.site).items()]
    prometheus = documents.on_its_clock(bundle, dict(bundle.prometheus))
    out[Path("scrape/prometheus.yml")] = _timed(prometheus, "generator/discovery/scrape.py", bundle, lacking)
    silent = () if bundle.site.config.webhook_url else (alertmanager.SILENT,)
    configuration = documents.alertmanager_yml(bundle)
    out[Path("alerts/alertmanager.yml")] = (
        _timed(configuration, "generator/rules/alertmanager.py", bundle, silent) + alertmanager.CHOICES
    )
    out[Path("dashboards/provider.yaml")] = text.generated(_provider(bundle.site), "generator/outputs/files.py")
    for name, fragment in bundle.fragments.items():
        scraped = documents.on_its_clock(bundle, fragment)
        out[Path(f"scrape/{name}")] = _timed(scraped, "generator/discovery/scrape.py", bundle)
    for name, collected in bundle.collectors.items():
        pipeline = documents.on_its_clock(bundle, collected)
        out[Path(f"scrape/{name}")] = _timed(pipeline, "generator/discovery/collector.py", bundle)
    if bundle.modules["modules"]:
        out[Path("scrape/json_exporter.yaml")] = text.generated(bundle.modules, "generator/discovery/probes.py")
    return out


def _timed(document: Any, source: str, bundle: Bundle, comments: Sequence[str] = ()) -> str:
    """Return the text of a document; one that is for no ordinary server says so first."""
    if bundle.time_scale == 1:
        return text.generated(document, source, comments)
    from generator.outputs import timescale

    return timescale.banner(bundle.time_scale) + text.generated(document, source, comments)


def _provider(site: Site) -> dict[str, Any]:
    """Return what makes Grafana read the boards from a folder: a file for its provisioning/dashboards/.

    Grafana takes `$` for a variable of its environment or the name of a file, and `$$` for the sign.
    """
    options = {"path": "/var/lib/grafana/dashboards"}
    provider = {
        "name": "agent-observability",
        "type": "file",
        "folder": site.config.folder.replace("$", "$$"),
        "options": options,
    }
    return {"apiVersion": 1, "providers": [provider]}
