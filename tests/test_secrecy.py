"""No part of a secret is shown, however a server writes it; and what a server writes never moves a cursor."""

from __future__ import annotations

import base64
import html
import json
import random
import string
import urllib.parse
from collections.abc import Callable, Iterator

import pytest

from generator.cli.terminal import fold, plain
from generator.validate.secrecy import PART, hide

SECRETS = (
    "Tq9$k  zL+w/3-vX_e8Rb7Yn",  # two blanks, and signs that every encoding treats in its own way
    "me:pass  word\"with'quotes\\and&more",
    "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJvcHMifQ.k7Yb2Qx9Lw4Zt6Vn8Rm1Pc3Sd5Fg7Hj" * 8,  # over 300 characters
    "pässwörtlich-geheim",
)

FORMS: dict[str, Callable[[str], str]] = {
    "as it is": str,
    "in capitals": str.upper,
    "in small letters": str.lower,
    "for an address": urllib.parse.quote,
    "for a form": urllib.parse.quote_plus,
    "for an address in small letters": lambda s: urllib.parse.quote(s).lower(),
    "for an address, twice": lambda s: urllib.parse.quote(urllib.parse.quote(s)),
    "every letter": lambda s: "".join(f"%{b:02x}" for b in s.encode()),
    "as JSON": lambda s: json.dumps(s)[1:-1],
    "as JSON in JSON": lambda s: json.dumps(json.dumps(s)),
    "in code points": lambda s: "".join(f"\\u{ord(c):04X}" for c in s),
    "as HTML": html.escape,
    "as references": lambda s: "".join(f"&#{ord(c)};" for c in s),
    "in base64": lambda s: base64.b64encode(s.encode()).decode(),
    "as Basic": lambda s: "Basic " + base64.b64encode(f"me:{s}".encode()).decode(),
    "in base64 one further": lambda s: base64.b64encode(f"x{s}yy".encode()).decode(),
    "in base64 two further": lambda s: base64.urlsafe_b64encode(f"xy{s}z".encode()).decode(),
    "in base64 without padding": lambda s: base64.b64encode(s.encode()).decode().rstrip("="),
    "in hexadecimals": lambda s: s.encode().hex(),
    "folded": lambda s: "\r\n  ".join(s[n : n + 5] for n in range(0, len(s), 5)),
    "folded base64": lambda s: base64.encodebytes(s.encode()).decode(),
    "with one blank": lambda s: " ".join(s.split()),
    "with control characters": "\x1b\x00".join,
    "cut at its beginning": lambda s: s[:PART + 2],
    "cut at its end": lambda s: s[-PART - 2 :],
    "quoted as text": repr,
}  # fmt: skip


def parts(text: str) -> Iterator[str]:
    """Every part that may not be shown, in any letters; of what is blank nothing is told."""
    for n in range(len(text) - PART + 1):
        part = text[n : n + PART]
        if len("".join(part.split())) > PART // 2:
            yield part.casefold()


def shows(shown: str, secret: str) -> list[str]:
    """Parts of a secret that a text still shows, also to someone who reads its escapes."""
    found = []
    readings = [shown, urllib.parse.unquote(shown), urllib.parse.unquote_plus(shown), html.unescape(shown)]
    readings += [json.loads(f'"{text}"') for text in readings if _is_json(text)]
    for reading in readings:
        for text in (reading.casefold(), "".join(reading.casefold().split())):
            found += [p for p in parts(secret) if p in text or "".join(p.split()) in text]
    return found


def _is_json(text: str) -> bool:
    try:
        json.loads(f'"{text}"')
    except ValueError:
        return False
    return True


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("secret", SECRETS, ids=["signs", "quotes", "long", "letters"])
def test_no_part_of_a_secret_is_shown_in_any_form(secret: str, form: str) -> None:
    """Neither itself nor what someone who decodes it would read; what stands around it stays."""
    echoed = FORMS[form](secret)

    shown = hide(f"401: you sent [{echoed}] to us", (secret,))

    assert "***" in shown
    assert shown.startswith("401: you sent [")
    assert shown.endswith("] to us")
    assert shows(shown, secret) == []
    if "base64" in form or "Basic" in form:
        coded = base64.b64encode(secret.encode()).decode().rstrip("=")[:-1]
        assert shows(shown, coded) == []


@pytest.mark.parametrize("secret", SECRETS, ids=["signs", "quotes", "long", "letters"])
def test_no_cut_of_a_text_brings_a_part_back(secret: str) -> None:
    """Wherever a text was cut before it was handed on: a part of eight characters is hidden, a shorter one is none."""
    for begin in range(min(len(secret), 40)):
        for end in range(begin + PART, min(len(secret), begin + 14) + 1):
            assert shows(hide(f"x {secret[begin:end]}", (secret,)), secret) == []


def test_random_secrets_in_random_forms() -> None:
    """Two hundred of them, each form within another."""
    chance = random.Random(7)  # noqa: S311 - a test
    letters = string.ascii_letters + string.digits + "-._~+/=:!$ "
    names = sorted(set(FORMS) - {"in capitals", "in small letters"})
    for _ in range(200):
        secret = "".join(chance.choice(letters) for _ in range(chance.randint(12, 60))).strip()
        echoed = FORMS[chance.choice(names)](secret)
        shown = hide(f"<{echoed}>", (secret,))
        assert shows(shown, secret) == [], (secret, echoed, shown)


def test_a_login_within_an_address_is_hidden_without_being_known() -> None:
    """Whose ever it is."""
    assert hide("see http://me:pass:word@host/x, https://host/a@b", ()) == "see http://***@host/x, https://host/a@b"


def test_a_short_secret_is_hidden_where_it_stands_alone() -> None:
    """Else every text that has its letters somewhere would be unreadable."""
    assert hide('team "ops" sees ops-1, cops and OPS', ("ops",)) == 'team "***" sees ***-1, cops and ***'


def test_what_is_no_secret_stays() -> None:
    """Every character of it."""
    text = "nothing % \\u12 &amp; \x00 of the kind\n 100%25"

    assert hide(text, SECRETS) == text
    assert hide(text, ()) == text


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("\x1b[31mred\x1b]0;title\x07", "\\x1b[31mred\\x1b]0;title\\x07"),
        ("\x9b31m", "\\x9b31m"),
        ("a\rb\x7f\x08", "a\\rb\\x7f\\x08"),
        ("right \u202e left \u2066", "right \\u202e left \\u2066"),
        ("half \ud800", "half \\ud800"),
        ("größe ✓ 日本", "größe ✓ 日本"),
    ],
)
def test_control_characters_are_shown_as_escapes(text: str, shown: str) -> None:
    """Those of one byte, those of the upper half, those that turn the direction, and halves of characters."""
    assert plain(text) == shown
    assert fold(f" {text}\n") == shown.replace("\\r", " ")
