"""The fidelity matrix: every scenario of the reference server played through every rule, on a real Prometheus.

`python -m testbed.fidelity [ID ...]` prints, for each scenario, what had to fire and when it did, and what fired that must
not have. Virtual time: nothing waits. `--json` for machines. `--version agent_server=0.9.1` plays that version, through the
rules of an installation that says so.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from typing import Any

from reference_server.scenarios import library as scenarios
from testbed.fidelity.run import spread
from testbed.fidelity.verdict import Verdict

#: Head of `--markdown`.
HEAD = """\
# Fidelity

Every fault and every benign situation that the reference server can play, through every rule, on a real Prometheus and a
virtual clock. Made by `make fidelity`; `tests/test_fidelity.py` holds it. Minutes count from the start of a scenario; most
faults begin at minute 20. Allowed alerts are the slower siblings of those that must fire, and tickets that a situation
may open. An alert that ends before its trouble does is taken for the end of it: the last column says for how many minutes
each trouble goes on after its first alert, and whether one that had to fire goes on firing for as long.

| scenario | what happens | had to fire, and did | allowed, and fired | told of to its end |
| --- | --- | --- | --- | --- |
"""


def main(argv: Sequence[str] | None = None) -> int:
    """Print the matrix; exit 1 when something was missed or fired without reason."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("ids", nargs="*", help="scenarios; all without")
    parser.add_argument("--json", action="store_true", help="for machines")
    parser.add_argument(
        "--hours", type=float, default=0.0, help="play on for so long after the end: what lasts to the end goes on"
    )
    parser.add_argument("--markdown", action="store_true", help="the table of docs/fidelity.md")
    parser.add_argument("--version", action="append", default=[], metavar="SYSTEM=VERSION", help="which one to play")
    args = parser.parse_args(argv)
    fleet = tuple((name, version) for name, _, version in (text.partition("=") for text in args.version))
    wanted = [s for s in sorted(scenarios.shipped(), key=lambda s: s.id) if not args.ids or s.id in args.ids]
    rows: list[dict[str, Any]] = []
    wrong = 0
    for verdict, taken in spread(wanted, hours={scenario.id: args.hours for scenario in wanted}, fleet=fleet):
        wrong += bool(verdict.missed or verdict.false or verdict.lapsed)
        rows.append({name: getattr(verdict, name) for name in Verdict.__slots__} | {"seconds": round(taken, 2)})
        if args.markdown:
            print(("" if len(rows) > 1 else HEAD) + _row(verdict), flush=True)
        elif not args.json:
            print(_line(verdict, taken), flush=True)
    if args.markdown:
        print(f"\n{len(rows)} scenarios, {wrong} with something missed, false or lapsed.")
    elif args.json:
        print(json.dumps(rows, indent=1))
    else:
        print(f"{len(rows)} scenarios, {wrong} with something missed, false or lapsed")
    return 1 if wrong else 0


def _row(verdict: Verdict) -> str:
    """One row of the table: alerts that had to fire with the virtual minute at which they did, and the others."""
    had = [f"{n} ({verdict.fired[n] / 60:.0f} min)" for n in verdict.caught] + [
        f"**missed: {n}**" for n in verdict.missed
    ]
    also = [n for n in verdict.fired if n not in verdict.caught and n not in verdict.false]
    wrong = [f"**false: {n}**" for n in verdict.false]
    spans = ", ".join(
        [f"{seconds / 60:.0f} min" for seconds in verdict.told] + [f"**not {_gap(gap)}**" for gap in verdict.lapsed]
    )
    return (
        f"| {verdict.scenario} | {verdict.title} | {', '.join(had)} | {', '.join((*wrong, *sorted(also)))} | {spans} |"
    )


def _gap(gap: tuple[float, float]) -> str:
    return f"{gap[0] / 60:.0f}-{gap[1] / 60:.0f} min"


def _line(verdict: Verdict, taken: float) -> str:
    parts = [f"{n}@{verdict.fired[n] / 60:.0f}m" for n in verdict.caught]
    parts += [f"MISSED {n}" + (f"@{verdict.fired[n] / 60:.0f}m" if n in verdict.fired else "") for n in verdict.missed]
    parts += [f"FALSE {n}@{verdict.fired[n] / 60:.0f}m" for n in verdict.false]
    parts += [f"LAPSED {_gap(gap)}" for gap in verdict.lapsed]
    return (
        f"{verdict.scenario} {taken:4.1f}s {verdict.title}: {', '.join(parts).replace('AgentServer', '') or 'silent'}"
    )


if __name__ == "__main__":
    sys.exit(main())
