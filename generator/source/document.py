"""YAML text that remembers its lines. Knows nothing of what the text means."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import date
from functools import cached_property
from pathlib import Path
from typing import Any

import yaml

from generator.errors import Problem

#: libyaml's loader where it is there: ten times as fast, and the same results.
_Loader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)

Place = tuple[str | int, ...]


@dataclass(frozen=True, slots=True)
class Document:
    """One YAML file.

    Attributes:
        path: What problems call the file.
        data: Its content as plain values; None for an empty file.
        lines: The line of each key and item, from 1, by its place: `("metrics", 3, "unit")`.

    """

    path: str
    data: Any
    lines: Mapping[Place, int]

    def line(self, *place: str | int) -> int:
        """Return the line of `place`, or of the nearest place around it."""
        while place and place not in self.lines:
            place = place[:-1]
        return self.lines.get(place, 1)

    def at(self, place: Place) -> Any:
        """Return the value at `place`."""
        value = self.data
        for step in place:
            value = value[step]
        return value

    def dropped(self, *place: str | int) -> bool:
        """Say whether something stands in the text at `place` that is not in `data` any more."""
        value = self.data
        for step in place:
            if not isinstance(value, Mapping) or step not in value:
                return place in self.lines
            value = value[step]
        return False

    def problem(self, place: Place, what: str, fix: str) -> Problem:
        """Return a problem at `place`."""
        return Problem(self.path, self.line(*place), what, fix)


class _Lazily(Mapping[Place, int]):
    """Lines of a sound text that are looked for when someone asks: where nothing is wrong, nobody does."""

    def __init__(self, path: str, text: str) -> None:
        self._path, self._text = path, text

    @cached_property
    def _lines(self) -> Mapping[Place, int]:
        return _read(self._path, self._text, []).lines

    def __getitem__(self, place: Place) -> int:
        return self._lines[place]

    def __iter__(self) -> Iterator[Place]:
        return iter(self._lines)

    def __len__(self) -> int:
        return len(self._lines)


def parse(path: str, text: str, problems: list[Problem]) -> Document:
    """Read YAML, or JSON where `path` says so. Broken syntax and repeated keys go to `problems`; the document is then as far as it could be read."""
    if path.endswith(".json"):
        with suppress(ValueError):
            return Document(path, json.loads(text, object_pairs_hook=_once), _Lazily(path, text))
    return _read(path, text, problems)


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Return an object of JSON.

    Raises:
        ValueError: A key is a duplicate.

    """
    out = dict(pairs)
    if len(out) < len(pairs):
        raise ValueError("duplicate key")
    return out


#: How deep values may stand inside each other; what people write stays below ten.
DEEPEST = 60


def _read(path: str, text: str, problems: list[Problem]) -> Document:
    """Read YAML, or JSON as YAML, with the line of everything."""
    lines: dict[Place, int] = {(): 1}
    try:
        loader = _Loader(text)
        try:
            node = loader.get_single_node()
            data = None if node is None else _Reader(loader, path, lines, problems, 2 * len(text) + 1000).root(node)
        finally:
            loader.dispose()
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line = min(mark.line, text.count("\n")) + 1 if mark else 1  # what is missing is missed behind the end
        what, fix = f"not YAML: {error.problem}", "correct the indentation, quoting or brackets"
        if isinstance(error, yaml.composer.ComposerError) and "another document" in str(error.problem):
            what, fix = "a second document begins here", "keep one of the two, without ---"
        problems.append(Problem(path, line, what, fix))
        return Document(path, None, lines)
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        what = (str(error) or type(error).__name__).splitlines()[0]
        problems.append(Problem(path, 1, f"not YAML: {what}", "save the file as UTF-8 text"))
        return Document(path, None, lines)
    if path.endswith(".json"):
        try:
            data = json.loads(text)  # YAML 1.1 takes 1e-9 for a text
        except ValueError as error:
            problems.append(Problem(path, 1, f"not JSON: {error}", "write it anew"))
    return Document(path, data, lines)


#: What YAML makes of most values, and of the key `<<`.
_TEXT = "tag:yaml.org,2002:str"
_MERGE = "tag:yaml.org,2002:merge"


class _TooMuchError(Exception):
    """Aliases make more of a text than it could hold if everything were written out once."""


