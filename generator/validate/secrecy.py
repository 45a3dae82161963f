"""Taking secrets out of texts, however someone has written them: cut, folded, escaped, encoded, in other letters."""

from __future__ import annotations

import base64
import html
import re
from collections.abc import Iterator, Sequence
from functools import lru_cache

#: What stands in the place of a secret.
HIDDEN = "***"

#: So many characters of a secret in a row may not be shown.
PART = 8

#: How often one text may be escaped within another.
DEPTH = 3

#: The shortest that a part may be once blanks and the like are left out of it.
SHORTEST = 4

#: A character of a text without escapes, and where it stands in the text as it was.
Placed = tuple[str, int, int]

_ESCAPED = re.compile(
    r"%(?P<percent>[0-9A-Fa-f]{2})|\\u(?P<unicode>[0-9A-Fa-f]{4})|\\x(?P<byte>[0-9A-Fa-f]{2})|\\(?P<sign>.)"
    r"|&(?P<entity>#\d{1,7};?|#[xX][0-9A-Fa-f]{1,6};?|[A-Za-z]{2,8};)|(?P<hex>=[0-9A-F]{2})",
    re.DOTALL,
)
_LINES = {"n": "\n", "r": "\r", "t": "\t", "f": "\f", "b": "\b"}

#: The login within an address: `https://user:password@host`.
_USER = re.compile(r"(?<=://)[^/\s@]*@")

#: base64 for addresses has other characters.
_ADDRESS = str.maketrans("+/", "-_")


def hide(text: str, secrets: Sequence[str]) -> str:
    """Return a text in which no part of a secret of eight characters or more is left, nor a login within an address."""
    text = _USER.sub(f"{HIDDEN}@", text)
    pieces = _pieces(tuple(secrets))
    if not (text and pieces):
        return text
    marked = bytearray(len(text))
    for placed in _readings(text):
        _mark(marked, placed, pieces)
    out, at = [], 0
    for found in re.finditer(b"\x01+", bytes(marked)):
        out += [text[at : found.start()], HIDDEN]
        at = found.end()
    return "".join([*out, text[at:]])


@lru_cache(maxsize=8)
def _pieces(secrets: tuple[str, ...]) -> dict[tuple[int, bool], frozenset[str]]:
    """Return what is looked for, by length and by whether it has to stand alone, without what is left out.

    That is every part of every form of every secret. One that is shorter than a part is looked for as a word.
    """
    found: dict[tuple[int, bool], set[str]] = {}
    for secret in filter(None, secrets):
        for form in _forms(secret):
            for n in range(max(1, len(form) - PART + 1)):
                piece = _bare(form[n : n + PART])
                alone = len(form) < PART
                if len(piece) >= (1 if alone else SHORTEST):
                    found.setdefault((len(piece), alone), set()).add(piece)
    return {key: frozenset(pieces) for key, pieces in found.items()}


def _forms(secret: str) -> Iterator[str]:
    """Yield a secret as it is, as bytes that were taken for letters, in base64 at any place of it, and in hexadecimals."""
    yield secret
    coded = secret.encode("utf-8", "surrogatepass")
    yield coded.decode("latin-1")
    yield coded.hex()
    for before in range(3):
        after = -(before + len(coded)) % 3
        encoded = base64.b64encode(bytes(before) + coded + bytes(after)).decode()
        # What depends on the neighbours is left out.
        own = encoded[(0, 2, 3)[before] : len(encoded) - (0, 2, 3)[after]]
        yield from (own, own.translate(_ADDRESS))


def _bare(text: str) -> str:
    return "".join(c for letter in text for c in letter.casefold() if not _is_ignored(c))


def _is_ignored(c: str) -> bool:
    """Say whether a character may have been put in, or taken out, where a text was folded or escaped."""
    return c.isspace() or c in "+\\" or not c.isprintable()


def _readings(text: str) -> Iterator[list[Placed]]:
    """Yield a text as it is, and with its escapes read, as often as that changes it."""
    placed: list[Placed] = [(c, n, n + 1) for n, c in enumerate(text)]
    yield placed
    for _ in range(DEPTH):
        read = _read(placed)
        if len(read) == len(placed):
            return
        placed = read
        yield placed


def _read(placed: list[Placed]) -> list[Placed]:
    text = "".join(c for c, _, _ in placed)
    out: list[Placed] = []
    at = 0
    for found in _ESCAPED.finditer(text):
        decoded = _decoded(found)
        out += placed[at : found.start()]
        out += [(c, placed[found.start()][1], placed[found.end() - 1][2]) for c in decoded]
        at = found.end()
    return out + placed[at:]


def _decoded(found: re.Match[str]) -> str:
    code = found["percent"] or found["unicode"] or found["byte"] or (found["hex"] or "")[1:]
    if code:
        return chr(int(code, 16))
    return _LINES.get(found["sign"], found["sign"]) if found["sign"] else html.unescape(found[0])


def _mark(marked: bytearray, placed: list[Placed], pieces: dict[tuple[int, bool], frozenset[str]]) -> None:
    """Mark where a piece stands. A secret that is short stands alone: in the middle of a word it may be anything."""
    letters = [(b, start, end) for c, start, end in placed for b in c.casefold() if not _is_ignored(b)]
    bare = "".join(c for c, _, _ in letters)
    for (length, alone), wanted in pieces.items():
        for n in range(len(bare) - length + 1):
            if bare[n : n + length] in wanted and not (alone and _within(letters, n, n + length)):
                marked[letters[n][1] : letters[n + length - 1][2]] = bytes([1]) * (
                    letters[n + length - 1][2] - letters[n][1]
                )


def _within(letters: list[Placed], first: int, after: int) -> bool:
    """Say whether letters or digits stand directly before or behind."""
    before = first > 0 and letters[first - 1][2] == letters[first][1] and letters[first - 1][0].isalnum()
    behind = after < len(letters) and letters[after][1] == letters[after - 1][2] and letters[after][0].isalnum()
    return before or behind
