"""Expressions that differ: which numbers, and which parts."""

from __future__ import annotations

import re
from difflib import SequenceMatcher

from generator.lint.canonical import canonical

#: A text in quotes, or a number that is no part of a name or a duration.
_PARTS = re.compile(r'"(?:\\.|[^"\\])*"|(?<![\w.:])(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d+)?(?![\w.:])')


#: Tokens of a canonical text: what a difference is told in.
_TOKENS = re.compile(r'"[^"]*"|[\w.:$]+(?:[=!]~?"[^"]*")?|\s+|.')

#: Characters of a difference at most.
_LONGEST = 160


def numbers(text: str) -> tuple[str, tuple[str, ...]]:
    """Return the canonical text with a sign for each number, and the numbers."""
    found: list[str] = []

    def put(match: re.Match[str]) -> str:
        if match[0].startswith('"'):
            return match[0]
        found.append(match[0])
        return "#"

    return _PARTS.sub(put, canonical(text)), tuple(found)


def difference(old: str, new: str) -> str:
    """Say which parts of an expression are gone, and which are new, in the order of the text."""
    one, other = (_TOKENS.findall(canonical(text)) for text in (old, new))
    gone, come = [], []
    for tag, a, b, c, d in SequenceMatcher(a=one, b=other, autojunk=False).get_opcodes():
        if tag != "equal":
            gone.append("".join(one[a:b]).strip(" ,"))
            come.append("".join(other[c:d]).strip(" ,"))
    return "; ".join(f"{word} {_short(parts)}" for word, parts in (("without", gone), ("with", come)) if any(parts))


def _short(parts: list[str]) -> str:
    text = " … ".join(part for part in dict.fromkeys(parts) if part)
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}…"
