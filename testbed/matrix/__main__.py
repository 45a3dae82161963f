"""`python -m testbed.matrix`: what differs on the newest VictoriaMetrics now, and under which reason it is listed.

For the maintainer of `differences.yaml`; takes some minutes.
"""

from __future__ import annotations

import sys

from testbed.matrix import differences, outcomes, panels
from testbed.matrix.engines import VICTORIA, stage


def main() -> int:
    """Print everything that differs; exit 1 when something is listed nowhere, or no longer differs."""
    with stage(VICTORIA[-1]) as running:
        start, _ = panels.fill(running, outcomes.RULES)
        shown = outcomes.boards({query: panels.answer(running, query, start) for query in panels.queries()})
    with stage(VICTORIA[-1]) as running:
        cases = outcomes.cases(running)
    played = outcomes.played(VICTORIA[-1])
    found = {str(place): what for part in (shown, cases, played) for place, what in part.items()}
    known = {str(place): one.id for one in differences.load() for place in (*one.panels, *one.cases, *one.scenarios)}
    for place, what in found.items():
        print(f"{known.get(place, 'NEW')}: {place}: {what}")
    for place in known.keys() - found.keys():
        print(f"GONE: {known[place]}: {place}")
    return 1 if found.keys() ^ known.keys() else 0


if __name__ == "__main__":
    sys.exit(main())
