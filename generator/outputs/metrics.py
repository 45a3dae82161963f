"""A page on the metrics of one system, made from its catalogue and from what reads them."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence

from generator.bundle import Bundle
from generator.catalogue import Label, Metric, System
from generator.catalogue.cardinality import Numbers, combinations, series_count
from generator.outputs.markdown import cell, code, words
from generator.units import number

#: How an entry is known, by the word of the catalogue.
_EVIDENCE = {
    "observed": "seen on the page of a real server: {}",
    "operator": "from the page of an operator's server: {}",
    "code": "read in the published code, not seen on a page: {}",
    "definition": "defined in the published code, where nothing was found that counts it: {}",
    "documented": "known from the documentation alone: {}",
    "dashboard": "queried by the vendor's own boards, no page of it was seen: {}",
}


def page(bundle: Bundle, name: str, board: Callable[[str], str], cost: str = "") -> str:
    """Return the page in Markdown: each metric with its anchor, what it is, and which boards and rules read it.

    Args:
        bundle: The bundle whose boards and rules are named, and whose names of metrics and labels count.
        name: The system.
        board: Where a link to a board leads, by its stem; nothing where it is off by default.
        cost: Where the page on `agentobs cost` is; nothing where it is not beside this one.

    """
    system, metrics = bundle.site.catalogue.systems[name], list(bundle.site.system(name))
    readers = _readers(bundle, board)
    scraped = {*bundle.site.labels.every, *bundle.site.config.selectors}
    parts = [f"# Metrics of {system.title}", *_head(system, metrics, scraped, cost)]
    for metric in metrics:
        parts += _metric(system, metric, readers.get((metric.system, metric.name), {}))
    return "\n\n".join(parts) + "\n"


def _head(system: System, metrics: Sequence[Metric], scraped: Collection[str], cost: str) -> Iterator[str]:
    kinds = [str(metric.kind) for metric in metrics]
    counted = ", ".join(_several(kinds.count(kind), kind) for kind in dict.fromkeys(kinds))
    prefix = next((metric.prefix for metric in metrics), "")
    yield f"{len(kinds)} metrics: {counted}." + (f" Names begin with `{prefix}`." if prefix else "")
    if system.roles:
        yield "\n".join(["Roles:", "", *(f"- `{role}`: {words(text)}" for role, text in system.roles.items())])
    yield (
        "Series of a process are those that there are once everything has happened, with the numbers that "
        f"the catalogue assumes: {'[agentobs cost](' + cost + ')' if cost else '`agentobs cost` has yours'}."
    )
    if system.switches:
        yield "\n".join(
            ["Switches:", "", *(f"- `{switch}`: {words(text)}" for switch, text in system.switches.items())]
        )
    if system.tiers:
        yield "\n".join(["Tiers:", "", *(f"- {tier}: {words(text)}" for tier, text in system.tiers.items())])
    if system.exposure:
        yield "\n".join(["Exposure:", "", *(f"- {one}: {words(text)}" for one, text in system.exposure.items())])
    constant = next((metric.constant_labels for metric in metrics if metric.constant_labels), {})
    lines = [f"- `{label.name}`: {_label(label)}" for label in constant.values() if label.name not in scraped]
    if lines:
        yield "\n".join(["Labels that every series may carry:", "", *lines])


def _several(count: int, kind: str) -> str:
    plural = kind.removesuffix("y") + "ies" if kind.endswith("y") else f"{kind}s"
    return f"{count} {kind if count == 1 or kind == 'info' else plural}"


def _metric(system: System, metric: Metric, readers: dict[str, list[str]]) -> Iterator[str]:
    yield f"## `{metric.full_name}`"
    yield words(metric.help)
    rows = [("type", str(metric.kind)), ("unit", metric.unit), ("over processes", _AGGREGATES[metric.aggregate])]
    rows += [(f"label `{label.name}`", _label(label)) for label in metric.labels.values()]
    if metric.buckets:
        rows.append(("bucket edges", ", ".join(map(number, metric.buckets))))
    if not metric.never_scraped:
        rows.append(("series of a process", _series(system, metric)))
    rows += _where(system, metric)
    rows += [(kind, ", ".join(names)) for kind, names in readers.items()]
    if metric.no_board:
        rows.append(("on no board", words(metric.no_board)))
    if metric.no_alert:
        rows.append(("no alert", words(metric.no_alert)))
    yield "\n".join(["| | |", "| --- | --- |", *(f"| {name} | {cell(text)} |" for name, text in rows)])
    if metric.quirks:
        yield "\n".join(f"- {words(quirk[:1].upper() + quirk[1:])}." for quirk in metric.quirks)


#: What `aggregate` of an entry means.
_AGGREGATES = {
    "sum": "values add up",
    "instance": "each process has its own",
    "global": "every process repeats one value",
    "max": "the greatest counts",
    "min": "the least counts",
    "none": "no sum means anything",
}


def _series(system: System, metric: Metric) -> str:
    """Return how many series a process has of a metric with the catalogue's own numbers."""
    found, times = series_count(system, metric, Numbers({})), combinations(system, metric, Numbers({}))
    if not found:
        return "none, unless `cardinality` says that it happens"
    return f"{found:,}" + (f", {found // times} for each of {times} combinations of labels" if times > 1 else "")


