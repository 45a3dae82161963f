"""What the written dashboards draw."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from generator.bundle import Bundle
from generator.outputs import FORMATS

Json = dict[str, Any]


def panels(bundle: Bundle) -> Iterator[tuple[str, Json]]:
    """Yield every panel that is no row, after the stem of its board; everything is rendered once for it."""
    for path, text in FORMATS["files"].render(bundle).items():
        if path.parent.name == "dashboards" and path.suffix == ".json":
            for top in json.loads(text)["panels"]:
                yield from ((path.stem, p) for p in (top, *top.get("panels", ())) if p["type"] != "row")
