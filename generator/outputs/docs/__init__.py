"""The documentation of one installation in Markdown: its boards, alerts, limits, metrics and runbooks, in its own names and numbers.

The pages of `docs/` in the repository are those of the defaults; these are the operator's. They are made from the bundle
that the other formats write, so nothing stands here that is not loaded there.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import PurePosixPath as Path

from generator.bundle import Bundle
from generator.outputs import metrics
from generator.outputs.docs import pages, runbooks


def render(bundle: Bundle) -> Mapping[Path, str]:
    """Return the pages by their paths: a first page, lists, a page for each alert and for each system."""
    board = _links(bundle)
    out = {
        "index.md": pages.index(bundle),
        "boards.md": pages.boards(bundle, board),
        "alerts.md": pages.alerts(bundle),
        "limits.md": pages.limits(bundle),
        "left_out.md": pages.left_out(bundle),
    }
    shown = {name: f"../{link}" if link.startswith("boards.md") else link for name, link in board.items()}
    out |= {f"runbooks/{name}.md": text for name, text in runbooks.pages(bundle, shown).items()}
    out["runbooks/index.md"] = pages.listed("Runbooks", sorted(name for name in out if name.startswith("runbooks/")))
    for name in pages.systems(bundle):
        out[f"metrics/{name}.md"] = metrics.page(bundle, name, lambda stem: shown.get(stem, ""))
    return {Path("docs", name): text for name, text in out.items()}


def _links(bundle: Bundle) -> Mapping[str, str]:
    """Return where each board is: in Grafana, or in the list of boards where nobody said where Grafana answers."""
    grafana = bundle.site.config.grafana_url
    return {
        stem: f"{grafana}/d/{board.uid}" if grafana else f"boards.md#{board.uid}"
        for stem, board in bundle.boards.items()
    }