def _label(label: Label) -> str:
    text = ", ".join(map(code, label.values)) or words(label.bound)
    extra = [" (some series lack it)" if label.optional else "", f" (since {label.since})" if label.since else ""]
    return text + "".join(extra)


def _where(system: System, metric: Metric) -> Iterator[tuple[str, str]]:
    roles = {role for one in metric.emission.values() for group in one.roles.values() for role in group} - {"any"}
    if system.roles and roles:
        yield "roles", ", ".join(role for role in system.roles if role in roles)
    if metric.tier:
        yield "tier", str(metric.tier)
    if metric.exposure:
        yield "exposure", metric.exposure
    if metric.switch:
        yield "switch", f"`{metric.switch}`"
    if metric.since or metric.until:
        since = f"{metric.since} and later" if metric.since else ""
        yield "versions", " ".join(part for part in (since, f"before {metric.until}" if metric.until else "") if part)
    if metric.renamed_from:
        yield "renamed from", f"`{metric.prefix}{metric.renamed_from}`"
    if metric.unscrapeable:
        yield "not on a scrape", metric.unscrapeable
    if metric.missing:
        yield "left out here", metric.missing
    yield "documented", metric.source.page or ("by the vendor" if metric.documented else "no")
    known = _EVIDENCE[metric.source.evidence].format(_server(system, metric)).removesuffix(": ")
    yield "known by", known + (f"; not verified: {metric.source.unverified}" if metric.source.unverified else "")


def _server(system: System, metric: Metric) -> str:
    """Return which server or code an entry is of: its own words, or the system with its version."""
    version = metric.source.version
    return f"{system.title} {version}" if version[:1].isdigit() else version


def _readers(bundle: Bundle, board: Callable[[str], str]) -> dict[tuple[str, str], dict[str, list[str]]]:
    """Return the boards, records and alerts that read a metric, by its system and name."""
    found: dict[tuple[str, str], dict[str, list[str]]] = {}
    for kind, text, metrics in _read(bundle, board):
        for metric in metrics:
            listed = found.setdefault((metric.system, metric.name), {}).setdefault(kind, [])
            if text not in listed:
                listed.append(text)
    return found


def _read(bundle: Bundle, board: Callable[[str], str]) -> Iterator[tuple[str, str, Sequence[Metric]]]:
    """Yield what reads metrics: its kind, its name as a link, and the metrics."""
    for stem, made in bundle.boards.items():
        address = board(stem)
        yield "boards", f"[{made.title}]({address})" if address else f"{made.title} (off by default)", made.metrics
    for group in (group for groups in bundle.rules.values() for group in groups):
        yield from (("recorded as", f"`{record.name}`", record.query.metrics) for record in group.records)
        for alert in group.alerts:
            yield "alerts", f"[{alert.name}](../runbooks/{alert.name}.md)", alert.query.metrics
