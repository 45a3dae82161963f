"""The command line's parser: what it accepts as an option, and what it repeats of a mistake."""

from __future__ import annotations

import argparse
import math
import re
from datetime import UTC, date, datetime
from typing import Any, NoReturn

from generator.cli import terminal


class Parser(argparse.ArgumentParser):
    """A parser whose complaints repeat no value that may be a secret; a part of an option's name is no option.

    `--bearer-token TOKEN` would be taken for `--bearer-token-file`, and the token for the name of a file.
    """

    def __init__(self, **more: Any) -> None:
        super().__init__(**{"allow_abbrev": False, **more})

    def error(self, message: str) -> NoReturn:
        """End with the exit code 2, and say what is wrong."""
        what, found, words = message.partition("unrecognized arguments: ")
        if found:
            # The value of a mistyped option, or what stands behind it, may be a token or a password.
            words = " ".join(
                re.sub("=.*", "=...", w, flags=re.DOTALL) if w.startswith("-") else "..." for w in words.split(" ")
            )
        super().error(terminal.plain(re.sub(r"(?<=://)[^/\s]*@", "...@", what + found + words)))


def seconds(text: str) -> float:
    """Return a duration that an option gives, in seconds.

    Raises:
        ValueError: It is no number, below nothing, or thirty years and more.

    """
    value = float(text)
    if not 0 <= value < 1e9:  # noqa: PLR2004 - thirty years
        raise ValueError(text)
    return value


def time_scale(text: str) -> float:
    """Return how many virtual seconds one second has.

    Raises:
        ValueError: It is no number, below one, or infinite.

    """
    value = float(text)
    if not 1 <= value < math.inf:
        raise ValueError(text)
    return value


def day(text: str) -> date:
    """Return a day that an option gives as 2027-03-31.

    Raises:
        ValueError: It is none.

    """
    return datetime.strptime(text, "%Y-%m-%d").replace(tzinfo=UTC).date()


def percent(text: str) -> float:
    """Return a share that an option gives, 0 to 100.

    Raises:
        ValueError: It is no number, or none of these.

    """
    value = float(text)
    if not 0 <= value <= 100:  # noqa: PLR2004 - per cent
        raise ValueError(text)
    return value
