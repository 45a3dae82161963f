"""Boards as objects: a ConfigMap each for the sidecar that fills Grafana's folders, or a GrafanaDashboard for grafana-operator."""

from __future__ import annotations

from collections.abc import Iterator

from generator.boards.grafana import dumps
from generator.bundle import Bundle
from generator.outputs import documents
from generator.outputs.kubernetes.objects import KEPT, File, Json, made, named

SIDECAR, OPERATOR = "dashboards", "grafana-operator"

#: A ConfigMap has this many bytes at most, https://kubernetes.io/docs/concepts/configuration/configmap/
LARGEST = 1 << 20

_VERSION = "grafana.integreatly.org/v1beta1"
_SOURCE = "generator/boards/"


def configmaps(bundle: Bundle) -> Iterator[File]:
    """Yield a ConfigMap per board, labelled for the sidecar, with the folder in an annotation."""
    options, folder = bundle.site.config.formats.kubernetes, bundle.site.config.folder
    placed = {options.folder_annotation: folder} if options.folder_annotation and folder else {}
    for stem, board in documents.dashboards(bundle).items():
        data = {f"{stem}.json": dumps(board)}
        notes = {**placed, **KEPT}
        one = made(
            bundle, "v1", "ConfigMap", stem, "dashboards", data, labels=options.dashboard_labels, annotations=notes
        )
        yield File(SIDECAR, stem, [one], _SOURCE, bundle.site.system_of(stem))


def grafana_dashboards(bundle: Bundle) -> Iterator[File]:
    """Yield a GrafanaDashboard per board, and the GrafanaFolder that they stand in.

    The Grafana may be in another namespace than the boards; its operator passes over it unless they say so.
    """
    options, folder = bundle.site.config.formats.kubernetes, bundle.site.config.folder
    chosen = {
        "allowCrossNamespaceImport": True,
        "instanceSelector": {"matchLabels": dict(options.instance_selector)},
    }
    placed = {"folderRef": named(bundle, "folder")} if folder else {}
    if folder:
        one = made(bundle, _VERSION, "GrafanaFolder", "folder", "dashboards", {**chosen, "title": folder})
        yield File(OPERATOR, "folder", [one], _SOURCE)
    for stem, board in documents.dashboards(bundle).items():
        spec: Json = {**chosen, **placed, "json": dumps(board)}
        one = made(bundle, _VERSION, "GrafanaDashboard", stem, "dashboards", spec, annotations=KEPT)
        yield File(OPERATOR, stem, [one], _SOURCE, bundle.site.system_of(stem))
