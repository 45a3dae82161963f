"""What every object for Kubernetes has, and how files of them are written."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from generator.bundle import Bundle
from generator.outputs import text, timescale

Json = dict[str, Any]

#: What the names of all objects begin with, and the product's name in a label of each.
PREFIX, PRODUCT = "agentobs", "agent-observability"

#: Flux reads `${name}` in what it applies as a variable of its own, and boards and relabelling have such texts.
KEPT = {"kustomize.toolkit.fluxcd.io/substitute": "disabled"}


@dataclass(frozen=True, slots=True)
class File:
    """The objects of one file.

    Attributes:
        folder: The folder, which is a kustomization of its own: `rules`, `scrape`, ….
        stem: Its name without an ending.
        objects: What it holds.
        source: The file of the generator that the objects are made from.
        system: The system that they are about; empty for all of them.

    """

    folder: str
    stem: str
    objects: Sequence[Json]
    source: str
    system: str = ""


def made(
    bundle: Bundle, version: str, kind: str, stem: str, part: str, spec: Mapping[str, Any], **more: Mapping[str, str]
) -> Json:
    """Return an object with its name and labels.

    Args:
        bundle: The bundle, whose options say namespace and labels.
        version: Its apiVersion.
        kind: Its kind.
        stem: What its name says behind the product's.
        part: What it is a part of: `rules`, `scrape`, ….
        spec: What it says; below `data` for a ConfigMap, `spec` for any other.
        more: Further `labels`, and `annotations`.

    """
    options = bundle.site.config.formats.kubernetes
    labels = {"app.kubernetes.io/name": PRODUCT, "app.kubernetes.io/component": part}
    metadata: Json = {"name": named(bundle, stem)}
    if options.namespace:
        metadata["namespace"] = options.namespace
    metadata["labels"] = {**labels, **options.labels, **more.get("labels", {})}
    if more.get("annotations"):
        metadata["annotations"] = dict(more["annotations"])
    body = "data" if kind == "ConfigMap" else "spec"
    return {"apiVersion": version, "kind": kind, "metadata": metadata, body: dict(spec)}


def named(bundle: Bundle, stem: str) -> str:
    """Return a name as Kubernetes takes it; bundles side by side have the prefix of their boards in it."""
    plain = "".join(c if c.isascii() and c.isalnum() else "-" for c in f"{bundle.site.config.uid_prefix}{stem}".lower())
    return f"{PREFIX}-{plain}"


def written(bundle: Bundle, objects: Sequence[Json], source: str) -> str:
    """Return the text of a file of objects."""
    first, *others = objects
    head = timescale.banner(bundle.time_scale) if bundle.time_scale != 1 else ""
    rest = f"---\n{text.plain(*others)}" if others else ""
    return head + text.generated(first, source) + rest


def kustomization(resources: Sequence[str]) -> Json:
    """Return the file that lists others."""
    return {"apiVersion": "kustomize.config.k8s.io/v1beta1", "kind": "Kustomization", "resources": list(resources)}
