"""An upgrade as text and as JSON."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence

from generator.errors import Problem
from generator.upgrade.between import Upgrade


def text(upgrade: Upgrade, problems: Sequence[Problem]) -> str:
    """Return what changes as lines."""
    return "\n".join(_lines(upgrade, problems)) + "\n"


def _lines(upgrade: Upgrade, problems: Sequence[Problem]) -> Iterator[str]:
    name = upgrade.system.name
    yield f"{upgrade.system.title} from {upgrade.first} to {upgrade.last}"
    renamed = [m for m in upgrade.moved.values() if m.new]
    gone = [m for m in upgrade.moved.values() if not m.new]
    yield from _part(f"renamed ({len(renamed)})", (
        f"{m.old} -> {m.new}" + (f", {m.change}" if m.change else "") for m in renamed
    ))  # fmt: skip
    yield from _part(f"gone ({len(gone)})", (f"{m.old}: {m.why}" for m in gone))
    yield from _part(f"new ({len(upgrade.come)})", upgrade.come)
    yield from _part("labels", (f"{n}: {', '.join(found)}" for n, found in sorted(upgrade.labels.items())))
    yield from _part("roles", (f"{n}: {', '.join(found)}" for n, found in sorted(upgrade.roles.items())))
    blank = [f"{where}: {what}" for where, what in upgrade.blank]
    yield from _part(f"blank with a bundle for {upgrade.first} ({len(blank)})", blank)
    if upgrade.first != upgrade.last:
        yield "bundle.yaml"
        yield f'  while servers of both run:  systems: {{{name}: {{versions: "{upgrade.bridge}"}}}}'
        yield f'  after that:                 systems: {{{name}: {{versions: "{upgrade.last}"}}}}'
    yield from _part(f"your files ({len(problems)})", map(str, problems))


def _part(title: str, lines: Iterator[str] | Sequence[str]) -> Iterator[str]:
    found = list(lines)
    if found:
        yield title
        yield from (f"  {line}" for line in found)


def as_json(upgrade: Upgrade, problems: Sequence[Problem]) -> str:
    """Return what changes as a JSON object."""
    moved = [
        {"old": m.old, "new": m.new, "factor": m.factor, "unit": m.unit, "why": m.why} for m in upgrade.moved.values()
    ]
    found = {
        "system": upgrade.system.name, "from": upgrade.first, "to": upgrade.last, "moved": moved, "new": list(upgrade.come),
        "labels": {n: list(f) for n, f in upgrade.labels.items()}, "roles": {n: list(f) for n, f in upgrade.roles.items()},
        "blank": [{"where": where, "what": what} for where, what in upgrade.blank], "bridge": upgrade.bridge,
        "files": [{"path": p.path, "line": p.line, "what": p.what, "fix": p.fix} for p in problems],
    }  # fmt: skip
    return json.dumps(found, indent=2, ensure_ascii=False) + "\n"


FORMATS: Mapping[str, Callable[[Upgrade, Sequence[Problem]], str]] = {"text": text, "json": as_json}
