"""Descriptions: what a panel shows, what is normal, what to do when it is not, and when it is empty. Markdown."""

from __future__ import annotations

from collections.abc import Iterator

from generator.boards.panel import Panel
from generator.boards.reasons import reasons
from generator.catalogue import Metric
from generator.config.site import Site
from generator.promql.wording import sentences


def description(site: Site, panel: Panel) -> str:
    """Return the description of a panel at a site, a paragraph for each question that a reader has."""
    return "\n\n".join(part for part in (*_what(panel), *_advice(site, panel), *_empty(site, panel)) if part)


def _what(panel: Panel) -> Iterator[str]:
    """Yield what is shown, by the queries themselves, and what one must know beyond that."""
    if panel.columns:
        possible = [(name, q) for name, q in zip(panel.columns, panel.queries, strict=True) if not q.missing]
        yield "\n".join(f"- **{name}**: {q.help}" for name, q in possible)
    else:
        text = sentences(q.reading for q in panel.possible)
        yield f"Now: {text[:1].lower() if text[1:2].islower() else text[:1]}{text[1:]}" if panel.instant else text
    yield panel.note


def _advice(site: Site, panel: Panel) -> Iterator[str]:
    """Yield what is normal, what to do otherwise, and the alerts that watch it, with their runbooks."""
    if panel.usual:
        yield f"**Normal:** {panel.usual}"
    pages = {name: f"[{name}]({url})" for name, url in runbooks(site, panel)}
    alerts = [pages.get(name, name) for name in panel.alerts if name not in site.config.disabled]
    watched = f"Alert: {', '.join(alerts)}." if alerts else ""
    if panel.action or watched:
        yield f"**Otherwise:** {' '.join(part for part in (panel.action, watched) if part)}"


def runbooks(site: Site, panel: Panel) -> list[tuple[str, str]]:
    """Return the alerts that watch a panel, each with the address of its runbook; none where runbooks have no address."""
    found = [(name, site.config.runbook(name)) for name in panel.alerts if name not in site.config.disabled]
    return [(name, link) for name, link in found if "://" in link]


def _empty(site: Site, panel: Panel) -> Iterator[str]:
    """Yield why it may be empty, and the series that it reads."""
    metrics = list(dict.fromkeys(m for q in panel.possible for m in q.metrics))
    why = dict.fromkeys(r for m in metrics for r in reasons(m, site.catalogue.systems[m.system]))
    if any(q.recorded for q in panel.possible):
        why = {"the recording rules are not loaded": None, **why}
    if why:
        yield "**Empty** when " + "; or ".join(why) + "."
    if metrics:
        yield "Reads " + ", ".join(dict.fromkeys(_metric(site, m) for m in metrics)) + "."


def _metric(site: Site, metric: Metric) -> str:
    link = site.config.metric_page(metric.system, metric.full_name)
    return f"[{metric.full_name}]({link})" if link else metric.full_name
