"""Rule files as objects: one PrometheusRule each, or what another operator calls it."""

from __future__ import annotations

from collections.abc import Iterator

from generator.bundle import Bundle
from generator.outputs import documents
from generator.outputs.kubernetes.objects import File, Json, made


def files(bundle: Bundle, version: str, kind: str) -> Iterator[File]:
    """Yield an object per rule file.

    The interval of evaluation is the operator's server's own, so each group says the bundle's, which its windows follow from.
    """
    interval = documents.on_its_clock(bundle, {"evaluation_interval": bundle.site.timing.evaluation})
    for stem, document in documents.rules(bundle).items():
        groups: list[Json] = [
            {"name": group["name"], "interval": interval["evaluation_interval"], **group}
            for group in document["groups"]
        ]
        made_of = made(bundle, version, kind, stem, "rules", {"groups": groups})
        yield File("rules", stem, [made_of], bundle.sources[stem], bundle.site.system_of(stem))
