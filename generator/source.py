"""YAML text that remembers its lines, and its check against a JSON Schema. Knows nothing of what the text means."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

from generator.errors import Problem, nearest

if TYPE_CHECKING:
    from jsonschema.exceptions import ValidationError
    from jsonschema.protocols import Validator

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

    def problem(self, place: Place, what: str, fix: str) -> Problem:
        """Return a problem at `place`."""
        return Problem(self.path, self.line(*place), what, fix)


class _Lazily(Mapping[Place, int]):
    """Lines of a sound text that are looked for when somebody asks: where nothing is wrong, nobody does."""

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
        ValueError: A key stands there twice.

    """
    out = dict(pairs)
    if len(out) < len(pairs):
        raise ValueError("a key stands there twice")
    return out


def _read(path: str, text: str, problems: list[Problem]) -> Document:
    """Read YAML, or JSON as YAML, with the line of everything."""
    lines: dict[Place, int] = {(): 1}
    try:
        loader = _Loader(text)
        try:
            node = loader.get_single_node()
            data = None if node is None else _value(loader, node, (), lines, path, problems)
        finally:
            loader.dispose()
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line = mark.line + 1 if mark else 1
        problems.append(
            Problem(path, line, f"not YAML: {error.problem}", "correct the indentation, quoting or brackets")
        )
        return Document(path, None, lines)
    except (yaml.YAMLError, ValueError) as error:
        problems.append(Problem(path, 1, f"not YAML: {str(error).splitlines()[0]}", "save the file as UTF-8 text"))
        return Document(path, None, lines)
    if path.endswith(".json"):
        try:
            data = json.loads(text)  # YAML 1.1 takes 1e-9 for a text
        except ValueError as error:
            problems.append(Problem(path, 1, f"not JSON: {error}", "write it anew"))
    return Document(path, data, lines)


def _value(
    loader: Any, node: yaml.Node, place: Place, lines: dict[Place, int], path: str, problems: list[Problem]
) -> Any:
    if isinstance(node, yaml.MappingNode):
        out: dict[str, Any] = {}
        for key_node, value_node in node.value:
            key = loader.construct_object(key_node, deep=True)
            key = key if isinstance(key, (str, int)) else str(key)
            line = key_node.start_mark.line + 1
            if key in out:
                problems.append(Problem(path, line, f"{key!r} stands here a second time", "keep one of the two"))
            lines[(*place, key)] = line
            out[key] = _value(loader, value_node, (*place, key), lines, path, problems)
        return out
    if isinstance(node, yaml.SequenceNode):
        items = []
        for number, item in enumerate(node.value):
            lines[(*place, number)] = item.start_mark.line + 1
            items.append(_value(loader, item, (*place, number), lines, path, problems))
        return items
    return loader.construct_object(node, deep=True)


def shown(path: Path) -> str:
    """Return `path` as problems call it: relative to the working directory where it lies below it."""
    full = path.resolve()
    return str(full.relative_to(Path.cwd())) if full.is_relative_to(Path.cwd()) else str(path)


def violations(document: Document, validator: Validator) -> Iterator[tuple[Place, Problem]]:
    """Yield every violation of the schema with the place of the value at fault."""
    for error in validator.iter_errors(document.data):
        for problem in _explain(document, error):
            yield tuple(error.absolute_path), problem


def _explain(document: Document, error: ValidationError) -> Iterator[Problem]:
    place: Place = tuple(error.absolute_path)
    name = next((str(p) for p in reversed(place) if isinstance(p, str)), "the file")
    schema: Any = error.schema
    found: Any = error.instance
    wanted: Any = error.validator_value
    match error.validator:
        case "additionalProperties":
            known = sorted(schema.get("properties", {}))
            for key in (k for k in found if k not in known):
                fix = nearest(str(key), known, otherwise=f"use {', '.join(known)}" if known else "remove it")
                yield document.problem((*place, key), f"unknown field {key!r}", fix)
        case "required":
            for key in (k for k in wanted if k not in found):
                yield document.problem(
                    place, f"{_entry(found, name)} lacks {key!r}", f"add {key!r}{_meaning(schema, key)}"
                )
        case "enum":
            fix = nearest(str(found), [str(w) for w in wanted], otherwise=f"use one of {', '.join(map(str, wanted))}")
            yield document.problem(place, f"{name!r} is {found!r}", fix)
        case "type":
            kinds = wanted if isinstance(wanted, str) else " or ".join(wanted)
            yield document.problem(
                place, f"{name!r} is {found!r}, not {_A[kinds]}", f"write {_A[kinds]}{_meaning({}, '', schema)}"
            )
        case _:
            yield document.problem(
                place,
                f"{name!r} is {found!r}, but {_LIMITS.get(str(error.validator), error.validator)} {wanted}",
                str(schema.get("description", "change the value")),
            )


_A = {
    "string": "a text",
    "integer": "a whole number",
    "number": "a number",
    "boolean": "true or false",
    "object": "a mapping",
    "array": "a list",
    "null": "empty",
    "string or null": "a text or null",
}
_LIMITS = {"minimum": "must be at least", "maximum": "must be at most", "exclusiveMinimum": "must be above",
           "exclusiveMaximum": "must be below", "pattern": "must match", "minLength": "must have characters, at least",
           "minItems": "must have items, at least", "minProperties": "must have entries, at least", "const": "must be",
           "uniqueItems": "repeats an item; uniqueItems is"}  # fmt: skip


def _entry(found: Any, name: str) -> str:
    label = found.get("name") if isinstance(found, Mapping) else None
    return repr(label) if label else repr(name)


def _meaning(schema: Mapping[str, Any], key: str, own: Mapping[str, Any] | None = None) -> str:
    entry = own if own is not None else schema.get("properties", {}).get(key, {})
    text = entry.get("description", "")
    return f": {text}" if text else ""