@dataclass
class _Reader:
    """Makes plain values of the nodes of one text, and notes their lines. `left` is how many values it may still make."""

    loader: Any
    path: str
    lines: dict[Place, int]
    problems: list[Problem]
    left: int

    def root(self, node: yaml.Node) -> Any:
        """Return the value of the whole text, or None where its aliases never end."""
        try:
            return self._value(node, (), ())
        except _TooMuchError:
            self._wrong(node, "the aliases of this file stand for more than it can hold", "write out what is meant")
            return None

    def _wrong(self, node: yaml.Node, what: str, fix: str) -> None:
        self.problems.append(Problem(self.path, node.start_mark.line + 1, what, fix))

    def _value(self, node: yaml.Node, place: Place, around: tuple[int, ...]) -> Any:
        self.left -= 1
        if self.left < 0:
            raise _TooMuchError
        if isinstance(node, yaml.ScalarNode):
            return self._scalar(node)
        if id(node) in around:
            self._wrong(node, "an alias stands inside of what it stands for", "write out what is meant")
            return None
        if len(around) >= DEEPEST:
            self._wrong(node, f"values stand inside each other more than {DEEPEST} deep", "nothing here is that deep")
            return None
        around = (*around, id(node))
        if isinstance(node, yaml.SequenceNode):
            for number, item in enumerate(node.value):
                self.lines[(*place, number)] = item.start_mark.line + 1
            return [self._value(item, (*place, number), around) for number, item in enumerate(node.value)]
        out: dict[Any, Any] = {}
        for key_node, value_node in node.value:
            key = self._key(key_node)
            if key is None:
                continue
            if key in out:
                self._wrong(key_node, f"{short(key)} stands here a second time", "keep one of the two")
            here = (*place, key)
            self.lines[here] = key_node.start_mark.line + 1
            out[key] = self._value(value_node, here, around)
        return out

    def _key(self, node: yaml.Node) -> str | int | None:
        """Return a key; None for what is none, which is told."""
        if not isinstance(node, yaml.ScalarNode):
            self._wrong(node, "a list or a mapping is no key", "write a name before the colon")
            return None
        if node.tag == _MERGE:
            self._wrong(node, "<< merges mappings, and is not read here", "write out what is meant")
            return None
        key = self._scalar(node)
        return key if isinstance(key, (str, int)) else str(key)

    def _scalar(self, node: yaml.ScalarNode) -> Any:
        if node.tag == _TEXT:  # nearly all of them: as they are
            return node.value
        try:
            value = self.loader.construct_object(node, deep=True)
        except (yaml.YAMLError, ValueError, OverflowError):
            what = f"{short(node.value)} cannot be read as {node.tag.rpartition(':')[2]!r}"
            self._wrong(node, what, "put it in quotes to make it a string")
            return None
        if type(value) in {int, float} and not _NUMBER.fullmatch(node.value):
            what = f"{short(node.value)} is {short(value)} to YAML"
            self._wrong(node, what, f"write {value}, or put it in quotes to make it a string")
        return value


#: Numbers as everybody reads them: YAML takes `010` for 8, `1:30` for 90 and `1_000` for 1000.
_NUMBER = re.compile(r"[-+]?(0|[1-9][0-9]*|(0|[1-9][0-9]*)?\.[0-9]*([eE][-+]?[0-9]+)?|\.(inf|Inf|INF))|\.(nan|NaN|NAN)")


#: The login within an address, and keys whose values nobody else may see.
_LOGIN = re.compile(r"[^/\s'\":]*:[^/\s'\"]*@")
_SECRET = re.compile("auth|token|password|secret|credential", re.IGNORECASE)


def short(value: Any) -> str:
    """Return the value as a message shows it: quoted as Python does, cut where it is long, without a login in an address."""
    if value is None:
        return "empty"
    if isinstance(value, int) and abs(value) >= 10**18:
        return "a number of more than 18 digits"
    if isinstance(value, date):
        return str(value)
    text = _LOGIN.sub("...@", repr(value[:400] if isinstance(value, (str, bytes)) else value)[:500])
    return text if len(text) <= 100 else f"{text[:97]}..."  # noqa: PLR2004 - as many characters as one line has room for


def shown(path: Path) -> str:
    """Return `path` as problems call it: relative to the working directory where it lies below it."""
    full = path.resolve()
    return str(full.relative_to(Path.cwd())) if full.is_relative_to(Path.cwd()) else str(path)
