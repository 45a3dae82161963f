"""Two states side by side: what was added, removed, renamed or changed, and how much that matters."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

from generator.diff.change import RANKS, Change, Rank
from generator.diff.meaning import difference, numbers
from generator.diff.state import Board, Panel, Rule, State
from generator.lint.canonical import canonical
from generator.lint.queries import result_labels
from generator.units import period

#: Annotations that are links.
_LINKS = ("runbook_url", "dashboard")

#: Names in an expression, those of recorded series among them.
_RECORDED = re.compile(r"[a-zA-Z_:][a-zA-Z0-9_:]*")


def compare(old: State, new: State) -> list[Change]:
    """Return every difference, the worst first; by name within a rank. What only one side can tell of is left out."""
    both = old.knows & new.knows
    found: list[Change] = []
    if "rules" in both:
        found += _rules("alert", old.alerts, new.alerts, old)
        found += _rules("record", old.records, new.records, old)
    if "boards" in both:
        found += _boards(old.boards, new.boards)
    order = list(RANKS)
    return sorted(set(found), key=lambda c: (order.index(c.rank), c.kind, c.name, c.what))


def of_the_bundle(state: State, other: State) -> State:
    """Return a state without boards that the other side has not and that are not tagged as its are: a Grafana has others."""
    tags = {tag for board in other.boards.values() for tag in board.tags}
    boards = {uid: board for uid, board in state.boards.items() if uid in other.boards or tags & {*board.tags}}
    return replace(state, boards=boards)


def _rules(
    kind: str, old: Mapping[str, Sequence[Rule]], new: Mapping[str, Sequence[Rule]], before: State
) -> Iterator[Change]:
    gone, come = [n for n in old if n not in new], [n for n in new if n not in old]
    renamed = dict(_renamed(old, new, gone, come))
    for name in gone:
        readers = f"; {_readers(name, before)}" if kind == "record" else ""
        if name in renamed:
            yield Change("breaking", kind, name, f"renamed to {renamed[name]}{readers}")
            for one, other in zip(old[name], new[renamed[name]], strict=False):
                yield from _rule(kind, one, other)
        else:
            yield Change("breaking", kind, name, f"removed{readers}")
    for name in come:
        if name not in renamed.values():
            yield Change("behaviour", kind, name, f"added{_severity(new[name])}")
    for name in old:
        yield from _of_one_name(kind, old[name], new.get(name, ()))


def _of_one_name(kind: str, old: Sequence[Rule], new: Sequence[Rule]) -> Iterator[Change]:
    for first, second in _paired(old, new):
        if first and second:
            yield from _rule(kind, first, second)
        elif first:
            yield Change("breaking", kind, first.name, f"removed with the labels {_written(first.labels)}")
        elif second:
            yield Change("behaviour", kind, second.name, f"added with the labels {_written(second.labels)}")


def _renamed(
    old: Mapping[str, Sequence[Rule]], new: Mapping[str, Sequence[Rule]], gone: Sequence[str], come: Sequence[str]
) -> Iterator[tuple[str, str]]:
    """Yield a name that is gone and the one that asks the same under another; each once."""
    left = list(come)
    for name in gone:
        same = [n for n in left if [canonical(r.expr) for r in new[n]] == [canonical(r.expr) for r in old[name]]]
        if same:
            left.remove(same[0])
            yield name, same[0]


def _paired(old: Sequence[Rule], new: Sequence[Rule]) -> Iterator[tuple[Rule | None, Rule | None]]:
    """Yield rules of one name that belong together: with equal labels first, the rest in their order."""
    if not new:
        return
    left = list(new)
    rest = []
    for one in old:
        equal = next((other for other in left if dict(other.labels) == dict(one.labels)), None)
        if equal is None:
            rest.append(one)
        else:
            left.remove(equal)
            yield one, equal
    yield from itertools.zip_longest(rest, left)


def _rule(kind: str, old: Rule, new: Rule) -> Iterator[Change]:
    name = new.name
    yield from _expression(kind, name, old.expr, new.expr)
    for title, before, after in (("for", old.hold, new.hold), ("keep_firing_for", old.keep, new.keep)):
        if before != after:
            yield Change("behaviour", kind, name, f"{title}: {period(before)} becomes {period(after)}")
    for label in sorted({*old.labels, *new.labels}):
        one, other = old.labels.get(label), new.labels.get(label)
        if one is not None and other is None:
            yield Change("breaking", kind, name, f"label {label}={one!r} removed")
        elif one != other:
            rank: Rank = "behaviour" if one is None or label == "severity" else "breaking"
            yield Change(rank, kind, name, f"label {label}: {_value(one)} becomes {_value(other)}")
    for key in sorted({*old.annotations, *new.annotations}):
        one, other = old.annotations.get(key), new.annotations.get(key)
        if one != other and not (key in _LINKS and _cut(one) == _cut(other)):
            rank = "breaking" if key in _LINKS and one is not None else "cosmetic"
            description = f"{_cut(one)} becomes {_cut(other)}" if key in _LINKS else "another text"
            yield Change(rank, kind, name, f"annotation {key}: {description}")
    if old.group != new.group:
        yield Change("cosmetic", kind, name, f"group: {old.group} becomes {new.group}")


def _expression(kind: str, name: str, old: str, new: str) -> Iterator[Change]:
    if canonical(old) == canonical(new):
        return
    before, after = result_labels(old), result_labels(new)
    if before is not None and after is not None and (lost := sorted(before - after)):
        yield Change("breaking", kind, name, f"its series have no label {', '.join(lost)} any more")
    one, other = numbers(old), numbers(new)
    if one[0] == other[0] and len(one[1]) == len(other[1]):
        changed = [f"{a} becomes {b}" for a, b in zip(one[1], other[1], strict=True) if a != b]
        yield Change("behaviour", kind, name, f"threshold: {', '.join(dict.fromkeys(changed))}")
    else:
        yield Change("behaviour", kind, name, f"expression: {difference(old, new)}")


def _readers(name: str, state: State) -> str:
    """Say which rules and panels read a recorded series."""
    rules = [
        rule.name
        for rules in (*state.alerts.values(), *state.records.values())
        for rule in rules
        if rule.name != name and name in _RECORDED.findall(rule.expr)
    ]
    boards = [
        board.title
        for board in state.boards.values()
        if any(name in _RECORDED.findall(query) for panel in board.panels.values() for query in panel.queries)
    ]
    found = [*dict.fromkeys(rules), *(f"board {title}" for title in boards)]
    return f"read by {', '.join(found)}" if found else "nothing of the bundle reads it"  # fmt: skip


def _boards(old: Mapping[str, Board], new: Mapping[str, Board]) -> Iterator[Change]:
    for uid in old.keys() - new.keys():
        yield Change("breaking", "board", old[uid].title, f"removed: links to /d/{uid} lead nowhere")
    for uid in new.keys() - old.keys():
        yield Change("behaviour", "board", new[uid].title, f"added as /d/{uid}")
    for uid in old.keys() & new.keys():
        one, other = old[uid], new[uid]
        if one.title != other.title:
            yield Change("cosmetic", "board", one.title, f"called {other.title}")
        yield from _variables(one, other)
        yield from _panels(one, other)


def _variables(old: Board, new: Board) -> Iterator[Change]:
    for name in sorted({*old.variables, *new.variables}):
        called = f"{new.title} / {name}"
        if name not in new.variables:
            yield Change("breaking", "variable", called, f"removed: links with var-{name} choose nothing")
        elif name not in old.variables:
            yield Change("behaviour", "variable", called, "added")
        elif old.variables[name] != new.variables[name]:
            yield Change("behaviour", "variable", called, "another query")


def _panels(old: Board, new: Board) -> Iterator[Change]:
    gone = [panel for id_, panel in old.panels.items() if id_ not in new.panels]
    come = [panel for id_, panel in new.panels.items() if id_ not in old.panels]
    for panel in gone:
        same = next((one for one in come if panel.queries and _asks(one) == _asks(panel)), None)
        if same:
            come.remove(same)
            yield Change(
                "breaking",
                "panel",
                f"{old.title} / {panel.title}",
                f"renamed to {same.title!r}: links to the panel open the board",
            )
        elif panel.look.get("type") == "row":
            yield Change("cosmetic", "panel", f"{old.title} / {panel.title}", "row removed")
        else:
            yield Change("breaking", "panel", f"{old.title} / {panel.title}", "removed")
    for panel in come:
        rank: Rank = "cosmetic" if panel.look.get("type") == "row" else "behaviour"
        yield Change(rank, "panel", f"{new.title} / {panel.title}", "added")
    for id_ in old.panels.keys() & new.panels.keys():
        yield from _panel(f"{new.title} / {new.panels[id_].title}", old.panels[id_], new.panels[id_])


def _panel(name: str, old: Panel, new: Panel) -> Iterator[Change]:
    if old.title != new.title:
        yield Change("cosmetic", "panel", name, f"was called {old.title!r}")
    if _asks(old) != _asks(new):
        if len(old.queries) == len(new.queries):
            pairs = ((a, b) for a, b in zip(old.queries, new.queries, strict=True) if canonical(a) != canonical(b))
            for a, b in pairs:
                yield from _expression("panel", name, a, b)
        else:
            yield Change("behaviour", "panel", name, f"{len(old.queries)} queries become {len(new.queries)}")
    for key in sorted({*old.look, *new.look}):
        if old.look.get(key) != new.look.get(key):
            yield Change("cosmetic", "panel", name, f"another {key}")


def _asks(panel: Panel) -> tuple[str, ...]:
    return tuple(map(canonical, panel.queries))


def _severity(rules: Sequence[Rule]) -> str:
    found = sorted({rule.labels["severity"] for rule in rules if "severity" in rule.labels})
    return f", {' and '.join(found)}" if found else ""


def _written(labels: Mapping[str, str]) -> str:
    return "{" + ", ".join(f"{k}={v!r}" for k, v in sorted(labels.items())) + "}"


def _value(value: str | None) -> str:
    return "nothing" if value is None else repr(value)


def _cut(value: str | None) -> str:
    """Return a link without what it chooses on the board."""
    return _value(value if value is None else value.partition("?")[0])
