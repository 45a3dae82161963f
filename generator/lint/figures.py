"""Checks of what a panel's figures are true of: this moment, steps of the scrapes' length, the greatest of many series."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from generator.config.site import Site
from generator.lint import expression
from generator.lint.finding import Files, Finding, panels, targets
from generator.lint.queries import catalogued
from generator.units import period, seconds

#: Panels that show one figure of each series.
_FIGURES = frozenset({"stat", "gauge", "bargauge", "piechart", "table"})

#: Reductions of a range that are taken for what is so now, however long ago it was so.
_NEWEST = frozenset({"last", "lastNotNull"})


def now(files: Files, _: Site) -> Iterator[Finding]:
    """A figure of how things are now is an instant query: the last value of a range stays when its series is gone."""
    for board in files.boards:
        for place, panel in panels(board):
            legend = panel.get("options", {}).get("legend", {})
            if lasting := sorted(_NEWEST & set(legend.get("calcs", ()))):
                yield Finding(
                    board.path,
                    board.line(*place, "options"),
                    "dashboard/now",
                    f"the legend of {panel.get('title')!r} shows {lasting[0]} of a range",
                    "show mean or max, and what is so now in a stat",
                )
        for place, panel, target in targets(board):
            if panel["type"] in _FIGURES and _newest(panel) and (target.get("range") or not target.get("instant")):
                yield Finding(
                    board.path,
                    board.line(*place),
                    "dashboard/now",
                    f"{panel.get('title')!r} reduces a range to a figure of this moment",
                    "set instant to true and range to false",
                )


def _newest(panel: Mapping[str, Any]) -> bool:
    """Say whether a panel shows the newest values; Grafana's own choice is lastNotNull, a table has no other."""
    calcs = panel.get("options", {}).get("reduceOptions", {}).get("calcs", ())
    return not calcs or bool(_NEWEST & set(calcs))


def intervals(files: Files, site: Site) -> Iterator[Finding]:
    """Every query has a least step of a scrape or more, so that $__rate_interval follows no setting of the data source."""
    least = seconds(site.timing.scrape)
    for board in files.boards:
        for place, panel, target in targets(board):
            for text in (str(target.get("interval", "")), str(panel.get("interval", ""))):
                try:
                    found = seconds(text)
                except ValueError:
                    found = 0.0
                if found < least:
                    yield Finding(
                        board.path,
                        board.line(*place),
                        "dashboard/intervals",
                        f"a query of {panel.get('title')!r} has the least step {text!r}, scrapes are {least:g} s apart",
                        f"set interval of the query and of its panel to {period(least)}",
                    )


def greatest(files: Files, site: Site) -> Iterator[Finding]:
    """A graph by a label of many values, such as routes, keeps the greatest over its whole range, always the same ones."""
    for board in files.boards:
        metrics = catalogued(site, site.system_of(Path(board.path).stem))
        for place, panel, target in targets(board):
            if panel["type"] != "timeseries":
                continue
            text = str(target.get("expr", ""))
            try:
                tree = expression.parsed(text)
            except ValueError:
                continue
            labels = expression.labels(tree)
            read = [metrics[s.name] for s in expression.selectors(tree) if s.name in metrics]
            many = sorted(
                {name for m in read for name, label in m.labels.items() if label.many and name in (labels or ())}
            )
            if many and not ("topk(" in text and "@ end()" in text):
                yield Finding(
                    board.path,
                    board.line(*place, "expr"),
                    "dashboard/greatest",
                    f"{panel.get('title')!r} draws a line for every {', '.join(many)}",
                    "keep the greatest: expr and topk(10, expr over [$__range] @ end())",
                )
