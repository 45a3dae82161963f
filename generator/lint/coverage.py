"""Checks of the whole: every metric has its place."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from generator.catalogue import Versions
from generator.config.site import Site
from generator.lint.finding import Files, Finding


def shown(_: Files, site: Site) -> Iterator[Finding]:
    """Every metric of a system that has boards is on one of them, unless its entry says why not.

    Looked at with everything switched on and all eras in the field, so that no configuration hides a gap.
    """
    from generator.bundle import build

    systems = {
        name: replace(
            c, eras=tuple(site.catalogue.systems[name].eras) or c.eras, exposure="internal", tier=4,
            runtimes=tuple(site.catalogue.systems[name].runtimes), roles=tuple(site.catalogue.systems[name].roles),
            switches=tuple(site.catalogue.systems[name].switches), versions=Versions(),
        )
        for name, c in site.config.systems.items()
    }  # fmt: skip
    bundle = build(replace(site, config=replace(site.config, systems=systems, disabled=(), enabled=())))
    found = {(m.system, m.name) for board in bundle.boards.values() for m in board.metrics}
    with_boards = {system for system, _name in found} & {name for name, c in site.config.systems.items() if c.enabled}
    for metric in site.catalogue:
        exempt = metric.no_board or metric.never_scraped
        if metric.system in with_boards and (metric.system, metric.name) not in found and not exempt:
            yield Finding(
                metric.path,
                metric.line,
                "coverage/shown",
                f"no board shows {metric.documented_name}",
                "show it, or say in `no_board` why not",
            )
