"""The rules of rule files, as a replay evaluates them: in which order, and which of them an alert needs."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import yaml

from generator.lint.expression import Matcher, Selector, parsed, selectors
from generator.units import seconds

#: In C, where the library has that: ten times as fast.
_LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)

#: What discovery and recording rules label a series with: whose it is.
PLACE = frozenset({"cluster", "namespace", "deployment", "system", "role", "job", "instance"})

_DURATION = r"(?:\d+(?:ms|[smhdw]))+"
_LOOKS = re.compile(rf"\[({_DURATION})|offset ({_DURATION})")


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule of a file.

    Attributes:
        name: The alert, or the recorded series.
        alert: It is an alert.
        labels: What it adds.
        hold, keep: `for` and `keep_firing_for`, in seconds.
        interval: Seconds between two evaluations.
        group: Number of its group over all files.

    """

    name: str
    expr: str
    alert: bool
    labels: Mapping[str, str]
    hold: float
    keep: float
    interval: float
    group: int


def groups(texts: Iterable[str]) -> list[dict[str, Any]]:
    """Return the groups of rule files as they stand there."""
    return [group for text in texts for group in yaml.load(text, _LOADER)["groups"]]  # noqa: S506 - safe, either way


def load(texts: Iterable[str], interval: float = 30.0) -> list[Rule]:
    """Return the rules of files in the order of evaluation. `interval` is that of groups without their own."""
    return [
        Rule(
            name=rule.get("alert") or rule["record"],
            expr=rule["expr"],
            alert="alert" in rule,
            labels=rule.get("labels", {}),
            hold=seconds(rule.get("for", "0s")),
            keep=seconds(rule.get("keep_firing_for", "0s")),
            interval=seconds(group["interval"]) if "interval" in group else interval,
            group=number,
        )
        for number, group in enumerate(groups(texts))
        for rule in group["rules"]
    ]


def needed(rules: Sequence[Rule], alerts: Collection[str]) -> list[Rule]:
    """Return these alerts and every recording rule that they read, directly or not, in the order of evaluation.

    Raises:
        KeyError: There is no such alert.

    """
    found = [n for n, rule in enumerate(rules) if rule.alert and rule.name in alerts]
    if lost := set(alerts) - {rules[n].name for n in found}:
        raise KeyError(f"no alert {', '.join(sorted(lost))}")
    wanted: set[int] = set()
    while found:
        number = found.pop()
        wanted.add(number)
        found += [n for n in _read(rules, rules[number]) if n not in wanted]
    return [rules[n] for n in sorted(wanted)]


def _read(rules: Sequence[Rule], reader: Rule) -> Iterator[int]:
    for selector in selectors(parsed(reader.expr)):
        fixed = {m.label: m.value for m in selector.matchers if m.op == "Equal"}
        for number, rule in enumerate(rules):
            if (
                not rule.alert
                and rule.name == selector.name
                and rule.labels.items() <= {**rule.labels, **fixed}.items()
            ):
                yield number


def reads(rules: Iterable[Rule]) -> Callable[[Mapping[str, str]], bool]:
    """Return what says whether the rules can read a series, given its labels, `__name__` among them.

    By its name, and for selectors without one by what they say of the name and of labels of the page. Labels that tell
    whose a series is count for nothing: that a rule reads no stranger's is for the server to show.
    """
    found = {selector for rule in rules for selector in selectors(parsed(rule.expr))}
    names = {selector.name for selector in found if selector.name}
    nameless = [selector for selector in found if not selector.name]

    def read(labels: Mapping[str, str]) -> bool:
        return labels["__name__"] in names or any(_may_match(selector, labels) for selector in nameless)

    return read


def _may_match(selector: Selector, labels: Mapping[str, str]) -> bool:
    on_page = (m for m in selector.matchers if m.label not in PLACE)
    return all(_matches(m, labels.get(m.label, "")) for m in (*selector.names, *on_page))


def _matches(matcher: Matcher, value: str) -> bool:
    if matcher.op in ("Equal", "NotEqual"):
        return (matcher.value == value) == (matcher.op == "Equal")
    return bool(re.fullmatch(matcher.value, value)) == (matcher.op == "Re")


def lookback(rules: Iterable[Rule]) -> float:
    """Return how far back an expression can look, in seconds: ranges and offsets added up, which is never too little."""
    return max((sum(seconds(a or b) for a, b in _LOOKS.findall(rule.expr)) for rule in rules), default=0)
