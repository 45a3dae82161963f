"""Where traces and logs are: names that a query there can have."""

from __future__ import annotations

import re
from collections.abc import Iterator

from generator.catalogue import Catalogue
from generator.errors import Problem
from generator.source import Document, short

#: What a label of ours may be called in each store, and an example. Sources: TraceQL's grammar (an attribute has its scope),
#: Loki's label names, and fields of LogsQL that need no quotes.
_NAMES = {
    "tempo": (
        re.compile(r"(resource|span|instrumentation)?\.[A-Za-z0-9_.:/-]+"),
        "an attribute of TraceQL, such as resource.service.name",
    ),
    "loki": (re.compile(r"[a-zA-Z_][a-zA-Z0-9_]*"), "a label of Loki: letters, digits and _, such as app"),
    "victorialogs": (re.compile(r"[a-zA-Z_][a-zA-Z0-9_.-]*"), "a field of VictoriaLogs, such as kubernetes.pod_name"),
}


def stores(document: Document, catalogue: Catalogue) -> Iterator[Problem]:  # noqa: ARG001 - a check's signature
    """Yield names of labels that the store of traces or of logs does not read."""
    boards = document.data.get("dashboards", {})
    for key, default in (("traces", "tempo"), ("logs", "")):
        store = boards.get(key, {})
        pattern, fix = _NAMES.get(store.get("type", default), (None, ""))
        for label, name in store.get("labels", {}).items():
            if pattern and not pattern.fullmatch(name):
                what = f"{label!r} is {short(name)}, by which {key} cannot be asked"
                yield document.problem(("dashboards", key, "labels", label), what, f"write {fix}")
