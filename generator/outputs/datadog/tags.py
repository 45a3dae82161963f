"""Labels as tags: filters and groups."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from generator.outputs.datadog.naming import Series
from generator.outputs.datadog.value import UntranslatableError
from generator.units import number

#: An alternative of a pattern that a filter has, too: a text, and whatever follows it; `5..` is any text from 5 on there.
_LITERAL = re.compile(r"[\w/ :-]+(\.\*|\.+)?")


@dataclass(frozen=True, slots=True)
class Tags:
    """How selectors of one system are written.

    Attributes:
        names: What labels are called; an empty name is a label that is not there, and is not grouped by.
        instance: The label that tells processes apart.
        target_labels: Matchers that every selector of the system has, as label and value: the name of a metric says as much.
        scope: What every filter begins with, such as a variable of a dashboard.

    """

    names: Mapping[str, str]
    instance: str
    target_labels: Sequence[tuple[str, str]]
    scope: str = ""

    def filter(self, selector: Any, found: Series) -> str:
        """Return the filter of a selector, in braces.

        Raises:
            UntranslatableError: Datadog's filters have no such matcher.

        """
        texts = [self.scope] if self.scope else []
        for matcher in selector.matchers.matchers:
            op, label, value = str(matcher.op).rpartition(".")[2], matcher.name, matcher.value
            if (label, value) in self.target_labels and op == "Equal":
                continue
            if label == "le":
                if not found.pushed:
                    texts.append(f"upper_bound:{float(edge(selector, found))}")
                continue
            texts.append(tag(self.names.get(label, label) or label, op, value))
        return "{" + (" AND ".join(texts) or "*") + "}"

    def by(self, labels: Sequence[str]) -> str:
        """Return the groups by some labels; nothing where none of them is there."""
        named = [self.names.get(label, label) for label in labels]
        grouping = ",".join(name for name in named if name)
        return f" by {{{grouping}}}" if grouping else ""


def edge(selector: Any, found: Series) -> str:
    """Return the bucket's edge that a matcher of `le` means.

    Raises:
        UntranslatableError: It means none, or several.

    """
    patterns = [m.value for m in selector.matchers.matchers if m.name == "le"]
    edges = [
        number(edge)
        for edge in found.metric.buckets
        if patterns and any(re.fullmatch(patterns[0], text) for text in (number(edge), str(float(edge))))
    ]
    if len(edges) != 1:
        raise UntranslatableError("it reads buckets that are no single edge")
    return edges[0]


def tag(name: str, op: str, value: str) -> str:
    """Return a matcher as a part of a filter.

    Raises:
        UntranslatableError: It is a pattern that Datadog's filters do not have, or asks for an unset label.

    """
    if not value:
        raise UntranslatableError(f"it asks for series without {name}")
    values = [value] if op in {"Equal", "NotEqual"} else value.split("|")
    if op in {"Re", "NotRe"} and not all(_LITERAL.fullmatch(one) for one in values):
        raise UntranslatableError(f"a filter by tags has no pattern like {name}=~{value!r}")
    texts = [f"{name}:{_wild(one) if op in {'Re', 'NotRe'} else normal(one)}" for one in values]
    text = texts[0] if len(texts) == 1 else f"({' OR '.join(texts)})"
    return f"NOT {text}" if op in {"NotEqual", "NotRe"} else text


def _wild(pattern: str) -> str:
    """Return an alternative of a pattern as the value of a tag, with an asterisk for what may be anything at its end."""
    stem = pattern.rstrip(".*")
    return normal(stem) + ("*" if stem != pattern else "")


def normal(value: str) -> str:
    """Return the value of a tag as Datadog stores it: in lower case, an underscore for what it does not take."""
    return re.sub(r"[^\w\-:./]", "_", value.lower())
