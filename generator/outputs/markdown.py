"""Markdown of words from elsewhere: what they hold is text, no tag, no link and no end of a table's cell."""

from __future__ import annotations

import re

_SPAN = re.compile(r"(`[^`\n]+`)")


def words(text: str) -> str:
    """Return a sentence of a catalogue: spans of code stay, and outside of them a tag or a link is what it reads as."""
    pieces = _SPAN.split(text)
    return "".join(
        piece if number % 2 else _tagless(piece).replace("](", "]\\(") for number, piece in enumerate(pieces)
    )


def cell(text: str) -> str:
    """Return a text as one cell of a table; links in it are links."""
    pieces = _SPAN.split(" ".join(text.split()).replace("|", "\\|"))
    return "".join(piece if number % 2 else _tagless(piece) for number, piece in enumerate(pieces))


def code(text: str) -> str:
    """Return a value as a span of code."""
    return f"`` {text} ``" if "`" in text else f"`{text}`"


def _tagless(text: str) -> str:
    return text.replace("<", "&lt;")
