"""Objects for prometheus-operator and Grafana in Kubernetes, as kustomizations: a folder per kind of object, and one for all."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import PurePosixPath as Path

from generator.boards.layout import LeftOut
from generator.bundle import Bundle
from generator.outputs import text
from generator.outputs.kubernetes import boards, notifications, rules, scraping
from generator.outputs.kubernetes.objects import File, kustomization, written

NAME = "kubernetes"


def files(bundle: Bundle) -> Iterator[File]:
    """Yield every file with its objects; of boards both forms."""
    yield from rules.files(bundle, "monitoring.coreos.com/v1", "PrometheusRule")
    yield from scraping.files(bundle)
    yield from notifications.files(bundle)
    yield from boards.configmaps(bundle)
    yield from boards.grafana_dashboards(bundle)


def render(bundle: Bundle) -> Mapping[Path, str]:
    """Return every file's text by its path below the output folder."""
    return kustomized(bundle, NAME, list(files(bundle)))


def kustomized(bundle: Bundle, name: str, listed: Sequence[File]) -> Mapping[Path, str]:
    """Return files of objects with the kustomizations that list them.

    The one at the top has all folders but that of the form of boards that the configuration does not want.
    """
    base, source = Path(name), f"generator/outputs/{name.replace('-', '_')}"
    out = {base / one.folder / f"{one.stem}.yaml": written(bundle, one.objects, one.source) for one in listed}
    folders: dict[str, list[str]] = {}
    for one in listed:
        folders.setdefault(one.folder, []).append(f"{one.stem}.yaml")
    for folder, resources in folders.items():
        out[base / folder / "kustomization.yaml"] = text.generated(kustomization(resources), source)
    chosen = [folder for folder in folders if folder != unwanted(bundle)]
    out[base / "kustomization.yaml"] = text.generated(kustomization(chosen), source)
    return out


def unwanted(bundle: Bundle) -> str:
    """Return the folder with the form of boards that the configuration does not want."""
    return boards.OPERATOR if bundle.site.config.formats.kubernetes.dashboards == "sidecar" else boards.SIDECAR


def left_out(bundle: Bundle) -> Sequence[LeftOut]:
    """Return what objects cannot say: target files, and what only the server's own object can."""
    return absent(bundle, NAME)


def absent(bundle: Bundle, name: str) -> Sequence[LeftOut]:
    """Return what no object of an operator can say, for the format of that name."""
    config = bundle.site.config
    out = [
        LeftOut(
            f"{name}/scrape/{system}.yaml", "target files", "an operator's server has no such files: name static or dns"
        )
        for system, one in config.systems.items()
        if one.enabled and "file" in one.discovery.kinds
    ]
    if config.external_labels:
        out.append(LeftOut(f"{name}/", "external_labels", "they are the server's: write them into its own object"))
    return out
