"""Output formats. A format turns the bundle into file texts; it never writes and never computes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib import import_module
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from generator.boards.layout import LeftOut
    from generator.bundle import Bundle


@dataclass(frozen=True, slots=True)
class Format:
    """A form in which the bundle arrives.

    Attributes:
        name: What `--format` calls it, and the module in this folder that makes it, with underscores for hyphens.
        about: What it is and whom it serves, one sentence.
        needs: What has to run to read it.

    """

    name: str
    about: str
    needs: str

    def render(self, bundle: Bundle) -> Mapping[PurePosixPath, str]:
        """Return every file's text by its path below the output folder, each with version and hash (`outputs.stamp`).

        The plain files have folders of their own; those of any other format stand below its name.
        """
        from generator.outputs import stamp

        texts: Mapping[PurePosixPath, str] = self._module.render(bundle)
        return {path: stamp.stamped(path, text) for path, text in texts.items()}

    def left_out(self, bundle: Bundle) -> Sequence[LeftOut]:
        """Return what this format cannot express, beside what the configuration makes impossible."""
        found: Sequence[LeftOut] = self._module.left_out(bundle) if hasattr(self._module, "left_out") else ()
        return found

    @property
    def page(self) -> str:
        """The page of docs/ that says how to use it; the plain files are the README's."""
        return "README.md" if self.name == "files" else f"docs/formats/{self.name}.md"

    @property
    def _module(self) -> Any:
        return import_module(f"generator.outputs.{self.name.replace('-', '_')}")


#: A new format is a module here (or a folder) with `render` and, where something has to be left out, `left_out`; and a line here.
FORMATS: Mapping[str, Format] = {
    one.name: one
    for one in (
        Format(
            "files",
            "Grafana boards as JSON, rule files and scrape configurations for Prometheus, Alertmanager's configuration.",
            "Prometheus 2.42 or VictoriaMetrics, Alertmanager 0.25, Grafana 10.4, or later",
        ),
        Format(
            "kubernetes",
            "Kustomizations of rules, monitors, notifications and boards for prometheus-operator and Grafana in Kubernetes.",
            "prometheus-operator, such as kube-prometheus-stack; Grafana's sidecar or grafana-operator",
        ),
        Format(
            "helm",
            "A chart with the objects of `kubernetes`, and values for what differs between clusters.",
            "Helm 3, and what `kubernetes` needs",
        ),
        Format(
            "victoriametrics-operator",
            "Kustomizations of rules, scrapes, notifications and boards for VictoriaMetrics' operator.",
            "VictoriaMetrics' operator 0.39 or later; Grafana's sidecar or grafana-operator",
        ),
        Format(
            "ruler",
            "Rule groups by namespace, and a tenant's Alertmanager configuration, for Mimir, Cortex and Thanos.",
            "a ruler of Mimir 2, Cortex 1.11 or Thanos 0.28, or later",
        ),
        Format(
            "collector",
            "An OpenTelemetry Collector that scrapes all systems, and the Prometheus that it writes to.",
            "OpenTelemetry Collector 0.158 with its contributed components; Prometheus 2.42, or 3.5 for OTLP; or later",
        ),
        Format(
            "mixin",
            "Boards, alerts and recording rules as one Jsonnet library, for kube-prometheus, Tanka and mixtool.",
            "Jsonnet 0.18 or later",
        ),
        Format(
            "grafana-v2",
            "Boards as resources of Grafana's API: schema v2 with rows or tabs, and the classic JSON in an envelope for Git Sync.",
            "Grafana 12.4 or later for schema v2, Grafana 12 or later for the envelope",
        ),
        Format(
            "grafana-alerting",
            "Alert rules, recording rules, contact points and policies that Grafana itself manages.",
            "Grafana 12.2 or later, with a data source that takes remote write for recording rules",
        ),
        Format(
            "datadog",
            "Monitors and dashboards for Datadog's API, and what its Agent scrapes by the OpenMetrics check.",
            "Datadog, with an Agent 7 for what is scraped",
        ),
        Format(
            "perses",
            "Dashboards of Perses, with a project and a data source.",
            "Perses 0.53 with its plugins, or later",
        ),
        Format(
            "docs",
            "Pages in Markdown: boards, alerts, limits, metrics and runbooks in your own names and numbers.",
            "any reader of Markdown; MkDocs for a site with search",
        ),
    )
}
