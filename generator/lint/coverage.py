"""Checks of the whole: every metric has its place and every alert its proof, or the catalogue says why not.

Looked at with everything switched on and all eras in the field, so that no configuration hides a hole.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator

from generator.config.site import Site
from generator.coverage import found
from generator.lint.finding import Files, Finding


def shown(_: Files, site: Site) -> Iterator[Finding]:
    """Every metric is on a board, unless the catalogue says why not (`no_board`)."""
    return _holes(site, "coverage/shown", ("board",), own=True)


def watched(_: Files, site: Site) -> Iterator[Finding]:
    """Every metric is read by an alert, unless the catalogue says why not (`no_alert`); those of your own need no reason."""
    return _holes(site, "coverage/watched", ("alert",))


def proved(_: Files, site: Site) -> Iterator[Finding]:
    """Every alert has a runbook, a case that fires it and one that keeps it quiet; no case expects one that there is not."""
    return _holes(site, "coverage/proved", ("runbook", "firing", "quiet", "evidence"))


def reasons(_: Files, site: Site) -> Iterator[Finding]:
    """A reason for no board or no alert is true: there is none, and the alerts that it names are there."""
    return _holes(site, "coverage/reasons", ("reason",), own=True)


def _holes(site: Site, check: str, kinds: Collection[str], *, own: bool = False) -> Iterator[Finding]:
    on = {name for name, one in site.config.systems.items() if one.enabled or name not in site.catalogue.targets}
    off = set(site.catalogue.targets) - on
    return (
        Finding(hole.path, hole.line, check, hole.what, hole.fix)
        for hole in found(site.catalogue)[1]
        if hole.kind in kinds and hole.system not in off and (own or not hole.own)
    )
