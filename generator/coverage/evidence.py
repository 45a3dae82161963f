"""Which cases and scenarios prove which alert: a file of the package, since a wheel has neither tests nor a checkout.

`make docs` writes the file from tests/rules and from the scenarios; `make docs --check` holds it against them.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

#: The file. One line for each alert and kind, so that two changes seldom meet.
FILE = Path(__file__).parent / "evidence.json"


@dataclass(frozen=True, slots=True)
class Cases:
    """What proves one alert.

    Attributes:
        firing: Cases in which it must fire, `file: name`.
        quiet: Cases in which it must not.
        scenarios: Ids of scenarios that must bring it.

    """

    firing: tuple[str, ...] = ()
    quiet: tuple[str, ...] = ()
    scenarios: tuple[str, ...] = ()


#: What proves each alert, by its name.
Evidence = Mapping[str, Cases]


def text(evidence: Evidence) -> str:
    """Return the file that has this evidence."""
    alerts = {
        name: {"firing": list(one.firing), "quiet": list(one.quiet), "scenarios": list(one.scenarios)}
        for name, one in evidence.items()
    }
    return json.dumps(alerts, indent=1, ensure_ascii=False) + "\n"


@cache
def shipped() -> Evidence:
    """Return the evidence that the package has."""
    return {
        name: Cases(*(tuple(one[kind]) for kind in ("firing", "quiet", "scenarios")))
        for name, one in json.loads(FILE.read_text(encoding="utf-8")).items()
    }
