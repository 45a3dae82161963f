"""What a fleet costs, as a text for people."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence

from generator.cost import Cost
from generator.cost.document import document
from generator.cost.listed import called, metrics, numbers
from generator.cost.process import SCRAPE_SERIES
from generator.cost.switches import Switch
from generator.units import seconds

#: Metrics, and names of a kind, that the text lists; JSON has all.
_LISTED, _FEW = 10, 4


def _size(size: float) -> str:
    for unit in ("B", "kB", "MB", "GB"):
        if size < 1000:  # noqa: PLR2004 - as its prefixes are
            return f"{size:.3g} {unit}"
        size /= 1000
    return f"{size:.3g} TB"


def _table(rows: Sequence[Sequence[str]], numbers: Collection[int]) -> Iterator[str]:
    """Yield rows in columns, those of `numbers` to the right."""
    widths = [max(len(row[n]) for row in rows) for n in range(len(rows[0]))]
    for row in rows:
        cells = (
            cell.rjust(w) if n in numbers else cell.ljust(w)
            for n, (cell, w) in enumerate(zip(row, widths, strict=True))
        )
        yield f"  {'  '.join(cells)}".rstrip()


def text(cost: Cost) -> str:
    """Return the report for people."""
    sections = [
        _fleet(cost),
        _pages(cost),
        _sums(cost),
        _dearest(cost),
        _switched(cost),
        _assumed(cost),
        _left_out(cost),
    ]
    return "\n\n".join("\n".join(lines) for section in sections if (lines := [*section])) + "\n"


def _fleet(cost: Cost) -> Iterator[str]:
    count, deployed = sum(cost.fleet.processes.values()), _deployments(cost)
    yield f"{_several(count, 'process', 'es')} in {_several(deployed, 'deployment')}: {cost.fleet.source}"
    for name in dict.fromkeys(key[0] for key in cost.fleet.processes):
        if eras := cost.fleet.eras(name):
            said = ", ".join(f"{n:,} {era}" for era, n in eras.items())
            supposed = (
                f"; in equal parts, as nobody says: --eras {name}.{[*eras][-1]}=40"
                if name in cost.fleet.supposed
                else ""
            )
            yield f"processes of {name} by era: {said}{supposed}"
    for key, limit in cost.refused:
        page = cost.processes[key]
        yield f"refused: the page of {called(*key)} has {page.series:,} series, and sample_limit is {limit:,}"


def _deployments(cost: Cost) -> int:
    return sum(cost.fleet.deployed(name) for name in {key[0] for key in cost.fleet.processes})


def _several(count: int, word: str, plural: str = "s") -> str:
    return f"{count:,} {word}{'' if count == 1 else plural}"


def _pages(cost: Cost) -> Iterator[str]:
    ways = list(dict.fromkeys(way for found in cost.ways.values() for way in found))
    counted = ["counted"] if cost.measured else []
    rows = [["process", "number", "series of one", "at its start", *ways, "all", *counted]]
    for key, page in cost.processes.items():
        other = [f"{cost.ways[key][way]:,}" if way in cost.ways[key] else "" for way in ways]
        measured = [f"{cost.counted(key):,}"] if cost.measured else []
        number = cost.fleet.processes[key]
        rows.append(
            [
                called(*key),
                f"{number:,}",
                f"{page.series:,}",
                f"{page.at_start:,}",
                *other,
                f"{cost.predicted(key):,}",
                *measured,
            ]
        )
    yield (
        "Series of a process once everything has happened, and with other values of exposure and tier:"
        if ways
        else ("Series of a process once everything has happened:")
    )
    yield from _table(rows, range(1, len(rows[0])))


def _sums(cost: Cost) -> Iterator[str]:
    timing = cost.site.timing
    days = seconds(timing.retention) / 86_400
    source = "as the server's own blocks take" if cost.measured and cost.measured.bytes_per_sample else "assumed"
    per = "measured" if cost.rules_measured else "by a model"
    slow = max(cost.groups, key=lambda one: cost.spent(one) / one.interval, default=None)
    yield "In all:"
    yield from _table(
        [
            ["scraped series", f"{cost.scraped:,}", f"with {SCRAPE_SERIES} that Prometheus adds for each target"],
            ["recorded series", f"{cost.recorded:,}", f"{_several(sum(g.rules for g in cost.groups), 'rule')} in {_several(len(cost.groups), 'group')}"],
            ["samples per second", f"{cost.samples_per_second:,.0f}", f"scraped every {timing.scrape}, evaluated every {timing.evaluation}"],
            ["a day", _size(cost.bytes_per_day), f"{cost.bytes_per_sample:.3g} bytes per sample, {source}"],
            [f"{days:g} days", _size(cost.bytes_per_day * days), "evaluation.retention"],
            ["rule seconds", f"{cost.rule_seconds:.3g}", f"of one core in {timing.evaluation}, {per}" + (f"; slowest group {slow.name}" if slow else "")],
        ],
        {1},
    )  # fmt: skip
    if cost.measured and cost.measured.samples_per_second is not None:
        yield f"  This Prometheus stores {cost.measured.samples_per_second:,.0f} samples per second, of everybody."


def _dearest(cost: Cost) -> Iterator[str]:
    rows = metrics(cost)
    total = cost.scraped or 1
    yield f"The most expensive of {len(rows)} metrics:"
    yield from _table(
        [[full, f"{n:,}", f"{n / total:.0%}", str(reader)] for _, full, n, reader in rows[:_LISTED]] or [["none"]],
        {1, 2},
    )
    idle = [(full, n) for _, full, n, reader in rows if not reader.read]
    if idle:
        yield f"  {_several(len(idle), 'metric')} that nothing reads: {sum(n for _, n in idle):,} series, such as {idle[0][0]}"


def _switched(cost: Cost) -> Iterator[str]:
    if not cost.switches:
        return
    yield "What switches would save or add, and what goes blank:"
    for one in cost.switches:
        yield f"  {one.system} {one.name}: {one.series:+,} series ({one.how})"
        yield from (f"    {line}" for line in _blank(one))


def _blank(one: Switch) -> Iterator[str]:
    if one.series < 0 and not (one.boards or one.panels or one.alerts):
        yield "nothing goes blank"
    if one.boards:
        yield f"{_several(len(one.boards), 'board')}: {_some(one.boards)}"
    if one.panels:
        on = [board for board, _ in one.panels]
        by_board = [f"{on.count(board)} on {board}" for board in dict.fromkeys(on)]
        few = [f"{board} / {panel}" for board, panel in one.panels]
        yield f"{_several(len(one.panels), 'panel')}: {', '.join(few if len(few) < _FEW else by_board)}"
    if one.alerts:
        yield f"{_several(len(one.alerts), 'alert')}: {_some(one.alerts)}"


def _some(names: Sequence[str]) -> str:
    return ", ".join(names[:_FEW]) + (f" and {len(names) - _FEW} more" if len(names) > _FEW else "")


def _assumed(cost: Cost) -> Iterator[str]:
    rows = [[system, name, f"{value:g}", why] for system, name, value, why in numbers(cost)]
    if rows:
        yield "Assumed of a process (systems: NAME: cardinality: in bundle.yaml says otherwise):"
        yield from _table(rows, {2})
    for name, (least, most) in cost.bounds.items():
        now = sum(cost.predicted(key) for key in cost.processes if key[0] == name)
        yield f"  {now:,} series of pages of {name} are {least:,} with a spread of 0 and {most:,} with 1: nobody can know it before traffic does"


def _left_out(cost: Cost) -> Iterator[str]:
    yield "Not counted: what Prometheus and Alertmanager tell of themselves, series of processes that are gone, ALERTS while alerts fire,"
    yield "and what pages have that the catalogue does not know."
    for name in dict.fromkeys(key[0] for key in cost.processes):
        for role, one in cost.site.catalogue.systems[name].unlisted.items():
            if any(key[:2] == (name, role) for key in cost.processes):
                yield f"  counted for {called(name, role)} besides: {one.series:,} series, {one.why}"


#: What a report can be written as.
FORMATS: Mapping[str, Callable[[Cost], str]] = {"text": text, "json": document}
