"""What proves each alert, read from where it stands: the cases of tests/rules and the scenarios."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from generator.coverage.evidence import Cases, Evidence
from reference_server.core.scenario import Scenario
from reference_server.scenarios.library import shipped
from testbed.cases.case import Case
from testbed.cases.proving import CASES


def evidence(cases: Iterable[Case] = CASES, scenarios: Iterable[Scenario] | None = None) -> Evidence:
    """Return what proves each alert that a case or a scenario expects, in the order of names.

    A case that is known to go wrong today proves nothing; one that is repeated with parameters counts once.
    """
    firing: dict[str, dict[str, None]] = {}
    quiet: dict[str, dict[str, None]] = {}
    bringing: dict[str, dict[str, None]] = {}
    for case in cases:
        name = f"{Path(case.path).stem}: {case.name}"
        for kind, alerts in ((firing, case.fires), (quiet, case.quiet)):
            for alert in alerts if not case.known_wrong else ():
                kind.setdefault(alert, {})[name] = None
    for scenario in shipped() if scenarios is None else scenarios:
        for expected in scenario.fire:
            bringing.setdefault(expected.alert, {})[scenario.id] = None
    return {
        alert: Cases(*(tuple(kind.get(alert, ())) for kind in (firing, quiet, bringing)))
        for alert in sorted({*firing, *quiet, *bringing})
    }
