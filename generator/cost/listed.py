"""What a report lists: metrics by what they cost, and the numbers that were assumed."""

from __future__ import annotations

from collections.abc import Iterator

from generator.catalogue.cardinality import SPREAD, assumption_of, assumptions, spreads
from generator.cost import Cost
from generator.cost.readers import Reader, readers


def called(system: str, role: str, era: str = "") -> str:
    """Return what a process is called in a report."""
    return (f"{system}.{role}" if role else system) + (f"@{era}" if era else "")


def metrics(cost: Cost) -> list[tuple[str, str, int, Reader]]:
    """Return system, name and series of every metric over the fleet, the dearest first, and what reads it."""
    found: dict[tuple[str, str], tuple[str, int, Reader]] = {}
    read = readers(cost.bundle)
    for key, page in cost.processes.items():
        for one in page.metrics:
            metric = one.metric
            on = key[0] if metric.system != key[0] else ""
            full = cost.site.system(metric.system, on=on)[metric.name].full_name
            _, before, _ = found.get((key[0], full), ("", 0, Reader()))
            series = before + one.series * cost.fleet.processes[key]
            found[key[0], full] = (full, series, read.get((metric.system, metric.name), Reader()))
    if cost.measured:
        told, own = (
            cost.measured.metrics,
            {(m.system, m.full_name) for name in cost.site.config.systems for m in cost.site.system(name)},
        )
        found = {key: (full, told.get(key, 0) if key in own else n, reader) for key, (full, n, reader) in found.items()}
    rows = [(system, full, n, reader) for (system, _), (full, n, reader) in found.items() if n]
    return sorted(rows, key=lambda row: (-row[2], row[0], row[1]))


def numbers(cost: Cost) -> Iterator[tuple[str, str, float, str]]:
    """Yield system, name, value and source of every number that a label's values were taken from."""
    for name in dict.fromkeys(key[0] for key, n in cost.fleet.processes.items() if n):
        system, config = cost.site.catalogue.systems[name], cost.site.config.systems[name]
        shown = [one.metric for key, page in cost.processes.items() if key[0] == name for one in page.metrics]
        used = {assumption_of(label) for metric in shown for label in metric.labels.values()}
        used |= {SPREAD.name for metric in shown if spreads(metric)}
        told = cost.measured.numbers.get(name, {}) if cost.measured else {}
        for one in assumptions(system).values():
            given = one.name in config.cardinality
            if one.name not in used and not given:
                continue
            open_ended = one.name in system.cardinality or one.name == SPREAD.name
            unknown = one.why.startswith("no number")
            if given or open_ended or unknown:
                why = (
                    "measured"
                    if config.cardinality.get(one.name) == told.get(one.name) and given
                    else ("bundle.yaml" if given else one.why)
                )
                yield name, one.name, config.cardinality.get(one.name, one.value), why
