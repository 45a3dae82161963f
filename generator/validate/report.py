"""Verdicts as texts: for people, for programs, for CI. Pure."""

from __future__ import annotations

import json
import re
import xml.etree.ElementTree as ET
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from generator.validate.verdict import CATEGORIES, State, Verdict

#: Characters that XML 1.0 cannot hold.
_NO_XML = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a validation came to.

    Attributes:
        verdicts: In the order in which they were judged.
        server: Address of the Prometheus.
        seconds: How long it took.
        broken: Why it ended early; empty when it did not.

    """

    verdicts: tuple[Verdict, ...]
    server: str
    seconds: float
    broken: str = ""

    @property
    def counts(self) -> Mapping[State, int]:
        """Number of verdicts of each state."""
        found = Counter(v.state for v in self.verdicts)
        return {state: found[state] for state in State}


def text(outcome: Outcome) -> str:
    """Return a table per category: one line per verdict, the worst first; and the sums."""
    lines: list[str] = []
    rank = {State.WRONG: 0, State.WARNING: 1, State.PENDING: 2, State.EMPTY: 3, State.OK: 4}
    for category in CATEGORIES:
        found = sorted((v for v in outcome.verdicts if v.category == category), key=lambda v: rank[v.state])
        if not found:
            continue
        lines += ["", f"{category}: {_sums(found)}"]
        width = min(60, max(len(v.item) for v in found))
        lines += [_line(v, width) for v in found]
    end = f"; ended early: {outcome.broken}" if outcome.broken else ""
    lines += [
        "",
        f"{len(outcome.verdicts)} items: {_sums(outcome.verdicts)}; {outcome.server}, {outcome.seconds:.1f} s{end}",
    ]
    return "\n".join(lines).lstrip("\n") + "\n"


def _line(verdict: Verdict, width: int) -> str:
    why = "; ".join(part for part in (verdict.why, verdict.fix) if part)
    return f"  {verdict.state:7}  {verdict.item:{width}}  {why}".rstrip()


def _sums(verdicts: Sequence[Verdict]) -> str:
    found = Counter(v.state for v in verdicts)
    return ", ".join(f"{found[state]} {state}" for state in State if found[state]) or "nothing"


def as_json(outcome: Outcome) -> str:
    """Return one JSON object: `verdicts` in order, `counts` by verdict, `prometheus`, `seconds`, `ended_early`."""
    document = {
        "prometheus": outcome.server,
        "seconds": round(outcome.seconds, 2),
        "ended_early": outcome.broken,
        "counts": {str(state): n for state, n in outcome.counts.items()},
        "verdicts": [v.as_json() for v in outcome.verdicts],
    }
    return json.dumps(document, indent=2, ensure_ascii=False) + "\n"


def junit(outcome: Outcome) -> str:
    """Return JUnit XML: a suite per category, a case per item; `wrong` is a failure, `empty` and `pending` are skipped with their reason."""
    root = ET.Element("testsuites", name="agentobs validate", time=f"{outcome.seconds:.3f}")
    totals: Counter[str] = Counter()
    for category in CATEGORIES:
        found = [v for v in outcome.verdicts if v.category == category]
        if found:
            totals.update(_suite(root, category, found))
    if outcome.broken:
        suite = ET.SubElement(root, "testsuite", name="validation", tests="1", failures="0", errors="1", skipped="0")
        case = ET.SubElement(suite, "testcase", classname="validation", name="runs to its end")
        ET.SubElement(case, "error", message=_xml(outcome.broken))
        totals.update(tests=1, errors=1)
    for name in ("tests", "failures", "errors", "skipped"):
        root.set(name, str(totals[name]))
    ET.indent(root)
    return ET.tostring(root, encoding="unicode", xml_declaration=True) + "\n"


def _suite(root: ET.Element, category: str, found: Sequence[Verdict]) -> Mapping[str, int]:
    numbers = {
        "tests": len(found),
        "failures": sum(v.state is State.WRONG for v in found),
        "errors": 0,
        "skipped": sum(v.state in (State.EMPTY, State.PENDING) for v in found),
    }
    suite = ET.SubElement(root, "testsuite", {"name": category, **{k: str(n) for k, n in numbers.items()}})
    for verdict in found:
        case = ET.SubElement(suite, "testcase", classname=category, name=_xml(verdict.item))
        words = _xml("; ".join(part for part in (verdict.why, verdict.fix) if part))
        match verdict.state:
            case State.WRONG:
                ET.SubElement(case, "failure", message=words, type="wrong").text = words
            case State.EMPTY | State.PENDING:
                ET.SubElement(case, "skipped", message=words)
            case State.WARNING:
                ET.SubElement(case, "system-out").text = f"warning: {words}"
    return numbers


def _xml(words: str) -> str:
    return _NO_XML.sub("�", words)


#: How an outcome can be shown, by the word on the command line.
FORMATS: Mapping[str, Callable[[Outcome], str]] = {"text": text, "json": as_json, "junit": junit}
