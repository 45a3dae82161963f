"""What a document violates of a JSON Schema, in the words of its author."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import suppress
from decimal import Decimal, InvalidOperation
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from generator.errors import Problem, nearest
from generator.source.document import _SECRET, Document, Place, short

if TYPE_CHECKING:
    from jsonschema.exceptions import ValidationError
    from jsonschema.protocols import Validator

#: Of problems of one kind in one place, so many are told in full.
MOST = 20


@cache
def _compiled(schema: Path) -> Any:
    from jsonschema_rs import validator_for

    return validator_for(json.loads(schema.read_text(encoding="utf-8")))


@cache
def validator(schema: Path) -> Validator:
    """Return the validator of a schema file, which tells what is wrong; `fits` is a hundred times as fast."""
    from jsonschema.validators import validator_for

    text = json.loads(schema.read_text(encoding="utf-8"))
    made: Validator = validator_for(text)(text)
    return made


def fits(schema: Path, data: Any) -> bool:
    """Whether parsed JSON or YAML surely satisfies a schema file; where it does not, `validator` says why."""
    try:
        return bool(_compiled(schema).is_valid(data))
    except (TypeError, ValueError, OverflowError, RecursionError):  # what no JSON text can hold, such as a date
        return False


def against(document: Document, schema: Path) -> Iterator[tuple[Place, Problem]]:
    """Yield every violation of a schema file with the place of the value at fault."""
    if not fits(schema, document.data):
        yield from violations(document, validator(schema))


def violations(document: Document, validator: Validator) -> Iterator[tuple[Place, Problem]]:
    """Yield every violation of the schema with the place of the value at fault."""
    for error in validator.iter_errors(document.data):
        place = tuple(error.absolute_path)
        if error.validator == "additionalProperties":
            yield from _unknown(document, place, error)
        elif "propertyNames" in error.absolute_schema_path:
            key: Any = error.instance
            what = f"the key {short(key)} is no label name: letters, digits and _, no digit first"
            yield (*place, key), document.problem((*place, key), what, "choose another name")
        else:
            yield from ((place, problem) for problem in _explain(document, error))


def _unknown(document: Document, place: Place, error: ValidationError) -> Iterator[tuple[Place, Problem]]:
    """Yield the keys that nobody knows; of very many the first, and then the mapping itself."""
    schema: Any = error.schema
    found: Any = error.instance
    known = sorted(schema.get("properties", {}))
    unknown = [k for k in found if k not in known]
    for key in unknown[:MOST]:
        fix = nearest(str(key), known, otherwise=f"use {', '.join(known)}" if known else "remove it")
        yield (*place, key), document.problem((*place, key), f"unknown field {short(key)}", fix)
    if len(unknown) > MOST:
        more = f"{len(unknown) - MOST} more unknown fields from here on"
        rest = (*place, unknown[MOST])
        yield place or rest, document.problem(rest, more, "mend the ones above first")


def _explain(document: Document, error: ValidationError) -> Iterator[Problem]:
    place: Place = tuple(error.absolute_path)
    name = next((str(p) for p in reversed(place) if isinstance(p, str)), "the file")
    schema: Any = error.schema
    found: Any = error.instance
    wanted: Any = error.validator_value
    match error.validator:
        case "required":
            for key in (k for k in wanted if k not in found):
                yield document.problem(
                    place, f"{_entry(found, name)} lacks {key!r}", f"add {key!r}{_meaning(schema, key)}"
                )
        case "enum":
            fix = nearest(str(found), [str(w) for w in wanted], otherwise=f"use one of {', '.join(map(str, wanted))}")
            yield document.problem(place, f"{name!r} is {short(found)}", fix)
        case "type":
            kinds = wanted if isinstance(wanted, str) else " or ".join(wanted)
            one = _A.get(kinds) or " or ".join(_A[kind] for kind in wanted)
            yield document.problem(
                place,
                f"{name!r} must be {one}, not {'something else' if _SECRET.search(name) else short(found)}",
                f"write {one}{_meant(found, kinds, schema)}",
            )
        case _:
            yield document.problem(
                place,
                f"{name!r} is {short(found)}, but {_LIMITS.get(str(error.validator), error.validator)} {wanted}",
                str(schema.get("description") or _WAYS.get(str(error.validator), "change the value")),
            )


_A = {
    "string": "a string",
    "integer": "an integer",
    "number": "a number",
    "boolean": "true or false",
    "object": "a mapping",
    "array": "a list",
    "null": "empty",
    "string or null": "a string or null",
}
_LIMITS = {"minimum": "must be at least", "maximum": "must be at most", "exclusiveMinimum": "must be above",
           "exclusiveMaximum": "must be below", "pattern": "must match", "minLength": "must have characters, at least",
           "minItems": "must have items, at least", "minProperties": "must have entries, at least", "const": "must be",
           "uniqueItems": "repeats an item; uniqueItems is"}  # fmt: skip


#: Ways out where the schema has no word about what is meant.
_WAYS = {"minLength": "write something, or leave the entry out", "pattern": "write a label name: letters, digits and _"}


def _meant(found: Any, kind: str, schema: Mapping[str, Any]) -> str:
    """Return what is to be written: the number that a text is, else what the schema says, else a string in quotes."""
    meaning = otherwise(found, kind)
    return meaning if meaning and kind != "string" else _meaning({}, "", schema) or meaning


def otherwise(found: Any, kind: str) -> str:
    """Return how to write what YAML reads as a value of another kind; empty where nothing tells."""
    if kind == "string" and isinstance(found, (bool, int, float)):
        return ": put it in quotes"
    if kind in {"integer", "number"} and isinstance(found, str):
        with suppress(InvalidOperation):
            meant = Decimal(found)
            if meant.is_finite() and abs(meant.adjusted()) < _DIGITS and (kind == "number" or meant == int(meant)):
                return f": {meant:f}, in digits and without quotes"
    return ""


#: A number of more digits is nobody's.
_DIGITS = 18


def _entry(found: Any, name: str) -> str:
    label = found.get("name") if isinstance(found, Mapping) else None
    return repr(label) if label else repr(name)


def _meaning(schema: Mapping[str, Any], key: str, own: Mapping[str, Any] | None = None) -> str:
    entry = own if own is not None else schema.get("properties", {}).get(key, {})
    text = entry.get("description", "")
    return f": {text}" if text else ""
